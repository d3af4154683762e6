/**
 * The server's side of a SPDY/3.1 connection: streams that the client opens.
 *
 * Of flow control (section 2.6.8) both halves are here, with one allowance: the library of client-go
 * (moby/spdystream) neither heeds windows nor gives updates. Data is therefore sent without regard
 * to windows until the peer has shown that it knows them, and a peer that sends more than is read
 * is held back by leaving the transport unread.
 */

import type { Duplex } from 'node:stream';
import { encodeFrame, type Frame, FrameReader, RST_STATUS } from './frames.ts';
import { HeaderDecoder, HeaderEncoder, type Headers, SpdyError } from './header-block.ts';
import { SpdyStream, type StreamPort } from './stream.ts';

/** Of a stream and of the whole connection (section 2.6.8). */
const INITIAL_WINDOW_BYTES = 64 * 1024;

/** Streams that a client may have open at once; a forwarded connection takes two. */
const MAX_STREAMS = 1_024;

/** Data is cut into frames of this length, so that streams take turns. */
const MAX_DATA_BYTES = 32 * 1024;

/** A stream whose reader is behind by so much stops the connection. */
const MAX_UNREAD_BYTES = 256 * 1024;

/** A client that does not read its answers is not read from either. */
const MAX_UNSENT_BYTES = 1024 * 1024;

const NO_HEADERS: Headers = new Map();

interface StreamState {
  readonly stream: SpdyStream;
  /** What may be sent; below zero when the peer made its window smaller. */
  sendWindow: number;
  /** Received and not yet given back by a window update. */
  unacknowledged: number;
  /** What waits for the window, one write at a time. */
  waiting: { data: Buffer; sent: () => void } | undefined;
}

export interface SpdyConnectionOptions {
  /** The connection's bytes, in both directions. */
  transport: Duplex;
  /** Told of every stream that the client opens; it is accepted unless it is destroyed at once. */
  onStream: (stream: SpdyStream) => void;
  /** Told once when the connection is over, with the reason if it broke. */
  onEnd: (error: Error | undefined) => void;
}

export class SpdyConnection {
  readonly #options: SpdyConnectionOptions;
  readonly #reader = new FrameReader();
  readonly #decoder = new HeaderDecoder();
  readonly #encoder = new HeaderEncoder();
  readonly #streams = new Map<number, StreamState>();
  readonly #port: StreamPort;
  #lastStreamId = 0;
  /** The peer has shown that it heeds windows. */
  #peerHasWindows = false;
  #initialSendWindow = INITIAL_WINDOW_BYTES;
  #sendWindow = INITIAL_WINDOW_BYTES;
  #isGoingAway = false;
  #isOver = false;
  /** Streams whose readers are behind. */
  readonly #behind = new Set<SpdyStream>();
  /** Writers that wait for room in the transport. */
  #blocked: (() => void)[] = [];
  /** Goes on with reading what the client sends. */
  #wakeUp: (() => void) | undefined;

  /** Serves a connection until it is over; streams hold on to it. */
  static serve(options: SpdyConnectionOptions): SpdyConnection {
    return new SpdyConnection(options);
  }

