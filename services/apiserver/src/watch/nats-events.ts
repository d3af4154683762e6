/**
 * Events on NATS: to the services, and between replicas of the apiserver. NATS is only a
 * messenger. While it is away events are dropped, for whoever misses one sees the gap in the
 * chain of revisions and reads the log.
 */

import { connect, DebugEvents, type NatsConnection } from 'nats';
import { ALL_EVENTS_SUBJECT, ALL_USAGE_SUBJECT, eventSubject } from '@orrery/client/subjects.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import { type Event, Event_Type } from '@orrery/proto/orrery/apiserver.ts';
import { EventBatch } from '@orrery/proto/orrery/events.ts';
import type { ResourceName, StoreEvent, StoreEventType } from '../store/store.ts';
import type { EventBus } from './hub.ts';

const RECONNECT_DELAY_MS = 100;
/** Long, because a stopped NATS greets those who waited for it as soon as it goes on. */
const CONNECT_TIMEOUT_MS = 10_000;
/** A NATS that leaves two of these unanswered is taken for dead (it may be stopped). */
const PING_PERIOD_MS = 1_000;
/** Characters of values in one message; NATS takes 1 MB unless told otherwise. */
const BATCH_CHARACTERS = 256 * 1024;
/** After so many bytes NATS is asked whether it has them. */
const CONFIRM_BYTES = 1024 * 1024;
/** Bytes sent that NATS has not confirmed; beyond that events are dropped. */
const UNCONFIRMED_LIMIT_BYTES = 16 * 1024 * 1024;

const NOTHING = Buffer.alloc(0);
const TYPE_NUMBERS: Readonly<Record<StoreEventType, Event_Type>> = {
  ADDED: Event_Type.ADDED,
  MODIFIED: Event_Type.MODIFIED,
  DELETED: Event_Type.DELETED,
};
const TYPE_NAMES = new Map(
  Object.entries(TYPE_NUMBERS).map(([name, number]) => [number, name as StoreEventType]),
);

export interface NatsEventsOptions {
  /** nats://host:port */
  url: string;
  logger: Logger;
}

export interface NatsEvents extends EventBus {
  /** True while NATS is connected: readiness does not depend on it. */
  readonly connected: boolean;
  /** Told of each usage sample as it comes, with its subject: one for each node. Samples may be lost. */
  onUsage(listener: (subject: string, data: Uint8Array) => void): void;
  close(): Promise<void>;
}

/** Connects in the background and for ever; never waits for NATS and never fails for its sake. */
export function createNatsEvents(options: NatsEventsOptions): NatsEvents {
  return new NatsEventBus(options);
}

/** A connection, and how much was sent on it that NATS may not have yet. */
interface Link {
  connection: NatsConnection;
  unconfirmedBytes: number;
  confirming: boolean;
}

class NatsEventBus implements NatsEvents {
  readonly #url: string;
  readonly #logger: Logger;
  readonly #closing = new AbortController();
  #link: Link | undefined;
  #listener: ((resource: ResourceName, events: StoreEvent[]) => void) | undefined;

  #usageListener: ((subject: string, data: Uint8Array) => void) | undefined;

  constructor({ url, logger }: NatsEventsOptions) {
    this.#url = url;
    this.#logger = logger;
    void this.#run();
  }

  get connected(): boolean {
    return this.#link !== undefined;
  }

  onEvents(listener: (resource: ResourceName, events: StoreEvent[]) => void): void {
    this.#listener = listener;
  }

  onUsage(listener: (subject: string, data: Uint8Array) => void): void {
    this.#usageListener = listener;
  }

