/**
 * The store on Redis. Every write is one script: check, take the next revision, write, log,
 * all or nothing.
 *
 * | key            | type   | holds                                                            |
 * |----------------|--------|------------------------------------------------------------------|
 * | `o:<resource>` | hash   | key -> `<revision> <json>`                                       |
 * | `i:<resource>` | zset   | the keys, all with score 0, so that they are in byte order       |
 * | `rev`          | string | the newest revision                                              |
 * | `heads`        | hash   | resource -> its newest revision                                  |
 * | `log`          | stream | entry `<revision>-0`: r resource, p previous revision of the     |
 * |                |        | resource, t A, M or D, k key, o json, b `<revision> <json>` before |
 * | `logbytes`     | string | bytes of values in the newest part of the log                    |
 * | `logmarks`     | list   | revisions at which the parts of the log begin, oldest first      |
 * | `fences`       | hash   | key of a lease -> `<uid>/<epoch>`                                |
 * | `expiry`       | zset   | `<resource> <key>`, score is the time in epoch ms                |
 * | `epoch`        | string | random name of this history of the store                         |
 * | `floor`        | string | revision at which this history began; older ones cannot be resumed |
 */

import type { Redis } from 'ioredis';
import type { ObjectKey } from '@orrery/api/meta.ts';
import { type Clock, systemClock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import { newUid } from '@orrery/kit/random.ts';
import { type HighWaterMark, openHighWaterMark } from './high-water.ts';
import { type Change, listPast, type PresentPage } from './past.ts';
import { RedisConnection } from './redis-connection.ts';
import { type Script, SCRIPTS } from './scripts.ts';
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

/** How many events the log keeps unless told otherwise. */
const DEFAULT_LOG_LIMIT = 20_000;
/** How many bytes of values: 20,000 of the largest objects would be 40 GB. */
const DEFAULT_LOG_BYTES = 256 * 1024 * 1024;
/** Distance by which a store that lost something is moved past what was given out. */
const ROLLBACK_GAP = 1_000_000;
/** Entries of the log that one call looks at: some 5 ms of Redis' time. */
const LOG_SCAN_LIMIT = 1_000;
/** Bytes of values in one page of events. */
const EVENT_PAGE_BYTES = 4 * 1024 * 1024;
/** How many events are read at a time to take changes back. */
const CHANGES_PAGE = 500;

const EVENT_TYPES: Readonly<Record<string, StoreEventType>> = { A: 'ADDED', M: 'MODIFIED', D: 'DELETED' };

export interface RedisStoreOptions {
  /** redis://host:port */
  url: string;
  /** Where the epoch and highest revision are kept outside Redis. */
  highWaterFile: string;
  logger: Logger;
  /** Real time, whatever the cluster's clock does; the system's unless given. */
  clock?: Clock;
  /** How many events the log keeps, more or less. */
  logLimit?: number;
  /** How many bytes of values the log keeps, more or less. */
  logBytes?: number;
}

/**
 * Opens the store. Resolves before Redis is reached: calls wait for it up to 2 s, then reject
 * with StoreUnavailableError. The connection comes back by itself, for ever.
 */
export async function createRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { highWaterFile, logger, clock = systemClock } = options;
  const mark = await openHighWaterMark({ path: highWaterFile, clock, logger });
  return new RedisStore(options, mark, clock);
}

class RedisStore implements Store {
  readonly #connection: RedisConnection;
  readonly #mark: HighWaterMark;
  readonly #logger: Logger;
  /** Entries and bytes. */
  readonly #logLimits: readonly [string, string];
  readonly #rollbackListeners: (() => void)[] = [];

  constructor(
    { url, logger, logLimit = DEFAULT_LOG_LIMIT, logBytes = DEFAULT_LOG_BYTES }: RedisStoreOptions,
    mark: HighWaterMark,
    clock: Clock,
  ) {
    this.#mark = mark;
    this.#logger = logger;
    this.#logLimits = [String(logLimit), String(logBytes)];
    this.#connection = new RedisConnection({ url, clock, logger, check: (redis) => this.#recover(redis) });
  }

  get available(): boolean {
    return this.#connection.available;
  }

  onRollback(listener: () => void): void {
    this.#rollbackListeners.push(listener);
  }

  async get(resource: ResourceName, key: ObjectKey): Promise<Stored | undefined> {
    const text = await this.#connection.call((redis) => redis.hget(`o:${resource}`, key), { readOnly: true });
    if (text === null) return undefined;
    const stored = parseStored(key, text);
    this.#mark.observe(stored.revision);
    return stored;
  }

