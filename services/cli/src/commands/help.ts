/** `./orrery help` */

import type { Call } from '../command.ts';
import type { commonFlags } from '../command-flags.ts';
import { commands } from '../command-table.ts';
import { commandHelp, overview } from '../help-text.ts';
import { findCommand } from '../invocation.ts';
import { print } from '../terminal.ts';

export function run({ positionals }: Call<typeof commonFlags>): Promise<number> {
  const [name] = positionals;
  const lines = name === undefined ? overview(commands) : commandHelp(findCommand(name, commands));
  for (const line of lines) print(line);
  return Promise.resolve(0);
}
