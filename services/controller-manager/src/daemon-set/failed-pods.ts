/** How long replacements of failed daemons wait (failedPodsBackoff of upstream's controller): a kubelet may refuse each of them. */

import { backoffDelay } from '@orrery/kit/backoff.ts';
import type { Clock } from '@orrery/kit/clock.ts';

const BACKOFF = { initialMs: 1_000, maxMs: 15 * 60_000 };

interface Failure {
  /** Replacements so far. */
  count: number;
  lastMs: number;
}

export class FailedPods {
  readonly #clock: Clock;
  /** By the owner's uid and the node; as many at most as there are daemons that fail. */
  readonly #byOwner = new Map<string, Map<string, Failure>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long until a failed pod of this node may be replaced; 0 when it may be now. */
  waitMs(ownerUid: string, nodeName: string): number {
    const failure = this.#byOwner.get(ownerUid)?.get(nodeName);
    if (failure === undefined) return 0;
    const dueMs = failure.lastMs + backoffDelay(failure.count - 1, BACKOFF);
    return Math.max(0, dueMs - this.#clock.now());
  }

  /** A failed pod of this node is being replaced. After a long time without a failure it counts as the first. */
  replaced(ownerUid: string, nodeName: string): void {
    const failures = this.#byOwner.get(ownerUid) ?? new Map<string, Failure>();
    this.#byOwner.set(ownerUid, failures);
    const nowMs = this.#clock.now();
    const before = failures.get(nodeName);
    const isOld = before === undefined || nowMs - before.lastMs > 2 * BACKOFF.maxMs;
    failures.set(nodeName, { count: isOld ? 1 : before.count + 1, lastMs: nowMs });
  }

  /** The node is gone, or needs no daemon. */
  keepOnly(ownerUid: string, nodeNames: ReadonlySet<string>): void {
    const failures = this.#byOwner.get(ownerUid);
    for (const name of failures?.keys() ?? []) if (!nodeNames.has(name)) failures!.delete(name);
  }

  /** The owner is gone. */
  forget(ownerUid: string): void {
    this.#byOwner.delete(ownerUid);
  }
}
