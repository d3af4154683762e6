/** The connection to NATS: a messenger that may be away, and comes back by itself. */

import { connect, DebugEvents, Events, type NatsConnection, type Subscription } from 'nats';
import { systemClock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';

export type MessageHandler = (data: Uint8Array) => void;

/** Messages by subject, without any promise that they arrive. */
export interface EventSource {
  /** False while messages are certainly lost. True proves nothing: the peer may be frozen. */
  readonly connected: boolean;
  /** Handlers must not throw. Subscribing works at any time, connected or not. Returns how to stop. */
  subscribe(subject: string, handler: MessageHandler): () => void;
  /** Told of every change of `connected`. Returns how to stop. */
  onStatus(listener: (connected: boolean) => void): () => void;
}

export interface Broker extends EventSource {
  /** Sends if connected, and says whether it did; a message is never kept for later. */
  publish(subject: string, data: Uint8Array): boolean;
  /** Sends what is buffered and disconnects. */
  close(): Promise<void>;
}

const RECONNECT_MS = 100;

/** A server that answers nothing for so long, twice, is given up: it may be frozen. */
const PING_INTERVAL_MS = 1_000;
const CONNECT_TIMEOUT_MS = 2_000;

interface Entry {
  readonly subject: string;
  readonly handler: MessageHandler;
  subscription: Subscription | undefined;
}

/** Connects in the background and for ever. Does not wait, and never fails. */
export function connectNats(url: string, logger: Logger): Broker {
  return new NatsBroker(url, logger);
}

class NatsBroker implements Broker {
  readonly #url: string;
  readonly #logger: Logger;
  readonly #entries = new Set<Entry>();
  readonly #listeners = new Set<(connected: boolean) => void>();
  readonly #closing = new AbortController();
  readonly #done: Promise<void>;
  #connection: NatsConnection | undefined;
  #connected = false;

  constructor(url: string, logger: Logger) {
    this.#url = url;
    this.#logger = logger;
    this.#done = this.#run();
  }

  get connected(): boolean {
    return this.#connected;
  }

  subscribe(subject: string, handler: MessageHandler): () => void {
    const entry: Entry = { subject, handler, subscription: undefined };
    this.#entries.add(entry);
    this.#attach(entry);
    return () => {
      this.#entries.delete(entry);
      entry.subscription?.unsubscribe();
    };
  }

  onStatus(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  publish(subject: string, data: Uint8Array): boolean {
    // The library would keep messages in memory while the server is away.
    if (!this.#connected || this.#connection === undefined) return false;
    this.#connection.publish(subject, data);
    return true;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const connection = this.#connection;
    if (connection !== undefined) {
      if (this.#connected) await connection.flush().catch(() => undefined);
      await connection.close();
    }
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let told = false;
    while (!signal.aborted) {
      try {
        const connection = await this.#dial();
        told = false;
        await this.#use(connection);
      } catch (error) {
        if (!told) this.#logger.warn({ err: error, url: this.#url }, 'cannot reach NATS yet');
        told = true;
      }
      await systemClock.sleep(RECONNECT_MS, signal);
    }
  }

  #dial(): Promise<NatsConnection> {
    return connect({
      servers: this.#url,
      timeout: CONNECT_TIMEOUT_MS,
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_MS,
      reconnectJitter: 0,
      pingInterval: PING_INTERVAL_MS,
      maxPingOut: 2,
      ignoreClusterUpdates: true,
    });
  }

  /** Serves one connection, through its reconnections, until it is closed for good. */
  async #use(connection: NatsConnection): Promise<void> {
    if (this.#closing.signal.aborted) {
      await connection.close();
      return;
    }
    this.#connection = connection;
    for (const entry of this.#entries) this.#attach(entry);
    this.#setConnected(true);
    // Not awaited: the library leaves the status of a closed connection pending for ever.
    void this.#watchStatus(connection);
    const error = await connection.closed();
    this.#connection = undefined;
    for (const entry of this.#entries) entry.subscription = undefined;
    this.#setConnected(false);
    if (!this.#closing.signal.aborted)
      this.#logger.warn({ err: error, url: this.#url }, 'connection to NATS closed');
  }

  async #watchStatus(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type === Events.Disconnect) this.#setConnected(false);
      else if (type === Events.Reconnect) this.#setConnected(true);
      // The library would first wait for what it has sent to leave, which may never happen; what is
      // published meanwhile would pile up.
      else if (type === DebugEvents.StaleConnection) await connection.close();
    }
  }

  #attach(entry: Entry): void {
    if (this.#connection === undefined || this.#connection.isClosed()) return;
    entry.subscription = this.#connection.subscribe(entry.subject, {
      callback: (error, message) => {
        if (error === null) entry.handler(message.data);
        else this.#logger.warn({ err: error, subject: entry.subject }, 'NATS subscription failed');
      },
    });
  }

  #setConnected(connected: boolean): void {
    if (this.#connected === connected) return;
    this.#connected = connected;
    if (connected) this.#logger.info({ url: this.#url }, 'connected to NATS');
    else if (!this.#closing.signal.aborted) this.#logger.warn({ url: this.#url }, 'connection to NATS lost');
    for (const listener of this.#listeners) listener(connected);
  }
}
