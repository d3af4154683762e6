/** The local copy of one resource, with its indexes. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import type { ObjectKey } from '@orrery/api/meta.ts';
import type { IndexFunction, Lister } from './informer.ts';

/** Keys by value: small, since most objects change without changing their place. */
class Index<T extends KubeObject> {
  readonly #values: IndexFunction<T>;
  readonly #keys = new Map<string, Set<ObjectKey>>();

  constructor(values: IndexFunction<T>) {
    this.#values = values;
  }

  keys(value: string): Iterable<ObjectKey> {
    return this.#keys.get(value) ?? [];
  }

  replace(key: ObjectKey, before: T | undefined, after: T | undefined): void {
    const old = before === undefined ? [] : this.#values(before);
    const now = after === undefined ? [] : this.#values(after);
    for (const value of old) if (!now.includes(value)) this.#remove(value, key);
    for (const value of now) if (!old.includes(value)) this.#add(value, key);
  }

  #add(value: string, key: ObjectKey): void {
    const keys = this.#keys.get(value);
    if (keys === undefined) this.#keys.set(value, new Set([key]));
    else keys.add(key);
  }

  #remove(value: string, key: ObjectKey): void {
    const keys = this.#keys.get(value);
    keys?.delete(key);
    if (keys?.size === 0) this.#keys.delete(value);
  }
}

export class IndexedCache<T extends KubeObject> implements Lister<T> {
  readonly #objects = new Map<ObjectKey, T>();
  readonly #indexes = new Map<string, Index<T>>();
  readonly #byNamespace = new Index<T>(({ metadata }) => [metadata.namespace ?? '']);

  /** @throws Error when the name is taken. */
  addIndex(name: string, values: IndexFunction<T>): void {
    if (this.#indexes.has(name))
      throw new Error(`index ${name}: the name is taken; use the one that is there`);
    const index = new Index(values);
    for (const [key, object] of this.#objects) index.replace(key, undefined, object);
    this.#indexes.set(name, index);
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(key);
  }

  keys(): ObjectKey[] {
    return [...this.#objects.keys()];
  }

  list(namespace?: string): T[] {
    return namespace === undefined
      ? [...this.#objects.values()]
      : this.#pick(this.#byNamespace.keys(namespace));
  }

  byIndex(index: string, value: string): T[] {
    const found = this.#indexes.get(index);
    if (found === undefined) throw new Error(`index ${index}: unknown; add it before the informers start`);
    return this.#pick(found.keys(value));
  }

  /** Puts or (undefined) removes an object; returns what was there. */
  replace(key: ObjectKey, object: T | undefined): T | undefined {
    const before = this.#objects.get(key);
    if (object === undefined) this.#objects.delete(key);
    else this.#objects.set(key, object);
    this.#byNamespace.replace(key, before, object);
    for (const index of this.#indexes.values()) index.replace(key, before, object);
    return before;
  }

  #pick(keys: Iterable<ObjectKey>): T[] {
    const objects: T[] = [];
    for (const key of keys) objects.push(this.#objects.get(key)!);
    return objects;
  }
}
