/** Builtins that change what runs next. */

import { FileError } from '../../../files/file-system.ts';
import { absolutePath } from '../../open-file.ts';
import { ShellError } from '../parse.ts';
import { searchPath } from '../find-executable.ts';
import type { Shell } from '../shell.ts';
import type { Builtin } from './builtin.ts';

function levels(shell: Shell, args: readonly string[]): number {
  const given = Number(args[0] ?? 1);
  if (!Number.isInteger(given) || given < 1) throw new ShellError(`Illegal number: ${args[0]}`);
  return Math.min(given, shell.loopDepth);
}

function exitCode(shell: Shell, text: string | undefined): number {
  if (text === undefined) return shell.status;
  if (!/^-?\d+$/.test(text)) throw new ShellError(`Illegal number: ${text}`);
  return Number(BigInt(text) & 0xffn);
}

const breakLoop: Builtin = (shell, args) => {
  if (shell.loopDepth > 0) shell.flow = { kind: 'break', levels: levels(shell, args) };
  return 0;
};

const continueLoop: Builtin = (shell, args) => {
  if (shell.loopDepth > 0) shell.flow = { kind: 'continue', levels: levels(shell, args) };
  return 0;
};

const exit: Builtin = (shell, args) => {
  shell.status = exitCode(shell, args[0]);
  shell.flow = { kind: 'exit' };
  return shell.status;
};

const returnFrom: Builtin = (shell, args) => {
  shell.status = exitCode(shell, args[0]);
  shell.flow = { kind: 'return' };
  return shell.status;
};

const evaluateText: Builtin = (shell, args) => {
  const text = args.join(' ');
  return text.trim() === '' ? 0 : shell.interpreter.runText(shell, text);
};

/** `.` and `source`. */
const source: Builtin = async (shell, args) => {
  const [name, ...rest] = args;
  if (name === undefined) throw new ShellError('.: filename argument required');
  const path = name.includes('/') ? name : (searchPath(shell, name) ?? name);
  let text: string;
  try {
    text = Buffer.from(shell.process.files.read(absolutePath(shell.cwd, path))).toString('utf8');
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new ShellError(
      shell.isBash ? `${name}: ${error.message}` : `.: can't open '${name}': ${error.message}`,
      shell.isBash ? 1 : 2,
    );
  }
  const { positional } = shell;
  if (rest.length > 0) shell.positional = rest;
  try {
    const status = await shell.interpreter.runText(shell, text);
    if (shell.flow?.kind !== 'return') return status;
    shell.flow = undefined;
    return shell.status;
  } finally {
    if (rest.length > 0) shell.positional = positional;
  }
};

/** With a command; without one its redirections stay, see simple-command.ts. */
const exec: Builtin = async (shell, args, tools) => {
  const argv = args[0] === '--' ? args.slice(1) : [...args];
  if (argv.length === 0) return 0;
  // A job that runs on would hold the shell back: exec(2) asks nobody.
  shell.jobs = [];
  for (const [name] of shell.traps.entries()) if (name !== 'EXIT') shell.traps.set(name, undefined);
  shell.traps.set('EXIT', undefined);
  shell.status = await tools.runProgram(shell, { argv, files: shell.files, isLast: true });
  shell.flow = { kind: 'exit' };
  return shell.status;
};

export const FLOW_BUILTINS: readonly (readonly [string, Builtin])[] = [
  [':', () => 0],
  ['true', () => 0],
  ['false', () => 1],
  ['break', breakLoop],
  ['continue', continueLoop],
  ['exit', exit],
  ['return', returnFrom],
  ['eval', evaluateText],
  ['.', source],
  ['source', source],
  ['exec', exec],
];
