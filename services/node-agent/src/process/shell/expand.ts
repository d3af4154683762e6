/** Word expansion (POSIX XCU 2.6): tilde, parameters, commands, arithmetic, fields, paths, quotes. */

import {
  type ArithmeticWord,
  type Assignment,
  type CommandArgument,
  type HereDoc,
  parse,
  type ParsedScript,
  type Word,
  type WordPart,
} from 'unbash';
import { Collector } from '../open-file.ts';
import { BrokenPipe } from '../pipe.ts';
import { evaluate } from './arithmetic.ts';
import { expandBraces } from './braces.ts';
import { type Field, FieldBuilder } from './fields.ts';
import { expandGlob } from './glob.ts';
import { BRACE_WORDS, CAPTURE_BYTES, WORDS } from './limits.ts';
import { expandParameter, parameterFields, simpleParameter } from './parameter.ts';
import { checkScript, parseScript, ShellError } from './parse.ts';
import { isPattern, quotePattern } from './pattern.ts';
import type { Shell } from './shell.ts';

/** The arguments that the words of a command become. */
export async function expandWords(shell: Shell, words: readonly CommandArgument[]): Promise<string[]> {
  const result: string[] = [];
  for (const word of words) {
    if (word.type === 'Assignment') {
      result.push(await expandAssignmentWord(shell, word));
    } else if (word.parts === undefined) {
      result.push(withHome(shell, word.text, word.value));
    } else {
      for (const braced of withoutBraces(word)) await expandWord(shell, braced, result);
    }
    if (result.length > WORDS) throw new ShellError('Argument list too long', 126);
  }
  return result;
}

/** Without splitting and wildcards: the value of an assignment, the word of a `case`, the target of a redirection. */
export async function expandText(shell: Shell, word: Word): Promise<string> {
  if (word.parts === undefined) return withHome(shell, word.text, word.value);
  const [field] = await fieldsOf(shell, word, new FieldBuilder({ split: false }));
  return field?.text ?? '';
}

/** As a pattern. */
export async function expandPattern(shell: Shell, word: Word): Promise<string> {
  if (word.parts === undefined) return quotePattern(withHome(shell, word.text, word.value));
  const [field] = await fieldsOf(shell, word, new FieldBuilder({ split: false }));
  return field?.pattern ?? '';
}

/** `<<-` takes the tabs off the beginning of each line. */
export async function expandHereDoc(shell: Shell, { body, delimiter, operator }: HereDoc): Promise<string> {
  const strip = (text: string, atStart: boolean): string =>
    operator === '<<' ? text : text.replaceAll(atStart ? /^\t+/gm : /(?<=\n)\t+/g, '');
  if (delimiter?.quoted === true || body.parts === undefined) return strip(body.text, true);
  const builder = new FieldBuilder({ split: false });
  for (const [index, part] of body.parts.entries()) {
    if (part.type === 'Literal') builder.quoted(strip(part.value, index === 0));
    else await expandPart(shell, part, builder, true);
  }
  builder.finish();
  return builder.fields[0]?.text ?? '';
}

async function expandAssignmentWord(shell: Shell, assignment: Assignment): Promise<string> {
  const { name, append, value, text } = assignment;
  if (value.type === 'ArrayValue') return text;
  return `${name}${append === true ? '+=' : '='}${await expandText(shell, value)}`;
}

async function expandWord(shell: Shell, word: Word, result: string[]): Promise<void> {
  if (word.parts === undefined) {
    result.push(withHome(shell, word.text, word.value));
    return;
  }
  const builder = new FieldBuilder({ split: true, ifs: shell.variables.get('IFS') });
  for (const field of await fieldsOf(shell, word, builder)) {
    const paths =
      shell.options.noglob || !isPattern(field.pattern)
        ? []
        : expandGlob(shell.process.files, shell.cwd, field.pattern);
    if (paths.length > 0) result.push(...paths);
    else result.push(field.text);
  }
}

async function fieldsOf(shell: Shell, word: Word, builder: FieldBuilder): Promise<Field[]> {
  let parts = word.parts ?? [];
  const [first] = parts;
  if (first?.type === 'Literal' && first.text.startsWith('~')) {
    const home = withHome(shell, first.text, first.value);
    if (home !== '') builder.quoted(home);
    parts = parts.slice(1);
  }
  for (const part of parts) await expandPart(shell, part, builder, false);
  builder.finish();
  return builder.fields;
}

