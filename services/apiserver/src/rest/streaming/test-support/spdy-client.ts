/** A client of SPDY/3.1 for tests, as plain as can be: it shows every frame that comes back. */

import type { Duplex } from 'node:stream';
import { encodeFrame, type Frame, FrameReader } from '../spdy/frames.ts';
import { HeaderEncoder } from '../spdy/header-block.ts';

export class SpdyClient {
  readonly frames: Frame[] = [];
  isOver = false;
  readonly #transport: Duplex;
  readonly #encoder = new HeaderEncoder();
  readonly #reader = new FrameReader();
  #nextId = 1;

  constructor(transport: Duplex) {
    this.#transport = transport;
    transport.on('data', (bytes: Buffer) => this.frames.push(...this.#reader.read(bytes)));
    transport.on('error', () => undefined);
    for (const end of ['end', 'close']) transport.on(end, () => (this.isOver = true));
  }

  send(frame: Frame): void {
    this.#transport.write(encodeFrame(frame));
  }

  /** Opens a stream; returns its number. */
  open(headers: Record<string, string>, fin = false): number {
    const streamId = this.#nextId;
    this.#nextId += 2;
    const headerBlock = this.#encoder.encode(new Map(Object.entries(headers)));
    this.send({ type: 'synStream', streamId, headerBlock, fin, unidirectional: false });
    return streamId;
  }

  data(streamId: number, data: string | Buffer, fin = false): void {
    this.send({ type: 'data', streamId, data: Buffer.from(data), fin });
  }

  /** All that came on a stream. */
  received(streamId: number): Buffer {
    return Buffer.concat(
      this.frames.flatMap((frame) =>
        frame.type === 'data' && frame.streamId === streamId ? [frame.data] : [],
      ),
    );
  }

  text(streamId: number): string {
    return this.received(streamId).toString();
  }

  isFinished(streamId: number): boolean {
    return this.frames.some((frame) => frame.type === 'data' && frame.streamId === streamId && frame.fin);
  }

  of<T extends Frame['type']>(type: T): Extract<Frame, { type: T }>[] {
    return this.frames.filter((frame): frame is Extract<Frame, { type: T }> => frame.type === type);
  }

  destroy(): void {
    this.#transport.destroy();
  }
}
