/** A controller with a queue that a test drains by hand. */

import type { Controller, ControllerFactory, ReconcileResult } from '@orrery/controller/controller.ts';
import type { FakeCluster } from './fake-cluster.ts';

/** Delays up to this are taken as "soon" and drained like keys without delay. */
const SOON_MS = 1_000;

export class ControllerUnderTest {
  readonly controller: Controller;
  readonly queued = new Set<string>();
  /** What was asked for later, by key, in ms from the time of asking. */
  readonly later = new Map<string, number>();
  readonly errors: unknown[] = [];
  readonly #cluster: FakeCluster;

  constructor(cluster: FakeCluster, factory: ControllerFactory) {
    this.#cluster = cluster;
    this.controller = factory(cluster.context);
    this.controller.setup({
      add: (key) => void this.queued.add(key),
      addAfter: (key, delayMs) => this.#add(key, delayMs),
    });
  }

  async reconcile(key: string): Promise<ReconcileResult> {
    const { client, logger } = this.#cluster.context;
    return (await this.controller.reconcile(key, { reconcileId: 'test', logger, client })) ?? {};
  }

  /** Reconciles one queued key; a failure is noted and the key queued again. False when none is queued. */
  async step(): Promise<boolean> {
    for (const key of this.queued) {
      this.queued.delete(key);
      try {
        const { requeueAfterMs } = await this.reconcile(key);
        if (requeueAfterMs !== undefined) this.#add(key, requeueAfterMs);
      } catch (error) {
        this.errors.push(error);
        this.queued.add(key);
      }
      return true;
    }
    return false;
  }

  #add(key: string, delayMs: number): void {
    if (delayMs <= SOON_MS) this.queued.add(key);
    else this.later.set(key, delayMs);
  }
}

/** Lets all controllers work until none has anything to do; fails after `limit` reconciliations. */
export async function settle(controllers: readonly ControllerUnderTest[], limit = 1_000): Promise<void> {
  for (let turn = 0, busy = true; busy; turn += 1) {
    if (turn === limit)
      throw new Error(`still busy: ${controllers.flatMap(({ queued }) => [...queued]).join(', ')}`);
    busy = false;
    for (const each of controllers) busy = (await each.step()) || busy;
  }
}
