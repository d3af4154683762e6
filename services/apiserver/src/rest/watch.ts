/** Watches: events as lines of a response that stays open. */

import type { ServerResponse } from 'node:http';
import { serviceUnavailable, StatusError } from '@orrery/api/status-error.ts';
import type { Timer } from '@orrery/kit/clock.ts';
import { random } from '@orrery/kit/random.ts';
import type { WatchEvent, Watcher, WatchHandle } from '../verbs/api.ts';
import type { Edge } from './edge.ts';
import { statusErrorOf } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { watchOptions } from './list-options.ts';
import { watchForms } from './negotiation.ts';
import { answerForm } from './objects.ts';
import { flag, integer } from './query.ts';
import { commonHeaders } from './respond.ts';
import type { Target } from './router.ts';
import { errorLine, type EventEncoder, sharedEncoder } from './watch-encoding.ts';

/** Upstream's `--min-request-timeout`: an unlimited watch ends after one to two times this. */
const MIN_TIMEOUT_MS = 1_800_000;

const BOOKMARK_PERIOD_MS = 60_000;

/** So much may wait in the connection; the rest waits as events, unencoded. */
const CONNECTION_BUFFER_BYTES = 1024 * 1024;

/** A client that lets so much of what happens pile up is cut off; it resumes where it stopped reading. */
const MAX_BACKLOG_CHARACTERS = 16 * 1024 * 1024;

const INITIAL_EVENTS_END = { 'k8s.io/initial-events-end': 'true' };

/** The watches of a server, so that it can end them. */
export class OpenWatches {
  readonly #open = new Set<WatchResponse>();

  get size(): number {
    return this.#open.size;
  }

  add(watch: WatchResponse): void {
    this.#open.add(watch);
  }

  delete(watch: WatchResponse): void {
    this.#open.delete(watch);
  }

  /** Ends every watch as its timeout would: clients start again, here or at another replica. */
  endAll(): void {
    for (const watch of this.#open) watch.end();
  }
}

/** `characters` count against the backlog: those of events that came after the watch was established. */
type Pending = { event: WatchEvent; characters: number } | { initialEventsEndAt: number };

/** What has been written is let go of in steps, so that each write stays cheap. */
const COMPACTED_FROM = 1_024;

/** One watch: queues what the API tells it, and writes as fast as the client reads. */
class WatchResponse implements Watcher {
  readonly #exchange: Exchange;
  readonly #edge: Edge;
  readonly #encoder: EventEncoder;
  readonly #sendsBookmarks: boolean;
  readonly #pending: Pending[] = [];
  #pendingFrom = 0;
  /** The initial state does not count: its size is not the client's fault. */
  #backlogCharacters = 0;
  #isEstablished = false;
  #isFirst = true;
  #isOver = false;
  #isWaitingForDrain = false;
  #handle: WatchHandle | undefined;
  readonly #timers: Timer[] = [];

