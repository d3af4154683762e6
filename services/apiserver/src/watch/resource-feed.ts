/** The events of one resource: puts them in order, remembers the newest, hands them to subscribers. */

import { EventChain } from '@orrery/client/event-chain.ts';
import type { Clock, Timer } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import {
  CompactedError,
  type ResourceName,
  type Store,
  type StoreEvent,
  StoreUnavailableError,
} from '../store/store.ts';
import type { FeedListener, FeedSubscription } from './feed.ts';
import { EventRing } from './ring.ts';

/**
 * How long an event may wait for the one before it until the log is asked. Acknowledgements
 * of concurrent writes overtake each other by less than that.
 */
const GAP_PATIENCE_MS = 20;
/** Events read from the log at a time. */
export const LOG_PAGE = 500;

export interface ResourceFeedOptions {
  resource: ResourceName;
  /** No event of this resource up to this revision will be told of. */
  position: number;
  ringLimit: number;
  store: Pick<Store, 'eventsAfter'>;
  clock: Clock;
  logger: Logger;
  /** Called after the ring has grown. */
  onGrowth: () => void;
  /** Called when the log no longer holds what is missing: the feed is of no more use. */
  onCompacted: () => void;
}

interface Subscriber extends FeedSubscription {
  listener: FeedListener;
  /** Delivered up to here at the start; only events after it count. */
  from: number;
}

export class ResourceFeed {
  readonly ring: EventRing;
  readonly #resource: ResourceName;
  readonly #chain: EventChain<StoreEvent>;
  readonly #store: Pick<Store, 'eventsAfter'>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onGrowth: () => void;
  readonly #onCompacted: () => void;
  readonly #subscribers = new Set<Subscriber>();
  /** The newest revision of the resource that the store told of. */
  #head = 0;
  #timer: Timer | undefined;
  #refilling = false;
  #ended = false;

  constructor(options: ResourceFeedOptions) {
    const { resource, position, ringLimit } = options;
    this.ring = new EventRing(position, ringLimit);
    this.#resource = resource;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#onGrowth = options.onGrowth;
    this.#onCompacted = options.onCompacted;
    this.#chain = new EventChain({ position, deliver: (events) => this.#deliver(events) });
  }

  /** Takes events in any order. */
  offer(events: readonly StoreEvent[]): void {
    this.#chain.offer(events);
    this.#watchGap();
  }

  /** The store said that at `revision` the newest change of this resource was `head`. */
  stands(head: number, revision: number): void {
    const missedSinceLastTime = this.#head > this.#chain.position;
    this.#head = head;
    if (this.#chain.position >= head) {
      this.#chain.skipTo(revision);
    } else if (missedSinceLastTime && this.#subscribers.size === 0) {
      // Nobody waits for what was missed: begin again after it rather than read it.
      this.ring.clear(revision);
      this.#chain.skipTo(revision);
    }
    this.#watchGap();
  }

  /** Whether a subscription after this revision can begin from memory. */
  reachesBack(revision: number): boolean {
    return revision >= this.ring.start;
  }

  /** Delivers what memory holds after a revision to which it reaches back, then what comes. */
  attach(from: number, listener: FeedListener): FeedSubscription {
    const chain = this.#chain;
    const subscriber: Subscriber = {
      listener,
      from,
      get revision() {
        return Math.max(this.from, chain.position);
      },
      stop: () => void this.#subscribers.delete(subscriber),
    };
    const known = this.ring.after(from);
    this.#subscribers.add(subscriber);
    if (known.length > 0) this.#tell(subscriber, known);
    this.#watchGap();
    return subscriber;
  }

  /** Takes nothing and tells nobody any more. */
  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#subscribers.clear();
  }

  /** Ends, and tells every subscriber that its sequence is lost. */
  lose(): void {
    const subscribers = [...this.#subscribers];
    this.end();
    for (const { listener } of subscribers) listener.lost();
  }

  get #behind(): boolean {
    return this.#chain.hasGap || this.#chain.position < this.#head;
  }

  #deliver(events: StoreEvent[]): void {
    this.ring.push(events);
    this.#onGrowth();
    const first = events[0]?.revision ?? 0;
    for (const subscriber of this.#subscribers) {
      const { from } = subscriber;
      if (from < first) this.#tell(subscriber, events);
      else
        this.#tell(
          subscriber,
          events.filter(({ revision }) => revision > from),
        );
    }
  }

  #tell(subscriber: Subscriber, events: readonly StoreEvent[]): void {
    if (events.length === 0) return;
    try {
      subscriber.listener.events(events);
    } catch (error) {
      this.#logger.error({ err: error, resource: this.#resource }, 'a watch failed on an event and is ended');
      subscriber.stop();
      subscriber.listener.lost();
    }
  }

  /** While something is missing and somebody waits for it: asks the log if it does not come by itself. */
  #watchGap(): void {
    if (!this.#behind || this.#subscribers.size === 0) return;
    if (this.#timer !== undefined || this.#refilling || this.#ended) return;
    const { position } = this.#chain;
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      if (this.#chain.position === position) void this.#refill();
      else this.#watchGap();
    }, GAP_PATIENCE_MS);
  }

  /** Reads what is missing from the log. When the store is away the next look at its heads tries again. */
  async #refill(): Promise<void> {
    if (!this.#behind || this.#subscribers.size === 0) return;
    this.#refilling = true;
    try {
      for (let more = true; more && !this.#ended;) {
        const page = await this.#store.eventsAfter(this.#resource, this.#chain.position, LOG_PAGE);
        if (this.#ended) return;
        this.#chain.offer(page.events);
        more = page.more;
      }
      this.#refilling = false;
      this.#watchGap();
    } catch (error) {
      if (this.#ended) return;
      if (error instanceof CompactedError) {
        this.#logger.warn({ resource: this.#resource }, 'missed events are no longer in the log');
        this.#onCompacted();
      } else if (!(error instanceof StoreUnavailableError)) {
        this.#logger.error({ err: error, resource: this.#resource }, 'reading missed events failed');
      }
    } finally {
      this.#refilling = false;
    }
  }
}
