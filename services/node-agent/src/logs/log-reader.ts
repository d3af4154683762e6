/** Reading a container's log as `kubectl logs` asks for it (pkg/kubelet/kuberuntime/logs/logs.go, ReadLogs). */

import { type ContainerLogs, type LogId, type LogView } from './container-logs.ts';
import { type LogRecord, parseRecord } from './log-line.ts';

export interface LogReadOptions {
  follow: boolean;
  timestamps: boolean;
  /** Lines from the end; all when absent. */
  tailLines?: number;
  /** Only what was printed since, epoch milliseconds of the cluster's clock. */
  sinceMs?: number;
  limitBytes?: number;
  stream: 'All' | 'Stdout' | 'Stderr';
}

const BLOCK_BYTES = 64 * 1024;
const LINE_FEED = 0x0a;
const NEW_LINE = Buffer.from('\n');

/** A line without an end is no longer waited for: a record is much shorter. */
const MAX_LINE_BYTES = 256 * 1024;

/**
 * The log in pieces of moderate size, at the pace in which they are taken. With `follow` it goes
 * on until the container is over or `signal` aborts.
 */
export async function* readLog(
  logs: ContainerLogs,
  id: LogId,
  isOver: boolean,
  options: LogReadOptions,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const view = logs.view(id, isOver);
  try {
    await written(view, signal);
    const until = options.follow ? undefined : view.end;
    const from = options.tailLines === undefined ? view.from : await tailStart(view, options.tailLines);
    const selection = new LogSelection(options);
    for await (const block of blocks(view, from, until, signal)) {
      const output = selection.select(block);
      if (output.length > 0) yield output;
      if (selection.isFull) return;
    }
  } finally {
    view.close();
  }
}

/** The last lines of a log, at most so many and so long together: for termination messages. */
export async function tailOfLog(
  logs: ContainerLogs,
  id: LogId,
  lines: number,
  bytes: number,
): Promise<string> {
  const pieces: Buffer[] = [];
  const options: LogReadOptions = { follow: false, timestamps: false, tailLines: lines, stream: 'All' };
  const never = new AbortController().signal;
  for await (const piece of readLog(logs, id, true, options, never)) pieces.push(piece);
  const all = Buffer.concat(pieces);
  return all.subarray(Math.max(0, all.length - bytes)).toString();
}

/** Whole lines from a position on; ends at `until`, or when the log is over. */
async function* blocks(
  view: LogView,
  from: number,
  until: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  let position = from;
  for (;;) {
    if (signal.aborted) return;
    const isLast = view.isOver;
    const wanted = until === undefined ? BLOCK_BYTES : Math.min(BLOCK_BYTES, until - position);
    const { data, position: readFrom } = await view.read(position, wanted);
    // Rotated away under a reader that is too slow: what is left of a line has lost its end.
    if (readFrom > position) rest = Buffer.alloc(0);
    if (data.length === 0) {
      if (until !== undefined || isLast) return;
      await change(view, () => view.end > readFrom || view.isOver, signal);
      continue;
    }
    position = readFrom + data.length;
    const all: Buffer = rest.length === 0 ? data : Buffer.concat([rest, data]);
    const end = all.lastIndexOf(LINE_FEED) + 1;
    if (end > 0) yield all.subarray(0, end);
    rest = all.length - end > MAX_LINE_BYTES ? Buffer.alloc(0) : all.subarray(end);
  }
}

/** Resolves when the log has come to be as wanted, or `signal` aborts. */
function change(view: LogView, isDue: () => boolean, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!isDue() && !signal.aborted) return;
      unsubscribe();
      signal.removeEventListener('abort', look);
      resolve();
    };
    const unsubscribe = view.subscribe(look);
    signal.addEventListener('abort', look);
    look();
  });
}

/** Resolves when what has been printed by now can be read. */
async function written(view: LogView, signal: AbortSignal): Promise<void> {
  const target = view.printed;
  // A batch that could not be written is lost: nothing waits for it.
  await change(view, () => view.end >= target || view.printed < target || view.isOver, signal);
}

