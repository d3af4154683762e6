/** Writes events in the background (k8s.io/client-go/tools/record/event.go). */

import type { Event } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { apiVersionOf, Events } from '@orrery/api/resources.ts';
import { isAlreadyExists, isNotFound, isStatusError } from '@orrery/api/status-error.ts';
import type { Clock, Timer } from '@orrery/kit/clock.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { Metrics } from '@orrery/kit/metrics.ts';
import { random } from '@orrery/kit/random.ts';
import type { Client } from './client.ts';
import { type EventContent, EventCorrelator, type EventSeriesState } from './event-correlator.ts';
import type { EventRecorder, EventSubject } from './events.ts';

/** Who reports. */
export interface EventReporter {
  /** `source.component`, for instance `kubelet`. */
  component: string;
  /** `source.host`: the node, for what happens on one. */
  host?: string;
}

export interface EventBroadcasterOptions {
  client: Pick<Client, 'create' | 'patch'>;
  /** The cluster's clock: timestamps and limits. */
  clock: Clock;
  logger: Logger;
  /** Counts what is dropped, when given. */
  metrics?: Metrics;
  /** Real time: how long to wait before writing. Replaced in tests. */
  retryClock?: Clock;
}

/** Writes what all recorders made from it record; share one per process. */
export interface EventBroadcaster {
  recorder(reporter: EventReporter): EventRecorder;
  /** Forgets what is not written yet. */
  close(): void;
}

/** Events that wait to be written; more are dropped (upstream's channel holds 1,000). */
const QUEUE_LIMIT = 4_096;

/** Writes in flight: few, so that events never stand in the way of the work they report. */
const CONCURRENCY = 4;

/** Repeats within this time become one write. */
const GATHER_MS = 50;

/** Upstream tries 12 times, 10 s apart; an event that is two minutes late helps nobody here. */
const MAX_TRIES = 10;
const RETRY_MS = 1_000;

export function createEventBroadcaster(options: EventBroadcasterOptions): EventBroadcaster {
  return new Broadcaster(options);
}

/** A recorder with a broadcaster of its own, for a process that reports as one component. */
export function createEventRecorder(options: EventBroadcasterOptions & EventReporter): EventRecorder {
  const { component, host } = options;
  return createEventBroadcaster(options).recorder(host === undefined ? { component } : { component, host });
}

interface Pending {
  readonly series: EventSeriesState;
  created: boolean;
  writing: boolean;
  /** The count that was written last. */
  written: number;
  tries: number;
}

class Broadcaster implements EventBroadcaster {
  readonly #options: EventBroadcasterOptions;
  readonly #retryClock: Clock;
  readonly #correlator: EventCorrelator;
  readonly #dropped: { inc(): void } | undefined;
  readonly #states = new WeakMap<EventSeriesState, Pending>();
  readonly #queue = new Set<Pending>();
  readonly #retries = new Set<Timer>();
  #timer: Timer | undefined;
  #writers = 0;
  #closed = false;
  /** Makes names differ that are made in one millisecond, here and in other processes. */
  #sequence = Math.floor(random() * 1_000_000);

