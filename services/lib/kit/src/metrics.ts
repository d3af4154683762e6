/** Prometheus metrics of a service, one registry per process. */

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export { Counter, Gauge, Histogram } from 'prom-client';

export interface Metrics {
  readonly registry: Registry;
  counter<L extends string>(name: string, help: string, labels?: readonly L[]): Counter<L>;
  gauge<L extends string>(name: string, help: string, labels?: readonly L[]): Gauge<L>;
  histogram<L extends string>(
    name: string,
    help: string,
    labels?: readonly L[],
    bucketsSeconds?: number[],
  ): Histogram<L>;
}

/** Latency buckets from 0.5 ms to 10 s. */
const DEFAULT_BUCKETS_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** A registry with the process's own metrics; names follow Prometheus' conventions (units in the name). */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    counter: <L extends string>(name: string, help: string, labels: readonly L[] = []) =>
      new Counter<L>({ name, help, labelNames: [...labels], registers }),
    gauge: <L extends string>(name: string, help: string, labels: readonly L[] = []) =>
      new Gauge<L>({ name, help, labelNames: [...labels], registers }),
    histogram: <L extends string>(
      name: string,
      help: string,
      labels: readonly L[] = [],
      bucketsSeconds = DEFAULT_BUCKETS_SECONDS,
    ) => new Histogram<L>({ name, help, labelNames: [...labels], buckets: bucketsSeconds, registers }),
  };
}
