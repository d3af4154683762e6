/** Frames of SPDY/3.1 (section 2.2), between bytes and records. Nothing here keeps state of streams. */

import { SpdyError } from './header-block.ts';

const VERSION = 3;

const SYN_STREAM = 1;
const SYN_REPLY = 2;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const HEADERS = 8;
const WINDOW_UPDATE = 9;

const FLAG_FIN = 1;
const FLAG_UNIDIRECTIONAL = 2;

const HEADER_BYTES = 8;
const ID_MASK = 0x7fff_ffff;
const SETTINGS_INITIAL_WINDOW_SIZE = 7;

/** Control frames are small: names of streams, and numbers. Data is passed on as it comes, whatever its length. */
export const MAX_CONTROL_BYTES = 32 * 1024;

/** Why a stream was reset (section 2.6.3). */
export const RST_STATUS = { refusedStream: 3, cancel: 5 } as const;

export type Frame =
  | {
      type: 'synStream';
      streamId: number;
      headerBlock: Buffer;
      fin: boolean;
      unidirectional: boolean;
    }
  | { type: 'synReply'; streamId: number; headerBlock: Buffer; fin: boolean }
  | { type: 'headers'; streamId: number; headerBlock: Buffer; fin: boolean }
  | { type: 'rstStream'; streamId: number; status: number }
  /** Of the settings only this one matters here; undefined when it is not among them. */
  | { type: 'settings'; initialWindowBytes: number | undefined }
  | { type: 'ping'; id: number }
  | { type: 'goAway'; lastStreamId: number; status: number }
  | { type: 'windowUpdate'; streamId: number; delta: number }
  /** A piece of a data frame, or all of it; `fin` comes with the last. */
  | { type: 'data'; streamId: number; data: Buffer; fin: boolean };

function controlFrame(type: number, flags: number, payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  frame.writeUInt16BE(0x8000 | VERSION, 0);
  frame.writeUInt16BE(type, 2);
  frame.writeUInt32BE(payload.length, 4);
  frame[4] = flags;
  payload.copy(frame, HEADER_BYTES);
  return frame;
}

function words(...values: number[]): Buffer {
  const buffer = Buffer.allocUnsafe(4 * values.length);
  for (const [index, value] of values.entries()) buffer.writeUInt32BE(value >>> 0, 4 * index);
  return buffer;
}

/** The bytes of a frame. */
export function encodeFrame(frame: Frame): Buffer {
  switch (frame.type) {
    case 'synStream': {
      const flags = (frame.fin ? FLAG_FIN : 0) | (frame.unidirectional ? FLAG_UNIDIRECTIONAL : 0);
      const fields = Buffer.concat([words(frame.streamId, 0), Buffer.alloc(2), frame.headerBlock]);
      return controlFrame(SYN_STREAM, flags, fields);
    }
    case 'synReply':
    case 'headers': {
      const type = frame.type === 'headers' ? HEADERS : SYN_REPLY;
      const payload = Buffer.concat([words(frame.streamId), frame.headerBlock]);
      return controlFrame(type, frame.fin ? FLAG_FIN : 0, payload);
    }
    case 'rstStream':
      return controlFrame(RST_STREAM, 0, words(frame.streamId, frame.status));
    case 'settings': {
      const { initialWindowBytes } = frame;
      const entries =
        initialWindowBytes === undefined ? [0] : [1, SETTINGS_INITIAL_WINDOW_SIZE, initialWindowBytes];
      return controlFrame(SETTINGS, 0, words(...entries));
    }
    case 'ping':
      return controlFrame(PING, 0, words(frame.id));
    case 'goAway':
      return controlFrame(GOAWAY, 0, words(frame.lastStreamId, frame.status));
    case 'windowUpdate':
      return controlFrame(WINDOW_UPDATE, 0, words(frame.streamId, frame.delta));
    case 'data': {
      const head = words(frame.streamId, frame.data.length);
      head[4] = frame.fin ? FLAG_FIN : 0;
      return Buffer.concat([head, frame.data]);
    }
  }
}

