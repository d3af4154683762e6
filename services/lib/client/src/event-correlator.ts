/**
 * Counts repeats of an event in one Event, joins floods of similar ones, and silences who
 * says too much (k8s.io/client-go/tools/record/events_cache.go). No I/O.
 */

import type { Event } from '@orrery/api/gen/types.ts';

/** What an event says, before it has a name and a count. */
export type EventContent = Required<
  Pick<
    Event,
    'involvedObject' | 'reason' | 'message' | 'type' | 'source' | 'reportingComponent' | 'reportingInstance'
  >
>;

/** One Event object: created at its first occurrence, counted up at repeats. */
export interface EventSeriesState {
  readonly content: EventContent;
  readonly namespace: string;
  readonly name: string;
  readonly firstAtMs: number;
  lastAtMs: number;
  count: number;
  message: string;
}

/** Objects, and kinds of event, that are remembered at once. */
const CACHE_SIZE = 4_096;

/** One object may be the subject of 25 events at once, then of one every five minutes. */
const SPAM_BURST = 25;
const SPAM_REFILL_MS = 300_000;

/** So many different messages within the interval are shown apart; more become one Event. */
const SIMILAR_LIMIT = 10;
const SIMILAR_INTERVAL_MS = 600_000;
const COMBINED_PREFIX = '(combined from similar events): ';

/** A map that forgets what was not used for longest. */
class RecentlyUsed<V> {
  readonly #entries = new Map<string, V>();

  get(key: string): V | undefined {
    const value = this.#entries.get(key);
    if (value !== undefined) this.set(key, value);
    return value;
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= CACHE_SIZE) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}

interface Bucket {
  tokens: number;
  atMs: number;
}

interface Similar {
  readonly messages: Set<string>;
  lastAtMs: number;
}

export interface EventCorrelatorOptions {
  /** The cluster's clock, in epoch milliseconds. */
  now: () => number;
  /** A name that no other Event of the object has. */
  nameOf: (content: EventContent, atMs: number) => string;
}

export class EventCorrelator {
  readonly #now: () => number;
  readonly #nameOf: (content: EventContent, atMs: number) => string;
  readonly #series = new RecentlyUsed<EventSeriesState>();
  readonly #similar = new RecentlyUsed<Similar>();
  readonly #buckets = new RecentlyUsed<Bucket>();

  constructor({ now, nameOf }: EventCorrelatorOptions) {
    this.#now = now;
    this.#nameOf = nameOf;
  }

  /** The Event that the occurrence belongs to, counted; undefined when it is one too many. */
  observe(content: EventContent): EventSeriesState | undefined {
    const atMs = this.#now();
    const { key, message } = this.#aggregate(content, atMs);
    const known = this.#series.get(key);
    if (known !== undefined) {
      known.count += 1;
      known.lastAtMs = atMs;
      known.message = message;
    }
    const series = known ?? this.#begin(key, content, message, atMs);
    return this.#mayWrite(content, atMs) ? series : undefined;
  }

  /** Forgets an Event that could not be written, so that the next occurrence makes a new one. */
  forget(series: EventSeriesState): void {
    for (const key of [seriesKey(series.content), similarKey(series.content)]) {
      if (this.#series.get(key) === series) this.#series.delete(key);
    }
  }

  #begin(key: string, content: EventContent, message: string, atMs: number): EventSeriesState {
    const series: EventSeriesState = {
      content,
      namespace: content.involvedObject.namespace ?? 'default',
      name: this.#nameOf(content, atMs),
      firstAtMs: atMs,
      lastAtMs: atMs,
      count: 1,
      message,
    };
    this.#series.set(key, series);
    return series;
  }

  /** Under which key the occurrence is counted: by its message, or with all that differ in it alone. */
  #aggregate(content: EventContent, atMs: number): { key: string; message: string } {
    const group = similarKey(content);
    let similar = this.#similar.get(group);
    if (similar === undefined || atMs - similar.lastAtMs > SIMILAR_INTERVAL_MS) {
      similar = { messages: new Set(), lastAtMs: atMs };
      this.#similar.set(group, similar);
    }
    similar.lastAtMs = atMs;
    similar.messages.add(content.message);
    if (similar.messages.size < SIMILAR_LIMIT) return { key: seriesKey(content), message: content.message };
    for (const oldest of similar.messages) {
      similar.messages.delete(oldest);
      break;
    }
    return { key: group, message: `${COMBINED_PREFIX}${content.message}` };
  }

  #mayWrite(content: EventContent, atMs: number): boolean {
    const key = sourceKey(content);
    const bucket = this.#buckets.get(key) ?? { tokens: SPAM_BURST, atMs };
    const tokens = Math.min(SPAM_BURST, bucket.tokens + (atMs - bucket.atMs) / SPAM_REFILL_MS);
    const allowed = tokens >= 1;
    this.#buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, atMs });
    return allowed;
  }
}

/** Separates parts of a key; in none of them. */
const SEPARATOR = '\n';

function sourceKey({ source, involvedObject }: EventContent): string {
  const { kind, namespace, name, uid, apiVersion } = involvedObject;
  return [source.component, source.host, kind, namespace, name, uid, apiVersion].join(SEPARATOR);
}

function similarKey(content: EventContent): string {
  return [sourceKey(content), content.type, content.reason].join(SEPARATOR);
}

function seriesKey(content: EventContent): string {
  return [similarKey(content), content.involvedObject.fieldPath, content.message].join(SEPARATOR);
}
