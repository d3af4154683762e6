/** NATS for tests, in memory: messages go where the test lets them go. */

import type { Broker, MessageHandler } from '../nats.ts';

export class LocalBroker implements Broker {
  readonly #handlers = new Map<string, Set<MessageHandler>>();
  readonly #listeners = new Set<(connected: boolean) => void>();
  #connected = true;

  get connected(): boolean {
    return this.#connected;
  }

  set connected(connected: boolean) {
    this.#connected = connected;
    for (const listener of this.#listeners) listener(connected);
  }

  subscribe(subject: string, handler: MessageHandler): () => void {
    const handlers = this.#handlers.get(subject) ?? new Set();
    this.#handlers.set(subject, handlers.add(handler));
    return () => void handlers.delete(handler);
  }

  onStatus(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  publish(subject: string, data: Uint8Array): boolean {
    if (!this.#connected) return false;
    for (const handler of this.#handlers.get(subject) ?? []) handler(data);
    return true;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
