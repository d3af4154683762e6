/** `echo`, `printf`, `test`, `pwd`. */

import { echoText, formatText } from '../../commands/printf.ts';
import { shellAsker, testArguments } from '../conditions.ts';
import { ShellError } from '../parse.ts';
import type { Shell } from '../shell.ts';
import type { Builtin } from './builtin.ts';

/** The sh of Debian and Ubuntu is dash. */
const DASH_MARK = '/etc/debian_version';

const echo: Builtin = async (shell, args) => {
  const hasEscapes = args.some((each) => each.includes('\\'));
  const isDash = hasEscapes && !shell.isBash && shell.process.files.exists(DASH_MARK);
  await shell.print(echoText(args, isDash));
  return 0;
};

const printf: Builtin = async (shell, args) => {
  let [format, ...rest] = args[0] === '--' ? args.slice(1) : args;
  let variable: string | undefined;
  if (format === '-v') [variable, format, ...rest] = rest;
  if (format === undefined) throw new ShellError('printf: usage: printf FORMAT [ARG...]');
  const { text, problems } = formatText(format, rest);
  if (variable === undefined) await shell.print(text);
  else shell.variables.set(variable, text);
  for (const problem of problems) shell.complain(`printf: ${problem}`);
  return problems.length === 0 ? 0 : 1;
};

function runTest(shell: Shell, name: string, args: readonly string[]): number {
  try {
    return testArguments(shellAsker(shell), args) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof ShellError)) throw error;
    shell.complain(`${name}: ${error.message}`);
    return 2;
  }
}

const bracket: Builtin = (shell, args) => {
  if (args.at(-1) === ']') return runTest(shell, '[', args.slice(0, -1));
  shell.complain('[: missing ]');
  return 2;
};

export const OUTPUT_BUILTINS: readonly (readonly [string, Builtin])[] = [
  ['echo', echo],
  ['printf', printf],
  ['test', (shell, args) => runTest(shell, 'test', args)],
  ['[', bracket],
];
