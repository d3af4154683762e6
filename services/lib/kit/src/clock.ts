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

/** Longest delay that one Node timer holds; longer ones would fire at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

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
class SteadyClock implements Clock {
  now(): number {
    return Math.floor(performance.timeOrigin + performance.now());
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    const handle = setTimeout(callback, inRange(delayMs));
    return { cancel: () => clearTimeout(handle) };
  }

  setInterval(callback: () => void, periodMs: number): Timer {
    const handle = setInterval(callback, inRange(periodMs));
    return { cancel: () => clearInterval(handle) };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }
}

function inRange(delayMs: number): number {
  return Math.min(Math.max(0, delayMs), LONGEST_TIMER_MS);
}

/**
 * Real time: for what lives outside the simulated cluster (connections, election leases,
 * supervision). Everything that a user of the cluster can see uses the cluster's clock.
 * When somebody sets the clock of the machine, this one goes on as if nothing had happened:
 * deadlines neither pass at once nor stay away for hours.
 */
export const systemClock: Clock = new SteadyClock();
