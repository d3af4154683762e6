/**
 * A log of changes that several processes write and read at once: data that no one of them owns.
 * A change counts when it is in the file, and in the order of the file: who makes one appends it,
 * reads what is there since the last time, and does all of that in turn, the own change among it.
 * So all have the same, without a lock that somebody could die with.
 *
 * When a file has grown long, a record says that it ends there: what comes after it in the same file
 * counts for nothing. Whoever reads that makes the next file, which begins with what there was; the
 * one whose file gets the name first wins, and all are alike. Each file says how far it has heard of
 * every writer, so that nobody does again what is in it. Who is so slow that the next file has come
 * and gone may make it once more. That one is known by its id, and by there being a newer one.
 *
 * No file stays open, and nothing is synced (see journals.ts).
 */

import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  linkSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { randomId } from '@orrery/kit/random.ts';
import { decodeRecords, encodeRecord, type JournalRecord, writeRecords } from './journal-record.ts';

/** What stands in a log. */
type Head =
  /** A change; by nobody where it is how a file begins. */
  | { readonly by: string; readonly n: number; readonly change: unknown }
  /** How each file begins: how far it has heard of each writer. No other file has the id. */
  | { readonly id: string; readonly seen: Readonly<Record<string, number>> }
  /** The next file goes on from here. */
  | { readonly ends: true };

/** What the log is about, on the side of one process. */
export interface SharedState {
  /** About how long a file is that holds it. */
  readonly sizeBytes: number;
  /** A change, as it stands in the log. */
  apply(record: JournalRecord): void;
  /** Records that make it, whatever was before. */
  snapshot(): Iterable<JournalRecord>;
}

const FILE = /^(\d+)\.log$/;
const NOBODY = '';
const NOTHING = new Uint8Array(0);
const MEBIBYTE = 1024 * 1024;
/** Writers that a file remembers; those that were heard of last. */
const MAX_WRITERS = 64;
/** How often others may be faster with a new file. */
const MAX_TRIES = 100;
/** The bytes of a file that have its id, and the checksum of how it begins. */
const IDENTITY_BYTES = 32;

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** What a file holds that begins with those records. */
export function* beginning(
  records: Iterable<JournalRecord>,
  seen: Readonly<Record<string, number>> = {},
): Generator<JournalRecord> {
  yield { head: { id: randomId(), seen } satisfies Head, body: NOTHING };
  for (const { head, body } of records)
    yield { head: { by: NOBODY, n: 0, change: head } satisfies Head, body };
}

/** One process' side of one log. */
export class SharedLog {
  readonly #directory: string;
  readonly #writer: string;
  readonly #state: SharedState;
  /** Of the file that is read, and how far that is. */
  #generation = 0;
  #identity: Buffer | undefined;
  #offset = 0;
  /** How long the file was when a torn record was found at its end: there is nothing new until it is longer. */
  #tornBytes = 0;
  /** How long the file was when it was new here. */
  #anewBytes = 0;
  #count = 0;
  /** The last change of each writer. */
  #seen = new Map<string, number>();

  /** No other process, now or later, is the same `writer`. Nothing is read yet. */
  constructor(directory: string, writer: string, state: SharedState) {
    this.#directory = directory;
    this.#writer = writer;
    this.#state = state;
  }

  /** Does what others have written. What cannot be read stays as it is. */
  follow(): void {
    try {
      this.#follow();
    } catch {
      // The disk refuses: nothing newer is to be had.
    }
  }