  async list(request: ListRequest): Promise<Page> {
    const { atRevision, after, namespace, limit, maxBytes } = request;
    if (atRevision === undefined) {
      const page = await this.#present(request, after);
      const next = page.remaining > 0 ? page.items.at(-1)?.key : undefined;
      return { items: page.items, revision: page.revision, remaining: page.remaining, next };
    }
    return listPast({
      atRevision,
      namespace,
      after,
      limit,
      maxBytes,
      present: (from) => this.#present(request, from),
      changes: (from, upTo) => this.#changes(request.resource, from, upTo),
    });
  }

  create(
    resource: ResourceName,
    key: ObjectKey,
    value: ValueWithGap,
    options?: WriteOptions,
  ): Promise<WriteResult> {
    return this.#write(SCRIPTS.create, 'ADDED', resource, key, value, options, undefined);
  }

  update(
    resource: ResourceName,
    key: ObjectKey,
    expectedRevision: number,
    value: ValueWithGap,
    options?: WriteOptions,
  ): Promise<WriteResult> {
    return this.#write(SCRIPTS.update, 'MODIFIED', resource, key, value, options, expectedRevision);
  }

  delete(
    resource: ResourceName,
    key: ObjectKey,
    expectedRevision: number,
    value: ValueWithGap,
    options?: WriteOptions,
  ): Promise<WriteResult> {
    return this.#write(SCRIPTS.delete, 'DELETED', resource, key, value, options, expectedRevision);
  }

  async eventsAfter(resource: ResourceName, revision: number, limit: number): Promise<EventPage> {
    const { page } = await this.#log(resource, revision, limit);
    return page;
  }

  async currentRevision(): Promise<number> {
    return (await this.heads()).revision;
  }

  async heads(): Promise<Heads> {
    const reply = await this.#read(SCRIPTS.heads, [], []);
    const resources = new Map<ResourceName, number>();
    for (let i = 2; i < reply.length; i += 2) resources.set(text(reply[i]), Number(reply[i + 1]));
    const revision = Number(reply[1]);
    this.#mark.observe(revision);
    return { revision, resources };
  }

  async expired(nowMs: number, limit: number): Promise<Expired[]> {
    const reply = await this.#read(SCRIPTS.expired, [], [String(nowMs), String(limit)]);
    const objects: Expired[] = [];
    for (let i = 1; i < reply.length; i += 3) {
      objects.push({ resource: text(reply[i]), ...parseStored(text(reply[i + 1]), text(reply[i + 2])) });
    }
    return objects;
  }

  async close(): Promise<void> {
    this.#connection.close();
    await this.#mark.close();
  }

