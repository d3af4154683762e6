/**
 * What a controller did and its informer has not shown yet
 * (kubernetes/pkg/controller/controller_utils.go, ControllerExpectations): until then it
 * must not count, or it would do it again.
 */

import type { Clock } from '@orrery/kit/clock.ts';

/** After so long an expectation is given up: whatever was to come will not come. */
const EXPECTATION_LIFE_MS = 5 * 60_000;

interface Expected {
  /**
   * Names, since a creation may be both seen and given up: when its answer is lost. Upstream only
   * counts, so that such a one would pay for another that is yet to come.
   */
  readonly creations: Set<string>;
  /** UIDs, since a deletion may be reported twice: first as marked, then as gone. */
  readonly deletions: Set<string>;
  readonly sinceMs: number;
}

export class Expectations {
  readonly #clock: Clock;
  readonly #byKey = new Map<string, Expected>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be called before the creations are asked for, since their events may overtake the answers. */
  expectCreations(key: string, names: Iterable<string>): void {
    const { creations } = this.#of(key);
    for (const name of names) creations.add(name);
  }

  /** To be called before the deletions are asked for. */
  expectDeletions(key: string, uids: Iterable<string>): void {
    const { deletions } = this.#of(key);
    for (const uid of uids) deletions.add(uid);
  }

  /** It was seen, or failed, or nobody knows whether it will ever be seen. */
  creationObserved(key: string, name: string): void {
    this.#byKey.get(key)?.creations.delete(name);
  }

  /** It was seen to be deleted (or marked as such), or its deletion failed. */
  deletionObserved(key: string, uid: string): void {
    this.#byKey.get(key)?.deletions.delete(uid);
  }

  /** True when nothing is awaited, or no longer: the informer may be believed. */
  satisfied(key: string): boolean {
    const expected = this.#byKey.get(key);
    if (expected === undefined) return true;
    const isOver = expected.creations.size === 0 && expected.deletions.size === 0;
    if (!isOver && this.#clock.now() - expected.sinceMs < EXPECTATION_LIFE_MS) return false;
    this.#byKey.delete(key);
    return true;
  }

  /** The owner is gone. */
  forget(key: string): void {
    this.#byKey.delete(key);
  }

  #of(key: string): Expected {
    let expected = this.#byKey.get(key);
    if (expected === undefined) {
      expected = { creations: new Set(), deletions: new Set(), sinceMs: this.#clock.now() };
      this.#byKey.set(key, expected);
    }
    return expected;
  }
}