  constructor(edge: Edge, exchange: Exchange, encoder: EventEncoder, sendsBookmarks: boolean) {
    this.#edge = edge;
    this.#exchange = exchange;
    this.#encoder = encoder;
    this.#sendsBookmarks = sendsBookmarks;
    exchange.response.on('close', () => this.#stop());
    exchange.response.on('drain', () => {
      this.#isWaitingForDrain = false;
      this.#pump();
    });
  }

  /** Headers go out at once: clients wait for them before they believe in the watch. */
  start(): void {
    const { response } = this.#exchange;
    if (response.headersSent || response.destroyed) return;
    response.writeHead(200, commonHeaders(this.#exchange, 'application/json'));
    response.flushHeaders();
  }

  /** From here on it lives until it times out, the client leaves, or the server closes. */
  establish(handle: WatchHandle, timeoutMs: number): void {
    if (this.#isOver) {
      handle.stop();
      return;
    }
    this.#handle = handle;
    this.#isEstablished = true;
    this.start();
    const clock = this.#edge.connectionClock;
    this.#timers.push(clock.setTimeout(() => this.end(), timeoutMs));
    if (this.#sendsBookmarks) {
      this.#timers.push(clock.setInterval(() => this.#bookmark(), BOOKMARK_PERIOD_MS));
    }
  }

  events(events: readonly WatchEvent[]): void {
    if (this.#isOver) return;
    for (const event of events) {
      const characters = this.#isEstablished ? event.value.length : 0;
      this.#pending.push({ event, characters });
      this.#backlogCharacters += characters;
    }
    this.#pump();
    if (this.#backlogCharacters > MAX_BACKLOG_CHARACTERS) {
      this.#edge.logger.info({ traceId: this.#exchange.auditId }, 'slow watcher cut off');
      this.#stop();
      this.#exchange.response.destroy();
    }
  }

  isGone(): boolean {
    return this.#isOver;
  }

  initialEventsEnd(revision: number): void {
    this.#pending.push({ initialEventsEndAt: revision });
    this.#pump();
  }

  error(error: Error): void {
    if (this.#isOver) return;
    const status = statusErrorOf(error, this.#edge.logger, this.#exchange.auditId);
    this.start();
    this.#flushAll();
    this.#exchange.response.write(errorLine(status));
    this.#finish();
  }

  /** Ends cleanly, with a last bookmark when the client wants them. */
  end(): void {
    if (this.#isOver) return;
    this.start();
    this.#flushAll();
    this.#bookmark();
    this.#finish();
  }

  /** Writes what is pending, as long as the connection takes it. */
  #pump(): void {
    if (this.#isOver || this.#isWaitingForDrain) return;
    const { response } = this.#exchange;
    this.start();
    while (this.#pendingFrom < this.#pending.length) {
      if (isFull(response)) {
        this.#isWaitingForDrain = true;
        return;
      }
      this.#writeNext();
    }
    this.#pending.length = 0;
    this.#pendingFrom = 0;
  }

  /** At the end everything is written, whatever the connection says: it will not grow any more. */
  #flushAll(): void {
    while (this.#pendingFrom < this.#pending.length) this.#writeNext();
  }

  #writeNext(): void {
    const next = this.#pending[this.#pendingFrom]!;
    this.#pendingFrom += 1;
    if (this.#pendingFrom >= COMPACTED_FROM) {
      this.#pending.splice(0, this.#pendingFrom);
      this.#pendingFrom = 0;
    }
    const { response } = this.#exchange;
    if ('event' in next) {
      response.write(this.#encoder.encode(next.event, this.#isFirst, this.#edge.clock.now()));
      this.#isFirst = false;
      this.#backlogCharacters -= next.characters;
    } else {
      const resourceVersion = String(next.initialEventsEndAt);
      response.write(this.#encoder.bookmark({ resourceVersion, annotations: INITIAL_EVENTS_END }));
    }
  }

  /** A bookmark must not overtake events: while some wait, there is none. */
  #bookmark(): void {
    if (!this.#sendsBookmarks || this.#handle === undefined || this.#pendingFrom < this.#pending.length)
      return;
    this.#exchange.response.write(this.#encoder.bookmark({ resourceVersion: String(this.#handle.revision) }));
  }

  #finish(): void {
    const { response, isClosing } = this.#exchange;
    this.#stop();
    // The connection was promised to stay when the headers went out; a closing server breaks the promise.
    response.end(isClosing() ? () => response.socket?.destroySoon() : undefined);
  }

  #stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const timer of this.#timers) timer.cancel();
    this.#handle?.stop();
    this.#edge.watches.delete(this);
  }
}

function isFull(response: ServerResponse): boolean {
  return response.writableLength > CONNECTION_BUFFER_BYTES;
}

/**
 * Answers a watch. Resolves when it is established: it goes on by itself. What makes a watch impossible from
 * the start is an HTTP error, except that a resourceVersion which is too old is told in the stream.
 */
export async function watchObjects(edge: Edge, exchange: Exchange, target: Target): Promise<void> {
  if (exchange.isClosing()) throw serviceUnavailable('the server is shutting down');
  const { query } = exchange;
  const { form, options } = answerForm(edge, exchange, watchForms);
  const timeoutSeconds = integer(query, 'timeoutSeconds') ?? 0;
  const timeoutMs = timeoutSeconds > 0 ? timeoutSeconds * 1000 : MIN_TIMEOUT_MS * (1 + random());
  const wanted = watchOptions(edge.api, target, query);
  const encoder = sharedEncoder(target.served, form, options.includeObject);
  const watch = new WatchResponse(edge, exchange, encoder, flag(query, 'allowWatchBookmarks') === true);
  edge.watches.add(watch);
  try {
    watch.establish(await edge.api.watch(target.served.definition, wanted, watch), timeoutMs);
  } catch (error) {
    const isExpired = error instanceof StatusError && error.reason === 'Expired';
    if (isExpired || exchange.response.headersSent) {
      watch.error(error as Error);
      return;
    }
    edge.watches.delete(watch);
    throw error;
  }
}
