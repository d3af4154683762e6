/**
 * The one stream between this process and the apiserver: pairs answers with requests,
 * keeps deadlines, and comes back for ever after a break.
 */

import { type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import { serviceUnavailable, type StatusError } from '@orrery/api/status-error.ts';
import { backoffDelay } from '@orrery/kit/backoff.ts';
import type { Clock, Timer } from '@orrery/kit/clock.ts';
import type { ClockAnchor } from '@orrery/kit/cluster-clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import {
  ApiServerClient,
  type Request,
  type RequestBatch,
  type Response,
  type ResponseBatch,
} from '@orrery/proto/orrery/apiserver.ts';

/** What a request is answered with. */
export type Result = NonNullable<Response['result']>;

export interface ConnectionOptions {
  /** HOST:PORT of the apiserver's gRPC. */
  address: string;
  logger: Logger;
  /** Real time. */
  clock: Clock;
  /** Told how the cluster's clock runs: with each connection, and with each change. */
  onClock?: (anchor: ClockAnchor) => void;
  /** A call without an answer for so long is given up, in real milliseconds. */
  deadlineMs: number;
  /** At most so many requests are sent and unanswered. */
  maxInFlight: number;
  /** At most so many more wait to be sent. */
  maxWaiting: number;
}

/** Far above what both sides put into one message on purpose: a single object may be large. */
const LARGEST_MESSAGE_BYTES = 64 * 1024 * 1024;

/** Requests in one message, and bytes of their objects, about. */
const LARGEST_BATCH = 256;
const LARGEST_BATCH_BYTES = 4 * 1024 * 1024;

/** An attempt to connect that takes longer starts anew: name looked up again, fresh socket. */
const CONNECT_ATTEMPT_MS = 2_000;

const RECONNECT_DELAY = { initialMs: 50, maxMs: 1_000 } as const;

const CHANNEL_OPTIONS = {
  // A frozen or half-open apiserver is noticed after time + timeout.
  'grpc.keepalive_time_ms': 2_000,
  'grpc.keepalive_timeout_ms': 2_000,
  'grpc.keepalive_permit_without_calls': 1,
  // grpc-js would wait a second before its second try.
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 100,
  // A new channel must not inherit the back-off of the last one.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.max_receive_message_length': LARGEST_MESSAGE_BYTES,
  'grpc.max_send_message_length': LARGEST_MESSAGE_BYTES,
  // grpc-js would send even calls to the own machine through the user's `http_proxy`.
  'grpc.enable_http_proxy': 0,
  // The default of 64 KiB makes a page of a list wait for many window updates.
  'grpc-node.flow_control_window': 4 * 1024 * 1024,
} as const;

const LOST = 'connection to the apiserver was lost; the outcome of a write is unknown';

interface Call {
  readonly request: Request;
  readonly deadlineAtMs: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: StatusError) => void;
  sent: boolean;
}

type Stream = ClientDuplexStream<RequestBatch, ResponseBatch>;

