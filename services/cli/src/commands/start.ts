/** `./orrery start` */

import type { Call } from '../command.ts';
import type { commonFlags } from '../command-flags.ts';
import { requestStart } from '../supervisor/control-client.ts';
import { note } from '../terminal.ts';

export async function run({ positionals, data }: Call<typeof commonFlags>): Promise<number> {
  const [service = ''] = positionals;
  note(await requestStart(data, service));
  return 0;
}