  constructor(options: EventBroadcasterOptions) {
    this.#options = options;
    this.#retryClock = options.retryClock ?? systemClock;
    this.#dropped = options.metrics?.counter(
      'events_dropped_total',
      'Events that were not written: too many waited.',
    );
    this.#correlator = new EventCorrelator({
      now: () => options.clock.now(),
      nameOf: (content, atMs) => this.#nameOf(content, atMs),
    });
  }

  recorder(reporter: EventReporter): EventRecorder {
    return {
      normal: (subject, reason, message) =>
        this.#record(contentOf(reporter, subject, 'Normal', reason, message)),
      warning: (subject, reason, message) =>
        this.#record(contentOf(reporter, subject, 'Warning', reason, message)),
    };
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const retry of this.#retries) retry.cancel();
    this.#queue.clear();
  }

  #nameOf({ involvedObject }: EventContent, atMs: number): string {
    this.#sequence = (this.#sequence + 1) % 1_000_000;
    const nanoseconds = BigInt(Math.floor(atMs)) * 1_000_000n + BigInt(this.#sequence);
    return `${involvedObject.name}.${nanoseconds.toString(16)}`;
  }

  #record(content: EventContent): void {
    if (this.#closed) return;
    const series = this.#correlator.observe(content);
    if (series === undefined) return;
    let pending = this.#states.get(series);
    if (pending === undefined) {
      if (this.#queue.size >= QUEUE_LIMIT) {
        this.#dropped?.inc();
        this.#correlator.forget(series);
        return;
      }
      pending = { series, created: false, writing: false, written: 0, tries: 0 };
      this.#states.set(series, pending);
    }
    this.#enqueue(pending);
  }

  #enqueue(pending: Pending): void {
    if (!this.#queue.has(pending) && this.#queue.size >= QUEUE_LIMIT) return;
    this.#queue.add(pending);
    this.#timer ??= this.#retryClock.setTimeout(() => {
      this.#timer = undefined;
      this.#startWriters();
    }, GATHER_MS);
  }

  #startWriters(): void {
    while (this.#writers < CONCURRENCY && this.#writers < this.#queue.size) {
      this.#writers += 1;
      void this.#drain();
    }
  }

  async #drain(): Promise<void> {
    for (let next = this.#next(); next !== undefined && !this.#closed; next = this.#next())
      await this.#write(next);
    this.#writers -= 1;
  }

  /** The oldest that is not being written: two writes of one Event must not overtake each other. */
  #next(): Pending | undefined {
    for (const pending of this.#queue) {
      if (pending.writing) continue;
      this.#queue.delete(pending);
      return pending;
    }
    return undefined;
  }

  async #write(pending: Pending): Promise<void> {
    const { series } = pending;
    pending.writing = true;
    const { count } = series;
    try {
      if (pending.created) await this.#update(pending);
      else await this.#create(pending);
      pending.created = true;
      pending.written = count;
      pending.tries = 0;
    } catch (error) {
      this.#failed(pending, error);
    } finally {
      pending.writing = false;
    }
    if (pending.created && series.count > pending.written && !this.#queue.has(pending))
      this.#enqueue(pending);
  }

  async #create({ series }: Pending): Promise<void> {
    try {
      await this.#options.client.create(Events, eventOf(series));
    } catch (error) {
      // An earlier try got through after all.
      if (!isAlreadyExists(error)) throw error;
    }
  }

  async #update(pending: Pending): Promise<void> {
    const { namespace, name, count, message, lastAtMs } = pending.series;
    const patch = { count, message, lastTimestamp: formatTime(lastAtMs) };
    try {
      await this.#options.client.patch(Events, { namespace, name }, 'merge', patch);
    } catch (error) {
      // Events have a life time; a repeat of one that is over starts it again.
      if (!isNotFound(error)) throw error;
      await this.#create(pending);
    }
  }

  /** Tries again while the apiserver is away; what it refuses is dropped, as upstream does. */
  #failed(pending: Pending, error: unknown): void {
    const { logger } = this.#options;
    pending.tries += 1;
    if (!isStatusError(error, 'ServiceUnavailable') || pending.tries >= MAX_TRIES) {
      logger.debug({ err: error, event: pending.series.name }, 'event dropped');
      this.#correlator.forget(pending.series);
      pending.created = false;
      return;
    }
    if (this.#closed || this.#retries.size >= QUEUE_LIMIT) return;
    const retry = this.#retryClock.setTimeout(() => {
      this.#retries.delete(retry);
      this.#enqueue(pending);
    }, RETRY_MS);
    this.#retries.add(retry);
  }
}

function contentOf(
  { component, host }: EventReporter,
  { resource, object, fieldPath }: EventSubject,
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
): EventContent {
  const { namespace, name, uid, resourceVersion } = object.metadata;
  return {
    involvedObject: {
      kind: resource.kind,
      ...(namespace === undefined ? {} : { namespace }),
      name,
      uid,
      apiVersion: apiVersionOf(resource),
      resourceVersion,
      ...(fieldPath === undefined ? {} : { fieldPath }),
    },
    reason,
    message,
    type,
    source: host === undefined ? { component } : { component, host },
    reportingComponent: component,
    reportingInstance: host ?? '',
  };
}

function eventOf({ content, namespace, name, firstAtMs, lastAtMs, count, message }: EventSeriesState): Event {
  // The server fills in the rest of the metadata.
  const metadata = { namespace, name } as Event['metadata'];
  const { involvedObject, reason, type, source, reportingComponent, reportingInstance } = content;
  return {
    metadata,
    involvedObject,
    reason,
    message,
    source,
    firstTimestamp: formatTime(firstAtMs),
    lastTimestamp: formatTime(lastAtMs),
    count,
    type,
    reportingComponent,
    reportingInstance,
  };
}
