/**
 * The store in memory, with the same contract as on Redis: for unit tests and simulation,
 * never for a user. The conformance suite and a differential test keep the two alike.
 */

import type { ObjectKey } from '@orrery/api/meta.ts';
import {
  CompactedError,
  type EventPage,
  type Expired,
  type Fence,
  type Heads,
  type ListRequest,
  type Page,
  type ResourceName,
  type Store,
  type Stored,
  type StoreEvent,
  type StoreEventType,
  StoreUnavailableError,
  type ValueWithGap,
  type WriteOptions,
  type WriteResult,
} from './store.ts';

export interface MemoryStoreOptions {
  /** How many events the log keeps. */
  logLimit?: number;
}

/** What a test can do to the store besides using it. */
export interface MemoryStore extends Store {
  /** While false every call rejects with StoreUnavailableError. */
  available: boolean;
  /** Forgets everything, as an emptied Redis does, and moves past every revision given out. */
  rollBack(): void;
}

export function createMemoryStore({ logLimit = 20_000 }: MemoryStoreOptions = {}): MemoryStore {
  return new InMemoryStore(logLimit);
}

interface Logged {
  event: StoreEvent;
  /** The object before the event, with its revision. */
  before: Stored | undefined;
}

const ROLLBACK_GAP = 1_000_000;

class InMemoryStore implements MemoryStore {
  available = true;
  #revision = 0;
  /** Revisions below are from before a rollback. */
  #floor = 0;
  readonly #logLimit: number;
  readonly #objects = new Map<ResourceName, Map<ObjectKey, Stored>>();
  readonly #heads = new Map<ResourceName, number>();
  readonly #fences = new Map<ObjectKey, Fence>();
  readonly #expiry = new Map<string, { resource: ResourceName; key: ObjectKey; atMs: number }>();
  #log: Logged[] = [];
  readonly #rollbackListeners: (() => void)[] = [];

  constructor(logLimit: number) {
    this.#logLimit = logLimit;
  }

  onRollback(listener: () => void): void {
    this.#rollbackListeners.push(listener);
  }

