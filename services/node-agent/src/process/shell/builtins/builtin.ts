/** A command that the shell itself carries out. */

import type { Shell } from '../shell.ts';
import type { ProgramCall } from '../program-call.ts';

export interface BuiltinTools {
  /** Runs what is neither a builtin nor a function. */
  runProgram(shell: Shell, call: ProgramCall): Promise<number>;
  builtins: ReadonlyMap<string, Builtin>;
}

/** Prints on the shell's files and resolves to the exit code. @throws ShellError */
export type Builtin = (
  shell: Shell,
  args: readonly string[],
  tools: BuiltinTools,
) => number | Promise<number>;
