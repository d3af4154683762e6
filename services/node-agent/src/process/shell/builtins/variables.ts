/** Builtins that are about variables and arguments. */

import type { Input } from '../../input.ts';
import { evaluateText } from '../arithmetic.ts';
import { FieldBuilder } from '../fields.ts';
import { ShellError } from '../parse.ts';
import { OPTION_LETTERS, type Options, type Shell } from '../shell.ts';
import type { Value } from '../variables.ts';
import { quoteForShell } from '../../commands/printf.ts';
import type { Builtin } from './builtin.ts';

const NAME = /^[A-Za-z_]\w*$/;

/** `NAME` or `NAME=VALUE` (or `+=`). @throws ShellError for what is no name */
function splitAssignment(text: string): { name: string; value: string | undefined; append: boolean } {
  const match = /^([A-Za-z_]\w*)(?:(\+?)=(.*))?$/s.exec(text);
  if (match === null) throw new ShellError(`${text}: bad variable name`);
  return { name: match[1]!, value: match[3], append: match[2] === '+' };
}

function assignArgument(shell: Shell, text: string): string {
  const { name, value, append } = splitAssignment(text);
  if (value !== undefined)
    shell.variables.set(name, append ? (shell.variables.get(name) ?? '') + value : value);
  return name;
}

function printable(value: Value | undefined): string {
  if (typeof value !== 'object') return quoteForShell(value ?? '');
  return `(${value.map((each, index) => `[${index}]=${quoteForShell(each ?? '')}`).join(' ')})`;
}

const exportVariables: Builtin = async (shell, args) => {
  const operands = args.filter((each) => !/^-[pn]+$/.test(each));
  if (operands.length === 0) {
    for (const [name, variable] of shell.variables.entries())
      if (variable.exported) await shell.print(`export ${name}=${printable(variable.value)}\n`);
    return 0;
  }
  const exported = !args.includes('-n');
  for (const each of operands) shell.variables.mark(assignArgument(shell, each), { exported });
  return 0;
};

const makeReadonly: Builtin = async (shell, args) => {
  const operands = args.filter((each) => each !== '-p');
  for (const each of operands) shell.variables.mark(assignArgument(shell, each), { readonly: true });
  if (operands.length > 0) return 0;
  for (const [name, variable] of shell.variables.entries())
    if (variable.readonly) await shell.print(`readonly ${name}=${printable(variable.value)}\n`);
  return 0;
};

const local: Builtin = (shell, args) => {
  const scope = shell.scopes.at(-1);
  if (scope === undefined) throw new ShellError('local: not in a function');
  for (const each of args.filter((arg) => !arg.startsWith('-'))) {
    const { name, value } = splitAssignment(each);
    // An array has been assigned by now, see simple-command.ts.
    if (!scope.has(name)) scope.set(name, shell.variables.peek(name));
    if (value !== undefined) assignArgument(shell, each);
    else if (typeof shell.variables.value(name) !== 'object') shell.variables.set(name, '');
  }
  return 0;
};

const declare: Builtin = async (shell, args, tools) => {
  const flags = args.filter((each) => each.startsWith('-')).join('');
  const operands = args.filter((each) => !each.startsWith('-'));
  if (operands.length === 0 || flags.includes('p')) {
    for (const [name, { value }] of shell.variables.entries())
      if (operands.length === 0 || operands.includes(name))
        await shell.print(`declare -- ${name}=${printable(value)}\n`);
    return 0;
  }
  if (shell.scopes.length > 0 && !flags.includes('g')) await local(shell, operands, tools);
  for (const each of operands) {
    const { name, value } = splitAssignment(each);
    if (value !== undefined) assignArgument(shell, each);
    else if (flags.includes('a') && shell.variables.value(name) === undefined) shell.variables.set(name, []);
    if (flags.includes('i') && value !== undefined)
      shell.variables.set(name, String(await evaluateText(shell, value)));
    if (flags.includes('x')) shell.variables.mark(name, { exported: true });
    if (flags.includes('r')) shell.variables.mark(name, { readonly: true });
  }
  return 0;
};

const unset: Builtin = (shell, args) => {
  const isFunction = args[0] === '-f';
  for (const name of args.filter((each) => !/^-[fv]$/.test(each))) {
    const element = /^(\w+)\[(\d+)\]$/.exec(name);
    const array = element === null ? undefined : shell.variables.value(element[1]!);
    if (typeof array === 'object') {
      const changed = [...array];
      changed[Number(element![2])] = undefined;
      shell.variables.set(element![1]!, changed);
    } else if (!isFunction && shell.variables.value(name) !== undefined) {
      shell.variables.unset(name);
    } else if (shell.functions.has(name)) {
      shell.functions = new Map(shell.functions);
      shell.functions.delete(name);
    }
  }
  return 0;
};

const shift: Builtin = (shell, args) => {
  const count = Number(args[0] ?? 1);
  if (!Number.isInteger(count) || count < 0) throw new ShellError(`shift: Illegal number: ${args[0]}`);
  if (count > shell.positional.length) return 1;
  shell.positional = shell.positional.slice(count);
  return 0;
};

