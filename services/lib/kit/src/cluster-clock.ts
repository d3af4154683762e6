/**
 * The time of the simulated cluster: a clock whose rate may change while it runs, or stand still.
 * All services of a cluster follow the same anchor, so that they agree without talking.
 */

import { type Clock, LONGEST_TIMER_MS, sleepOn, type Timer } from './clock.ts';
import { TimerQueue } from './timer-queue.ts';

/**
 * How cluster time relates to the time of the wall: it was `clusterMs` at `realMs` and runs `rate`
 * times as fast from there; 0 stands still. `realMs` may lie ahead, so that all who hear of the
 * anchor in time switch to it at the same moment.
 */
export interface ClockAnchor {
  rate: number;
  realMs: number;
  clusterMs: number;
}

/** A cluster without a time of its own. */
export const REAL_TIME: ClockAnchor = { rate: 1, realMs: 0, clusterMs: 0 };

/** The fastest that a cluster may run. */
export const MAX_RATE = 1_000;

/** The time of the wall, in epoch milliseconds: what anchors are fixed to, as all processes share it. */
export function wallTime(): number {
  return Date.now();
}

/** What time it is in the cluster at `realMs`, in epoch milliseconds. */
export function clusterTimeAt({ rate, realMs, clusterMs }: ClockAnchor, atRealMs: number): number {
  return rate === 1 && realMs === clusterMs ? atRealMs : clusterMs + (atRealMs - realMs) * rate;
}

/** Takes over from `before` at `realMs`, with another rate and without a jump. */
export function anchorAt(before: ClockAnchor, realMs: number, rate: number): ClockAnchor {
  return { rate, realMs, clusterMs: Math.round(clusterTimeAt(before, realMs)) };
}

export class ClusterClock implements Clock {
  #anchor: ClockAnchor;
  readonly #timers = new TimerQueue();
  /** For the timer that is due first, and for an anchor that lies ahead. */
  #alarm: NodeJS.Timeout | undefined;
  #alarmAtMs = Infinity;
  #change: NodeJS.Timeout | undefined;
  #newest: ClockAnchor;
  readonly #listeners = new Set<(anchor: ClockAnchor) => void>();

  constructor(anchor: ClockAnchor) {
    this.#anchor = anchor;
    this.#newest = anchor;
  }

  /** The one that holds now. */
  get anchor(): ClockAnchor {
    return this.#anchor;
  }

  /** The one that was given last; its moment may be still to come. */
  get newestAnchor(): ClockAnchor {
    return this.#newest;
  }

  /** Tells of every anchor that is given from now on. Returns how to stop. */
  onAdjust(listener: (anchor: ClockAnchor) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Follows another anchor, as soon as its moment has come. The newest that was given counts. */
  adjust(anchor: ClockAnchor): void {
    this.#newest = anchor;
    for (const listener of this.#listeners) listener(anchor);
    clearTimeout(this.#change);
    const aheadMs = anchor.realMs - wallTime();
    if (aheadMs > 0)
      this.#change = setTimeout(() => this.#follow(anchor), Math.min(aheadMs, LONGEST_TIMER_MS));
    else this.#follow(anchor);
  }

  now(): number {
    return clusterTimeAt(this.#anchor, wallTime());
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

  #follow(anchor: ClockAnchor): void {
    this.#anchor = anchor;
    this.#disarm();
    this.#arm();
  }

  #schedule(callback: () => void, delayMs: number, everyMs: number | undefined): Timer {
    const timer = this.#timers.add(callback, this.now() + delayMs, everyMs);
    this.#arm();
    return timer;
  }

  #disarm(): void {
    clearTimeout(this.#alarm);
    this.#alarm = undefined;
    this.#alarmAtMs = Infinity;
  }

  #arm(): void {
    const dueMs = this.#timers.firstDueMs();
    const { rate } = this.#anchor;
    if (dueMs === undefined || rate === 0) {
      this.#disarm();
      return;
    }
    // One that comes too early looks again: cheaper than a new alarm for each timer.
    if (dueMs >= this.#alarmAtMs) return;
    this.#disarm();
    this.#alarmAtMs = dueMs;
    const delayMs = Math.min(Math.max(0, Math.ceil((dueMs - this.now()) / rate)), LONGEST_TIMER_MS);
    this.#alarm = setTimeout(() => this.#ring(), delayMs);
  }

  #ring(): void {
    this.#disarm();
    this.#timers.runDue(this.now());
    this.#arm();
  }
}

/** Parses `RATE` or `RATE@REALMS=CLUSTERMS`; undefined when the text is neither. */
export function parseClockAnchor(text: string): ClockAnchor | undefined {
  const match = /^(\d+(?:\.\d+)?)(?:@(\d+)=(\d+))?$/.exec(text);
  if (match === null) return undefined;
  const rate = Number(match[1]);
  if (match[2] !== undefined) return { rate, realMs: Number(match[2]), clusterMs: Number(match[3]) };
  const realMs = rate === 1 ? 0 : wallTime();
  return { rate, realMs, clusterMs: realMs };
}

/** The text that `parseClockAnchor` reads. */
export function formatClockAnchor({ rate, realMs, clusterMs }: ClockAnchor): string {
  return `${rate}@${realMs}=${clusterMs}`;
}
