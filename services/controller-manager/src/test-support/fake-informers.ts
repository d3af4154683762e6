/** Informers over a FakeCluster; a test decides when they see what happened. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { keyOf, type ObjectKey } from '@orrery/api/meta.ts';
import type { ResourceRef } from '@orrery/api/resources.ts';
import type { EventHandler, IndexFunction, Informer, Informers, Lister } from '@orrery/client/informer.ts';

/** One change; `after` is absent when the object is gone. */
export interface Change {
  resource: ResourceRef;
  before: KubeObject | undefined;
  after: KubeObject | undefined;
}

class FakeInformer implements Informer<KubeObject> {
  readonly resource: ResourceRef;
  readonly synced = true;
  readonly #objects = new Map<ObjectKey, KubeObject>();
  readonly #handlers = new Set<EventHandler<KubeObject>>();
  readonly #indexes = new Map<string, IndexFunction<KubeObject>>();

  constructor(resource: ResourceRef, objects: readonly KubeObject[]) {
    this.resource = resource;
    for (const each of objects) this.#objects.set(keyOf(each), each);
  }

  readonly lister: Lister<KubeObject> = {
    get: (key) => this.#objects.get(key),
    list: (namespace) =>
      [...this.#objects.values()].filter(
        (each) => namespace === undefined || each.metadata.namespace === namespace,
      ),
    byIndex: (index, value) => {
      const values = this.#indexes.get(index);
      if (values === undefined) throw new Error(`no index ${index} on ${this.resource.resource}`);
      return [...this.#objects.values()].filter((each) => values(each).includes(value));
    },
    size: 0,
  };

  addHandler(handler: EventHandler<KubeObject>): () => void {
    this.#handlers.add(handler);
    for (const each of this.#objects.values()) handler.add?.(each);
    return () => this.#handlers.delete(handler);
  }

  addIndex(name: string, values: IndexFunction<KubeObject>): void {
    if (this.#indexes.has(name)) throw new Error(`index ${name} exists`);
    this.#indexes.set(name, values);
  }

  apply({ before, after }: Change): void {
    if (after === undefined) {
      if (before === undefined || !this.#objects.delete(keyOf(before))) return;
      for (const handler of this.#handlers) handler.delete?.(before);
      return;
    }
    const known = this.#objects.get(keyOf(after));
    this.#objects.set(keyOf(after), after);
    for (const handler of this.#handlers) {
      if (known === undefined) handler.add?.(after);
      else handler.update?.(after, known);
    }
  }
}

export class FakeInformers implements Informers {
  readonly synced = true;
  readonly #informers = new Map<string, FakeInformer>();
  readonly #pending: Change[] = [];
  readonly #present: (resource: ResourceRef) => KubeObject[];
  /** While true, changes wait for `deliver`: the caches are stale. */
  held = false;

  constructor(present: (resource: ResourceRef) => KubeObject[]) {
    this.#present = present;
  }

  of<T extends KubeObject>(resource: ResourceRef<T>): Informer<T> {
    let informer = this.#informers.get(resource.resource);
    if (informer === undefined) {
      informer = new FakeInformer(resource, this.#present(resource));
      this.#informers.set(resource.resource, informer);
    }
    return informer as unknown as Informer<T>;
  }

  observe(change: Change): void {
    this.#pending.push(change);
    if (!this.held) this.deliver();
  }

  /** Shows the oldest `count` changes that wait. */
  deliver(count = Number.POSITIVE_INFINITY): void {
    for (const change of this.#pending.splice(0, count)) {
      this.#informers.get(change.resource.resource)?.apply(change);
    }
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {}
}
