/** How long a process that died by itself waits for its next start. */

import { backoffDelay } from '@orrery/kit/backoff.ts';

/** A process that was ready for this long starts again with no delay when it dies. */
export const GOOD_RUN_MS = 30_000;

/** The delay after `deaths` deaths in a row without a good run: 0, 100 ms, 200 ms, ... 5 s. */
export function restartDelayMs(deaths: number): number {
  return deaths <= 1 ? 0 : backoffDelay(deaths - 2, { initialMs: 100, maxMs: 5_000 });
}
