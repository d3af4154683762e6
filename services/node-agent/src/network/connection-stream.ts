/** One end of a connection as TCP has it, and the two ends of one within this process. */

import { Duplex } from 'node:stream';
import { NetworkError } from './network.ts';

/** What is still taken for a process that is gone, in chunks, before the sender is told so. */
const MAX_UNREAD = 16;

/**
 * `end` sends a FIN, `destroy` closes both ways with one, and `reset` is a RST: the other side
 * fails with ECONNRESET, and so does this one.
 */
export abstract class ConnectionStream extends Duplex {
  #isLetGo = false;
  #unread = 0;
  #isEnded = false;

  constructor() {
    super();
    // A program that is not waiting for anything need not hear of a failure, and this service even less.
    this.on('error', () => undefined);
  }

  reset(): void {
    this.destroy(new NetworkError('ECONNRESET'));
  }

  /** The process is gone: what it has written goes out, what comes is thrown away for a while. */
  letGo(): void {
    if (this.#isLetGo || this.destroyed) return;
    this.#isLetGo = true;
    if (!this.writableEnded) this.end();
    if (this.#isEnded) this.#closeWhenSent();
    else this._read(0);
  }

  /** Something has come. False when no more should, until the next `_read`. */
  protected receive(data: Buffer): boolean {
    if (this.destroyed) return true;
    if (!this.#isLetGo) return this.push(data);
    this.#unread += 1;
    if (this.#unread > MAX_UNREAD) this.reset();
    return true;
  }

  /** The other side has sent all that it will. Twice is fine. */
  protected receiveEnd(): void {
    if (this.destroyed || this.#isEnded) return;
    this.#isEnded = true;
    if (this.#isLetGo) this.#closeWhenSent();
    else this.push(null);
  }

  #closeWhenSent(): void {
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }
}

class LocalStream extends ConnectionStream {
  other!: LocalStream;
  /** Of the other side, while its last chunk waits here to be read. */
  #written: ((error?: Error) => void) | undefined;

  override _read(): void {
    const written = this.#written;
    this.#written = undefined;
    written?.();
  }

  override _write(data: Buffer, _encoding: string, done: (error?: Error) => void): void {
    const { other } = this;
    if (other.destroyed) done(new NetworkError('ECONNRESET'));
    else if (other.receive(data)) done();
    else other.#written = done;
  }

  override _final(done: () => void): void {
    this.other.receiveEnd();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const written = this.#written;
    this.#written = undefined;
    if (error instanceof NetworkError) this.other.reset();
    else this.other.receiveEnd();
    written?.(new NetworkError('ECONNRESET'));
    done(error);
  }
}

/** The two ends of a connection. Whoever writes is held back by whoever does not read. */
export function connectionPair(): [ConnectionStream, ConnectionStream] {
  const [near, far] = [new LocalStream(), new LocalStream()];
  near.other = far;
  far.other = near;
  return [near, far];
}