const OPTION_NAMES: ReadonlySet<string> = new Set(Object.values(OPTION_LETTERS).concat('pipefail'));
/** Known, and without effect here. */
const OTHER_OPTIONS =
  /^(?:[bhmBHPT]|monitor|notify|vi|emacs|posix|history|ignoreeof|nolog|braceexpand|hashall)$/;

function setOption(shell: Shell, name: string, on: boolean): void {
  const option = OPTION_LETTERS[name] ?? name;
  if (OPTION_NAMES.has(option)) shell.options[option as keyof Options] = on;
  else if (!OTHER_OPTIONS.test(name)) throw new ShellError(`set: illegal option -${name}`);
}

/** The options at the front; what is left are arguments, undefined when there were none. */
export function applyOptions(shell: Shell, args: readonly string[]): readonly string[] | undefined {
  let at = 0;
  for (; at < args.length; at += 1) {
    const arg = args[at]!;
    if (arg === '--') return args.slice(at + 1);
    if (!/^[-+]./.test(arg)) break;
    const on = arg.startsWith('-');
    for (const letter of arg.slice(1)) {
      if (letter === 'o') setOption(shell, args[(at += 1)] ?? '', on);
      else setOption(shell, letter, on);
    }
  }
  return at < args.length ? args.slice(at) : undefined;
}

const set: Builtin = async (shell, args) => {
  if (args.length === 0) {
    for (const [name, { value }] of shell.variables.entries())
      await shell.print(`${name}=${printable(value)}\n`);
    return 0;
  }
  if (args.length === 1 && /^[-+]o$/.test(args[0]!)) {
    for (const [name, on] of Object.entries(shell.options))
      await shell.print(`${name.padEnd(16)}${on ? 'on' : 'off'}\n`);
    return 0;
  }
  const positional = applyOptions(shell, args);
  if (positional !== undefined) shell.positional = positional;
  return 0;
};

interface ReadOptions {
  raw: boolean;
  prompt: string | undefined;
  array: string | undefined;
  delimiter: number;
  count: number | undefined;
  timeoutMs: number | undefined;
  descriptor: number;
  names: string[];
}

function readOptions(args: readonly string[]): ReadOptions {
  const options: ReadOptions = {
    raw: false,
    prompt: undefined,
    array: undefined,
    delimiter: 10,
    count: undefined,
    timeoutMs: undefined,
    descriptor: 0,
    names: [],
  };
  for (let at = 0; at < args.length; at += 1) {
    const match = /^-([rse]*)([adnNptu])?(.*)$/s.exec(args[at]!);
    if (match === null) {
      options.names.push(args[at]!);
      continue;
    }
    const [, flags, letter, attached] = match;
    if (flags!.includes('r')) options.raw = true;
    if (letter === undefined) continue;
    const value = attached === '' ? (args[(at += 1)] ?? '') : attached!;
    if (letter === 'a') options.array = value;
    else if (letter === 'd') options.delimiter = value.charCodeAt(0) || 0;
    else if (letter === 'p') options.prompt = value;
    else if (letter === 't') options.timeoutMs = Number(value) * 1_000;
    else if (letter === 'u') options.descriptor = Number(value);
    else options.count = Number(value);
  }
  return options;
}

const read: Builtin = async (shell, args) => {
  const options = readOptions(args);
  for (const name of options.names)
    if (!NAME.test(name)) throw new ShellError(`read: ${name}: bad variable name`);
  if (options.prompt !== undefined && shell.process.terminal !== undefined)
    await shell.printError(options.prompt);
  const input = shell.files.get(options.descriptor)?.source;
  if (input === undefined) return 1;
  const line = await withTimeout(shell, options.timeoutMs, readInput(input, options));
  if (line === 'late') return 142;
  assignFields(shell, line.text, options);
  return line.terminated ? 0 : 1;
};

async function readInput(input: Input, options: ReadOptions): Promise<{ text: string; terminated: boolean }> {
  if (options.count !== undefined) {
    let text = '';
    while (text.length < options.count) {
      const bytes = await input.readBytes(1);
      if (bytes === undefined) return { text, terminated: false };
      text += Buffer.from(bytes).toString('latin1');
    }
    return { text, terminated: true };
  }
  let text = '';
  for (;;) {
    const line = await input.readLine(options.delimiter);
    text += line?.text ?? '';
    if (options.raw || line?.terminated !== true || !/(?:^|[^\\])(?:\\\\)*\\$/.test(text))
      return { text, terminated: line?.terminated === true };
    text = text.slice(0, -1);
  }
}

async function withTimeout<T>(
  shell: Shell,
  timeoutMs: number | undefined,
  result: Promise<T>,
): Promise<T | 'late'> {
  if (timeoutMs === undefined || Number.isNaN(timeoutMs)) return shell.wait(result);
  const over = new AbortController();
  const { clock, killed } = shell.process;
  const late = clock.sleep(timeoutMs, AbortSignal.any([killed, over.signal])).then(() => 'late' as const);
  const first = await shell.wait(Promise.race([result, late]));
  over.abort();
  return first;
}

