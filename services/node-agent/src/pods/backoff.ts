/**
 * Delays that double from failure to failure and are forgotten after a good run
 * (client-go/util/flowcontrol/backoff.go). A key that was never noted has none.
 */

/** The longest delay (MaxCrashLoopBackOff, MaxImageBackOff). */
export const MAX_BACKOFF_MS = 300_000;

/** A run of twice the longest delay counts as good: it starts again from the first delay. */
const FORGOTTEN_AFTER_MS = 2 * MAX_BACKOFF_MS;

interface Entry {
  delayMs: number;
  updatedAtMs: number;
}

export class Backoff {
  readonly #initialMs: number;
  readonly #entries = new Map<string, Entry>();

  /** `initialMs`: the first delay. */
  constructor(initialMs: number) {
    this.#initialMs = Math.min(initialMs, MAX_BACKOFF_MS);
  }

  /** The delay that holds for a key, in milliseconds; 0 without any. */
  delayMs(key: string): number {
    return this.#entries.get(key)?.delayMs ?? 0;
  }

  /** Until when a key that failed at `failedAtMs` has to wait; `failedAtMs` itself when it need not. */
  endsAtMs(key: string, failedAtMs: number): number {
    const entry = this.#entries.get(key);
    return entry === undefined || isForgotten(entry, failedAtMs) ? failedAtMs : failedAtMs + entry.delayMs;
  }

  /** Notes at `nowMs` a try after the failure of `failedAtMs`: the next one has to wait twice as long. */
  next(key: string, failedAtMs: number, nowMs: number): void {
    const entry = this.#entries.get(key);
    const delayMs =
      entry === undefined || isForgotten(entry, failedAtMs)
        ? this.#initialMs
        : Math.min(entry.delayMs * 2, MAX_BACKOFF_MS);
    this.#entries.set(key, { delayMs, updatedAtMs: nowMs });
  }
}

function isForgotten({ updatedAtMs }: Entry, failedAtMs: number): boolean {
  return failedAtMs - updatedAtMs > FORGOTTEN_AFTER_MS;
}
