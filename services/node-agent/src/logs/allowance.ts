/** How much may happen: a burst, and after it so much in a second of real time (a token bucket). */

import type { Clock } from '@orrery/kit/clock.ts';

export interface AllowanceLimits {
  burst: number;
  perSecond: number;
}

export class Allowance {
  readonly #clock: Clock;
  readonly #limits: AllowanceLimits;
  #left: number;
  #refilledAtMs: number;

  constructor(clock: Clock, limits: AllowanceLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#left = limits.burst;
    this.#refilledAtMs = clock.now();
  }

  /** Takes it even when there is not so much; returns for how many milliseconds to wait then, 0 otherwise. */
  take(amount: number): number {
    const { burst, perSecond } = this.#limits;
    const nowMs = this.#clock.now();
    const refill = ((nowMs - this.#refilledAtMs) * perSecond) / 1_000;
    this.#refilledAtMs = nowMs;
    this.#left = Math.min(this.#left + refill, burst) - amount;
    return this.#left >= 0 ? 0 : (-this.#left * 1_000) / perSecond;
  }
}
