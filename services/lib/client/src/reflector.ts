/**
 * Keeps a local copy of one resource equal to the store, whatever the network does
 * (the part of client-go's Reflector and DeltaFIFO, over an event log instead of watches).
 *
 * Events arrive on NATS. Each names its predecessor, so a missing one is seen at once and
 * refilled from the log; and since the last one may be missing too, the log is asked
 * whenever nothing came for a while. NATS only makes it quick.
 */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { keyOf } from '@orrery/api/meta.ts';
import type { ResourceRef } from '@orrery/api/resources.ts';
import { backoffDelay } from '@orrery/kit/backoff.ts';
import type { Clock, Timer } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import { type Event, Event_Type } from '@orrery/proto/orrery/apiserver.ts';
import { EventBatch } from '@orrery/proto/orrery/events.ts';
import type { Client } from './client.ts';
import { EventChain } from './event-chain.ts';
import { deepFreeze, parseFrozen } from './frozen.ts';
import { IndexedCache } from './indexed-cache.ts';
import type { EventHandler, IndexFunction, Informer, Lister } from './informer.ts';
import type { EventSource } from './nats.ts';
import type { EventLog } from './session.ts';
import { eventSubject } from './subjects.ts';

export interface ReflectorOptions<T extends KubeObject> {
  resource: ResourceRef<T>;
  client: Pick<Client, 'list'> & EventLog;
  events: EventSource;
  /** Real time. */
  clock: Clock;
  logger: Logger;
}

/** An event out of order is given so long to be followed by its predecessor before the log is asked. */
const GAP_PATIENCE_MS = 20;

/** The log is asked after so much silence, and more often while NATS is certainly away. */
const POLL_MS = 1_000;
const POLL_WITHOUT_NATS_MS = 250;

const REPLAY_LIMIT = 1_000;

/** Events that wait for the first list; more are dropped and refilled from the log. */
const BUFFER_LIMIT = 10_000;

const LIST_RETRY = { initialMs: 50, maxMs: 1_000 } as const;

export class Reflector<T extends KubeObject> implements Informer<T> {
  readonly resource: ResourceRef<T>;
  readonly #options: ReflectorOptions<T>;
  readonly #logger: Logger;
  readonly #cache = new IndexedCache<T>();
  readonly #handlers = new Set<EventHandler<T>>();
  readonly #chain: EventChain<Event>;
  readonly #stopping = new AbortController();
  /** Events that came before the list did. */
  #buffer: Event[] = [];
  #starting: Promise<void> | undefined;
  #listing = true;
  #synced = false;
  /** Counts lists, so that a page fetched before one is not taken after it. */
  #generation = 0;
  #refilling = false;
  #refillAgain = false;
  #lastEventAtMs = 0;
  #pollTimer: Timer | undefined;
  #gapTimer: Timer | undefined;
  #releases: (() => void)[] = [];
  /**
   * The newest revision of the resource that is known exactly; the next event must name it
   * as its predecessor. Unknown after a list, whose revision is that of the whole store.
   */
  #tail: number | undefined;

  constructor(options: ReflectorOptions<T>) {
    this.resource = options.resource;
    this.#options = options;
    this.#logger = options.logger.child({ resource: options.resource.resource });
    this.#chain = new EventChain<Event>({ position: 0, deliver: (events) => this.#deliver(events) });
  }

  get lister(): Lister<T> {
    return this.#cache;
  }

  get synced(): boolean {
    return this.#synced;
  }

  addIndex(name: string, values: IndexFunction<T>): void {
    this.#cache.addIndex(name, values);
  }

  addHandler(handler: EventHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#cache.list()) this.#tellOne(handler, undefined, object);
    return () => void this.#handlers.delete(handler);
  }

  /** Resolves when the copy is complete for the first time, or when stopped. */
  start(): Promise<void> {
    this.#starting ??= this.#begin();
    return this.#starting;
  }

  stop(): void {
    this.#stopping.abort();
    for (const release of this.#releases) release();
    this.#cancelTimers();
    this.#buffer = [];
  }

  #begin(): Promise<void> {
    const { events } = this.#options;
    // The subscription comes first: what happens during the list is in the buffer then.
    const subject = eventSubject(this.resource);
    this.#releases = [
      events.subscribe(subject, (data) => this.#receive(data)),
      // Whatever fell out between two connections is fetched at once.
      events.onStatus(() => this.#refillNow()),
    ];
    return this.#relist();
  }

  #receive(data: Uint8Array): void {
    let events: Event[];
    try {
      events = EventBatch.decode(data).events;
    } catch (error) {
      this.#logger.warn({ err: error }, 'unreadable event');
      this.#refillNow();
      return;
    }
    if (!this.#listing) this.#offer(events);
    else if (this.#buffer.length + events.length <= BUFFER_LIMIT) this.#buffer.push(...events);
  }

  #offer(events: readonly Event[]): void {
    this.#lastEventAtMs = this.#options.clock.now();
    this.#chain.offer(events);
    if (this.#listing || !this.#chain.hasGap || this.#gapTimer !== undefined) return;
    this.#gapTimer = this.#options.clock.setTimeout(() => {
      this.#gapTimer = undefined;
      if (this.#chain.hasGap) this.#refillNow();
    }, GAP_PATIENCE_MS);
  }

  #pollMs(): number {
    return this.#options.events.connected ? POLL_MS : POLL_WITHOUT_NATS_MS;
  }