  private constructor(options: SpdyConnectionOptions) {
    this.#options = options;
    this.#port = {
      send: (stream, data, sent) => this.#send(stream, data, sent),
      finish: ({ id }) => this.#write({ type: 'data', streamId: id, data: Buffer.alloc(0), fin: true }),
      reset: ({ id }) => {
        if (this.#streams.has(id))
          this.#write({ type: 'rstStream', streamId: id, status: RST_STATUS.cancel });
      },
      drained: (stream) => this.#drained(stream),
      closed: (stream) => this.#closed(stream),
    };
    const { transport } = options;
    transport.on('close', () => this.#end(undefined));
    transport.on('error', (error) => this.#end(error));
    transport.on('drain', () => this.#unblock());
    void this.#run();
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** No more streams; the transport ends when everything is sent. */
  close(): void {
    if (this.#isOver) return;
    this.#isGoingAway = true;
    this.#write({ type: 'goAway', lastStreamId: this.#lastStreamId, status: 0 });
    this.#options.transport.end();
  }

  async #run(): Promise<void> {
    try {
      for await (const bytes of this.#options.transport) {
        for (const frame of this.#reader.read(bytes as Buffer)) {
          await this.#receive(frame);
        }
        while (this.#mustWait && !this.#isOver) await this.#change();
        if (this.#isOver) return;
      }
      this.#end(undefined);
    } catch (error) {
      this.#end(error as Error);
    }
  }

  /** Every block is decoded, also of a stream that is refused: the context is one for all. */
  async #open({ streamId, headerBlock, fin }: Extract<Frame, { type: 'synStream' }>): Promise<void> {
    const headers = await this.#decoder.decode(headerBlock);
    if (streamId % 2 === 0 || streamId <= this.#lastStreamId)
      throw new SpdyError(`stream ${streamId} out of order`);
    this.#lastStreamId = streamId;
    if (this.#isGoingAway || this.#streams.size >= MAX_STREAMS) {
      this.#write({ type: 'rstStream', streamId, status: RST_STATUS.refusedStream });
      return;
    }
    const stream = new SpdyStream(streamId, headers, this.#port);
    this.#streams.set(streamId, {
      stream,
      sendWindow: this.#initialSendWindow,
      unacknowledged: 0,
      waiting: undefined,
    });
    const headerReply = this.#encoder.encode(NO_HEADERS);
    this.#write({ type: 'synReply', streamId, headerBlock: headerReply, fin: false });
    if (fin) stream.receiveFin();
    this.#options.onStream(stream);
  }

  async #receive(frame: Frame): Promise<void> {
    switch (frame.type) {
      case 'synStream':
        await this.#open(frame);
        break;
      case 'synReply':
      case 'headers':
        // Nothing is done with them, but the blocks after them build on theirs.
        await this.#decoder.decode(frame.headerBlock);
        break;
      case 'data':
        this.#receiveData(frame);
        break;
      case 'rstStream':
        this.#forget(frame.streamId)?.destroy(new Error('stream was reset by the client'));
        break;
      case 'ping':
        // An even number would be the answer to a ping of ours, of which there are none.
        if (frame.id % 2 === 1) this.#write(frame);
        break;
      case 'goAway':
        this.#isGoingAway = true;
        if (this.#streams.size === 0) this.#options.transport.end();
        break;
      case 'windowUpdate':
        this.#growWindow(frame.streamId, frame.delta);
        break;
      case 'settings':
        if (frame.initialWindowBytes !== undefined) this.#setInitialWindow(frame.initialWindowBytes);
        break;
    }
  }

  #receiveData({ streamId, data, fin }: Extract<Frame, { type: 'data' }>): void {
    // The window of the connection is given back at once: it is the streams that hold back.
    if (data.length > 0) this.#write({ type: 'windowUpdate', streamId: 0, delta: data.length });
    const state = this.#streams.get(streamId);
    if (state === undefined) return;
    const { stream } = state;
    if (data.length > 0) {
      state.unacknowledged += data.length;
      stream.receive(data);
      if (stream.readableLength > MAX_UNREAD_BYTES) this.#behind.add(stream);
    }
    if (fin) stream.receiveFin();
  }

  #drained(stream: SpdyStream): void {
    const state = this.#streams.get(stream.id);
    if (state === undefined) return;
    if (state.unacknowledged > 0) {
      this.#write({ type: 'windowUpdate', streamId: stream.id, delta: state.unacknowledged });
      state.unacknowledged = 0;
    }
    this.#behind.delete(stream);
    this.#wake();
  }

  /** A reader is behind, or the client does not read what it is sent. */
  get #mustWait(): boolean {
    return this.#behind.size > 0 || this.#options.transport.writableLength > MAX_UNSENT_BYTES;
  }

  #wake(): void {
    this.#wakeUp?.();
    this.#wakeUp = undefined;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeUp = resolve;
    });
  }

  #send(stream: SpdyStream, data: Buffer, sent: () => void): void {
    const state = this.#streams.get(stream.id);
    if (state === undefined || this.#isOver) {
      sent();
      return;
    }
    state.waiting = { data, sent };
    this.#pump(state);
  }

  /** Sends as much of what waits as the windows and the transport take. */
  #pump(state: StreamState): void {
    const { waiting, stream } = state;
    if (waiting === undefined) return;
    const { transport } = this.#options;
    while (waiting.data.length > 0) {
      const room = this.#peerHasWindows
        ? Math.min(state.sendWindow, this.#sendWindow, MAX_DATA_BYTES)
        : MAX_DATA_BYTES;
      if (room <= 0) return;
      const data = waiting.data.subarray(0, room);
      waiting.data = waiting.data.subarray(data.length);
      state.sendWindow -= data.length;
      this.#sendWindow -= data.length;
      this.#write({ type: 'data', streamId: stream.id, data, fin: false });
    }
    state.waiting = undefined;
    if (transport.writableNeedDrain) this.#blocked.push(waiting.sent);
    else waiting.sent();
  }

  #unblock(): void {
    const blocked = this.#blocked;
    this.#blocked = [];
    for (const sent of blocked) sent();
    this.#wake();
  }

  #growWindow(streamId: number, delta: number): void {
    this.#peerHasWindows = true;
    if (streamId === 0) {
      this.#sendWindow += delta;
      for (const state of this.#streams.values()) this.#pump(state);
      return;
    }
    const state = this.#streams.get(streamId);
    if (state === undefined) return;
    state.sendWindow += delta;
    this.#pump(state);
  }

  #setInitialWindow(bytes: number): void {
    this.#peerHasWindows = true;
    const change = bytes - this.#initialSendWindow;
    this.#initialSendWindow = bytes;
    for (const state of this.#streams.values()) {
      state.sendWindow += change;
      this.#pump(state);
    }
  }

  #forget(streamId: number): SpdyStream | undefined {
    const state = this.#streams.get(streamId);
    if (state === undefined) return undefined;
    this.#streams.delete(streamId);
    this.#behind.delete(state.stream);
    this.#wake();
    state.waiting?.sent();
    return state.stream;
  }

  #closed(stream: SpdyStream): void {
    this.#forget(stream.id);
    if (this.#isGoingAway && this.#streams.size === 0 && !this.#isOver) this.#options.transport.end();
  }

  #write(frame: Frame): void {
    const { transport } = this.#options;
    if (!this.#isOver && transport.writable) transport.write(encodeFrame(frame));
  }

  #end(error: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#decoder.close();
    for (const { stream } of this.#streams.values())
      stream.destroy(error ?? new Error('connection is closed'));
    this.#unblock();
    this.#options.transport.destroy();
    this.#options.onEnd(error);
  }
}
