/** What the launcher `orrery` runs. */

import { CliError, messageOf } from './cli-error.ts';
import { commands } from './command-table.ts';
import { commandHelp, overview } from './help-text.ts';
import { parseInvocation } from './invocation.ts';
import { note, print, watchReader } from './terminal.ts';

watchReader();

async function main(args: readonly string[]): Promise<number> {
  const invocation = parseInvocation(args, commands, process.cwd());
  switch (invocation.kind) {
    case 'overview':
      for (const line of overview(commands)) print(line);
      return 0;
    case 'help':
      for (const line of commandHelp(invocation.command)) print(line);
      return 0;
    case 'run': {
      const code = await invocation.command.load();
      return code.run(invocation.call);
    }
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  note(error instanceof CliError ? error.message : `this is a bug: ${stackOf(error)}`);
  process.exitCode = 1;
}

function stackOf(error: unknown): string {
  return (error instanceof Error ? error.stack : undefined) ?? messageOf(error);
}