  #pollIn(delayMs: number): void {
    if (this.#listing || this.#stopping.signal.aborted) return;
    this.#pollTimer?.cancel();
    this.#pollTimer = this.#options.clock.setTimeout(() => this.#poll(), delayMs);
  }

  /** Events that come prove that none before them is missing: only silence needs a look. */
  #poll(): void {
    const remainingMs = this.#lastEventAtMs + this.#pollMs() - this.#options.clock.now();
    if (remainingMs > 0 && !this.#chain.hasGap) this.#pollIn(remainingMs);
    else this.#refillNow();
  }

  #cancelTimers(): void {
    this.#pollTimer?.cancel();
    this.#gapTimer?.cancel();
    this.#gapTimer = undefined;
  }

  /** Lists and takes the differences; again until it works. */
  async #relist(): Promise<void> {
    const { client, clock } = this.#options;
    const { signal } = this.#stopping;
    this.#listing = true;
    this.#generation += 1;
    this.#cancelTimers();
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        const { items, revision } = await client.list(this.resource);
        if (!signal.aborted) this.#replaceAll(items, revision);
        return;
      } catch (error) {
        if (attempt === 0) this.#logger.warn({ err: error }, 'cannot list yet');
        await clock.sleep(backoffDelay(attempt, LIST_RETRY), signal);
      }
    }
  }

  #replaceAll(items: readonly T[], revision: number): void {
    const listed = new Map(items.map((item) => [keyOf(item), item]));
    for (const key of this.#cache.keys()) if (!listed.has(key)) this.#apply(key, undefined);
    for (const [key, item] of listed) {
      const before = this.#cache.get(key);
      if (before?.metadata.resourceVersion !== item.metadata.resourceVersion)
        this.#apply(key, deepFreeze(item));
    }
    this.#chain.reset(revision);
    this.#tail = undefined;
    this.#listing = false;
    this.#synced = true;
    this.#logger.debug({ revision, objects: this.#cache.size }, 'listed');
    const buffered = this.#buffer;
    this.#buffer = [];
    this.#pollIn(this.#pollMs());
    this.#offer(buffered);
  }

  #deliver(events: readonly Event[]): void {
    for (const event of events) {
      if (this.#tail !== undefined && event.previous !== this.#tail) {
        // The store went back and on from there: what this copy saw in between never happened.
        this.#startOver('events do not follow on each other');
        return;
      }
      this.#tail = event.revision;
      try {
        this.#take(event);
      } catch (error) {
        this.#logger.error({ err: error, key: event.key }, 'unreadable object in an event');
        this.#startOver('an event could not be read');
        return;
      }
    }
  }

  #take({ type, key, revision, object }: Event): void {
    const before = this.#cache.get(key);
    if (before !== undefined && Number(before.metadata.resourceVersion) >= revision) return;
    if (type !== Event_Type.DELETED) this.#apply(key, parseFrozen<T>(object));
    else if (before !== undefined) this.#apply(key, undefined, parseFrozen<T>(object));
  }

  /** Changes the copy, then tells the handlers. `last` is the final state of what is removed. */
  #apply(key: string, object: T | undefined, last?: T): void {
    const before = this.#cache.get(key);
    if (before !== undefined && object !== undefined && before.metadata.uid !== object.metadata.uid) {
      // Another object took the name, and the deletion of the first was never seen.
      this.#apply(key, undefined);
      this.#apply(key, object);
      return;
    }
    this.#cache.replace(key, object);
    const gone = before === undefined ? undefined : (last ?? before);
    for (const handler of this.#handlers)
      this.#tellOne(handler, object === undefined ? gone : before, object);
  }

  /** A handler that throws is at fault alone: the others are told all the same. */
  #tellOne(handler: EventHandler<T>, before: T | undefined, object: T | undefined): void {
    try {
      if (object === undefined) handler.delete?.(before!);
      else if (before === undefined) handler.add?.(object);
      else handler.update?.(object, before);
    } catch (error) {
      this.#logger.error({ err: error }, 'event handler failed');
    }
  }

  #startOver(why: string): void {
    if (this.#listing) return;
    this.#logger.warn({ position: this.#chain.position }, `listing again: ${why}`);
    void this.#relist();
  }

  #refillNow(): void {
    if (this.#listing || this.#stopping.signal.aborted) return;
    if (this.#refilling) this.#refillAgain = true;
    else void this.#refill();
  }

  /** Fetches what the log holds after the last event; one at a time. */
  async #refill(): Promise<void> {
    this.#refilling = true;
    try {
      do {
        this.#refillAgain = false;
        await this.#refillPages();
      } while (this.#refillAgain && !this.#listing && !this.#stopping.signal.aborted);
    } catch (error) {
      this.#logger.debug({ err: error }, 'cannot refill yet');
    } finally {
      this.#refilling = false;
      this.#pollIn(this.#chain.hasGap ? POLL_WITHOUT_NATS_MS : this.#pollMs());
    }
  }

  async #refillPages(): Promise<void> {
    const { client } = this.#options;
    const generation = this.#generation;
    for (let more = true; more;) {
      const after = this.#chain.position;
      const tail = this.#tail;
      const page = await client.replay(this.resource, after, REPLAY_LIMIT);
      if (generation !== this.#generation || this.#stopping.signal.aborted) return;
      if (page.expired) return this.#startOver('the event log no longer reaches back');
      if (tail !== undefined && page.head < tail) return this.#startOver('the store went back');
      if (page.head <= after && this.#chain.position === after) this.#tail ??= page.head;
      this.#chain.offer(page.events);
      more = page.more && !this.#listing;
    }
  }
}