  /**
   * Writes a change down and does it, when all that came before it is done. False when the log has been removed: then
   * nothing has happened.
   * @throws Error when the disk refuses
   */
  append({ head, body }: JournalRecord): boolean {
    this.#count += 1;
    const n = this.#count;
    const record = encodeRecord({ head: { by: this.#writer, n, change: head } satisfies Head, body });
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      this.#follow();
      if (this.#write(record)) this.#follow();
      else if (!this.#goOn() && !existsSync(this.#directory)) return false;
      if ((this.#seen.get(this.#writer) ?? 0) < n) continue;
      this.#shorten();
      return true;
    }
    throw new Error(`${this.#directory}: others were faster ${MAX_TRIES} times`);
  }

  #path(generation: number): string {
    return join(this.#directory, `${generation}.log`);
  }

  /** False when there is no such file any more. */
  #write(bytes: Buffer): boolean {
    const file = this.#open(constants.O_RDWR | constants.O_APPEND);
    if (file === undefined) return false;
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
    } finally {
      closeSync(file);
    }
    return true;
  }

  /** Undefined when the file is not there any more, or another one in its place. */
  #open(flags: number): number | undefined {
    let file: number;
    try {
      file = openSync(this.#path(this.#generation), flags);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
    const identity = Buffer.alloc(IDENTITY_BYTES);
    readSync(file, identity, 0, IDENTITY_BYTES, 0);
    this.#identity ??= identity;
    if (identity.equals(this.#identity)) return file;
    closeSync(file);
    return undefined;
  }

  #follow(): void {
    for (;;) {
      const stat = statSync(this.#path(this.#generation), { throwIfNoEntry: false });
      if (stat === undefined) {
        if (!this.#goOn()) return;
      } else if (stat.size <= Math.max(this.#offset, this.#tornBytes) || !this.#read()) return;
    }
  }

  /** To the newest file; false when there is none after this one. */
  #goOn(): boolean {
    const newest = newestIn(this.#directory);
    if (newest === undefined || newest <= this.#generation) return false;
    this.#turnTo(newest);
    return true;
  }

  /** False when there is no whole record. */
  #read(): boolean {
    const bytes = this.#unread();
    if (bytes === undefined) return this.#goOn();
    // Only now is it certain which file has been opened, and that it is not one made too late.
    if (this.#offset === 0 && this.#goOn()) return true;
    const { records, wholeBytes } = decodeRecords(bytes);
    for (const { head, body, bytes: length } of records as Iterable<StoredHead>) {
      if ('ends' in head) {
        this.#makeNext();
        return true;
      }
      this.#offset += length;
      if ('seen' in head) this.#seen = new Map(Object.entries(head.seen));
      else {
        this.#hear(head.by, head.n);
        this.#state.apply({ head: head.change, body });
      }
    }
    if (wholeBytes === bytes.length) return true;
    // Somebody is still writing it, or died of it: then others have come after it.
    const torn = bytes.subarray(wholeBytes);
    const next = nextRecordIn(torn);
    if (next === undefined) this.#tornBytes = this.#offset + torn.length;
    else this.#offset += next;
    return next !== undefined;
  }

  #unread(): Buffer | undefined {
    const file = this.#open(constants.O_RDONLY);
    if (file === undefined) return undefined;
    try {
      const bytes = Buffer.allocUnsafeSlow(Math.max(0, fstatSync(file).size - this.#offset));
      let length = 0;
      while (length < bytes.length) {
        const read = readSync(file, bytes, length, bytes.length - length, this.#offset + length);
        if (read === 0) break;
        length += read;
      }
      return bytes.subarray(0, length);
    } finally {
      closeSync(file);
    }
  }

  #hear(writer: string, n: number): void {
    if (writer === NOBODY) return;
    this.#seen.delete(writer);
    this.#seen.set(writer, n);
    if (this.#seen.size > MAX_WRITERS) this.#seen.delete(this.#seen.keys().next().value!);
  }

  /** Ends the file when most of it is history. */
  #shorten(): void {
    const liveBytes = Math.max(this.#state.sizeBytes, this.#anewBytes);
    if (this.#offset <= 2 * liveBytes + MEBIBYTE) return;
    this.#write(encodeRecord({ head: { ends: true } satisfies Head, body: NOTHING }));
    this.#follow();
  }

  /** All that the file holds is done here: the next one begins with that. */
  #makeNext(): void {
    const generation = this.#generation + 1;
    const draft = join(this.#directory, `${generation}.${this.#writer}.new`);
    if ((newestIn(this.#directory) ?? 0) < generation) {
      try {
        writeRecords(draft, beginning(this.#state.snapshot(), Object.fromEntries(this.#seen)));
        linkSync(draft, this.#path(generation));
      } catch (error) {
        // Somebody else has made it, or removed everything.
        if (codeOf(error) !== 'EEXIST' && codeOf(error) !== 'ENOENT') throw error;
      } finally {
        rmSync(draft, { force: true });
      }
    }
    this.#turnTo(Math.max(generation, newestIn(this.#directory) ?? 0));
  }

  /** The first records of a file make everything anew. What is older than it goes. */
  #turnTo(generation: number): void {
    for (const older of generationsIn(this.#directory)) {
      if (older < generation) rmSync(this.#path(older), { force: true });
    }
    this.#generation = generation;
    this.#identity = undefined;
    this.#offset = 0;
    this.#tornBytes = 0;
    this.#anewBytes = statSync(this.#path(generation), { throwIfNoEntry: false })?.size ?? 0;
  }
}

interface StoredHead {
  readonly head: Head;
  readonly body: Uint8Array;
  readonly bytes: number;
}

/** Of the files that there are, in any order. */
function generationsIn(directory: string): number[] {
  try {
    return readdirSync(directory)
      .flatMap((name) => FILE.exec(name)?.[1] ?? [])
      .map(Number);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Undefined when there is no file. */
function newestIn(directory: string): number | undefined {
  const generations = generationsIn(directory);
  return generations.length === 0 ? undefined : Math.max(...generations);
}

/** Where the next whole record begins, in bytes that begin with a torn one. */
function nextRecordIn(torn: Buffer): number | undefined {
  for (let at = 1; at < torn.length; at += 1) {
    if (decodeRecords(torn.subarray(at)).wholeBytes > 0) return at;
  }
  return undefined;
}
