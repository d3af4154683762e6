/** What is to happen when, with one timer for all of it: thousands of probes must not cost thousands of timers. */

import type { Clock, Timer } from '@orrery/kit/clock.ts';

/** Something that falls due. */
export interface Due {
  /** Epoch milliseconds of the clock; kept by the queue. */
  dueAtMs: number;
  /** Where in the queue it stands; -1 outside of it. Kept by the queue. */
  place: number;
}

/** Under load the timer fires at most this often, in milliseconds of the clock, and takes all that is due at once. */
const BATCH_MS = 50;
/** How many are begun in a row before others have their turn. */
const MAX_IN_A_ROW = 500;

/** A binary heap whose items know their places, so that each can be moved and taken out. */
export class DueQueue<T extends Due> {
  readonly #clock: Clock;
  readonly #onDue: (item: T) => void;
  readonly #heap: T[] = [];
  #timer: Timer | undefined;
  #timerAtMs = 0;
  #firing = false;

  /** `onDue` is told of each item when it falls due, once; it has left the queue then. Must not throw. */
  constructor(clock: Clock, onDue: (item: T) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Puts an item in, or moves it to another time. */
  set(item: T, dueAtMs: number): void {
    item.dueAtMs = dueAtMs;
    if (item.place < 0) {
      item.place = this.#heap.length;
      this.#heap.push(item);
      this.#rise(item);
    } else {
      this.#rise(item);
      this.#sink(item);
    }
    if (!this.#firing) this.#arm(0);
  }

  /** Takes an item out, if it is in. */
  delete(item: T): void {
    const { place } = item;
    if (place < 0) return;
    item.place = -1;
    const last = this.#heap.pop()!;
    if (last === item) return;
    this.#put(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  /** Nothing falls due any more. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const item of this.#heap) item.place = -1;
    this.#heap.length = 0;
  }

  /** Sets the timer for the earliest item, but not within `restMs`. A timer that comes too early does no harm. */
  #arm(restMs: number): void {
    const first = this.#heap[0];
    if (first === undefined) return;
    const nowMs = this.#clock.now();
    const atMs = Math.max(first.dueAtMs, nowMs + restMs);
    if (this.#timer !== undefined && this.#timerAtMs <= atMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    this.#timer = this.#clock.setTimeout(() => this.#fire(), atMs - nowMs);
  }

  #fire(): void {
    this.#timer = undefined;
    this.#firing = true;
    const nowMs = this.#clock.now();
    for (let count = 0; count < MAX_IN_A_ROW; count += 1) {
      const first = this.#heap[0];
      if (first === undefined || first.dueAtMs > nowMs) break;
      this.delete(first);
      this.#onDue(first);
    }
    this.#firing = false;
    this.#arm(BATCH_MS);
  }

  #put(item: T, place: number): void {
    this.#heap[place] = item;
    item.place = place;
  }

  #rise(item: T): void {
    while (item.place > 0) {
      const place = item.place;
      const parent = this.#heap[(place - 1) >> 1]!;
      if (parent.dueAtMs <= item.dueAtMs) return;
      this.#put(item, parent.place);
      this.#put(parent, place);
    }
  }

  #sink(item: T): void {
    for (;;) {
      const { place } = item;
      let child = this.#heap[place * 2 + 1];
      const right = this.#heap[place * 2 + 2];
      if (child === undefined) return;
      if (right !== undefined && right.dueAtMs < child.dueAtMs) child = right;
      if (item.dueAtMs <= child.dueAtMs) return;
      this.#put(item, child.place);
      this.#put(child, place);
    }
  }
}
