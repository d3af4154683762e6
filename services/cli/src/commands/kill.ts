/** `./orrery kill` */

import type { Call } from '../command.ts';
import type { killFlags } from '../command-flags.ts';
import { requestKill } from '../supervisor/control-client.ts';
import { note } from '../terminal.ts';

export async function run({ flags, positionals, data }: Call<typeof killFlags>): Promise<number> {
  const [service = ''] = positionals;
  note(await requestKill(data, service, flags.signal ?? 'SIGKILL'));
  return 0;
}
