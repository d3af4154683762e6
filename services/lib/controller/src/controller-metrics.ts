/** What every controller tells Prometheus, by the names of client-go and controller-runtime. */

import type { Counter, Gauge, Histogram, Metrics } from '@orrery/kit/metrics.ts';

export interface ControllerMetrics {
  readonly depth: Gauge<'name'>;
  readonly adds: Counter<'name'>;
  readonly retries: Counter<'name'>;
  readonly dropped: Counter<'name'>;
  readonly workSeconds: Histogram<'name'>;
  readonly reconciles: Counter<'controller' | 'result'>;
}

const created = new WeakMap<Metrics, ControllerMetrics>();

/** The metrics of all controllers of a process: a name can be registered once only. */
export function controllerMetrics(metrics: Metrics): ControllerMetrics {
  let known = created.get(metrics);
  if (known === undefined) {
    known = {
      depth: metrics.gauge('workqueue_depth', 'Keys that wait for a worker.', ['name']),
      adds: metrics.counter('workqueue_adds_total', 'Keys added.', ['name']),
      retries: metrics.counter('workqueue_retries_total', 'Keys added again after a failure.', ['name']),
      dropped: metrics.counter('workqueue_dropped_total', 'Keys not added because too many waited.', [
        'name',
      ]),
      workSeconds: metrics.histogram('workqueue_work_duration_seconds', 'Time of one reconciliation.', [
        'name',
      ]),
      reconciles: metrics.counter('controller_reconcile_total', 'Reconciliations by result.', [
        'controller',
        'result',
      ]),
    };
    created.set(metrics, known);
  }
  return known;
}
