/** One stream of a SPDY connection, as Node knows streams. */

import { Duplex } from 'node:stream';
import type { Headers } from './header-block.ts';

/** What a stream asks of its connection. */
export interface StreamPort {
  /** Sends what flow control allows; calls back when all is handed to the transport. */
  send(stream: SpdyStream, data: Buffer, sent: () => void): void;
  finish(stream: SpdyStream): void;
  reset(stream: SpdyStream): void;
  /** The reader has taken what there was. */
  drained(stream: SpdyStream): void;
  closed(stream: SpdyStream): void;
}

/** What may wait for the reader before the peer is held back. */
const READ_AHEAD_BYTES = 64 * 1024;

export class SpdyStream extends Duplex {
  readonly id: number;
  /** As the peer named the stream. */
  readonly headers: Headers;
  readonly #port: StreamPort;
  #isFinished = false;
  #isRemoteFinished = false;

  constructor(id: number, headers: Headers, port: StreamPort) {
    super({ readableHighWaterMark: READ_AHEAD_BYTES, writableHighWaterMark: READ_AHEAD_BYTES });
    this.id = id;
    this.headers = headers;
    this.#port = port;
    // A stream that breaks is its reader's and writer's concern, if there is one.
    this.on('error', () => undefined);
  }

  /** What the peer sent. */
  receive(data: Buffer): void {
    if (!this.#isRemoteFinished) this.push(data);
  }

  /** The peer sends nothing more. */
  receiveFin(): void {
    if (this.#isRemoteFinished) return;
    this.#isRemoteFinished = true;
    this.push(null);
  }

  override _read(): void {
    this.#port.drained(this);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#port.send(this, chunk, callback);
  }

  override _final(callback: () => void): void {
    this.#isFinished = true;
    this.#port.finish(this);
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.#isFinished || !this.#isRemoteFinished) this.#port.reset(this);
    this.#port.closed(this);
    callback(error);
  }
}
