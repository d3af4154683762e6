/**
 * What outlives the process, as one append-only file for each thing. What was appended is in the
 * file when the turn of the event loop in which it happened is over: from then on a SIGKILL of
 * this process loses nothing of it. (Nothing is synced: a power cut is the end of the cluster's
 * machine, not of this process.)
 *
 * No file stays open: there may be thousands, and each is written rarely.
 */

import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import {
  decodeRecords,
  encodeRecord,
  type JournalRecord,
  type StoredRecord,
  writeRecords,
} from './journal-record.ts';

/** What a journal is about: how large it is (about), and the records that make it anew. */
export interface JournalSource {
  readonly sizeBytes: number;
  snapshot(): Iterable<JournalRecord>;
}

export interface Journal {
  /** Returns how many bytes the record takes. */
  append(record: JournalRecord): number;
  /** Calls back once before the end of this turn's writing: for who would rather append the last of many states. */
  collect(callback: () => void): void;
}

export interface JournalsOptions {
  /** Made when it is not there. */
  directory: string;
  /** Real time: how long to wait when the disk refused. */
  realClock: Clock;
  logger: Logger;
}

const EXTENSION = '.journal';
const NEW_EXTENSION = '.new';
const MEBIBYTE = 1024 * 1024;
/** What waits for the end of the turn; more is written at once. */
const MAX_PENDING_BYTES = MEBIBYTE;
const RETRY_MS = 1_000;

interface OpenJournal extends Journal {
  readonly path: string;
  readonly source: JournalSource;
  pending: Buffer[];
  pendingBytes: number;
  fileBytes: number;
  /** What it came to when it was last written anew by this process. */
  anewBytes: number;
  /** The file is not what it should be: it has to be written anew. */
  damaged: boolean;
}

export class Journals {
  readonly #directory: string;
  readonly #realClock: Clock;
  readonly #logger: Logger;
  /** The files that are there, with their sizes in bytes as far as they were read. */
  readonly #files = new Map<string, number>();
  readonly #open = new Map<string, OpenJournal>();
  readonly #dirty = new Set<OpenJournal>();
  readonly #collectors = new Set<() => void>();
  #scheduled = false;
  /** The disk refused: nothing is tried for a while. */
  #resting = false;

  /** @throws Error when the directory cannot be made or read. */
  constructor({ directory, realClock, logger }: JournalsOptions) {
    this.#directory = directory;
    this.#realClock = realClock;
    this.#logger = logger;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(directory)) {
      if (file.endsWith(EXTENSION)) this.#files.set(decodeURIComponent(file.slice(0, -EXTENSION.length)), 0);
    }
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  names(): string[] {
    return [...this.#files.keys()];
  }

  /** The records of a journal that was written before; what was torn at its end is cut off. */
  read(name: string): StoredRecord[] {
    if (!this.has(name)) return [];
    const path = this.#pathOf(name);
    try {
      const file = readFileSync(path);
      const { records, wholeBytes } = decodeRecords(file);
      if (wholeBytes < file.length) {
        this.#logger.warn({ path, lostBytes: file.length - wholeBytes }, 'journal ends with a torn record');
        truncateSync(path, wholeBytes);
      }
      this.#files.set(name, wholeBytes);
      return records;
    } catch (error) {
      this.#logger.error({ err: error, path }, 'journal cannot be read, what it held is lost');
      // So that it is written anew when it is next written.
      this.#files.set(name, Infinity);
      return [];
    }
  }

  /** Goes on with a journal after `read`, or begins one: its file is made with the first record. */
  open(name: string, source: JournalSource): Journal {
    const path = this.#pathOf(name);
    const journal: OpenJournal = {
      path,
      source,
      pending: [],
      pendingBytes: 0,
      fileBytes: this.#files.get(name) ?? 0,
      anewBytes: 0,
      damaged: false,
      append: (record) => this.#append(name, journal, record),
      collect: (callback) => this.collect(callback),
    };
    this.#open.set(name, journal);
    return journal;
  }

  /** Calls back once when this turn is over, before the journals are written. */
  collect(callback: () => void): void {
    this.#collectors.add(callback);
    this.#schedule();
  }

  /** Forgets a journal, and deletes its file. */
  remove(name: string): void {
    const journal = this.#open.get(name);
    if (journal !== undefined) {
      this.#open.delete(name);
      this.#dirty.delete(journal);
    }
    if (!this.#files.delete(name)) return;
    try {
      rmSync(this.#pathOf(name), { force: true });
    } catch (error) {
      this.#logger.warn({ err: error, journal: name }, 'journal cannot be deleted');
    }
  }

  /** Writes what waits, now. */
  flush(): void {
    this.#scheduled = false;
    for (const collect of this.#collectors) collect();
    this.#collectors.clear();
    for (const journal of this.#dirty) this.#write(journal);
  }

  #append(name: string, journal: OpenJournal, record: JournalRecord): number {
    // Of something that is gone: whoever still holds it writes for nobody.
    if (this.#open.get(name) !== journal) return 0;
    this.#dirty.add(journal);
    const bytes = encodeRecord(record);
    if (this.#resting) {
      // What this record says will be in the journal when that is written anew.
      journal.damaged = true;
      return bytes.length;
    }
    if (!this.#files.has(name)) this.#files.set(name, 0);
    journal.pending.push(bytes);
    journal.pendingBytes += bytes.length;
    if (journal.pendingBytes >= MAX_PENDING_BYTES) this.#write(journal);
    else this.#schedule();
    return bytes.length;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.flush());
  }

  #write(journal: OpenJournal): void {
    const { path, source, pending, pendingBytes } = journal;
    journal.pending = [];
    journal.pendingBytes = 0;
    // A journal that cannot be written is written anew when it can be: what waited is in that.
    if (this.#resting) journal.damaged = true;
    if (this.#resting) return;
    try {
      const grown = journal.fileBytes + pendingBytes;
      const liveBytes = Math.max(source.sizeBytes, journal.anewBytes);
      if (journal.damaged || grown > 2 * liveBytes + MEBIBYTE) {
        journal.anewBytes = writeAnew(path, source);
        journal.fileBytes = journal.anewBytes;
      } else if (pendingBytes > 0) {
        appendFileSync(path, pending.length === 1 ? pending[0]! : Buffer.concat(pending), { mode: 0o600 });
        journal.fileBytes = grown;
      }
      journal.damaged = false;
      this.#dirty.delete(journal);
    } catch (error) {
      journal.damaged = true;
      this.#rest(error);
    }
  }

  /** What runs goes on in memory while the disk is full or away. */
  #rest(error: unknown): void {
    this.#logger.error({ err: error }, 'state cannot be written, trying again');
    this.#resting = true;
    this.#realClock.setTimeout(() => {
      this.#resting = false;
      this.flush();
    }, RETRY_MS);
  }

  #pathOf(name: string): string {
    return join(this.#directory, `${encodeURIComponent(name)}${EXTENSION}`);
  }
}

/** Replaces a journal by what it comes to; whoever looks meanwhile sees the old one. Returns its size. */
function writeAnew(path: string, source: JournalSource): number {
  const next = `${path}${NEW_EXTENSION}`;
  const fileBytes = writeRecords(next, source.snapshot());
  renameSync(next, path);
  return fileBytes;
}
