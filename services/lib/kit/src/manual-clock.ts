/** A clock that a test moves by hand. */

import { type Clock, sleepOn, type Timer } from './clock.ts';

interface Scheduled {
  atMs: number;
  order: number;
  callback: () => void;
  everyMs: number | undefined;
}

export class ManualClock implements Clock {
  #nowMs: number;
  #order = 0;
  readonly #scheduled = new Set<Scheduled>();

  /** Starts at `startMs` epoch milliseconds, by default 2026-01-01T00:00:00Z. */
  constructor(startMs = 1_767_225_600_000) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    return this.#schedule(callback, Math.max(0, delayMs), undefined);
  }

  setInterval(callback: () => void, periodMs: number): Timer {
    const everyMs = Math.max(1, periodMs);
    return this.#schedule(callback, everyMs, everyMs);
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  /** How many timers wait: a test can assert that nothing leaks. */
  get pendingTimers(): number {
    return this.#scheduled.size;
  }

  /**
   * Moves time forward by `byMs`, running what falls due in order, and letting promise
   * continuations run between timers.
   */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await settle();
    for (let next = this.#earliest(untilMs); next !== undefined; next = this.#earliest(untilMs)) {
      this.#nowMs = next.atMs;
      if (next.everyMs === undefined) this.#scheduled.delete(next);
      else next.atMs += next.everyMs;
      next.callback();
      await settle();
    }
    this.#nowMs = untilMs;
  }

  #schedule(callback: () => void, delayMs: number, everyMs: number | undefined): Timer {
    const entry: Scheduled = { atMs: this.#nowMs + delayMs, order: (this.#order += 1), callback, everyMs };
    this.#scheduled.add(entry);
    return { cancel: () => void this.#scheduled.delete(entry) };
  }

  #earliest(untilMs: number): Scheduled | undefined {
    let first: Scheduled | undefined;
    for (const each of this.#scheduled) {
      if (each.atMs > untilMs) continue;
      if (
        first === undefined ||
        each.atMs < first.atMs ||
        (each.atMs === first.atMs && each.order < first.order)
      ) {
        first = each;
      }
    }
    return first;
  }
}

/** Lets every promise continuation that is ready run, without waiting for real time. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