/** The last name gets all that is left. */
function assignFields(shell: Shell, text: string, { raw, array, names }: ReadOptions): void {
  const plain = raw ? text : text.replaceAll(/\\(.)/gs, '$1');
  const ifs = shell.variables.get('IFS');
  if (array !== undefined) {
    shell.variables.set(array, splitFields(plain, ifs));
    return;
  }
  if (names.length === 0) {
    shell.variables.set('REPLY', plain);
    return;
  }
  const blanks = (ifs ?? ' \t\n').replaceAll(/[^ \t\n]/g, '');
  const isBlank = (character: string | undefined): boolean =>
    character !== undefined && blanks.includes(character);
  let rest = trimStart(plain, isBlank);
  for (const [index, name] of names.entries()) {
    if (index === names.length - 1) {
      let end = rest.length;
      while (isBlank(rest[end - 1])) end -= 1;
      shell.variables.set(name, rest.slice(0, end));
      return;
    }
    let at = 0;
    while (at < rest.length && !(ifs ?? ' \t\n').includes(rest[at]!)) at += 1;
    shell.variables.set(name, rest.slice(0, at));
    const afterBlanks = trimStart(rest.slice(at), isBlank);
    const next = afterBlanks[0];
    rest =
      next !== undefined && !isBlank(next) && (ifs ?? '').includes(next)
        ? trimStart(afterBlanks.slice(1), isBlank)
        : afterBlanks;
  }
}

function trimStart(text: string, isBlank: (character: string | undefined) => boolean): string {
  let at = 0;
  while (isBlank(text[at])) at += 1;
  return text.slice(at);
}

function splitFields(text: string, ifs: string | undefined): string[] {
  const builder = new FieldBuilder({ split: true, ifs });
  builder.unquoted(text);
  builder.finish();
  return builder.fields.map((field) => field.text);
}

const readArray: Builtin = async (shell, args) => {
  const name = args.findLast((each) => !each.startsWith('-')) ?? 'MAPFILE';
  const strips = args.includes('-t');
  const lines: string[] = [];
  const input = shell.files.get(0)?.source;
  for (let line = await input?.readLine(); line !== undefined; line = await input?.readLine())
    lines.push(strips ? line.text : `${line.text}\n`);
  shell.variables.set(name, lines);
  return 0;
};

/** `getopts`: where it stands is OPTIND, and inside of a bundle `#` of it. */
const getopts: Builtin = (shell, args) => {
  const [spec, name, ...given] = args;
  if (spec === undefined || name === undefined)
    throw new ShellError('getopts: usage: getopts optstring var [arg]');
  const words = given.length > 0 ? given : shell.positional;
  const { variables } = shell;
  let index = Number(variables.get('OPTIND') ?? 1);
  let offset = Number(variables.get('__OPTOFFSET') ?? 1);
  const word = words[index - 1];
  const finish = (): number => {
    variables.set(name, '?');
    variables.set('OPTIND', String(index));
    variables.unset('__OPTOFFSET');
    return 1;
  };
  if (word === undefined || !word.startsWith('-') || word === '-') return finish();
  if (word === '--') {
    index += 1;
    return finish();
  }
  const letter = word[offset] ?? '';
  const at = letter === ':' ? -1 : spec.replace(/^:/, '').indexOf(letter);
  const takesValue = at >= 0 && spec.replace(/^:/, '')[at + 1] === ':';
  let result = letter;
  variables.unset('OPTARG');
  offset += 1;
  if (takesValue) {
    const value = offset < word.length ? word.slice(offset) : words[index];
    index += offset < word.length ? 1 : 2;
    offset = 1;
    if (value === undefined) result = spec.startsWith(':') ? ':' : '?';
    else variables.set('OPTARG', value);
    if (value === undefined && spec.startsWith(':')) variables.set('OPTARG', letter);
    if (value === undefined && !spec.startsWith(':'))
      shell.complain(`option requires an argument -- ${letter}`);
  } else if (offset >= word.length) {
    index += 1;
    offset = 1;
  }
  if (at < 0) {
    result = '?';
    if (spec.startsWith(':')) variables.set('OPTARG', letter);
    else shell.complain(`illegal option -- ${letter}`);
  }
  variables.set(name, result);
  variables.set('OPTIND', String(index));
  variables.set('__OPTOFFSET', String(offset));
  return 0;
};

const letValue: Builtin = async (shell, args) => {
  let value = 0n;
  for (const each of args) value = await evaluateText(shell, each);
  return value === 0n ? 1 : 0;
};

export const VARIABLE_BUILTINS: readonly (readonly [string, Builtin])[] = [
  ['export', exportVariables],
  ['readonly', makeReadonly],
  ['local', local],
  ['declare', declare],
  ['typeset', declare],
  ['unset', unset],
  ['shift', shift],
  ['set', set],
  ['read', read],
  ['mapfile', readArray],
  ['readarray', readArray],
  ['getopts', getopts],
  ['let', letValue],
];
