/**
 * One line of a container's log as the Container Runtime Interface lays it down
 * (kubernetes/design-proposals node/kubelet-cri-logging.md): `TIME STREAM TAG CONTENT`. The tag is
 * F for a line that is complete, and P for a piece of one that is longer than a record may be, or
 * that never ended.
 */

import type { LogStream } from '../process/task.ts';

/** The most that one record holds of a line (containerd, max_container_log_line_size). */
export const MAX_RECORD_BYTES = 16 * 1024;

const TIME_LENGTH = '2026-01-01T00:00:00.000000000Z'.length;
const LINE_FEED = 0x0a;
const SPACE = 0x20;
const PARTIAL = 0x50;

/** A record without its content, which stays where it is in the buffer that was parsed. */
export interface LogRecord {
  /** RFC 3339 with nanoseconds, as written. */
  time: string;
  stream: LogStream;
  isPartial: boolean;
  /** Where the content begins and ends, without the line feed. */
  from: number;
  to: number;
}

/**
 * The record in a buffer from `from` to the line feed at `end`; undefined for what is no record: a
 * line that was cut by the death of the agent that wrote it.
 */
export function parseRecord(buffer: Buffer, from: number, end: number): LogRecord | undefined {
  const afterTime = buffer.indexOf(SPACE, from);
  if (afterTime - from !== TIME_LENGTH || afterTime >= end) return undefined;
  const afterStream = buffer.indexOf(SPACE, afterTime + 1);
  if (afterStream < 0 || afterStream + 2 >= end || buffer[afterStream + 2] !== SPACE) return undefined;
  const stream = buffer.toString('latin1', afterTime + 1, afterStream);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  return {
    time: buffer.toString('latin1', from, afterTime),
    stream,
    isPartial: buffer[afterStream + 1] === PARTIAL,
    from: afterStream + 3,
    to: end,
  };
}

const NANOSECONDS_PER_MILLISECOND = 1_000_000;

/** Times of records: never the same twice, so that they can be told apart and put in order. */
export class LogTimes {
  #lastMs = 0;
  #lastNanos = 0;
  /** `2026-01-01T00:00:00.000`, of the last millisecond. */
  #prefix = '';

  /** `nowMs` is epoch milliseconds, with fractions. */
  next(nowMs: number): string {
    const ms = Math.floor(nowMs);
    if (ms > this.#lastMs) {
      this.#lastMs = ms;
      this.#lastNanos = Math.floor((nowMs - ms) * NANOSECONDS_PER_MILLISECOND);
      this.#prefix = new Date(ms).toISOString().slice(0, -1);
    } else if (this.#lastNanos < NANOSECONDS_PER_MILLISECOND - 1) {
      this.#lastNanos += 1;
    }
    return `${this.#prefix}${String(this.#lastNanos).padStart(6, '0')}Z`;
  }
}

const EMPTY = Buffer.alloc(0);

/**
 * Cuts what a program prints on one stream into records. A line without its end is kept back until
 * the end comes, it is as long as a record may be, or the program is over.
 */
export class LineCutter {
  readonly #stream: LogStream;
  #rest = EMPTY;

  constructor(stream: LogStream) {
    this.#stream = stream;
  }

  /** The records that are complete with `data`, each with its line feed. */
  cut(data: Uint8Array, time: () => string): Buffer[] {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const parts: Buffer[] = [];
    let from = 0;
    for (;;) {
      const end = all.indexOf(LINE_FEED, from);
      const lineEnd = end < 0 ? all.length : end;
      while (lineEnd - from > MAX_RECORD_BYTES) {
        this.#put(parts, time(), 'P', all.subarray(from, from + MAX_RECORD_BYTES));
        from += MAX_RECORD_BYTES;
      }
      if (end < 0) break;
      this.#put(parts, time(), 'F', all.subarray(from, end));
      from = end + 1;
    }
    // A copy: the program may use its buffer again.
    this.#rest = from === all.length ? EMPTY : Buffer.from(all.subarray(from));
    return parts;
  }

  /** What was kept back, now that nothing follows: a line without its end stays without (containerd, redirectLogs). */
  end(time: () => string): Buffer[] {
    const parts: Buffer[] = [];
    if (this.#rest.length > 0) this.#put(parts, time(), 'P', this.#rest);
    this.#rest = EMPTY;
    return parts;
  }

  #put(parts: Buffer[], time: string, tag: 'F' | 'P', content: Buffer): void {
    const head = `${time} ${this.#stream} ${tag} `;
    const record = Buffer.allocUnsafe(head.length + content.length + 1);
    record.write(head, 'latin1');
    content.copy(record, head.length);
    record[record.length - 1] = LINE_FEED;
    parts.push(record);
  }
}
