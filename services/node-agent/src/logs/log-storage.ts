/** Where logs are kept: files in the agent's state directory, or memory for an agent without one. */

import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  read,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';

/** A log has two parts: what is written to, and what was before it was last rotated. */
export type LogPart = 'current' | 'rotated';

/** The bytes of one part, readable even after the part was rotated away or removed. */
export interface LogPartReader {
  /** Up to `length` bytes from `offset`; fewer at the end. */
  read(offset: number, length: number): Promise<Buffer>;
  close(): void;
}

/** Logs by path: `NAMESPACE_POD_UID/CONTAINER/ATTEMPT.log`. */
export interface LogStorage {
  /** The size of a part; 0 when there is none. */
  sizeOf(path: string, part: LogPart): number;
  /** Whether the current part ends with the end of a line; true when there is none. */
  isWhole(path: string): boolean;
  /** Files have it when this returns, not only when the promise resolves: a SIGKILL loses nothing of it. */
  append(path: string, data: Buffer): Promise<void>;
  /** Makes the current part the rotated one, in place of the one before. */
  rotate(path: string): void;
  /** Undefined when there is no such part. */
  open(path: string, part: LogPart): LogPartReader | undefined;
  remove(path: string): void;
  /** Removes all logs of pods that are not there, by their uids. */
  removeOrphans(has: (podUid: string) => boolean): void;
}

/** Where an agent with this state directory keeps its logs, and how large a part of one may become. */
export function logStorage(
  stateDirectory: string | undefined,
  maxPartBytes: number,
): { storage: LogStorage; maxPartBytes: number } {
  if (stateDirectory !== undefined)
    return { storage: new LogFiles(join(stateDirectory, 'logs')), maxPartBytes };
  return { storage: new LogMemory(), maxPartBytes: Math.min(maxPartBytes, MAX_BYTES_IN_MEMORY) };
}

/** Of a part that is kept in memory. */
const MAX_BYTES_IN_MEMORY = 32 * 1024;

const LINE_FEED = 0x0a;
const ROTATED_SUFFIX = '.1';

/**
 * Logs as files in one directory, `NAMESPACE_POD_UID_CONTAINER_ATTEMPT.log`: directories of their own
 * for pod and container would take longer to make than most logs take to write. No descriptor stays
 * open between two writes.
 */
export class LogFiles implements LogStorage {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  sizeOf(path: string, part: LogPart): number {
    return statSync(this.#file(path, part), { throwIfNoEntry: false })?.size ?? 0;
  }

  isWhole(path: string): boolean {
    const size = this.sizeOf(path, 'current');
    if (size === 0) return true;
    const descriptor = openSync(this.#file(path, 'current'), 'r');
    const last = Buffer.alloc(1);
    readSync(descriptor, last, 0, 1, size - 1);
    closeSync(descriptor);
    return last[0] === LINE_FEED;
  }

  async append(path: string, data: Buffer): Promise<void> {
    const file = this.#file(path, 'current');
    try {
      appendFileSync(file, data);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      mkdirSync(this.#directory, { recursive: true });
      appendFileSync(file, data);
    }
  }

  rotate(path: string): void {
    renameSync(this.#file(path, 'current'), this.#file(path, 'rotated'));
  }

  open(path: string, part: LogPart): LogPartReader | undefined {
    let descriptor: number;
    try {
      descriptor = openSync(this.#file(path, part), 'r');
    } catch {
      return undefined;
    }
    return {
      read: (offset, length) =>
        new Promise((resolve, reject) => {
          const buffer = Buffer.allocUnsafe(length);
          read(descriptor, buffer, 0, length, offset, (error, bytes) => {
            if (error === null) resolve(buffer.subarray(0, bytes));
            else reject(error);
          });
        }),
      close: () => closeSync(descriptor),
    };
  }

  remove(path: string): void {
    rmSync(this.#file(path, 'current'), { force: true });
    rmSync(this.#file(path, 'rotated'), { force: true });
  }

  removeOrphans(has: (podUid: string) => boolean): void {
    if (!existsSync(this.#directory)) return;
    for (const name of readdirSync(this.#directory)) {
      // No part of the name has an underscore in it.
      const [, , podUid = ''] = name.split('_');
      if (!has(podUid)) rmSync(join(this.#directory, name), { recursive: true, force: true });
    }
  }

  #file(path: string, part: LogPart): string {
    const name = path.replaceAll('/', '_');
    return join(this.#directory, part === 'current' ? name : `${name}${ROTATED_SUFFIX}`);
  }
}

interface MemoryLog {
  current: Buffer[];
  rotated: Buffer[];
}

/** Logs in memory, for an agent that keeps nothing. */
export class LogMemory implements LogStorage {
  readonly #logs = new Map<string, MemoryLog>();

  sizeOf(path: string, part: LogPart): number {
    return (this.#logs.get(path)?.[part] ?? []).reduce((sum, { length }) => sum + length, 0);
  }

  isWhole(): boolean {
    return true;
  }

  append(path: string, data: Buffer): Promise<void> {
    const log = this.#logs.get(path) ?? { current: [], rotated: [] };
    log.current.push(data);
    this.#logs.set(path, log);
    return Promise.resolve();
  }

  rotate(path: string): void {
    const log = this.#logs.get(path);
    if (log !== undefined) this.#logs.set(path, { current: [], rotated: log.current });
  }

  open(path: string, part: LogPart): LogPartReader | undefined {
    const chunks = this.#logs.get(path)?.[part];
    if (chunks === undefined) return undefined;
    return {
      read: (offset, length) => Promise.resolve(Buffer.concat(chunks).subarray(offset, offset + length)),
      close: () => undefined,
    };
  }

  remove(path: string): void {
    this.#logs.delete(path);
  }

  removeOrphans(): void {
    // What is in memory is of this process.
  }
}
