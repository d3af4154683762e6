/** Parameter expansion (POSIX XCU 2.6.2, and what bash adds). */

import type { DoubleQuotedChild, ParameterExpansionPart, ParameterOperation, Word, WordPart } from 'unbash';
import { evaluateText } from './arithmetic.ts';
import { dynamicVariable } from './dynamic-variables.ts';
import type { FieldBuilder } from './fields.ts';
import { ShellError } from './parse.ts';
import { compile, patternSource } from './pattern.ts';
import { OPTION_LETTERS, type Shell } from './shell.ts';

/** Undefined when it is not set. */
export function parameter(shell: Shell, name: string): string | undefined {
  if (/^\d+$/.test(name)) return name === '0' ? shell.name : shell.positional[Number(name) - 1];
  switch (name) {
    case '@':
    case '*':
      return shell.positional.join(separator(shell));
    case '#':
      return String(shell.positional.length);
    case '?':
      return String(shell.status);
    case '$':
      return String(shell.process.pid);
    case '!':
      return shell.lastJobPid === undefined ? '' : String(shell.lastJobPid);
    case '-':
      return Object.entries(OPTION_LETTERS)
        .filter(([, option]) => shell.options[option])
        .map(([letter]) => letter)
        .join('');
    default:
      return shell.variables.get(name) ?? dynamicVariable(shell, name);
  }
}

/** `$name`. @throws ShellError under `set -u` when it is not set. */
export function simpleParameter(shell: Shell, name: string): string {
  const value = parameter(shell, name);
  if (value === undefined) return whenUnset(shell, name);
  return value;
}

function whenUnset(shell: Shell, name: string): string {
  if (shell.options.nounset)
    throw shell.isBash
      ? new ShellError(`${name}: unbound variable`, 1)
      : new ShellError(`${name}: parameter not set`);
  return '';
}

/** The fields of `$@`, `$*`, `${a[@]}` and slices of them; undefined for what is one value. */
export function parameterFields(shell: Shell, part: WordPart | DoubleQuotedChild): string[] | undefined {
  if (part.type === 'SimpleExpansion') return part.text === '$@' ? [...shell.positional] : undefined;
  if (part.type !== 'ParameterExpansion' || part.operation !== undefined) return undefined;
  const { parameter: name, prefix, index } = part;
  if (name === '@' && prefix === undefined) return [...shell.positional];
  if (index?.text !== '@') return undefined;
  if (prefix === '!') {
    const value = shell.variables.value(name);
    return typeof value === 'object'
      ? Object.keys(value).filter((key) => value[Number(key)] !== undefined)
      : value === undefined
        ? []
        : ['0'];
  }
  return prefix === undefined ? arrayOf(shell, name) : undefined;
}

function arrayOf(shell: Shell, name: string): string[] {
  const value = shell.variables.value(name);
  if (typeof value === 'object') return value.filter((each) => each !== undefined);
  return value === undefined ? [] : [value];
}

/** What stands between the arguments in `$*`. */
function separator(shell: Shell): string {
  const ifs = shell.variables.get('IFS');
  return ifs === undefined ? ' ' : (ifs[0] ?? '');
}

/** `${...}` of one value. @throws ShellError */
export async function expandParameter(
  shell: Shell,
  part: ParameterExpansionPart,
  builder: FieldBuilder,
  isQuoted: boolean,
): Promise<void> {
  const add = (text: string): void => (isQuoted ? builder.quoted(text) : builder.unquoted(text));
  const { operation, prefix } = part;
  const isList = part.parameter === '@' || part.index?.text === '@';
  if (prefix === '#') {
    add(String(await lengthOf(shell, part)));
    return;
  }
  if (operation?.type === 'Default') {
    await expandDefault(shell, part, operation, builder, isQuoted);
    return;
  }
  if (operation?.type === 'Names') {
    const names = shell.variables.entries().map(([name]) => name);
    add(names.filter((name) => name.startsWith(part.parameter)).join(' '));
    return;
  }
  if (isList && operation !== undefined) {
    const values = part.index === undefined ? [...shell.positional] : arrayOf(shell, part.parameter);
    const results = await operateOnList(shell, part.parameter, values, operation);
    for (const [index, each] of results.entries()) {
      if (index > 0) builder.break();
      add(each);
    }
    return;
  }
  const value = await valueOf(shell, part);
  if (value === undefined) add(whenUnset(shell, part.parameter));
  else add(operation === undefined ? value : await operate(shell, value, operation));
}

/** Of the parameter itself, of an element, or of what it points to. */
async function valueOf(shell: Shell, part: ParameterExpansionPart): Promise<string | undefined> {
  const { index, parameter: name, prefix } = part;
  if (prefix === '!') {
    const target = parameter(shell, name);
    return target === undefined ? undefined : parameter(shell, target);
  }
  if (index === undefined) return parameter(shell, name);
  if (index.text === '@' || index.text === '*') return arrayOf(shell, name).join(separator(shell));
  const value = shell.variables.value(name);
  const at = Number(await evaluateText(shell, await shell.interpreter.expandText(shell, index)));
  return typeof value === 'object' ? value.at(at) : at === 0 ? value : undefined;
}

async function lengthOf(shell: Shell, part: ParameterExpansionPart): Promise<number> {
  if (part.parameter === '@' || part.parameter === '*') return shell.positional.length;
  if (part.index?.text === '@' || part.index?.text === '*') return arrayOf(shell, part.parameter).length;
  const value = await valueOf(shell, { ...part, prefix: undefined });
  return Array.from(value ?? whenUnset(shell, part.parameter)).length;
}

