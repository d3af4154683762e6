/** Waiting that ends. */

import type { Clock } from '@orrery/kit/clock.ts';
import { type ConnectOptions, NetworkError } from './network.ts';

/**
 * Works until it is done, until the time is over (ETIMEDOUT) or until the caller no longer wants
 * it (the reason of its signal), or is given up for another reason. `work` is told by a signal of
 * its own, and has to let go of what it has come to hold; how it ends then does not matter.
 */
export async function withDeadline<T>(
  clock: Clock,
  { signal, timeoutMs }: ConnectOptions,
  limitMs: number,
  work: (cancelled: AbortSignal, giveUp: (reason: Error) => void) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const cancel = new AbortController();
  const cancelled = Promise.withResolvers<never>();
  const giveUp = (reason: unknown): void => {
    cancel.abort(reason);
    cancelled.reject(reason);
  };
  const unwanted = (): void => giveUp(signal?.reason);
  signal?.addEventListener('abort', unwanted);
  const timer = clock.setTimeout(() => giveUp(new NetworkError('ETIMEDOUT')), timeoutMs ?? limitMs);
  try {
    return await Promise.race([work(cancel.signal, giveUp), cancelled.promise]);
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', unwanted);
  }
}
