/** Turns keys into reconciliations. */

import { isFenced } from '@orrery/client/client.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import { randomId } from '@orrery/kit/random.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { type ControllerMetrics, controllerMetrics } from './controller-metrics.ts';
import { WorkQueue } from './work-queue.ts';

export interface ControllerRunOptions {
  /** Keys that may wait; see WorkQueue. */
  queueLimit?: number;
}

/** A controller that is set up: its queue fills from now on, whether it runs or not. */
export interface ControllerRun {
  readonly name: string;
  /**
   * Reconciles until `signal` aborts; resolves when the last reconciliation has ended. What
   * is left in the queue waits for the next run, so a replica that stands by misses nothing.
   */
  run(signal: AbortSignal): Promise<void>;
  /** Lets go of timers. */
  close(): void;
}

/** Sets the controller up with a queue of its own. To be called before the informers start. */
export function runController(
  controller: Controller,
  context: ControllerContext,
  options: ControllerRunOptions = {},
): ControllerRun {
  const { name } = controller;
  const metrics = controllerMetrics(context.metrics);
  const logger = context.logger.child({ controller: name });
  const queue = new WorkQueue({
    clock: context.clock,
    ...(options.queueLimit === undefined ? {} : { limit: options.queueLimit }),
    onAdded: () => metrics.adds.inc({ name }),
    onDropped: (key) => {
      metrics.dropped.inc({ name });
      logger.error({ key }, 'key dropped: too many wait');
    },
  });
  const workers = new Workers(controller, { ...context, logger }, queue, metrics);
  controller.setup(queue);
  return {
    name,
    run: async (signal) => {
      await Promise.all(Array.from({ length: controller.workers }, () => workers.work(signal)));
    },
    close: () => queue.close(),
  };
}

class Workers {
  readonly #controller: Controller;
  readonly #context: ControllerContext;
  readonly #queue: WorkQueue;
  readonly #metrics: ControllerMetrics;

  constructor(
    controller: Controller,
    context: ControllerContext,
    queue: WorkQueue,
    metrics: ControllerMetrics,
  ) {
    this.#controller = controller;
    this.#context = context;
    this.#queue = queue;
    this.#metrics = metrics;
  }

  async work(signal: AbortSignal): Promise<void> {
    const { name } = this.#controller;
    for (let key = await this.#queue.take(signal); key !== undefined; key = await this.#queue.take(signal)) {
      this.#metrics.depth.set({ name }, this.#queue.depth);
      const beganMs = systemClock.now();
      await this.#reconcile(key);
      this.#metrics.workSeconds.observe({ name }, (systemClock.now() - beganMs) / 1_000);
      this.#queue.done(key);
    }
  }

  async #reconcile(key: string): Promise<void> {
    const { name } = this.#controller;
    const reconcileId = randomId();
    const logger = this.#context.logger.child({ reconcileId, key });
    const client = this.#context.client.traced(reconcileId);
    try {
      const result = await this.#controller.reconcile(key, { reconcileId, logger, client });
      this.#queue.forget(key);
      if (result?.requeueAfterMs !== undefined) this.#queue.addAfter(key, result.requeueAfterMs);
      this.#metrics.reconciles.inc({ controller: name, result: 'success' });
    } catch (error) {
      // Losing the lead is no failure of the work: it waits for whoever leads next.
      if (isFenced(error)) logger.debug('reconciliation left to the next leader');
      else logger.warn({ err: error, failures: this.#queue.failures(key) + 1 }, 'reconciliation failed');
      this.#queue.addAfterFailure(key);
      this.#metrics.retries.inc({ name });
      this.#metrics.reconciles.inc({ controller: name, result: 'error' });
    }
  }
}
