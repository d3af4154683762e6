/**
 * A queue of keys for level-triggered work (k8s.io/client-go/util/workqueue): a key waits
 * at most once, is never worked on twice at a time, and comes back with growing delay when
 * the work failed.
 */

import { backoffDelay } from '@orrery/kit/backoff.ts';
import type { Clock, Timer } from '@orrery/kit/clock.ts';
import type { KeyQueue } from './controller.ts';

export interface WorkQueueOptions {
  /** Delays are of this clock. */
  clock: Clock;
  /** Keys that may wait; more are dropped, and `onDropped` is told. 1,000,000 by default. */
  limit?: number;
  onDropped?: (key: string) => void;
  /** Told of each key that begins to wait. */
  onAdded?: (key: string) => void;
}

/**
 * Upstream's delays grow from 5 ms to 1,000 s. Here parts are taken down on purpose and
 * come back soon: a key that failed meanwhile must not sleep a quarter of an hour after.
 */
const RETRY_DELAY = { initialMs: 5, maxMs: 60_000 } as const;

const DEFAULT_LIMIT = 1_000_000;

interface Delayed {
  readonly atMs: number;
  readonly timer: Timer;
}

export class WorkQueue implements KeyQueue {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #onDropped: ((key: string) => void) | undefined;
  readonly #onAdded: ((key: string) => void) | undefined;
  /** What waits for a worker, oldest first. */
  readonly #waiting = new Set<string>();
  readonly #processing = new Set<string>();
  /** What was added while it was worked on. */
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #failures = new Map<string, number>();
  /** Workers without work. */
  readonly #idle: ((key: string) => void)[] = [];

  constructor({ clock, limit = DEFAULT_LIMIT, onDropped, onAdded }: WorkQueueOptions) {
    this.#clock = clock;
    this.#limit = limit;
    this.#onDropped = onDropped;
    this.#onAdded = onAdded;
  }

  /** Keys that wait for a worker now. */
  get depth(): number {
    return this.#waiting.size;
  }

  add(key: string): void {
    if (this.#processing.has(key)) {
      this.#again.add(key);
      return;
    }
    if (this.#waiting.has(key)) return;
    if (this.#waiting.size >= this.#limit) {
      this.#onDropped?.(key);
      return;
    }
    this.#onAdded?.(key);
    const worker = this.#idle.shift();
    if (worker === undefined) {
      this.#waiting.add(key);
      return;
    }
    this.#processing.add(key);
    worker(key);
  }

  /** Adds the key later; of several delays of one key the earliest counts. */
  addAfter(key: string, delayMs: number): void {
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const atMs = this.#clock.now() + delayMs;
    const known = this.#delayed.get(key);
    if (known !== undefined && known.atMs <= atMs) return;
    if (known === undefined && this.#delayed.size >= this.#limit) {
      this.#onDropped?.(key);
      return;
    }
    known?.timer.cancel();
    const timer = this.#clock.setTimeout(() => {
      this.#delayed.delete(key);
      this.add(key);
    }, delayMs);
    this.#delayed.set(key, { atMs, timer });
  }

  /** Adds the key after a delay that grows with every failure since it was last forgotten. */
  addAfterFailure(key: string): void {
    const failures = this.failures(key);
    this.#failures.set(key, failures + 1);
    this.addAfter(key, backoffDelay(failures, RETRY_DELAY));
  }

  /** How often the key failed in a row. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The work succeeded: the next failure is a first one. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key, or undefined once `signal` aborts. Call `done` when the work on it ends. */
  take(signal: AbortSignal): Promise<string | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    for (const key of this.#waiting) {
      this.#waiting.delete(key);
      this.#processing.add(key);
      return Promise.resolve(key);
    }
    return new Promise((resolve) => {
      const worker = (key: string): void => {
        signal.removeEventListener('abort', onAbort);
        resolve(key);
      };
      const onAbort = (): void => {
        this.#idle.splice(this.#idle.indexOf(worker), 1);
        resolve(undefined);
      };
      this.#idle.push(worker);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** The work on the key has ended, well or badly; if it was added meanwhile, it waits again. */
  done(key: string): void {
    this.#processing.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  /** Forgets everything that is to come later: no timer stays behind. */
  close(): void {
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
  }
}