type DefaultOperation = Extract<ParameterOperation, { type: 'Default' }>;

async function expandDefault(
  shell: Shell,
  part: ParameterExpansionPart,
  { operator, operand }: DefaultOperation,
  builder: FieldBuilder,
  isQuoted: boolean,
): Promise<void> {
  const value = await valueOf(shell, part);
  const isMissing =
    value === undefined || (operator.startsWith(':') && value === '') || isEmptyList(shell, part);
  const kind = operator.at(-1);
  if (kind === '+') {
    if (!isMissing) await expandOperand(shell, operand, builder, isQuoted);
  } else if (!isMissing) {
    if (isQuoted) builder.quoted(value);
    else builder.unquoted(value);
  } else if (kind === '-') {
    await expandOperand(shell, operand, builder, isQuoted);
  } else if (kind === '=') {
    const text = await shell.interpreter.expandText(shell, operand);
    shell.variables.set(part.parameter, text);
    if (isQuoted) builder.quoted(text);
    else builder.unquoted(text);
  } else {
    const message = await shell.interpreter.expandText(shell, operand);
    throw new ShellError(
      `${part.parameter}: ${message === '' ? 'parameter not set' : message}`,
      shell.isBash ? 127 : 2,
    );
  }
}

function isEmptyList(shell: Shell, part: ParameterExpansionPart): boolean {
  return (part.parameter === '@' || part.parameter === '*') && shell.positional.length === 0;
}

/** The word after the operator: what is unquoted in it is split as if it stood outside. */
async function expandOperand(
  shell: Shell,
  operand: Word,
  builder: FieldBuilder,
  isQuoted: boolean,
): Promise<void> {
  const parts = operand.parts;
  if (parts === undefined) {
    if (isQuoted) builder.quoted(operand.value);
    else builder.unquoted(operand.value);
    return;
  }
  for (const part of parts) {
    if (part.type === 'Literal' && !isQuoted) builder.unquoted(part.value);
    else await shell.interpreter.expandPart(shell, part, builder, isQuoted);
  }
}

async function operateOnList(
  shell: Shell,
  name: string,
  values: string[],
  operation: ParameterOperation,
): Promise<string[]> {
  if (operation.type === 'Slice') {
    const offset = Number(
      await evaluateText(shell, await shell.interpreter.expandText(shell, operation.offset)),
    );
    const length =
      operation.length === undefined
        ? undefined
        : Number(await evaluateText(shell, await shell.interpreter.expandText(shell, operation.length)));
    // Of the arguments the first is number 1, and number 0 is the shell's own name.
    const all = name === '@' ? [shell.name, ...values] : values;
    const start = offset < 0 ? Math.max(0, all.length + offset) : offset;
    return all.slice(start, length === undefined ? undefined : start + length);
  }
  const results: string[] = [];
  for (const value of values) results.push(await operate(shell, value, operation));
  return results;
}

async function operate(shell: Shell, value: string, operation: ParameterOperation): Promise<string> {
  switch (operation.type) {
    case 'Remove':
      return remove(
        value,
        operation.operator,
        await shell.interpreter.expandPattern(shell, operation.operand),
      );
    case 'Replace':
      return replace(
        value,
        operation.operator,
        await shell.interpreter.expandPattern(shell, operation.pattern),
        await shell.interpreter.expandText(shell, operation.replacement),
      );
    case 'Slice': {
      const offset = Number(
        await evaluateText(shell, await shell.interpreter.expandText(shell, operation.offset)),
      );
      const start = offset < 0 ? value.length + offset : offset;
      if (start < 0) return '';
      if (operation.length === undefined) return value.slice(start);
      const length = Number(
        await evaluateText(shell, await shell.interpreter.expandText(shell, operation.length)),
      );
      return length < 0 ? value.slice(start, length) : value.slice(start, start + length);
    }
    case 'CaseModification': {
      const upper = operation.operator.startsWith('^');
      const change = (text: string): string => (upper ? text.toUpperCase() : text.toLowerCase());
      return operation.operator.length === 2 ? change(value) : change(value.slice(0, 1)) + value.slice(1);
    }
    case 'Transform':
      return transform(value, operation.operand.value);
    case 'Default':
    case 'Names':
    case 'Unknown':
      throw new ShellError('bad substitution');
  }
}

function remove(value: string, operator: '#' | '##' | '%' | '%%', pattern: string): string {
  const lazy = operator === '#' || operator === '%';
  const source = patternSource(pattern, { lazy });
  if (operator.startsWith('#')) return value.replace(compile(`^(?:${source})`), '');
  if (!lazy) return value.replace(compile(`(?:${source})$`), '');
  // The shortest end that matches begins last.
  const whole = compile(`^(?:${source})$`);
  for (let at = value.length; at >= 0; at -= 1) if (whole.test(value.slice(at))) return value.slice(0, at);
  return value;
}

function replace(value: string, operator: string, pattern: string, replacement: string): string {
  if (pattern === '') return value;
  const source = `(?:${patternSource(pattern)})`;
  const anchored = operator === '/#' ? `^${source}` : operator === '/%' ? `${source}$` : source;
  return value.replace(compile(anchored, operator === '//' ? 'g' : ''), () => replacement);
}

function transform(value: string, how: string): string {
  switch (how) {
    case 'U':
      return value.toUpperCase();
    case 'L':
      return value.toLowerCase();
    case 'u':
      return value.slice(0, 1).toUpperCase() + value.slice(1);
    case 'Q':
      return `'${value.replaceAll("'", String.raw`'\''`)}'`;
    default:
      return value;
  }
}
