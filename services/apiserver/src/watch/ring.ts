/** The newest events of one resource, in memory, so that a watch can resume without reading the log. */

import type { StoreEvent } from '../store/store.ts';

/** What an event costs besides its text, roughly. */
const EVENT_OVERHEAD_BYTES = 200;

export class EventRing {
  #events: StoreEvent[] = [];
  /** Where the oldest event stands in `#events`; those before it have been dropped. */
  #first = 0;
  #start: number;
  #bytes = 0;
  readonly #limit: number;

  /** Empty, and complete after the revision `start`. Keeps at most `limit` events. */
  constructor(start: number, limit: number) {
    this.#start = start;
    this.#limit = limit;
  }

  /** The ring holds every event after this revision. */
  get start(): number {
    return this.#start;
  }

  get size(): number {
    return this.#events.length - this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes events that follow on those it has. */
  push(events: readonly StoreEvent[]): void {
    for (const event of events) {
      this.#events.push(event);
      this.#bytes += bytesOf(event);
    }
    while (this.size > this.#limit) this.dropOldest();
  }

  /** Events after a revision that is not before `start`, oldest first. */
  after(revision: number): StoreEvent[] {
    let low = this.#first;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#at(middle).revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#events.slice(low);
  }

  dropOldest(): void {
    if (this.size === 0) return;
    const event = this.#at(this.#first);
    this.#start = event.revision;
    this.#bytes -= bytesOf(event);
    this.#first += 1;
    // Moving the array up costs its length: do it seldom.
    if (this.#first > 64 && this.#first * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Empties the ring; it is complete after `start` from now on. */
  clear(start: number): void {
    this.#events = [];
    this.#first = 0;
    this.#bytes = 0;
    this.#start = start;
  }

  #at(index: number): StoreEvent {
    const event = this.#events[index];
    if (event === undefined) throw new RangeError(`no event at ${index}`);
    return event;
  }
}

function bytesOf({ value, before = '' }: StoreEvent): number {
  return value.length + before.length + EVENT_OVERHEAD_BYTES;
}
