/** The logs that the agents of a cluster share, each in a directory of its own. */

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomId } from '@orrery/kit/random.ts';
import { type JournalRecord, writeRecords } from './journal-record.ts';
import { beginning, SharedLog, type SharedState } from './shared-log.ts';

/** Names of logs do not begin so. */
const DRAFT = '.';

export class SharedLogs {
  readonly #directory: string;
  readonly #writer = randomId();

  /** Makes the directory when it is not there. @throws Error when that cannot be */
  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  has(name: string): boolean {
    return existsSync(this.#pathOf(name));
  }

  names(): string[] {
    return readdirSync(this.#directory)
      .filter((each) => !each.startsWith(DRAFT))
      .map(decodeURIComponent);
  }

  /** Makes the log, with those records in it, when it is not there. */
  open(name: string, state: SharedState, begin: Iterable<JournalRecord> = []): SharedLog {
    const path = this.#pathOf(name);
    if (!existsSync(path)) this.#make(path, begin);
    return new SharedLog(path, this.#writer, state);
  }

  /** For everybody. */
  remove(name: string): void {
    rmSync(this.#pathOf(name), { recursive: true, force: true });
  }

  /** A directory that has its name has its first file, too. */
  #make(path: string, records: Iterable<JournalRecord>): void {
    const draft = join(this.#directory, `${DRAFT}${this.#writer}`);
    mkdirSync(draft, { mode: 0o700 });
    try {
      writeRecords(join(draft, '0.log'), beginning(records));
      renameSync(draft, path);
    } catch (error) {
      rmSync(draft, { recursive: true, force: true });
      // Unless somebody else was faster.
      if (!existsSync(path)) throw error;
    }
  }

  #pathOf(name: string): string {
    return join(this.#directory, encodeURIComponent(name));
  }
}
