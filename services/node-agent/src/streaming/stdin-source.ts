/** What a client types, until a program reads it. */

import type { ByteSource } from '../process/process.ts';

/** A client that types ahead of the program by so much is held back. */
const MAX_UNREAD_BYTES = 64 * 1024;

export interface StdinSourceOptions {
  /** Told when too much is unread, and when there is room again. */
  hold: () => void;
  release: () => void;
}

export class StdinSource implements ByteSource {
  readonly #options: StdinSourceOptions;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #isOver = false;
  #isHeld = false;
  #more: PromiseWithResolvers<void> | undefined;

  constructor(options: StdinSourceOptions) {
    this.#options = options;
  }

  push(chunk: Buffer): void {
    if (this.#isOver || chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    this.#more?.resolve();
    if (this.#bytes <= MAX_UNREAD_BYTES || this.#isHeld) return;
    this.#isHeld = true;
    this.#options.hold();
  }

  end(): void {
    this.#isOver = true;
    this.#more?.resolve();
  }

  async read(): Promise<Uint8Array | undefined> {
    while (this.#chunks.length === 0 && !this.#isOver) {
      this.#more ??= Promise.withResolvers();
      await this.#more.promise;
      this.#more = undefined;
    }
    const chunk = this.#chunks.shift();
    this.#bytes -= chunk?.length ?? 0;
    if (this.#isHeld && this.#bytes <= MAX_UNREAD_BYTES / 2) {
      this.#isHeld = false;
      this.#options.release();
    }
    return chunk;
  }
}
