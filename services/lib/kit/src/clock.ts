/**
 * Time. Everything that waits or asks for the time takes a Clock, so that a cluster can
 * run faster than the wall and tests can move time by hand.
 */

/** A pending callback. Cancelling twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Epoch milliseconds on this clock. */
  now(): number;
  /** Calls `callback` once, `delayMs` of this clock from now. */
  setTimeout(callback: () => void, delayMs: number): Timer;
  /** Calls `callback` every `periodMs` of this clock, first after one period. */
  setInterval(callback: () => void, periodMs: number): Timer;
  /** Resolves after `delayMs` of this clock, or as soon as `signal` aborts. Never rejects. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** How cluster time relates to real time: it was `clusterMs` at `realMs` and runs `rate` times as fast. */
export interface ClockAnchor {
  rate: number;
  realMs: number;
  clusterMs: number;
}

/** Longest delay that one Node timer holds; longer ones would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

class RateClock implements Clock {
  readonly #anchor: ClockAnchor;

  constructor(anchor: ClockAnchor) {
    this.#anchor = anchor;
  }

  now(): number {
    const { rate, realMs, clusterMs } = this.#anchor;
    return rate === 1 && realMs === clusterMs ? Date.now() : clusterMs + (Date.now() - realMs) * rate;
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    const handle = setTimeout(callback, this.#realDelay(delayMs));
    return { cancel: () => clearTimeout(handle) };
  }

  setInterval(callback: () => void, periodMs: number): Timer {
    const handle = setInterval(callback, this.#realDelay(periodMs));
    return { cancel: () => clearInterval(handle) };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  #realDelay(delayMs: number): number {
    return Math.min(Math.max(0, delayMs / this.#anchor.rate), LONGEST_TIMER_MS);
  }
}

/** `Clock.sleep` in terms of `Clock.setTimeout`, for every implementation of Clock. */
export function sleepOn(
  clock: Pick<Clock, 'setTimeout'>,
  delayMs: number,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      resolve();
    };
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, delayMs);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Begins with the time of the wall and never jumps: it agrees with its timers, which do not either. */
class SteadyClock extends RateClock {
  override now(): number {
    return Math.floor(performance.timeOrigin + performance.now());
  }
}

/**
 * Real time: for what lives outside the simulated cluster (connections, election leases,
 * supervision). Everything that a user of the cluster can see uses the cluster's clock.
 * When somebody sets the clock of the machine, this one goes on as if nothing had happened:
 * deadlines neither pass at once nor stay away for hours.
 */
export const systemClock: Clock = new SteadyClock({ rate: 1, realMs: 0, clusterMs: 0 });

/** The cluster's clock; all services of a cluster are given the same anchor. */
export function clusterClock(anchor: ClockAnchor): Clock {
  return new RateClock(anchor);
}

/** Parses `RATE` or `RATE@REALMS=CLUSTERMS`; undefined when the text is neither. */
export function parseClockAnchor(text: string): ClockAnchor | undefined {
  const match = /^(\d+(?:\.\d+)?)(?:@(\d+)=(\d+))?$/.exec(text);
  if (match === null) return undefined;
  const rate = Number(match[1]);
  if (!(rate > 0)) return undefined;
  const realMs = Number(match[2] ?? (rate === 1 ? 0 : Date.now()));
  return { rate, realMs, clusterMs: match[3] === undefined ? realMs : Number(match[3]) };
}
