/** An informer whose events a test can hold back. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { keyOf, type ObjectKey } from '@orrery/api/meta.ts';
import type { ResourceRef } from '@orrery/api/resources.ts';
import type { EventHandler, IndexFunction, Informer, Lister } from '@orrery/client/informer.ts';

type Change<T> = { object: T; type: 'put' | 'delete' };

export class FakeInformer<T extends KubeObject> implements Informer<T> {
  readonly resource: ResourceRef<T>;
  readonly synced = true;
  /** While true, changes wait for `release`. */
  held = false;
  readonly #objects = new Map<ObjectKey, T>();
  readonly #handlers = new Set<EventHandler<T>>();
  #waiting: Change<T>[] = [];

  constructor(resource: ResourceRef<T>) {
    this.resource = resource;
  }

  readonly lister: Lister<T> = ((objects: Map<ObjectKey, T>) => ({
    get: (key: ObjectKey) => objects.get(key),
    list: (namespace?: string) =>
      [...objects.values()].filter(
        ({ metadata }) => namespace === undefined || metadata.namespace === namespace,
      ),
    byIndex: () => [],
    get size() {
      return objects.size;
    },
  }))(this.#objects);

  addHandler(handler: EventHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#objects.values()) handler.add?.(object);
    return () => void this.#handlers.delete(handler);
  }

  addIndex(_name: string, _values: IndexFunction<T>): void {
    throw new Error('not needed by the tests');
  }

  /** The store changed. */
  offer(change: Change<T>): void {
    this.#waiting.push(change);
    if (!this.held) this.release();
  }

  /** Shows the oldest changes that wait; all by default. */
  release(count = Infinity): void {
    const shown = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(shown.length);
    for (const change of shown) this.#show(change);
  }

  #show({ type, object }: Change<T>): void {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    if (type === 'delete') this.#objects.delete(key);
    else this.#objects.set(key, object);
    for (const handler of this.#handlers) {
      if (type === 'delete') handler.delete?.(object);
      else if (before === undefined) handler.add?.(object);
      else handler.update?.(object, before);
    }
  }
}