/** A control frame from its type, flags and payload; undefined for a type that may be passed over. */
function decodeControl(type: number, flags: number, payload: Buffer): Frame | undefined {
  const word = (index: number): number => {
    if (payload.length < 4 * index + 4) throw new SpdyError(`frame of type ${type} is too short`);
    return payload.readUInt32BE(4 * index);
  };
  const fin = (flags & FLAG_FIN) !== 0;
  switch (type) {
    case SYN_STREAM: {
      if (payload.length < 10) throw new SpdyError('SYN_STREAM is too short');
      const unidirectional = (flags & FLAG_UNIDIRECTIONAL) !== 0;
      const streamId = word(0) & ID_MASK;
      return { type: 'synStream', streamId, headerBlock: payload.subarray(10), fin, unidirectional };
    }
    case SYN_REPLY:
      return { type: 'synReply', streamId: word(0) & ID_MASK, headerBlock: payload.subarray(4), fin };
    case HEADERS:
      return { type: 'headers', streamId: word(0) & ID_MASK, headerBlock: payload.subarray(4), fin };
    case RST_STREAM:
      return { type: 'rstStream', streamId: word(0) & ID_MASK, status: word(1) };
    case SETTINGS:
      return { type: 'settings', initialWindowBytes: initialWindowOf(payload, word(0)) };
    case PING:
      return { type: 'ping', id: word(0) };
    case GOAWAY:
      return { type: 'goAway', lastStreamId: word(0) & ID_MASK, status: payload.length >= 8 ? word(1) : 0 };
    case WINDOW_UPDATE:
      return { type: 'windowUpdate', streamId: word(0) & ID_MASK, delta: word(1) & ID_MASK };
    default:
      return undefined;
  }
}

function initialWindowOf(payload: Buffer, count: number): number | undefined {
  if (payload.length < 4 + 8 * count) throw new SpdyError('SETTINGS is too short');
  let found: number | undefined;
  for (let at = 4; at < 4 + 8 * count; at += 8) {
    const id = payload.readUInt32BE(at) & 0xff_ffff;
    if (id === SETTINGS_INITIAL_WINDOW_SIZE) found = payload.readUInt32BE(at + 4) & ID_MASK;
  }
  return found;
}

const EMPTY = Buffer.alloc(0);

/** Cuts bytes as they arrive into frames. */
export class FrameReader {
  #rest: Buffer = EMPTY;
  /** The data frame whose payload has not all come yet. */
  #open: { streamId: number; missing: number; fin: boolean } | undefined;

  /** The frames that are complete with `bytes`. @throws SpdyError for what is no SPDY/3.1. */
  *read(bytes: Buffer): Generator<Frame, void, undefined> {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    for (;;) {
      if (this.#open !== undefined) {
        if (this.#rest.length === 0) return;
        yield this.#takeData(this.#open);
        continue;
      }
      if (this.#rest.length < HEADER_BYTES) return;
      const length = this.#rest.readUInt32BE(4) & 0xff_ffff;
      const flags = this.#rest[4]!;
      if ((this.#rest[0]! & 0x80) === 0) {
        const streamId = this.#rest.readUInt32BE(0);
        const fin = (flags & FLAG_FIN) !== 0;
        this.#rest = this.#rest.subarray(HEADER_BYTES);
        if (length > 0) this.#open = { streamId, missing: length, fin };
        else yield { type: 'data', streamId, data: EMPTY, fin };
        continue;
      }
      if ((this.#rest.readUInt16BE(0) & 0x7fff) !== VERSION) throw new SpdyError('not version 3 of SPDY');
      if (length > MAX_CONTROL_BYTES) throw new SpdyError('control frame is too large');
      if (this.#rest.length < HEADER_BYTES + length) return;
      const type = this.#rest.readUInt16BE(2);
      const payload = this.#rest.subarray(HEADER_BYTES, HEADER_BYTES + length);
      this.#rest = this.#rest.subarray(HEADER_BYTES + length);
      const frame = decodeControl(type, flags, payload);
      if (frame !== undefined) yield frame;
    }
  }

  #takeData(open: { streamId: number; missing: number; fin: boolean }): Frame {
    const data = this.#rest.subarray(0, open.missing);
    this.#rest = this.#rest.subarray(data.length);
    open.missing -= data.length;
    if (open.missing === 0) this.#open = undefined;
    return { type: 'data', streamId: open.streamId, data, fin: open.fin && open.missing === 0 };
  }
}
