/**
 * Remembers outside Redis which store this is and how far it had come, so that a store that
 * comes back older (restored from a copy, emptied) is noticed even by a new process.
 */

import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock, Timer } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';

/** The file is written at most this often while the revision grows. */
const SAVE_PERIOD_MS = 1_000;

export interface HighWaterOptions {
  /** Path of the file; its directory is made when missing. */
  path: string;
  /** Real time. */
  clock: Clock;
  logger: Logger;
}

/** Opens the mark. A missing file means a store never seen; an unreadable one too, with a warning. */
export async function openHighWaterMark({ path, clock, logger }: HighWaterOptions): Promise<HighWaterMark> {
  await mkdir(dirname(path), { recursive: true });
  const mark = new HighWaterMark(path, clock, logger);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return mark;
    throw error;
  }
  const saved = parse(text);
  if (saved === undefined) {
    logger.warn({ path }, 'high-water file is not readable: a rollback before this start would go unnoticed');
  } else {
    mark.epoch = saved.epoch;
    mark.highest = saved.revision;
    mark.verified = saved.revision;
  }
  return mark;
}

function parse(text: string): { epoch: string; revision: number } | undefined {
  let saved: unknown;
  try {
    saved = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof saved !== 'object' || saved === null) return undefined;
  const { epoch, revision } = saved as Record<string, unknown>;
  return typeof epoch === 'string' && Number.isSafeInteger(revision) && (revision as number) >= 0
    ? { epoch, revision: revision as number }
    : undefined;
}

export class HighWaterMark {
  /** Epoch of the store as last seen; empty when none was. */
  epoch = '';
  /** The highest revision ever seen. */
  highest = 0;
  /** The highest revision seen when the store last proved to have `epoch`. */
  verified = 0;
  readonly #path: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #timer: Timer | undefined;
  #saving: Promise<void> = Promise.resolve();
  #savedRevision = -1;

  constructor(path: string, clock: Clock, logger: Logger) {
    this.#path = path;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** The store has reached this revision. */
  observe(revision: number): void {
    if (revision <= this.highest) return;
    this.highest = revision;
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#timer = undefined;
      void this.#save();
    }, SAVE_PERIOD_MS);
  }

  /** The store has proved to have this epoch and revision. Resolves once that is written down. */
  async adopt(epoch: string, revision: number): Promise<void> {
    const changed = epoch !== this.epoch;
    this.epoch = epoch;
    this.highest = Math.max(this.highest, revision);
    this.verified = this.highest;
    if (changed) {
      this.#savedRevision = -1;
      await this.#save();
    }
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#save();
  }

  #save(): Promise<void> {
    this.#saving = this.#saving.then(async () => {
      const { epoch, highest } = this;
      if (epoch === '' || highest === this.#savedRevision) return;
      try {
        await writeAtomically(this.#path, JSON.stringify({ epoch, revision: highest }));
        this.#savedRevision = highest;
      } catch (error) {
        // The gap by which a store is moved after a rollback covers marks that are too old.
        this.#logger.warn({ err: error, path: this.#path }, 'high-water file not written');
      }
    });
    return this.#saving;
  }
}

/** Replaces the file so that a crash at any moment leaves the old or the new text. */
async function writeAtomically(path: string, text: string): Promise<void> {
  const next = `${path}.next`;
  const file = await open(next, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
}
