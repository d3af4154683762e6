/** Timers in the order in which they fall due: a binary heap. What is cancelled is skipped, and swept out when it is half. */

import type { Timer } from './clock.ts';

interface Scheduled {
  dueMs: number;
  /** Of two that are due at the same time the one that was asked for first runs first. */
  order: number;
  /** Undefined once it is cancelled, or has run for the last time. */
  callback: (() => void) | undefined;
  queued: boolean;
  readonly everyMs: number | undefined;
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

/** Below so many a sweep is not worth it. */
const SWEEP_AT = 64;

export class TimerQueue {
  #heap: Scheduled[] = [];
  #order = 0;
  #cancelled = 0;

  /** How many timers wait. */
  get size(): number {
    return this.#heap.length - this.#cancelled;
  }

  /** Runs once at `dueMs`, or every `everyMs` from then on. */
  add(callback: () => void, dueMs: number, everyMs: number | undefined): Timer {
    const scheduled: Scheduled = {
      dueMs,
      order: (this.#order += 1),
      callback,
      queued: true,
      everyMs,
    };
    this.#push(scheduled);
    return { cancel: () => this.#cancel(scheduled) };
  }

  firstDueMs(): number | undefined {
    this.#dropCancelled();
    return this.#heap[0]?.dueMs;
  }

  /**
   * Runs all that is due now, in order. One that repeats runs once, however often it was due; one
   * that is added meanwhile has to wait for the next call.
   */
  runDue(nowMs: number): void {
    const due: Scheduled[] = [];
    for (;;) {
      this.#dropCancelled();
      const first = this.#heap[0];
      if (first === undefined || first.dueMs > nowMs) break;
      this.#pop();
      first.queued = false;
      due.push(first);
    }
    for (const scheduled of due) {
      const { callback, everyMs } = scheduled;
      if (callback === undefined) continue;
      if (everyMs === undefined) {
        scheduled.callback = undefined;
      } else {
        const nextMs = scheduled.dueMs + everyMs;
        scheduled.dueMs = nextMs > nowMs ? nextMs : nowMs + everyMs;
        scheduled.order = this.#order += 1;
        scheduled.queued = true;
        this.#push(scheduled);
      }
      callback();
    }
  }

  #cancel(scheduled: Scheduled): void {
    if (scheduled.callback === undefined) return;
    scheduled.callback = undefined;
    if (!scheduled.queued) return;
    this.#cancelled += 1;
    if (this.#heap.length >= SWEEP_AT && this.#cancelled > this.#heap.length / 2) this.#sweep();
  }

  #sweep(): void {
    const alive = this.#heap.filter(({ callback }) => callback !== undefined);
    this.#heap = [];
    this.#cancelled = 0;
    for (const each of alive) this.#push(each);
  }

  #dropCancelled(): void {
    while (this.#heap.length > 0 && this.#heap[0]!.callback === undefined) {
      this.#pop();
      this.#cancelled -= 1;
    }
  }

  #push(scheduled: Scheduled): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(scheduled);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(scheduled, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = scheduled;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}
