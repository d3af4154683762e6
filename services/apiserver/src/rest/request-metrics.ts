/** Counting requests, under upstream's metric names. */

import type { Metrics } from '@orrery/kit/metrics.ts';

type RequestLabel = 'verb' | 'resource' | 'code';
type TargetLabel = 'verb' | 'resource';

/** Labels as upstream writes them. */
const VERB_LABELS: Readonly<Record<string, string>> = {
  create: 'POST',
  update: 'PUT',
};

/** Watches, and what reaches into pods. */
export type LongRunningVerb = 'WATCH' | 'CONNECT';

/** A finished request. */
export interface FinishedRequest {
  verb: string;
  /** The label of the verb when the client decides how long the request lasts. */
  longRunning: LongRunningVerb | undefined;
  /** Empty when the request was about none that is served: labels must not grow with what clients make up. */
  resource: string;
  code: number;
  durationSeconds: number;
}

export class RequestMetrics {
  readonly #total;
  readonly #duration;
  readonly #longRunning;
  /** Label sets that occurred, so that counting needs no lookup by label. */
  readonly #totals = new Map<string, { inc(): void }>();
  readonly #durations = new Map<string, { observe(seconds: number): void }>();

  constructor(metrics: Metrics) {
    this.#total = metrics.counter<RequestLabel>(
      'apiserver_request_total',
      'Requests by verb, resource and HTTP code.',
      ['verb', 'resource', 'code'],
    );
    this.#duration = metrics.histogram<TargetLabel>(
      'apiserver_request_duration_seconds',
      'Seconds from a request to the end of its answer, without those that last as long as the client likes.',
      ['verb', 'resource'],
    );
    this.#longRunning = metrics.gauge<TargetLabel>(
      'apiserver_longrunning_requests',
      'Watches and streams into pods that are open.',
      ['verb', 'resource'],
    );
  }

  longRunningStarted(verb: LongRunningVerb, resource: string): void {
    this.#longRunning.inc({ verb, resource });
  }

  longRunningEnded(verb: LongRunningVerb, resource: string): void {
    this.#longRunning.dec({ verb, resource });
  }

  finished({ verb, longRunning, resource, code, durationSeconds }: FinishedRequest): void {
    const label = longRunning ?? VERB_LABELS[verb] ?? verb.toUpperCase();
    this.#counter(label, resource, String(code)).inc();
    if (label !== 'WATCH' && label !== 'CONNECT') this.#histogram(label, resource).observe(durationSeconds);
  }

  #counter(verb: string, resource: string, code: string): { inc(): void } {
    const key = `${verb} ${resource} ${code}`;
    let counter = this.#totals.get(key);
    if (counter === undefined) {
      counter = this.#total.labels({ verb, resource, code });
      this.#totals.set(key, counter);
    }
    return counter;
  }

  #histogram(verb: string, resource: string): { observe(seconds: number): void } {
    const key = `${verb} ${resource}`;
    let histogram = this.#durations.get(key);
    if (histogram === undefined) {
      histogram = this.#duration.labels({ verb, resource });
      this.#durations.set(key, histogram);
    }
    return histogram;
  }
}
