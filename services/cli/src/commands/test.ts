/** `./orrery test` */

import type { Call } from '../command.ts';
import { runProjectScript } from '../project-script.ts';

export function run({ rest }: Call): Promise<number> {
  return runProjectScript('test/run.ts', rest);
}
