/** A connection over a gRPC stream, either side of it. */

import { ConnectionStream } from './connection-stream.ts';
import { NetworkError } from './network.ts';

/** What both a client's and a server's side of a stream of messages have. */
export interface MessageStream<Out, In> {
  write(message: Out, done: (error?: Error | null) => void): unknown;
  end(): unknown;
  pause(): unknown;
  resume(): unknown;
  on(event: 'data', listener: (message: In) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
}

export interface CallStreamOptions<Out, In> {
  readonly call: MessageStream<Out, In>;
  readonly wrap: (data: Buffer) => Out;
  readonly unwrap: (message: In) => Buffer;
  /** Called once, when the connection is over before its end: the other side must learn of it. */
  readonly breakOff: () => void;
  /** Whether the call is over for both directions when this side ends its own, as for a server's. */
  readonly endsBoth: boolean;
}

/** Far below what a message may have, and large enough to cost little. */
const CHUNK_BYTES = 256 * 1024;

/** Holds back whichever side is faster. Who made it destroys it when the call fails. */
export class CallStream<Out, In> extends ConnectionStream {
  readonly #options: CallStreamOptions<Out, In>;

  constructor(options: CallStreamOptions<Out, In>) {
    super();
    this.#options = options;
    const { call, unwrap } = options;
    call.pause();
    call.on('data', (message) => {
      const data = unwrap(message);
      if (data.length > 0 && !this.receive(data)) call.pause();
    });
    // A call that is cancelled ends first, and only then is it known to have been.
    call.on('end', () => setImmediate(() => this.receiveEnd()));
  }

  override _read(): void {
    this.#options.call.resume();
  }

  override _write(data: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    const { call, wrap } = this.#options;
    const next = (offset: number): void => {
      if (offset >= data.length) done();
      else
        call.write(wrap(data.subarray(offset, offset + CHUNK_BYTES)), (error) => {
          if (error) done(new NetworkError('ECONNRESET'));
          else next(offset + CHUNK_BYTES);
        });
    };
    next(0);
  }

  override _final(done: () => void): void {
    const { call, endsBoth } = this.#options;
    call.end();
    if (endsBoth) this.receiveEnd();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { breakOff, endsBoth } = this.#options;
    const isDone = this.writableFinished && (endsBoth || this.readableEnded);
    if (!isDone) breakOff();
    done(error);
  }
}
