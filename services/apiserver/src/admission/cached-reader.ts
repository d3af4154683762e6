/** Looks up what admission decides by, without asking the store on every write. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { objectKey } from '@orrery/api/meta.ts';
import type { Clock } from '@orrery/kit/clock.ts';

/** How old an answer may be. A namespace under deletion is noticed at the latest after this. */
export const CACHE_MS = 300;

/** More names than a cluster has namespaces; beyond this everything is forgotten and asked again. */
const MAX_ENTRIES = 4096;

/** Reads an object; undefined when there is none. `resource` is a name like `namespaces`. */
export interface AdmissionReader {
  get(resource: string, namespace: string, name: string): Promise<KubeObject | undefined>;
  /** All objects of a resource of which there are few, or those of one namespace. */
  list(resource: string, namespace?: string): Promise<KubeObject[]>;
}

interface Entry<T> {
  value: T;
  untilMs: number;
}

/**
 * Keeps what it finds for a moment. An object that is absent is asked for every time, since
 * somebody may be making it. Callers must not change what they get.
 */
export class CachedReader implements AdmissionReader {
  readonly #reader: AdmissionReader;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry<KubeObject>>();
  /** By resource, then namespace. */
  readonly #lists = new Map<string, Map<string, Entry<Promise<KubeObject[]>>>>();

  constructor(reader: AdmissionReader, clock: Clock) {
    this.#reader = reader;
    this.#clock = clock;
  }

  async get(resource: string, namespace: string, name: string): Promise<KubeObject | undefined> {
    const key = entryKey(resource, namespace, name);
    const entry = this.#entries.get(key);
    const nowMs = this.#clock.now();
    if (entry !== undefined && nowMs < entry.untilMs) return entry.value;
    const value = await this.#reader.get(resource, namespace, name);
    if (value === undefined) this.#entries.delete(key);
    else {
      if (this.#entries.size >= MAX_ENTRIES) this.#entries.clear();
      this.#entries.set(key, { value, untilMs: nowMs + CACHE_MS });
    }
    return value;
  }

  /** Whoever asks while an answer is under way gets that one. */
  list(resource: string, namespace = ''): Promise<KubeObject[]> {
    const entry = this.#lists.get(resource)?.get(namespace);
    const nowMs = this.#clock.now();
    if (entry !== undefined && nowMs < entry.untilMs) return entry.value;
    const lists = this.#listsOf(resource);
    if (lists.size >= MAX_ENTRIES) lists.clear();
    const value = this.#reader.list(resource, namespace);
    const asked: Entry<Promise<KubeObject[]>> = { value, untilMs: nowMs + CACHE_MS };
    lists.set(namespace, asked);
    value.catch(() => {
      if (lists.get(namespace) === asked) lists.delete(namespace);
    });
    return value;
  }

  /** Asks again next time: the object has changed. */
  forget(resource: string, namespace: string, name: string): void {
    this.#entries.delete(entryKey(resource, namespace, name));
    this.#lists.delete(resource);
  }

  #listsOf(resource: string): Map<string, Entry<Promise<KubeObject[]>>> {
    let lists = this.#lists.get(resource);
    if (lists === undefined) this.#lists.set(resource, (lists = new Map()));
    return lists;
  }
}

function entryKey(resource: string, namespace: string, name: string): string {
  return `${resource}/${objectKey(namespace, name)}`;
}
