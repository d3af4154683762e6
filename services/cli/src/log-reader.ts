/** Reading growing log files, several at once in the order of time. */

import { open } from 'node:fs/promises';
import { type LogLine, parseLogLine } from './log-line.ts';

const CHUNK_BYTES = 64 * 1024;

/** A line that is longer is handed out in pieces, so that memory stays bounded. */
const LONGEST_LINE_BYTES = 1024 * 1024;

/** Reads one log from its beginning, and later what was added since. */
export class LogReader {
  readonly source: string;
  readonly #path: string;
  #position = 0;
  /** The beginning of a line whose end is not written yet. */
  #rest = Buffer.alloc(0);
  #lines: string[] = [];

  constructor(source: string, path: string) {
    this.source = source;
    this.#path = path;
  }

  /** The next whole line; undefined when there is none yet, or no such file. */
  async next(): Promise<LogLine | undefined> {
    while (this.#lines.length === 0) {
      if (!(await this.#readMore())) return undefined;
    }
    return parseLogLine(this.source, this.#lines.shift() ?? '');
  }

  async #readMore(): Promise<boolean> {
    const chunk = await this.#readChunk();
    if (chunk.length === 0) return false;
    const text = Buffer.concat([this.#rest, chunk]);
    const end = text.lastIndexOf('\n') + 1;
    const whole = end === 0 && text.length > LONGEST_LINE_BYTES ? text.length : end;
    this.#rest = text.subarray(whole);
    this.#lines = text.toString('utf8', 0, whole).split('\n');
    if (whole > 0 && whole === end) this.#lines.pop();
    else if (whole === 0) this.#lines = [];
    return true;
  }

  async #readChunk(): Promise<Buffer> {
    const file = await open(this.#path).catch(() => undefined);
    if (file === undefined) return Buffer.alloc(0);
    try {
      // The log was cut off because it had become too large: go on at its new beginning.
      if ((await file.stat()).size < this.#position) this.#position = 0;
      const { buffer, bytesRead } = await file.read(
        Buffer.alloc(CHUNK_BYTES),
        0,
        CHUNK_BYTES,
        this.#position,
      );
      this.#position += bytesRead;
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }
}

interface Head {
  readonly reader: LogReader;
  line: LogLine | undefined;
  /** A line without a time belongs to the one before it. */
  timeMs: number;
}

/** What the readers have now, merged by time. Each reader's own order is kept. */
export async function* mergeByTime(readers: readonly LogReader[]): AsyncGenerator<LogLine> {
  const heads: Head[] = readers.map((reader) => ({ reader, line: undefined, timeMs: 0 }));
  for (const head of heads) await advance(head);
  for (;;) {
    let earliest: Head | undefined;
    for (const head of heads) {
      if (head.line === undefined) continue;
      if (earliest === undefined || head.timeMs < earliest.timeMs) earliest = head;
    }
    if (earliest?.line === undefined) return;
    yield earliest.line;
    await advance(earliest);
  }
}

async function advance(head: Head): Promise<void> {
  head.line = await head.reader.next();
  head.timeMs = head.line?.timeMs ?? head.timeMs;
}
