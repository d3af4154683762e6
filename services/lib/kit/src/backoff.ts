/** Growing delays between tries. */

export interface BackoffOptions {
  initialMs: number;
  maxMs: number;
  /** Multiplier from try to try, 2 by default. */
  factor?: number;
}

/** The delay before try number `attempt` (0 is the first retry), in milliseconds. */
export function backoffDelay(attempt: number, { initialMs, maxMs, factor = 2 }: BackoffOptions): number {
  return Math.min(maxMs, initialMs * factor ** Math.min(attempt, 64));
}