  async #write(
    script: Script,
    type: StoreEventType,
    resource: ResourceName,
    key: ObjectKey,
    { head, tail }: ValueWithGap,
    { fence, setFence, expiresAtMs }: WriteOptions = {},
    expectedRevision: number | undefined,
  ): Promise<WriteResult> {
    const args = [
      resource,
      key,
      head,
      tail,
      fence?.lease ?? '',
      fenceText(fence),
      setFence?.lease ?? '',
      fenceText(setFence),
      String(expiresAtMs ?? ''),
      ...this.#logLimits,
    ];
    if (expectedRevision !== undefined) args.push(String(expectedRevision));
    const reply = await this.#run(script, keysOf(resource), args, false);
    if (reply[0] === -1) return { outcome: 'fenced' };
    if (reply[0] === 0) return { outcome: 'conflict', current: optionalStored(key, reply[1]) };
    const revision = Number(reply[1]);
    this.#mark.observe(revision);
    const event: StoreEvent = {
      resource,
      revision,
      previous: Number(reply[2]),
      type,
      key,
      value: `${head}${revision}${tail}`,
      before: optionalStored(key, reply[3])?.value,
    };
    return { outcome: 'written', event };
  }

  async #present(
    { resource, namespace, limit, maxBytes }: ListRequest,
    after: ObjectKey | undefined,
  ): Promise<PresentPage> {
    const { lower, upper } = rangeOf(namespace, after);
    const args = [lower, upper, String(limit ?? -1), String(maxBytes ?? -1)];
    const reply = await this.#read(SCRIPTS.list, keysOf(resource), args);
    const items: Stored[] = [];
    for (let i = 3; i < reply.length; i += 2) items.push(parseStored(text(reply[i]), text(reply[i + 1])));
    const revision = Number(reply[1]);
    this.#mark.observe(revision);
    return { items, revision, remaining: Number(reply[2]) };
  }

  async #changes(resource: ResourceName, after: number, upTo: number): Promise<Change[]> {
    const changes: Change[] = [];
    for (let from = after; ;) {
      const { page, before } = await this.#log(resource, from, CHANGES_PAGE);
      for (const [i, { revision, type, key }] of page.events.entries()) {
        if (revision > upTo) return changes;
        changes.push({ revision, type, key, before: before[i] });
      }
      if (!page.more) return changes;
      from = page.revision;
    }
  }

  /** Events, and beside each the object before it. */
  async #log(
    resource: ResourceName,
    after: number,
    limit: number,
  ): Promise<{ page: EventPage; before: (Stored | undefined)[] }> {
    const events: StoreEvent[] = [];
    const before: (Stored | undefined)[] = [];
    for (let from = after; ;) {
      const args = [resource, String(from), String(limit), String(LOG_SCAN_LIMIT), String(EVENT_PAGE_BYTES)];
      const reply = await this.#read(SCRIPTS.eventsAfter, [], args);
      if (reply[0] === 0) throw new CompactedError(Number(reply[1]));
      for (let i = 4; i < reply.length; i += 6) {
        const event = parseEvent(resource, reply, i);
        const stored = optionalStored(event.key, reply[i + 5]);
        event.before = stored?.value;
        events.push(event);
        before.push(stored);
      }
      const [revision, more] = [Number(reply[2]), reply[3] === 1];
      // A stretch of the log without any event of this resource says nothing: look further.
      if (events.length > 0 || !more)
        return { page: { events, head: Number(reply[1]), revision, more }, before };
      from = revision;
    }
  }

  #read(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown[]> {
    return this.#run(script, keys, args, true);
  }

  /** Runs a script of which the first argument is the epoch. When it refuses for that, nothing was done. */
  async #run(
    script: Script,
    keys: readonly string[],
    args: readonly string[],
    readOnly: boolean,
  ): Promise<unknown[]> {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      let epoch = '';
      const reply = (await this.#connection.call(
        (redis) => {
          epoch = this.#mark.epoch;
          return redis.evalsha(script.sha, keys.length, ...keys, epoch, ...args);
        },
        { readOnly },
      )) as unknown[];
      if (reply[0] !== -2) return reply;
      if (epoch === this.#mark.epoch) this.#connection.recheck();
    }
    throw new StoreUnavailableError('the store keeps changing its epoch');
  }

  /** See recover.lua. */
  async #recover(redis: Redis): Promise<void> {
    const { epoch: known, highest, verified } = this.#mark;
    const args = [known, String(highest), String(verified), newUid(), String(ROLLBACK_GAP)];
    const reply = (await redis.evalsha(SCRIPTS.recover.sha, 0, ...args)) as string[];
    const [what, epoch, revision] = [reply[0], text(reply[1]), Number(reply[2])];
    await this.#mark.adopt(epoch, revision);
    if (what !== 'moved' && what !== 'joined') return;
    this.#logger.error(
      { what, epoch, revision, highest },
      'the store came back older than it was: all watches start again',
    );
    for (const listener of this.#rollbackListeners) listener();
  }
}

function keysOf(resource: ResourceName): [objects: string, index: string] {
  return [`o:${resource}`, `i:${resource}`];
}

/** The keys after `after` in a namespace, as ZRANGEBYLEX takes them: `0` follows `/` in ASCII. */
function rangeOf(
  namespace: string | undefined,
  after: ObjectKey | undefined,
): { lower: string; upper: string } {
  if (namespace === undefined) return { lower: after === undefined ? '-' : `(${after}`, upper: '+' };
  const first = `${namespace}/`;
  return { lower: after === undefined || after < first ? `[${first}` : `(${after}`, upper: `(${namespace}0` };
}

/** What `fences` holds of a lease. */
function fenceText(fence: Fence | undefined): string {
  return fence === undefined ? '' : `${fence.uid}/${fence.epoch}`;
}

/** `<revision> <json>` */
function parseStored(key: ObjectKey, stored: string): Stored {
  const space = stored.indexOf(' ');
  return { key, revision: Number(stored.slice(0, space)), value: stored.slice(space + 1) };
}

function optionalStored(key: ObjectKey, stored: unknown): Stored | undefined {
  return typeof stored === 'string' && stored !== '' ? parseStored(key, stored) : undefined;
}

function parseEvent(resource: ResourceName, reply: readonly unknown[], at: number): StoreEvent {
  const letter = text(reply[at + 2]);
  const type = EVENT_TYPES[letter];
  if (type === undefined) throw new Error(`the log holds an event of unknown type ${letter}`);
  return {
    resource,
    revision: Number(reply[at]),
    previous: Number(reply[at + 1]),
    type,
    key: text(reply[at + 3]),
    value: text(reply[at + 4]),
    before: undefined,
  };
}

function text(reply: unknown): string {
  if (typeof reply !== 'string')
    throw new Error(`the store answered ${typeof reply} where text was expected`);
  return reply;
}
