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
  /** All objects of a resource of which there are few. */
  list(resource: string): Promise<KubeObject[]>;
}

interface Entry {
  object: KubeObject;
  untilMs: number;
}

/** Keeps what it finds for a moment. What is absent is asked for every time, since somebody may be making it. */
export class CachedReader implements AdmissionReader {
  readonly #reader: AdmissionReader;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(reader: AdmissionReader, clock: Clock) {
    this.#reader = reader;
    this.#clock = clock;
  }

  async get(resource: string, namespace: string, name: string): Promise<KubeObject | undefined> {
    const key = entryKey(resource, namespace, name);
    const entry = this.#entries.get(key);
    const nowMs = this.#clock.now();
    if (entry !== undefined && nowMs < entry.untilMs) return entry.object;
    const object = await this.#reader.get(resource, namespace, name);
    if (object === undefined) this.#entries.delete(key);
    else {
      if (this.#entries.size >= MAX_ENTRIES) this.#entries.clear();
      this.#entries.set(key, { object, untilMs: nowMs + CACHE_MS });
    }
    return object;
  }

  /** Always asks: lists are rarely wanted. */
  list(resource: string): Promise<KubeObject[]> {
    return this.#reader.list(resource);
  }

  /** Asks again next time: the object has changed. */
  forget(resource: string, namespace: string, name: string): void {
    this.#entries.delete(entryKey(resource, namespace, name));
  }
}

function entryKey(resource: string, namespace: string, name: string): string {
  return `${resource}/${objectKey(namespace, name)}`;
}
