/** For commands that run others: env, xargs, timeout, nohup, find -exec. */

import type { ChildProcess, SpawnOptions } from '../process.ts';
import { type Command, CommandFailure } from './command.ts';

/** @throws CommandFailure with exit code 127 when there is no such program */
export async function runCommand(
  self: Command,
  argv: readonly string[],
  options: SpawnOptions = {},
): Promise<ChildProcess> {
  const [name] = argv;
  if (name === undefined) throw new CommandFailure('missing operand');
  const { process } = self;
  let program = await self.wait(process.findProgram(name));
  let words = argv;
  if (program === undefined && process.files.exists(self.path(name))) {
    // A script: the shell finds out what it is for.
    program = await self.wait(process.findProgram('sh'));
    words = ['sh', '-c', 'exec "$0" "$@"', ...argv];
  }
  if (program === undefined)
    throw new CommandFailure(`can't execute '${name}': No such file or directory`, 127);
  try {
    return process.spawn(words, program, options);
  } catch (error) {
    throw new CommandFailure(`can't fork: ${(error as Error).message}`, 126);
  }
}