/** Where the last `lines` lines begin. Pieces of one line count once, with its end. */
async function tailStart(view: LogView, lines: number): Promise<number> {
  if (lines === 0) return view.end;
  let to = view.end;
  let missing = lines;
  let carried: Buffer = Buffer.alloc(0);
  while (to > view.from) {
    const from = Math.max(view.from, to - BLOCK_BYTES);
    const block = await readExactly(view, from, to);
    if (block === undefined) break;
    const all: Buffer = Buffer.concat([block, carried]);
    // The first line of a block may have begun in the block before.
    let lineEnd = all.length - 1;
    while (lineEnd >= 0) {
      const before = lineEnd === 0 ? -1 : all.lastIndexOf(LINE_FEED, lineEnd - 1);
      if (before < 0 && from > view.from) break;
      const isNewest = to === view.end && lineEnd === all.length - 1;
      if (endsLine(all, before + 1, lineEnd, isNewest)) {
        if (missing === 0) return from + lineEnd + 1;
        missing -= 1;
      }
      lineEnd = before;
    }
    carried = all.subarray(0, lineEnd + 1);
    if (carried.length > MAX_LINE_BYTES) return from + carried.length;
    to = from;
  }
  return view.from;
}

/** The newest record counts as a line in any case: the program may have printed no end. */
function endsLine(buffer: Buffer, from: number, end: number, isNewest: boolean): boolean {
  const record = parseRecord(buffer, from, end);
  return record !== undefined && (isNewest || !record.isPartial);
}

/** Undefined when a part of it has been rotated away. */
async function readExactly(view: LogView, from: number, to: number): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  for (let position = from; position < to;) {
    const { data, position: readFrom } = await view.read(position, to - position);
    if (readFrom !== position || data.length === 0) return undefined;
    pieces.push(data);
    position += data.length;
  }
  return Buffer.concat(pieces);
}

/** Picks the records that are asked for, and writes them as they are shown. */
class LogSelection {
  readonly #options: LogReadOptions;
  readonly #since: string | undefined;
  readonly #stream: string | undefined;
  #left: number;
  /** The record before was the end of its line; of each stream. */
  readonly #atLineStart = { stdout: true, stderr: true };

  constructor(options: LogReadOptions) {
    const { sinceMs, stream, limitBytes } = options;
    this.#options = options;
    // Times are compared as texts: both are written in one form.
    this.#since = sinceMs === undefined ? undefined : new Date(sinceMs).toISOString().slice(0, -1);
    this.#stream = stream === 'All' ? undefined : stream.toLowerCase();
    this.#left = limitBytes ?? Number.POSITIVE_INFINITY;
  }

  /** As many bytes as were asked for have been shown. */
  get isFull(): boolean {
    return this.#left <= 0;
  }

  /** `block` holds whole lines. */
  select(block: Buffer): Buffer {
    const pieces: Buffer[] = [];
    for (let from = 0; from < block.length && !this.isFull;) {
      const end = block.indexOf(LINE_FEED, from);
      const record = parseRecord(block, from, end);
      from = end + 1;
      if (record === undefined || !this.#isWanted(record)) continue;
      if (this.#options.timestamps && this.#atLineStart[record.stream])
        this.#put(pieces, Buffer.from(`${record.time} `));
      this.#put(pieces, block.subarray(record.from, record.to));
      if (!record.isPartial) this.#put(pieces, NEW_LINE);
      this.#atLineStart[record.stream] = !record.isPartial;
    }
    return Buffer.concat(pieces);
  }

  #isWanted({ time, stream }: LogRecord): boolean {
    if (this.#since !== undefined && time < this.#since) return false;
    return this.#stream === undefined || stream === this.#stream;
  }

  #put(pieces: Buffer[], piece: Buffer): void {
    const shown = piece.subarray(0, Math.min(piece.length, this.#left));
    this.#left -= shown.length;
    pieces.push(shown);
  }
}
