/** Periodic work on many nodes, spread over the period: each node has its own beat, as if it had its own kubelet. */

import type { Clock, Timer } from '@orrery/kit/clock.ts';

export interface RoundsOptions<Item> {
  clock: Clock;
  /** Who is visited, in turn; may change between visits. */
  items: () => readonly Item[];
  /** From one visit of a node to its next, in milliseconds of the clock. */
  periodMs: number;
  /** Must not throw and must be quick. */
  visit: (item: Item) => void;
}

/** Into how many steps a period is divided: a beat comes late by one of them at most. */
const STEPS = 50;

/**
 * Visits each node once per period. After a time in which no timer ran (a frozen process), all
 * nodes that were due are visited at once, none twice.
 */
export function visitInRounds<Item>({ clock, items, periodMs, visit }: RoundsOptions<Item>): Timer {
  let lastMs = clock.now();
  /** Time that has passed for all nodes together and not been used for visits: each visit uses a period. */
  let owedMs = 0;
  let next = 0;
  return clock.setInterval(() => {
    const nowMs = clock.now();
    const present = items();
    owedMs = Math.min(owedMs + (nowMs - lastMs) * present.length, periodMs * present.length);
    lastMs = nowMs;
    for (; owedMs >= periodMs; owedMs -= periodMs) {
      if (next >= present.length) next = 0;
      visit(present[next]!);
      next += 1;
    }
  }, periodMs / STEPS);
}
