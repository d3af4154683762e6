/**
 * The store: the only truth, and the only module that knows where it is kept.
 * redis.ts is the real one; memory.ts is its twin for unit tests. Both pass conformance.ts.
 *
 * Values are JSON bytes of an object without `kind` and `apiVersion`. The store itself puts
 * the revision into the value: writers leave a gap for it (see ValueWithGap).
 */

import type { ObjectKey } from '@orrery/api/meta.ts';

/** Names a resource in the store: `pods`, `deployments.apps`. */
export type ResourceName = string;

/** A value in two parts, between which the store writes the decimal revision of the write. */
export interface ValueWithGap {
  head: string;
  tail: string;
}

/** A value as stored. */
export interface Stored {
  key: ObjectKey;
  /** Revision of the last change of this object: its resourceVersion. */
  revision: number;
  /** JSON with `metadata.resourceVersion` filled in. */
  value: string;
}

export type StoreEventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** One change. */
export interface StoreEvent {
  resource: ResourceName;
  revision: number;
  /** Revision of the change of this resource before this one; 0 for the first. */
  previous: number;
  type: StoreEventType;
  key: ObjectKey;
  /** The object after the change; for DELETED its last state with the revision of the deletion. */
  value: string;
  /** The object before the change; undefined when ADDED. */
  before: string | undefined;
}

/** Proof of leadership: the write fails with `fenced` unless the lease has this epoch. */
export interface Fence {
  lease: ObjectKey;
  /** Of the Lease object: one that is deleted and made again counts its epochs anew. */
  uid: string;
  epoch: number;
}

/** What comes with a write besides its value. */
export interface WriteOptions {
  fence?: Fence;
  /** Sets the epoch that fences on this lease are checked against (written with the Lease object itself). */
  setFence?: Fence;
  /**
   * The object is deleted by itself at this time (epoch ms of the cluster's clock). Holds until
   * the next write: one without it lets the object live for ever.
   */
  expiresAtMs?: number;
}

/** The outcome of a write. `conflict` carries what is there now (undefined: nothing). */
export type WriteResult =
  | { outcome: 'written'; event: StoreEvent }
  | { outcome: 'conflict'; current: Stored | undefined }
  | { outcome: 'fenced' };

export interface Page {
  items: Stored[];
  /** The revision at which this page is exact. */
  revision: number;
  /** The key after which the next page starts; undefined when this was the last. */
  next: ObjectKey | undefined;
  /** How many follow after this page. */
  remaining: number;
}

export interface ListRequest {
  resource: ResourceName;
  /** Only keys of this namespace. */
  namespace?: string;
  /** Start after this key (exclusive). */
  after?: ObjectKey;
  /** At most so many; all when absent. */
  limit?: number;
  /** The page ends with the object that brings its values to so many bytes; never when absent. */
  maxBytes?: number;
  /**
   * Show the state at this past revision, so that the pages of one list agree.
   * Rejects with CompactedError when the event log no longer reaches back to it.
   */
  atRevision?: number;
}

export interface EventPage {
  events: StoreEvent[];
  /** The newest revision of this resource. */
  head: number;
  /**
   * Up to this revision nothing is missing from the page and those before it. When nothing
   * follows this is the newest revision of the whole store.
   */
  revision: number;
  /** More events follow: go on from `revision`. */
  more: boolean;
}

/** Where everything stands at one moment. */
export interface Heads {
  /** The newest revision of the whole store. */
  revision: number;
  /** The newest revision of each resource that was ever written. */
  resources: ReadonlyMap<ResourceName, number>;
}

/** An object whose time has come. */
export interface Expired extends Stored {
  resource: ResourceName;
}

/** The event log no longer reaches back to the revision asked for. */
export class CompactedError extends Error {
  readonly oldestRevision: number;

  constructor(oldestRevision: number) {
    super(`compacted: the oldest revision to resume from is ${oldestRevision}`);
    this.name = 'CompactedError';
    this.oldestRevision = oldestRevision;
  }
}

/** The store cannot be reached, or is loading. A write may or may not have been carried out. */
export class StoreUnavailableError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'StoreUnavailableError';
  }
}

/**
 * All methods are linearizable: a read sees every write acknowledged before it began.
 * All reject with StoreUnavailableError when the store is away.
 */
export interface Store {
  get(resource: ResourceName, key: ObjectKey): Promise<Stored | undefined>;
  /** In key order. */
  list(request: ListRequest): Promise<Page>;
  /** `conflict` when the key exists. */
  create(
    resource: ResourceName,
    key: ObjectKey,
    value: ValueWithGap,
    options?: WriteOptions,
  ): Promise<WriteResult>;
  /** `conflict` unless the object has exactly `expectedRevision`. */
  update(
    resource: ResourceName,
    key: ObjectKey,
    expectedRevision: number,
    value: ValueWithGap,
    options?: WriteOptions,
  ): Promise<WriteResult>;
  /** `value` is the last state, with a gap for the revision of the deletion. */
  delete(
    resource: ResourceName,
    key: ObjectKey,
    expectedRevision: number,
    value: ValueWithGap,
    options?: WriteOptions,
  ): Promise<WriteResult>;
  /**
   * Events of one resource after a revision, oldest first, at most `limit` (and some megabytes).
   * Rejects with CompactedError when the log does not reach back so far and the resource
   * has changed since, or when the revision is from before a rollback of the store.
   */
  eventsAfter(resource: ResourceName, revision: number, limit: number): Promise<EventPage>;
  /** The newest revision of the whole store. */
  currentRevision(): Promise<number>;
  /** Cheap enough to ask every second: how one notices events that nobody told of. */
  heads(): Promise<Heads>;
  /** Objects whose time has come, earliest first, at most `limit`. */
  expired(nowMs: number, limit: number): Promise<Expired[]>;
  /** True while the store answers. */
  readonly available: boolean;
  /**
   * Called when the store came back older than it was (restored, emptied) and has been moved
   * past every revision ever given out: all watches must end with 410 and start again.
   */
  onRollback(listener: () => void): void;
  close(): Promise<void>;
}
