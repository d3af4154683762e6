/**
 * The pods that want a node (pkg/scheduler/backend/queue). A pod is in exactly one place:
 * - active: to be tried now, highest priority first;
 * - backoff: to be tried once its back-off is over;
 * - unschedulable: fits nowhere, until an event may help or five minutes have passed;
 * - gated: not to be tried before its gates are lifted;
 * - in flight: taken out, its attempt not over.
 */

import type { Clock, Timer } from '@orrery/kit/clock.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { Heap } from './heap.ts';
import { backoffMs, comesFirst, isGated, mayChangeVerdict, type QueuedPod } from './queued-pod.ts';

/** Safety net for events that were misjudged: pods are tried again after so long. */
const MAX_UNSCHEDULABLE_MS = 5 * 60_000;
const FLUSH_PERIOD_MS = 30_000;

export interface QueueSizes {
  active: number;
  backoff: number;
  unschedulable: number;
  gated: number;
}

export interface SchedulingQueueOptions {
  clock: Clock;
  /** Called when a pod became active; may be called more often than that. */
  onActive: () => void;
}

export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #onActive: () => void;
  readonly #active = new Heap<QueuedPod>({ key: ({ info }) => info.uid, before: comesFirst });
  readonly #backoff = new Heap<QueuedPod>({
    key: ({ info }) => info.uid,
    before: (a, b) => a.notBeforeMs < b.notBeforeMs || (a.notBeforeMs === b.notBeforeMs && a.order < b.order),
  });
  readonly #unschedulable = new Map<string, QueuedPod>();
  /** How many of the unschedulable each plugin has rejected; the empty name counts those that none has. */
  readonly #rejectedBy = new Map<string, number>();
  readonly #gated = new Set<string>();
  readonly #inFlight = new Set<string>();
  /** Attempts so far, of all pods. */
  #cycle = 0;
  /** The attempt that was the latest when an event last moved pods. */
  #moveRequestCycle = -1;
  #order = 0;
  #backoffTimer: { timer: Timer; atMs: number } | undefined;
  readonly #flushTimer: Timer;

  constructor({ clock, onActive }: SchedulingQueueOptions) {
    this.#clock = clock;
    this.#onActive = onActive;
    this.#flushTimer = clock.setInterval(() => this.#flushUnschedulable(), FLUSH_PERIOD_MS);
  }

  get sizes(): QueueSizes {
    return {
      active: this.#active.size,
      backoff: this.#backoff.size,
      unschedulable: this.#unschedulable.size,
      gated: this.#gated.size,
    };
  }

  /**
   * Takes in a pod without a node, new or changed. One that fits nowhere is tried again if
   * the change may matter; one in flight is left to its attempt, which ends with a look at
   * the latest version.
   */
  set(info: PodInfo): void {
    if (this.#inFlight.has(info.uid)) return;
    if (isGated(info.pod)) {
      this.delete(info.uid);
      this.#gated.add(info.uid);
      return;
    }
    this.#gated.delete(info.uid);
    const waiting = this.#unschedulable.get(info.uid);
    if (waiting !== undefined) {
      const matters = mayChangeVerdict(waiting.info.pod, info.pod);
      waiting.info = info;
      if (matters) this.#moveFromUnschedulable(waiting);
      return;
    }
    const queued = this.#active.get(info.uid) ?? this.#backoff.get(info.uid);
    if (queued === undefined) this.#activate(this.#newcomer(info));
    else this.#replace(queued, info);
  }

  /** The pod is gone, or has a node. */
  delete(uid: string): void {
    this.#active.delete(uid);
    this.#backoff.delete(uid);
    this.#forgetUnschedulable(uid);
    this.#gated.delete(uid);
    this.#inFlight.delete(uid);
  }

  /** Takes out the pod to try next. End the attempt with `done` or one of the `requeue`s. */
  pop(): QueuedPod | undefined {
    const queued = this.#active.pop();
    if (queued === undefined) return undefined;
    this.#cycle += 1;
    queued.cycle = this.#cycle;
    this.#inFlight.add(queued.info.uid);
    return queued;
  }

  /** The attempt is over and the pod has no need of another. */
  done({ info }: QueuedPod): void {
    this.#inFlight.delete(info.uid);
  }

  /**
   * The pod fits nowhere. It waits for an event that may help; if there was one during the
   * attempt, which the attempt may have missed, it waits for its back-off only.
   */
  requeueUnschedulable(queued: QueuedPod, rejectedBy: ReadonlySet<string>): void {
    if (!this.#inFlight.delete(queued.info.uid)) return;
    queued.unschedulableCount += 1;
    queued.errorCount = 0;
    queued.rejectedBy = rejectedBy;
    this.#stamp(queued);
    if (this.#moveRequestCycle >= queued.cycle) this.#pushBackoff(queued);
    else {
      this.#unschedulable.set(queued.info.uid, queued);
      this.#countRejection(queued, 1);
    }
  }

  /** The attempt failed for a reason that may pass by itself: the pod is tried again after its back-off. */
  requeueAfterError(queued: QueuedPod, latest: PodInfo): void {
    if (!this.#inFlight.delete(queued.info.uid)) return;
    queued.info = latest;
    queued.errorCount += 1;
    this.#stamp(queued);
    this.#pushBackoff(queued);
  }

  /** Whether a pod that fits nowhere was rejected by one of these plugins, or by none in particular. */
  awaitsAny(plugins: ReadonlySet<string>): boolean {
    for (const name of this.#rejectedBy.keys()) if (name === '' || plugins.has(name)) return true;
    return false;
  }

  /** An event came that helps nobody who waits: an attempt under way may have missed it. */
  noteEvent(): void {
    this.#moveRequestCycle = this.#cycle;
  }

  /** An event came: those that it helps are tried again, after their back-off where it is not over. */
  moveOnEvent(helps: (queued: QueuedPod) => boolean): void {
    this.#moveRequestCycle = this.#cycle;
    for (const queued of this.#unschedulable.values()) {
      if (helps(queued)) this.#moveFromUnschedulable(queued);
    }
  }

  /** A pod that fits nowhere has lost what it waited for: it is tried again, after its back-off where it is not over. */
  retry(uid: string): void {
    const queued = this.#unschedulable.get(uid);
    if (queued !== undefined) this.#moveFromUnschedulable(queued);
  }

  /** Lets go of its timers. */
  close(): void {
    this.#flushTimer.cancel();
    this.#backoffTimer?.timer.cancel();
  }

  #forgetUnschedulable(uid: string): void {
    const queued = this.#unschedulable.get(uid);
    if (queued === undefined) return;
    this.#unschedulable.delete(uid);
    this.#countRejection(queued, -1);
  }

  #countRejection({ rejectedBy }: QueuedPod, by: 1 | -1): void {
    for (const name of rejectedBy.size === 0 ? [''] : rejectedBy) {
      const count = (this.#rejectedBy.get(name) ?? 0) + by;
      if (count === 0) this.#rejectedBy.delete(name);
      else this.#rejectedBy.set(name, count);
    }
  }

  #newcomer(info: PodInfo): QueuedPod {
    this.#order += 1;
    return {
      info,
      queuedAtMs: this.#clock.now(),
      order: this.#order,
      cycle: 0,
      unschedulableCount: 0,
      errorCount: 0,
      rejectedBy: new Set(),
      reportedMessage: undefined,
      notBeforeMs: 0,
    };
  }

  #replace(queued: QueuedPod, info: PodInfo): void {
    const heap = this.#active.get(info.uid) === undefined ? this.#backoff : this.#active;
    // Out and in again: the new version may have another place in the order.
    heap.delete(info.uid);
    queued.info = info;
    heap.push(queued);
  }

  #stamp(queued: QueuedPod): void {
    queued.queuedAtMs = this.#clock.now();
    queued.notBeforeMs = queued.queuedAtMs + backoffMs(queued);
  }

  #activate(queued: QueuedPod): void {
    this.#active.push(queued);
    this.#onActive();
  }

  #moveFromUnschedulable(queued: QueuedPod): void {
    this.#forgetUnschedulable(queued.info.uid);
    if (queued.notBeforeMs > this.#clock.now()) this.#pushBackoff(queued);
    else this.#activate(queued);
  }

  #pushBackoff(queued: QueuedPod): void {
    this.#backoff.push(queued);
    this.#armBackoffTimer();
  }

  #armBackoffTimer(): void {
    const next = this.#backoff.peek();
    if (next === undefined) return;
    const armed = this.#backoffTimer;
    if (armed !== undefined && armed.atMs <= next.notBeforeMs) return;
    armed?.timer.cancel();
    const timer = this.#clock.setTimeout(() => this.#flushBackoff(), next.notBeforeMs - this.#clock.now());
    this.#backoffTimer = { timer, atMs: next.notBeforeMs };
  }

  #flushBackoff(): void {
    this.#backoffTimer = undefined;
    const nowMs = this.#clock.now();
    for (
      let next = this.#backoff.peek();
      next !== undefined && next.notBeforeMs <= nowMs;
      next = this.#backoff.peek()
    ) {
      this.#backoff.pop();
      this.#activate(next);
    }
    this.#armBackoffTimer();
  }

  #flushUnschedulable(): void {
    const beforeMs = this.#clock.now() - MAX_UNSCHEDULABLE_MS;
    for (const queued of this.#unschedulable.values()) {
      if (queued.queuedAtMs < beforeMs) this.#moveFromUnschedulable(queued);
    }
  }
}
