/** Waiting for a condition instead of for a time. */

import { systemClock } from '@orrery/kit/clock.ts';

/** Resolves once `holds` returns true. Rejects after `limitMs`, saying what was waited for. */
export async function eventually(what: string, holds: () => boolean, limitMs = 10_000): Promise<void> {
  for (const endMs = systemClock.now() + limitMs; !holds();) {
    if (systemClock.now() > endMs) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await systemClock.sleep(2);
  }
}