  publish(resource: ResourceName, events: readonly StoreEvent[]): void {
    const subject = subjectOf(resource);
    for (const batch of batches(events)) {
      const link = this.#link;
      if (link === undefined || link.unconfirmedBytes > UNCONFIRMED_LIMIT_BYTES) return;
      try {
        this.#send(
          link,
          subject,
          EventBatch.encode({ events: batch.map((event) => this.#encode(event)) }).finish(),
        );
      } catch (error) {
        // Too large for NATS, or the connection is closing: the log has it.
        this.#logger.debug({ err: error, subject }, 'events not published');
      }
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const { connection } = this.#link ?? {};
    if (connection === undefined) return;
    // What was written last must still reach the services, if NATS answers at all.
    await Promise.race([connection.flush().catch(() => undefined), systemClock.sleep(PING_PERIOD_MS)]);
    await connection.close();
  }

  #send(link: Link, subject: string, payload: Uint8Array): void {
    link.connection.publish(subject, payload);
    link.unconfirmedBytes += payload.length;
    if (link.unconfirmedBytes > CONFIRM_BYTES && !link.confirming) void this.#confirm(link);
  }

  async #confirm(link: Link): Promise<void> {
    link.confirming = true;
    const sent = link.unconfirmedBytes;
    try {
      await link.connection.flush();
      link.unconfirmedBytes -= sent;
    } catch (error) {
      this.#logger.debug({ err: error }, 'NATS did not confirm');
    } finally {
      link.confirming = false;
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let warned = false;
    while (!signal.aborted) {
      try {
        const connection = await this.#connect();
        warned = false;
        await this.#serve(connection);
        if (!signal.aborted) this.#logger.warn('NATS connection lost: events arrive late until it is back');
      } catch (error) {
        if (!warned) this.#logger.warn({ err: error, url: this.#url }, 'NATS is not reachable: trying on');
        warned = true;
      }
      await systemClock.sleep(RECONNECT_DELAY_MS, signal);
    }
  }

  #connect(): Promise<NatsConnection> {
    return connect({
      servers: this.#url,
      // This loop reconnects, so that nothing is kept for sending later.
      reconnect: false,
      noEcho: true,
      timeout: CONNECT_TIMEOUT_MS,
      pingInterval: PING_PERIOD_MS,
      maxPingOut: 2,
      ignoreClusterUpdates: true,
    });
  }

  /** Sends and receives on a connection until it is closed. */
  async #serve(connection: NatsConnection): Promise<void> {
    if (this.#closing.signal.aborted) {
      await connection.close();
      return;
    }
    connection.subscribe(ALL_EVENTS_SUBJECT, {
      callback: (error, message) => {
        if (error === null) this.#receive(message.subject, message.data);
        else this.#logger.warn({ err: error }, 'NATS subscription failed');
      },
    });
    connection.subscribe(ALL_USAGE_SUBJECT, {
      callback: (error, message) => {
        if (error === null) this.#usageListener?.(message.subject, message.data);
        else this.#logger.warn({ err: error }, 'NATS subscription failed');
      },
    });
    this.#link = { connection, unconfirmedBytes: 0, confirming: false };
    this.#logger.info('NATS connected');
    void closeWhenStale(connection);
    await connection.closed();
    this.#link = undefined;
  }

  #receive(subject: string, data: Uint8Array): void {
    const resource = resourceOf(subject);
    let batch: EventBatch;
    try {
      batch = EventBatch.decode(data);
    } catch (error) {
      this.#logger.warn({ err: error, subject }, 'a message on NATS cannot be read');
      return;
    }
    const events = batch.events.flatMap((event) => decode(resource, event) ?? []);
    if (events.length > 0) this.#listener?.(resource, events);
  }

  #encode(event: StoreEvent): Event {
    const { revision, previous, type, key, value, before } = event;
    return {
      revision,
      previous,
      type: TYPE_NUMBERS[type],
      key,
      object: Buffer.from(value),
      before: before === undefined ? NOTHING : Buffer.from(before),
    };
  }
}

/** The library would first wait for what it has sent to leave, which a stopped NATS never lets happen. */
async function closeWhenStale(connection: NatsConnection): Promise<void> {
  for await (const { type } of connection.status()) {
    if (type === DebugEvents.StaleConnection) await connection.close();
  }
}

/** Runs of events of which each fits into a message, unless a single one does not. */
function* batches(events: readonly StoreEvent[]): Generator<StoreEvent[]> {
  let batch: StoreEvent[] = [];
  let characters = 0;
  for (const event of events) {
    const size = event.value.length + (event.before?.length ?? 0);
    if (batch.length > 0 && characters + size > BATCH_CHARACTERS) {
      yield batch;
      batch = [];
      characters = 0;
    }
    batch.push(event);
    characters += size;
  }
  if (batch.length > 0) yield batch;
}

function decode(resource: ResourceName, event: Event): StoreEvent | undefined {
  const type = TYPE_NAMES.get(event.type);
  if (type === undefined) return undefined;
  return {
    resource,
    revision: event.revision,
    previous: event.previous,
    type,
    key: event.key,
    value: event.object.toString(),
    before: event.before.length === 0 ? undefined : event.before.toString(),
  };
}

/** `deployments.apps` travels on `orrery.events.apps.deployments`. */
function subjectOf(resource: ResourceName): string {
  const dot = resource.indexOf('.');
  return dot < 0
    ? eventSubject({ group: '', resource })
    : eventSubject({ group: resource.slice(dot + 1), resource: resource.slice(0, dot) });
}

function resourceOf(subject: string): ResourceName {
  const [group = '', resource = ''] = subject.split('.').slice(-2);
  return group === 'core' ? resource : `${resource}.${group.replaceAll('_', '.')}`;
}
