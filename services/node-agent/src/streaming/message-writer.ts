/** Writing to a gRPC stream no faster than the other side reads. */

import type { EventEmitter } from 'node:events';

/** What is used of a call that messages are written to. */
export interface WritableCall<T> extends EventEmitter {
  write(message: T): boolean;
  readonly destroyed: boolean;
}

/**
 * Writes messages to a call. A promise resolves when there is room for more, or nobody to write
 * to: what is written after the end is lost.
 */
export class MessageWriter<T> {
  readonly #call: WritableCall<T>;
  #isOver = false;
  #room: PromiseWithResolvers<void> | undefined;

  constructor(call: WritableCall<T>) {
    this.#call = call;
    call.on('drain', () => this.#resolve());
    for (const end of ['cancelled', 'close', 'error']) call.on(end, () => this.stop());
  }

  write(message: T): void | Promise<void> {
    if (this.#isOver || this.#call.destroyed) return undefined;
    if (this.#call.write(message)) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  stop(): void {
    this.#isOver = true;
    this.#resolve();
  }

  #resolve(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