export class Connection {
  readonly #options: ConnectionOptions;
  /** All calls without an answer, oldest first: with one deadline for all, also the first to expire. */
  readonly #calls = new Map<number, Call>();
  /** Calls to send, oldest first; may hold some that were given up meanwhile. */
  #unsent: Call[] = [];
  #inFlight = 0;
  #lastId = 0;
  #flushScheduled = false;
  #deadlineTimer: Timer | undefined;
  #reconnectTimer: Timer | undefined;
  #channel: ApiServerClient | undefined;
  #stream: Stream | undefined;
  #failures = 0;
  /** When the apiserver last sent anything. */
  #heardAtMs = 0;
  #closed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#connect();
  }

  /** Sends a request as soon as there is a connection; rejects with ServiceUnavailable. */
  call(request: Omit<Request, 'id'>): Promise<Result> {
    const { maxInFlight, maxWaiting, clock, deadlineMs } = this.#options;
    if (this.#closed) return Promise.reject(serviceUnavailable('the client is closed'));
    if (this.#calls.size >= maxInFlight + maxWaiting) {
      return Promise.reject(serviceUnavailable(`${this.#calls.size} calls to the apiserver wait already`));
    }
    return new Promise((resolve, reject) => {
      this.#lastId += 1;
      const id = this.#lastId;
      const call: Call = {
        request: { ...request, id },
        deadlineAtMs: clock.now() + deadlineMs,
        resolve,
        reject,
        sent: false,
      };
      this.#calls.set(id, call);
      this.#unsent.push(call);
      this.#deadlineTimer ??= clock.setTimeout(() => this.#expire(), deadlineMs);
      this.#scheduleFlush();
    });
  }

  /** Rejects what is unanswered and lets go of the connection. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reconnectTimer?.cancel();
    this.#deadlineTimer?.cancel();
    this.#dropChannel();
    for (const call of this.#calls.values()) call.reject(serviceUnavailable('the client is closed'));
    this.#calls.clear();
    this.#unsent = [];
  }

  #connect(): void {
    if (this.#closed) return;
    const { address, clock } = this.#options;
    const channel = new ApiServerClient(address, credentials.createInsecure(), CHANNEL_OPTIONS);
    this.#channel = channel;
    channel.waitForReady(clock.now() + CONNECT_ATTEMPT_MS, (error) => {
      if (this.#channel !== channel) return;
      if (error === undefined) this.#open(channel);
      else this.#reconnect(error);
    });
  }

  #open(channel: ApiServerClient): void {
    const stream = channel.session();
    this.#stream = stream;
    const broken = (error?: Error): void => {
      if (this.#stream === stream) this.#reconnect(error);
    };
    stream.on('data', ({ responses, clock }: ResponseBatch) => {
      this.#failures = 0;
      this.#heardAtMs = this.#options.clock.now();
      if (clock !== undefined) this.#options.onClock?.(clock);
      this.#receive(responses);
    });
    stream.on('error', broken);
    stream.on('end', broken);
    this.#options.logger.info({ address: this.#options.address }, 'connected to the apiserver');
    this.#scheduleFlush();
  }

  #reconnect(error: Error | undefined): void {
    const { logger, clock, address } = this.#options;
    const wasOpen = this.#stream !== undefined;
    if (wasOpen) logger.warn({ err: error, address }, 'connection to the apiserver lost');
    else if (this.#failures === 0) logger.warn({ err: error, address }, 'cannot reach the apiserver yet');
    this.#dropChannel();
    this.#rejectSent();
    const delayMs = backoffDelay(this.#failures, RECONNECT_DELAY);
    this.#failures += 1;
    this.#reconnectTimer = clock.setTimeout(() => this.#connect(), delayMs);
  }

  #dropChannel(): void {
    const stream = this.#stream;
    const channel = this.#channel;
    this.#stream = undefined;
    this.#channel = undefined;
    stream?.cancel();
    channel?.close();
  }

  /** Whatever was sent may or may not have been carried out. What was not, waits on. */
  #rejectSent(): void {
    for (const [id, call] of this.#calls) {
      if (!call.sent) continue;
      this.#calls.delete(id);
      call.reject(serviceUnavailable(LOST));
    }
    this.#inFlight = 0;
  }

  /** Calls made in one turn of the event loop travel in one message. */
  #scheduleFlush(): void {
    if (this.#flushScheduled || this.#stream === undefined) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    let taken = 0;
    let batch: Request[] = [];
    let bytes = 0;
    for (const call of this.#unsent) {
      if (this.#inFlight >= this.#options.maxInFlight) break;
      taken += 1;
      if (!this.#calls.has(call.request.id)) continue;
      call.sent = true;
      this.#inFlight += 1;
      batch.push(call.request);
      bytes += bytesOf(call.request);
      if (batch.length < LARGEST_BATCH && bytes < LARGEST_BATCH_BYTES) continue;
      stream.write({ requests: batch });
      batch = [];
      bytes = 0;
    }
    if (batch.length > 0) stream.write({ requests: batch });
    this.#unsent = taken === this.#unsent.length ? [] : this.#unsent.slice(taken);
  }

  #receive(responses: readonly Response[]): void {
    for (const { id, result } of responses) {
      const call = this.#take(id);
      if (call === undefined) continue;
      if (result === undefined) call.reject(serviceUnavailable('the apiserver sent an empty answer'));
      else call.resolve(result);
    }
    if (this.#unsent.length > 0) this.#scheduleFlush();
  }

  #take(id: number): Call | undefined {
    const call = this.#calls.get(id);
    if (call === undefined) return undefined;
    this.#calls.delete(id);
    if (call.sent) this.#inFlight -= 1;
    return call;
  }

  #expire(): void {
    const { clock, deadlineMs } = this.#options;
    this.#deadlineTimer = undefined;
    const nowMs = clock.now();
    let mute = false;
    for (const [id, call] of this.#calls) {
      if (call.deadlineAtMs > nowMs) {
        this.#deadlineTimer = clock.setTimeout(() => this.#expire(), call.deadlineAtMs - nowMs);
        break;
      }
      this.#take(id);
      mute ||= call.sent && this.#heardAtMs <= nowMs - deadlineMs;
      const why = call.sent
        ? `the apiserver did not answer within ${deadlineMs} ms; the outcome of a write is unknown`
        : `no connection to the apiserver within ${deadlineMs} ms`;
      call.reject(serviceUnavailable(why));
    }
    this.#unsent = this.#unsent.filter(({ request }) => this.#calls.has(request.id));
    // A peer that keeps the connection but says nothing at all may have lost the stream.
    if (mute && this.#stream !== undefined) this.#reconnect(new Error(`nothing heard for ${deadlineMs} ms`));
    else this.#scheduleFlush();
  }
}

/** Bytes of the object that a request carries. */
function bytesOf({ verb }: Request): number {
  switch (verb?.$case) {
    case 'create':
      return verb.create.object.length;
    case 'update':
      return verb.update.object.length;
    case 'patch':
      return verb.patch.patch.length;
    default:
      return 0;
  }
}
