/** What a command is. */

import type { DataDirectory } from './data-directory.ts';
import type { FlagTable, FlagValues } from './flags.ts';

export interface Positional {
  readonly name: string;
  readonly required: boolean;
  /** It may be given several times; only the last can be. */
  readonly repeated?: boolean;
}

/** One call of a command. */
export interface Call<Flags extends FlagTable = FlagTable> {
  readonly flags: FlagValues<Flags>;
  readonly positionals: readonly string[];
  /** Everything after the command's name, untouched: for commands that pass it on. */
  readonly rest: readonly string[];
  /** Of the cluster that is meant. */
  readonly data: DataDirectory;
}

export interface Command<Flags extends FlagTable = FlagTable> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** More for `COMMAND --help`, a line each. */
  readonly details?: readonly string[];
  readonly flags: Flags;
  readonly positionals?: readonly Positional[];
  /**
   * The arguments are another program's and not parsed: `all` passes everything on, even
   * `--help`; `but-help` keeps `--help` for this command. The flags are then only described.
   */
  readonly passThrough?: 'all' | 'but-help';
  /** Loads the command's own code, so that each start loads no more than it needs. */
  readonly load: () => Promise<{ run(call: Call<Flags>): Promise<number> }>;
}

/** Checks that a command's code takes exactly the flags that the command has. */
export function defineCommand<const Flags extends FlagTable>(command: Command<Flags>): Command<Flags> {
  return command;
}