export async function expandPart(
  shell: Shell,
  part: WordPart,
  builder: FieldBuilder,
  isQuoted: boolean,
): Promise<void> {
  const add = (text: string): void => (isQuoted ? builder.quoted(text) : builder.unquoted(text));
  switch (part.type) {
    case 'Literal':
    case 'SingleQuoted':
    case 'AnsiCQuoted':
      builder.quoted(part.value);
      return;
    case 'DoubleQuoted':
    case 'LocaleString': {
      // "$@" without arguments is no field at all; everything else in quotes is one.
      const isEmptyList = part.parts.length === 1 && parameterFields(shell, part.parts[0]!)?.length === 0;
      if (!isEmptyList) builder.quoted('');
      for (const child of part.parts) await expandPart(shell, child, builder, true);
      return;
    }
    case 'SimpleExpansion':
    case 'ParameterExpansion': {
      const fields = parameterFields(shell, part);
      if (fields !== undefined) {
        addFields(fields, builder, isQuoted);
      } else if (part.type === 'SimpleExpansion') {
        add(simpleParameter(shell, part.text.slice(1)));
      } else {
        await expandParameter(shell, part, builder, isQuoted);
      }
      return;
    }
    case 'CommandExpansion':
      add(await captureScript(shell, part.script, part.text));
      return;
    case 'ArithmeticExpansion':
      add(String(await evaluate(shell, part.expression, (word) => expandArithmeticWord(shell, word))));
      return;
    case 'Glob':
      builder.wildcard(part.text);
      return;
    case 'ExtendedGlob':
      builder.wildcard(part.text);
      return;
    case 'BraceExpansion':
      builder.quoted(part.text);
      return;
    case 'ProcessSubstitution':
      throw new ShellError('process substitution is not supported');
  }
}

/** `$@` and its like: one field each in quotes, or split further. */
function addFields(fields: readonly string[], builder: FieldBuilder, isQuoted: boolean): void {
  for (const [index, field] of fields.entries()) {
    if (index > 0) {
      if (isQuoted) builder.break();
      else builder.finish();
    }
    if (isQuoted) builder.quoted(field);
    else builder.unquoted(field);
  }
}

/** A word of an arithmetic expression, which is expanded as if in double quotes. */
export async function expandArithmeticWord(shell: Shell, { value, parts }: ArithmeticWord): Promise<string> {
  const builder = new FieldBuilder({ split: false });
  for (const part of parts ?? quotedParts(value)) await expandPart(shell, part, builder, true);
  builder.finish();
  return builder.fields[0]?.text ?? '';
}

/** The parser leaves a word of one parameter unparsed. */
function quotedParts(text: string): readonly WordPart[] {
  const command = parseScript(`: "${text}"`).commands[0]?.command;
  const word = command?.type === 'Command' ? command.args[0] : undefined;
  return word?.type === 'Word' ? (word.parts ?? []) : [];
}

/** What the script prints, without the newlines at its end. Its exit code becomes `$?`. */
async function captureScript(shell: Shell, script: ParsedScript | undefined, text: string): Promise<string> {
  const checked = checkScript(script, text);
  const collector = new Collector(CAPTURE_BYTES);
  const files = new Map(shell.files).set(1, { sink: collector });
  try {
    shell.status = await shell.subshell((subshell) => {
      subshell.source = checked.source ?? shell.source;
      return shell.interpreter.runStatements(subshell, checked.commands);
    }, files);
  } catch (error) {
    if (!(error instanceof BrokenPipe)) throw error;
  }
  if (collector.overflowed) throw new ShellError('out of memory');
  return collector.text().replace(/\n+$/, '').replaceAll('\0', '');
}

/** `~` and `~/path`; other users have no home here. */
function withHome(shell: Shell, text: string, value: string): string {
  if (!text.startsWith('~') || (value.length > 1 && value[1] !== '/')) return value;
  return (shell.variables.get('HOME') ?? '/root') + value.slice(1);
}

/** `budget` bounds what comes out of expressions side by side, which multiply. @throws ShellError */
function withoutBraces(word: Word, budget = { left: BRACE_WORDS }): Word[] {
  const at = word.parts?.findIndex((part) => part.type === 'BraceExpansion') ?? -1;
  const brace = word.parts?.[at];
  const alternatives = brace === undefined ? undefined : expandBraces(brace.text);
  if (brace === undefined || alternatives === undefined) {
    budget.left -= 1;
    if (budget.left < 0) throw new ShellError('Argument list too long', 126);
    return [word];
  }
  const before = word.text.slice(0, brace.pos - word.pos);
  const after = word.text.slice(brace.end - word.pos);
  return alternatives.flatMap((alternative) => {
    const command = parse(`: ${before}${alternative}${after}`).commands[0]?.command;
    const parsed = command?.type === 'Command' ? command.args[0] : undefined;
    return parsed?.type === 'Word' ? withoutBraces(parsed, budget) : [];
  });
}
