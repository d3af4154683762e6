/** Bytes on their way from one process to another, as in pipe(7). */

import type { ByteSink, ByteSource } from './process.ts';

/** Thrown by a write that nobody will ever read; who does not catch it ends as if by SIGPIPE. */
export class BrokenPipe extends Error {
  constructor() {
    super('Broken pipe');
    this.name = 'BrokenPipe';
  }
}

/** How many chunks wait before the writer does. */
const CAPACITY = 16;

const encoder = new TextEncoder();

/**
 * Who writes waits while the reader is behind. A write after the reader is gone throws BrokenPipe
 * at once; the promise of one that waits never rejects, so that it may be left alone.
 */
export class Pipe implements ByteSource, ByteSink {
  #chunks: Uint8Array[] = [];
  #closed = false;
  #abandoned = false;
  #readable: PromiseWithResolvers<void> | undefined;
  #drained: PromiseWithResolvers<void> | undefined;

  write(data: Uint8Array | string): void | Promise<void> {
    if (this.#abandoned) throw new BrokenPipe();
    if (this.#closed || data.length === 0) return;
    this.#chunks.push(typeof data === 'string' ? encoder.encode(data) : data);
    this.#readable?.resolve();
    if (this.#chunks.length < CAPACITY) return;
    this.#drained ??= Promise.withResolvers();
    return this.#drained.promise;
  }

  /** The writer is done: the reader sees the end after what is under way. */
  close(): void {
    this.#closed = true;
    this.#readable?.resolve();
  }

  /** The reader is gone. */
  abandon(): void {
    this.#abandoned = true;
    this.#chunks = [];
    this.#wakeWriter();
  }

  async read(): Promise<Uint8Array | undefined> {
    while (this.#chunks.length === 0 && !this.#closed) {
      this.#readable ??= Promise.withResolvers();
      await this.#readable.promise;
      this.#readable = undefined;
    }
    const chunk = this.#chunks.shift();
    if (this.#chunks.length === 0) this.#wakeWriter();
    return chunk;
  }

  #wakeWriter(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }
}
