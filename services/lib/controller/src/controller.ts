/** The frame of every controller: a keyed work queue between events and reconciliation. */

import type { Client } from '@orrery/client/client.ts';
import type { Informers } from '@orrery/client/informer.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { Metrics } from '@orrery/kit/metrics.ts';

/** What a controller is built with. The client is fenced by the leader's lease. */
export interface ControllerContext {
  readonly client: Client;
  readonly informers: Informers;
  readonly events: EventRecorder;
  /** The cluster's clock. */
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** One reconciliation. */
export interface ReconcileContext {
  /** One id through logs and calls of this reconciliation. */
  readonly reconcileId: string;
  readonly logger: Logger;
  /** Carries `reconcileId`. */
  readonly client: Client;
}

/** What to do with the key afterwards; a thrown error means: again, with growing delay. */
export interface ReconcileResult {
  /** Look again after so many milliseconds of the cluster's clock. */
  requeueAfterMs?: number;
}

/** Keys to look at; the same key is never reconciled twice at once. */
export interface KeyQueue {
  add(key: string): void;
  addAfter(key: string, delayMs: number): void;
}

/** A controller: which events enqueue which key, and what to do with a key. */
export interface Controller {
  readonly name: string;
  /** Reconciliations in flight at once. */
  readonly workers: number;
  /** Subscribes to informers. Called once, before they start; handlers only enqueue. */
  setup(queue: KeyQueue): void;
  reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult | void>;
}

/** Makes a controller; what controller-manager's table holds by name. */
export type ControllerFactory = (context: ControllerContext) => Controller;
