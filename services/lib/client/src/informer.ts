/** Local, indexed, frozen copies of resources, kept current by events. The implementation is in reflector.ts. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import type { ObjectKey } from '@orrery/api/meta.ts';
import type { ResourceRef } from '@orrery/api/resources.ts';

/** Reads from the copy. Objects are deeply frozen: clone before changing. */
export interface Lister<T extends KubeObject> {
  get(key: ObjectKey): T | undefined;
  /** All objects, or those of one namespace. */
  list(namespace?: string): T[];
  /** Objects that the named index holds under `value`, in no particular order. */
  byIndex(index: string, value: string): T[];
  readonly size: number;
}

/** Told of every change, in order, after the copy shows it. Must not throw and must be quick. */
export interface EventHandler<T extends KubeObject> {
  add?(object: T): void;
  update?(object: T, before: T): void;
  delete?(object: T): void;
}

/** Values under which an index holds an object. */
export type IndexFunction<T extends KubeObject> = (object: T) => readonly string[];

export interface Informer<T extends KubeObject> {
  readonly resource: ResourceRef<T>;
  readonly lister: Lister<T>;
  /** The handler is told of what is there already as additions. Returns how to remove it. */
  addHandler(handler: EventHandler<T>): () => void;
  /** Names must be new; add indexes before `start`. */
  addIndex(name: string, values: IndexFunction<T>): void;
  readonly synced: boolean;
}

/** The informers of a process, one per resource, however many controllers use it. */
export interface Informers {
  of<T extends KubeObject>(resource: ResourceRef<T>): Informer<T>;
  /** Starts those asked for so far; resolves when all have synced. Retries for ever; ends early when stopped. */
  start(): Promise<void>;
  readonly synced: boolean;
  stop(): Promise<void>;
}