  rollBack(): void {
    for (const map of [this.#objects, this.#heads, this.#fences, this.#expiry]) map.clear();
    this.#log = [];
    this.#revision += ROLLBACK_GAP;
    this.#floor = this.#revision;
    for (const listener of this.#rollbackListeners) listener();
  }

  async get(resource: ResourceName, key: ObjectKey): Promise<Stored | undefined> {
    this.#check();
    return this.#objects.get(resource)?.get(key);
  }

  async list({ resource, namespace, after, limit, maxBytes, atRevision }: ListRequest): Promise<Page> {
    this.#check();
    const state = this.#stateAt(resource, atRevision ?? this.#revision);
    const prefix = namespace === undefined ? '' : `${namespace}/`;
    const matching = [...state.values()]
      .filter(({ key }) => key.startsWith(prefix) && (after === undefined || key > after))
      .toSorted((a, b) => (a.key < b.key ? -1 : 1));
    const items = firstBytes(matching.slice(0, limit), maxBytes);
    const remaining = matching.length - items.length;
    return {
      items,
      revision: atRevision ?? this.#revision,
      remaining,
      next: remaining > 0 ? items.at(-1)?.key : undefined,
    };
  }

  async create(
    resource: ResourceName,
    key: ObjectKey,
    value: ValueWithGap,
    options?: WriteOptions,
  ): Promise<WriteResult> {
    return this.#write('ADDED', resource, key, undefined, value, options);
  }

  async update(
    resource: ResourceName,
    key: ObjectKey,
    expectedRevision: number,
    value: ValueWithGap,
    options?: WriteOptions,
  ): Promise<WriteResult> {
    return this.#write('MODIFIED', resource, key, expectedRevision, value, options);
  }

  async delete(
    resource: ResourceName,
    key: ObjectKey,
    expectedRevision: number,
    value: ValueWithGap,
    options?: WriteOptions,
  ): Promise<WriteResult> {
    return this.#write('DELETED', resource, key, expectedRevision, value, options);
  }

  async eventsAfter(resource: ResourceName, revision: number, limit: number): Promise<EventPage> {
    this.#check();
    const found = this.#loggedAfter(resource, revision).map(({ event }) => event);
    const events = found.slice(0, limit);
    const more = found.length > events.length;
    return {
      events,
      head: this.#heads.get(resource) ?? 0,
      revision: more ? (events.at(-1)?.revision ?? revision) : this.#revision,
      more,
    };
  }

  async currentRevision(): Promise<number> {
    this.#check();
    return this.#revision;
  }

  async heads(): Promise<Heads> {
    this.#check();
    return { revision: this.#revision, resources: new Map(this.#heads) };
  }

  async expired(nowMs: number, limit: number): Promise<Expired[]> {
    this.#check();
    return [...this.#expiry.entries()]
      .filter(([, { atMs }]) => atMs <= nowMs)
      .toSorted(([idA, a], [idB, b]) => a.atMs - b.atMs || (idA < idB ? -1 : 1))
      .slice(0, limit)
      .flatMap(([, { resource, key }]) => {
        const stored = this.#objects.get(resource)?.get(key);
        return stored === undefined ? [] : [{ resource, ...stored }];
      });
  }

  async close(): Promise<void> {
    this.available = false;
  }

  #check(): void {
    if (!this.available) throw new StoreUnavailableError('the store is away');
  }

  #fenced(fence: Fence | undefined): boolean {
    if (fence === undefined) return false;
    const valid = this.#fences.get(fence.lease);
    return valid?.uid !== fence.uid || valid.epoch !== fence.epoch;
  }

  #write(
    type: StoreEventType,
    resource: ResourceName,
    key: ObjectKey,
    expectedRevision: number | undefined,
    { head, tail }: ValueWithGap,
    { fence, setFence, expiresAtMs }: WriteOptions = {},
  ): WriteResult {
    this.#check();
    if (this.#fenced(fence)) return { outcome: 'fenced' };
    const objects = this.#objects.get(resource) ?? new Map<ObjectKey, Stored>();
    const current = objects.get(key);
    if (current?.revision !== expectedRevision) return { outcome: 'conflict', current };

    const revision = (this.#revision += 1);
    const stored: Stored = { key, revision, value: `${head}${revision}${tail}` };
    this.#objects.set(resource, objects);
    if (type === 'DELETED') objects.delete(key);
    else objects.set(key, stored);

    const id = `${resource} ${key}`;
    if (expiresAtMs === undefined || type === 'DELETED') this.#expiry.delete(id);
    else this.#expiry.set(id, { resource, key, atMs: expiresAtMs });
    if (setFence !== undefined) this.#fences.set(setFence.lease, setFence);

    const previous = this.#heads.get(resource) ?? 0;
    this.#heads.set(resource, revision);
    const event: StoreEvent = {
      resource,
      revision,
      previous,
      type,
      key,
      value: stored.value,
      before: current?.value,
    };
    this.#log.push({ event, before: current });
    if (this.#log.length > this.#logLimit) this.#log.shift();
    return { outcome: 'written', event };
  }

  #loggedAfter(resource: ResourceName, revision: number): Logged[] {
    const changedSince = revision < (this.#heads.get(resource) ?? 0);
    if (revision >= this.#floor && !changedSince) return [];
    const first = this.#log[0]?.event.revision;
    const oldest = Math.max(this.#floor, first === undefined ? this.#revision : first - 1);
    if (revision < oldest) throw new CompactedError(oldest);
    return this.#log.filter(({ event }) => event.resource === resource && event.revision > revision);
  }

  #stateAt(resource: ResourceName, revision: number): Map<ObjectKey, Stored> {
    const state = new Map(this.#objects.get(resource));
    if (revision >= this.#revision) return state;
    for (const { event, before } of this.#loggedAfter(resource, revision).toReversed()) {
      if (before === undefined) state.delete(event.key);
      else state.set(event.key, before);
    }
    return state;
  }
}

/** The first objects, up to the one that brings their values to so many bytes. */
function firstBytes(items: Stored[], maxBytes = Number.POSITIVE_INFINITY): Stored[] {
  let bytes = 0;
  const last = items.findIndex(({ value }) => (bytes += Buffer.byteLength(value)) >= maxBytes);
  return last < 0 ? items : items.slice(0, last + 1);
}
