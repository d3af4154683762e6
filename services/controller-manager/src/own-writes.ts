/** What this process wrote and its informer does not show yet. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { keyOf, type ObjectKey } from '@orrery/api/meta.ts';
import type { Informer } from '@orrery/client/informer.ts';
import type { Clock } from '@orrery/kit/clock.ts';

interface Write<T> {
  /** Undefined for a deletion. */
  object: T | undefined;
  revision: number;
  atMs: number;
}

/** An event that has not come by then was overtaken by another one; reality is in the informer again. */
const WRITE_LIFE_MS = 60_000;

function revisionOf(object: KubeObject): number {
  return Number(object.metadata.resourceVersion);
}

/**
 * Lays a controller's own writes over its informer, so that a reconciliation never plans on a
 * state older than what it did itself. Revisions are comparable, hence "newer" is certain.
 */
export class OwnWrites<T extends KubeObject> {
  readonly #informer: Informer<T>;
  readonly #clock: Clock;
  readonly #writes = new Map<ObjectKey, Write<T>>();

  constructor(informer: Informer<T>, clock: Clock) {
    this.#informer = informer;
    this.#clock = clock;
    const caughtUp = (object: T): void => {
      const key = keyOf(object);
      const write = this.#writes.get(key);
      if (write !== undefined && revisionOf(object) >= write.revision) this.#writes.delete(key);
    };
    informer.addHandler({ add: caughtUp, update: caughtUp, delete: caughtUp });
  }

  /** Remembers the answer to a create, update or patch. */
  wrote(object: T): void {
    const key = keyOf(object);
    const revision = revisionOf(object);
    const cached = this.#informer.lister.get(key);
    if (cached !== undefined && revisionOf(cached) >= revision) return;
    this.#writes.set(key, { object, revision, atMs: this.#clock.now() });
  }

  /** Remembers that `object` was deleted, or found to be gone. */
  removed(object: T): void {
    const key = keyOf(object);
    if (this.#informer.lister.get(key) === undefined) this.#writes.delete(key);
    else
      this.#writes.set(key, { object: undefined, revision: revisionOf(object) + 1, atMs: this.#clock.now() });
  }

  get(key: ObjectKey): T | undefined {
    const write = this.#live(key);
    return write === undefined ? this.#informer.lister.get(key) : write.object;
  }

  /** `cached` as it is after the own writes, with own creations that `belongs` admits. */
  over(cached: readonly T[], belongs: (object: T) => boolean): T[] {
    if (this.#writes.size === 0) return [...cached];
    const shown = new Set<ObjectKey>();
    const result: T[] = [];
    for (const object of cached) {
      const key = keyOf(object);
      shown.add(key);
      const write = this.#live(key);
      const current = write === undefined ? object : write.object;
      if (current !== undefined) result.push(current);
    }
    for (const key of this.#writes.keys()) {
      const object = shown.has(key) ? undefined : this.#live(key)?.object;
      if (object !== undefined && belongs(object)) result.push(object);
    }
    return result;
  }

  #live(key: ObjectKey): Write<T> | undefined {
    const write = this.#writes.get(key);
    if (write === undefined || write.atMs + WRITE_LIFE_MS > this.#clock.now()) return write;
    this.#writes.delete(key);
    return undefined;
  }
}
