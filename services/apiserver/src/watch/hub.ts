/**
 * The event hub: turns writes of this process, messages of other replicas and, where both
 * fail, the log of the store into one sequence per resource, for any number of watches.
 *
 * Truth is the log alone. Whatever is told (by `written`, by the bus) only saves reading it:
 * a gap in the chain of revisions is refilled from the log, and a look at the heads of the
 * store every second finds what nobody told of, such as a write whose acknowledgement was
 * lost or the last writes of a replica that died.
 */

import { type Clock, systemClock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import {
  CompactedError,
  type ResourceName,
  type Store,
  type StoreEvent,
  StoreUnavailableError,
} from '../store/store.ts';
import type { EventFeed, FeedListener, FeedSubscription } from './feed.ts';
import { LOG_PAGE, ResourceFeed } from './resource-feed.ts';

/** How often the hub looks for events that nobody told of. */
const HEADS_PERIOD_MS = 1_000;
const DEFAULT_RING_EVENTS = 4_096;
const DEFAULT_RING_BYTES = 8 * 1024 * 1024;

/** Carries events between replicas, and to the services. May lose, repeat and reorder them. */
export interface EventBus {
  /** Tells everybody else of events of one resource that this process has written. Never waits, never throws. */
  publish(resource: ResourceName, events: readonly StoreEvent[]): void;
  /** Called with events of one resource that others have written. */
  onEvents(listener: (resource: ResourceName, events: StoreEvent[]) => void): void;
}

export interface HubOptions {
  store: Store;
  logger: Logger;
  /** Real time; the system's unless given. */
  clock?: Clock;
  /** None for a hub that serves its own process only. */
  bus?: EventBus;
  /** How many events of each resource stay in memory. */
  ringEvents?: number;
  /** How many bytes of values the events of all resources may hold in memory. */
  ringBytes?: number;
}

export interface Hub extends EventFeed {
  /** Stops looking and delivering; subscriptions hear nothing more. */
  close(): Promise<void>;
}

/** Starts the hub. It needs no reachable store to start, only to subscribe for the first time. */
export function createHub(options: HubOptions): Hub {
  return new EventHub(options);
}

class EventHub implements Hub {
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #bus: EventBus | undefined;
  readonly #ringEvents: number;
  readonly #ringBytes: number;
  readonly #closing = new AbortController();
  readonly #looking: Promise<void>;
  readonly #feeds = new Map<ResourceName, ResourceFeed>();
  /** Events told of in this turn of the event loop. */
  #told = new Map<ResourceName, StoreEvent[]>();
  /** A resource without a feed has no event up to this revision; undefined until the store was asked. */
  #base: number | undefined;
  #look: Promise<void> | undefined;
  /** Counts the histories of the store: each rollback begins a new one. */
  #history = 0;

  constructor({ store, logger, clock, bus, ringEvents, ringBytes }: HubOptions) {
    this.#store = store;
    this.#logger = logger;
    this.#clock = clock ?? systemClock;
    this.#bus = bus;
    this.#ringEvents = ringEvents ?? DEFAULT_RING_EVENTS;
    this.#ringBytes = ringBytes ?? DEFAULT_RING_BYTES;
    store.onRollback(() => this.#startAgain());
    bus?.onEvents((resource, events) => this.#offer(resource, events));
    this.#looking = this.#lookForEver();
  }

  written(event: StoreEvent): void {
    if (this.#closing.signal.aborted) return;
    if (this.#told.size === 0) setImmediate(() => this.#pass());
    const events = this.#told.get(event.resource);
    if (events === undefined) this.#told.set(event.resource, [event]);
    else events.push(event);
  }

  async subscribe(
    resource: ResourceName,
    afterRevision: number,
    listener: FeedListener,
  ): Promise<FeedSubscription> {
    const history = this.#history;
    for (let cursor = afterRevision; ;) {
      if (this.#base === undefined) await this.#lookOnce();
      if (this.#closing.signal.aborted) throw new StoreUnavailableError('the event hub is closed');
      if (history !== this.#history) throw new CompactedError(await this.#store.currentRevision());
      const feed = this.#feedOf(resource);
      if (feed?.reachesBack(cursor) === true) return feed.attach(cursor, listener);
      const page = await this.#store.eventsAfter(resource, cursor, LOG_PAGE);
      if (history === this.#history && page.events.length > 0) listener.events(page.events);
      cursor = page.revision;
      // A client that went away would have the whole log read for nobody.
      if (listener.isGone?.() === true) return { revision: cursor, stop: () => undefined };
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const feed of this.#feeds.values()) feed.end();
    this.#feeds.clear();
    await this.#looking;
  }

  /** Hands on what was told of in this turn, each resource's events together. */
  #pass(): void {
    const told = this.#told;
    this.#told = new Map();
    if (this.#closing.signal.aborted) return;
    for (const [resource, events] of told) {
      if (events.length > 1) events.sort((a, b) => a.revision - b.revision);
      this.#bus?.publish(resource, events);
      this.#offer(resource, events);
    }
  }

  #offer(resource: ResourceName, events: readonly StoreEvent[]): void {
    this.#feedOf(resource)?.offer(events);
  }

  /** The feed of a resource; undefined as long as it is not known where the store stands. */
  #feedOf(resource: ResourceName): ResourceFeed | undefined {
    const known = this.#feeds.get(resource);
    if (known !== undefined || this.#base === undefined) return known;
    return this.#addFeed(resource, this.#base);
  }

  #addFeed(resource: ResourceName, position: number): ResourceFeed {
    const feed = new ResourceFeed({
      resource,
      position,
      ringLimit: this.#ringEvents,
      store: this.#store,
      clock: this.#clock,
      logger: this.#logger,
      onGrowth: () => this.#limitMemory(),
      onCompacted: () => this.#startAfresh(resource),
    });
    this.#feeds.set(resource, feed);
    return feed;
  }

  /** Drops the oldest events of whichever resource holds the most, until all fit. */
  #limitMemory(): void {
    for (;;) {
      let bytes = 0;
      let largest: ResourceFeed | undefined;
      for (const feed of this.#feeds.values()) {
        bytes += feed.ring.bytes;
        if (feed.ring.bytes > (largest?.ring.bytes ?? 0)) largest = feed;
      }
      if (bytes <= this.#ringBytes || largest === undefined) return;
      const enough = largest.ring.bytes - (bytes - this.#ringBytes);
      while (largest.ring.bytes > Math.max(enough, 0) && largest.ring.size > 0) largest.ring.dropOldest();
    }
  }

  async #lookForEver(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await this.#lookOnce();
      } catch (error) {
        if (!(error instanceof StoreUnavailableError))
          this.#logger.error({ err: error }, 'asking the store for its heads failed');
      }
      await this.#clock.sleep(HEADS_PERIOD_MS, signal);
    }
  }

  /** Asks the store where it stands, once for all who want to know now. */
  #lookOnce(): Promise<void> {
    this.#look ??= this.#readHeads().finally(() => (this.#look = undefined));
    return this.#look;
  }

  async #readHeads(): Promise<void> {
    const history = this.#history;
    const { revision, resources } = await this.#store.heads();
    // What was read before a rollback says nothing about what came after it.
    if (history !== this.#history || this.#closing.signal.aborted) return;
    this.#base = revision;
    for (const resource of resources.keys()) {
      if (!this.#feeds.has(resource)) this.#addFeed(resource, revision);
    }
    for (const [resource, feed] of this.#feeds) feed.stands(resources.get(resource) ?? 0, revision);
  }

  /** The store is another one than it was: nothing known of it holds. */
  #startAgain(): void {
    this.#history += 1;
    this.#base = undefined;
    this.#told.clear();
    const feeds = [...this.#feeds.values()];
    this.#feeds.clear();
    for (const feed of feeds) feed.lose();
  }

  /** What is missing of this resource is lost: its next feed begins where the store stands now. */
  #startAfresh(resource: ResourceName): void {
    const feed = this.#feeds.get(resource);
    this.#feeds.delete(resource);
    this.#base = undefined;
    feed?.lose();
  }
}
