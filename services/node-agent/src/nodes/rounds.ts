/** Periodic work on many nodes, spread over the period: each node has its own beat, as if it had its own kubelet. */

import type { Clock, Timer } from '@orrery/kit/clock.ts';

export interface RoundsOptions {
  clock: Clock;
  /** Visits go to 0 .. count - 1, in turn. */
  count: number;
  /** From one visit of a node to its next, in milliseconds of the clock. */
  periodMs: number;
  /** Must not throw and must be quick. */
  visit: (index: number) => void;
}

/** Into how many steps a period is divided: a beat comes late by one of them at most. */
const STEPS = 50;

/**
 * Visits each node once per period. After a time in which no timer ran (a frozen process), all
 * nodes that were due are visited at once, none twice.
 */
export function visitInRounds({ clock, count, periodMs, visit }: RoundsOptions): Timer {
  const startMs = clock.now();
  let visited = 0;
  return clock.setInterval(() => {
    const due = Math.floor(((clock.now() - startMs) * count) / periodMs);
    for (visited = Math.max(visited, due - count); visited < due; visited += 1) visit(visited % count);
  }, periodMs / STEPS);
}
