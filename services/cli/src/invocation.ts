/** From the words on the command line to the command that is meant. */

import { resolve } from 'node:path';
import { CliError } from './cli-error.ts';
import type { Call, Command } from './command.ts';
import { commonFlags } from './command-flags.ts';
import { dataDirectory } from './data-directory.ts';
import { parseFlags } from './flags.ts';
import { usage } from './help-text.ts';
import { nearest } from './nearest.ts';
import { defaultDataDirectory } from './project.ts';

/** What a command line asks for. */
export type Invocation =
  | { readonly kind: 'overview' }
  | { readonly kind: 'help'; readonly command: Command }
  | { readonly kind: 'run'; readonly command: Command; readonly call: Call };

/**
 * Understands a command line. A relative `--data` is relative to `workingDirectory`.
 * @throws CliError for an unknown command or flag, or a value that does not fit.
 */
export function parseInvocation(
  args: readonly string[],
  commands: readonly Command[],
  workingDirectory: string,
): Invocation {
  const at = commandIndex(args);
  const before = parseFlags(args.slice(0, at), commonFlags).flags;
  const name = args[at];
  if (name === undefined) return { kind: 'overview' };
  const command = findCommand(name, commands);
  if (before.help) return { kind: 'help', command };
  const rest = args.slice(at + 1);

  if (command.passThrough !== undefined) {
    const asksForHelp = rest.some((word) => word === '--help' || word === '-h');
    if (command.passThrough === 'but-help' && asksForHelp) return { kind: 'help', command };
    const data = chosenDirectory(before.data, workingDirectory);
    return { kind: 'run', command, call: { flags: {}, positionals: [], rest, data } };
  }
  const { flags, positionals } = parseFlags(rest, command.flags);
  if (flags['help'] === true) return { kind: 'help', command };
  checkPositionals(command, positionals);
  const given = flags['data'];
  const data = chosenDirectory(typeof given === 'string' ? given : before.data, workingDirectory);
  return { kind: 'run', command, call: { flags, positionals, rest, data } };
}

/** The command of a name. @throws CliError with the one that was probably meant */
export function findCommand(name: string, commands: readonly Command[]): Command {
  const found = commands.find((command) => command.name === name);
  if (found !== undefined) return found;
  const names = commands.map((command) => command.name);
  const meant = nearest(name, names);
  const hint = meant === undefined ? `the commands are ${names.join(', ')}` : `did you mean "${meant}"?`;
  throw new CliError(`unknown command "${name}"; ${hint}`);
}

/** The first word that is neither a flag nor the value of `--data`. */
function commandIndex(args: readonly string[]): number {
  let index = 0;
  for (; index < args.length; index += 1) {
    const word = args[index];
    if (word === '--data') index += 1;
    else if (word?.startsWith('-') !== true) break;
  }
  return index;
}

function checkPositionals(command: Command, given: readonly string[]): void {
  const { positionals = [] } = command;
  const missing = positionals[given.length];
  if (missing?.required === true) throw new CliError(`${missing.name} is missing; usage: ${usage(command)}`);
  const extra = positionals.at(-1)?.repeated === true ? undefined : given[positionals.length];
  if (extra !== undefined)
    throw new CliError(`"${extra}" is one argument too many; usage: ${usage(command)}`);
}

function chosenDirectory(given: string | undefined, workingDirectory: string) {
  return dataDirectory(given === undefined ? defaultDataDirectory : resolve(workingDirectory, given));
}
