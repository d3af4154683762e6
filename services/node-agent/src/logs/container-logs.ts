/**
 * The logs of containers: written in batches, bounded, rotated, read while they grow
 * (pkg/kubelet/logs/container_log_manager.go; containerd's core/cri logger).
 */

import type { Clock, Timer } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { LogStream } from '../process/task.ts';
import type { Container, PodSandbox } from '../runtime/runtime.ts';
import { Allowance, type AllowanceLimits } from './allowance.ts';
import { LineCutter, LogTimes } from './log-line.ts';
import type { LogPart, LogPartReader, LogStorage } from './log-storage.ts';

/** Which log: one for each run of a container. */
export interface LogId {
  namespace: string;
  pod: string;
  podUid: string;
  container: string;
  attempt: number;
}

/** The log of a container's run. */
export function logIdOf(
  { name, attempt }: Pick<Container, 'name' | 'attempt'>,
  { namespace, name: pod, uid }: Pick<PodSandbox, 'namespace' | 'name' | 'uid'>,
): LogId {
  return { namespace, pod, podUid: uid, container: name, attempt };
}

export interface ContainerLogsOptions {
  storage: LogStorage;
  /** The cluster's clock: when a line was printed. */
  clock: Clock;
  /** Real time: how fast may be printed. */
  realClock: Clock;
  logger: Logger;
  /** A part that is larger is rotated; a container has two at most. */
  maxPartBytes: number;
  /**
   * Calls back once when the turn of the event loop is over, and before anything is kept of where
   * programs stand: a line that a program will not print again is in its log. `setImmediate` unless
   * that is set, for an agent that keeps nothing.
   */
  atEndOfTurn?: (callback: () => void) => void;
}

/** Who prints waits when so much is not written yet. */
const MAX_UNWRITTEN_BYTES = 64 * 1024;

const LINE_END = Buffer.from('\n');

/** The most that is written in one go. */
const MAX_BATCH_BYTES = 256 * 1024;

/**
 * How much a container may print, and how much all those together that print more than that: a
 * program that prints without end, or a thousand of them, would take whole cores from the cluster.
 */
const CONTAINER_LIMITS: AllowanceLimits = { burst: 512 * 1024, perSecond: 128 * 1024 };
const SHARED_LIMITS: AllowanceLimits = { burst: 1024 * 1024, perSecond: 1024 * 1024 };
const LONGEST_PAUSE_MS = 60_000;

/** What is known of a log that is being written or followed; idle ones are not kept in memory. */
interface OpenLog {
  readonly path: string;
  readonly times: LogTimes;
  /** Made at the first output on the stream. */
  cutters: Partial<Record<LogStream, LineCutter>>;
  unwritten: Buffer[];
  unwrittenBytes: number;
  writing: boolean;
  /** Resolved when what was unwritten is written. */
  drained: PromiseWithResolvers<void> | undefined;
  /** Positions count from the oldest byte that was there when the log was opened. */
  rotatedFrom: number;
  currentFrom: number;
  end: number;
  followers: Set<() => void>;
  isOver: boolean;
  isRemoved: boolean;
  readonly allowance: Allowance;
}

/** A view of one log for its reader. */
export interface LogView {
  /** Position of the oldest byte, and of the one after the newest that is written. */
  readonly from: number;
  readonly end: number;
  /** Position after what has been printed: it is about to be written. */
  readonly printed: number;
  /** Nothing is added any more. */
  readonly isOver: boolean;
  /** Up to `length` bytes from a position; from the oldest when those have been rotated away. */
  read(position: number, length: number): Promise<{ data: Buffer; position: number }>;
  /** Calls back whenever there may be more to read; returns how to stop that. */
  subscribe(changed: () => void): () => void;
  close(): void;
}

export class ContainerLogs {
  readonly #options: ContainerLogsOptions;
  readonly #open = new Map<string, OpenLog>();
  readonly #dirty = new Set<OpenLog>();
  #writers = 0;
  #flushIsDue = false;
  #allWritten: PromiseWithResolvers<void> | undefined;
  readonly #timers = new Set<Timer>();

  readonly #shared: Allowance;

  constructor(options: ContainerLogsOptions) {
    this.#options = options;
    this.#shared = new Allowance(options.realClock, SHARED_LIMITS);
  }

  /** What is kept of it on disk. */
  sizeOf(id: LogId): number {
    const path = pathOf(id);
    const { storage } = this.#options;
    return storage.sizeOf(path, 'rotated') + storage.sizeOf(path, 'current');
  }

  /** Takes what a container prints; a promise holds it back until there is room. Never throws for want of disk. */
  write(id: LogId, stream: LogStream, data: Uint8Array): void | Promise<void> {
    const log = this.#log(pathOf(id));
    log.isOver = false;
    const cutter = (log.cutters[stream] ??= new LineCutter(stream));
    const bytes = this.#put(
      log,
      cutter.cut(data, () => log.times.next(this.#options.clock.now())),
    );
    const pause = this.#pauseFor(log, bytes);
    if (log.unwrittenBytes > MAX_UNWRITTEN_BYTES) {
      log.drained ??= Promise.withResolvers();
      const { promise } = log.drained;
      return pause === undefined ? promise : Promise.all([promise, pause]).then(() => undefined);
    }
    return pause;
  }

  /** The container is over: what it printed last is complete, and who follows comes to an end. */
  end(id: LogId): void {
    const log = this.#open.get(pathOf(id));
    if (log === undefined) return;
    for (const cutter of Object.values(log.cutters)) {
      this.#put(
        log,
        cutter.end(() => log.times.next(this.#options.clock.now())),
      );
    }
    log.cutters = {};
    log.isOver = true;
    this.#settle(log);
  }

  remove(id: LogId): void {
    const path = pathOf(id);
    const log = this.#open.get(path);
    if (log !== undefined) {
      log.isRemoved = true;
      log.isOver = true;
      log.unwritten = [];
      log.unwrittenBytes = 0;
      log.drained?.resolve();
      this.#settle(log);
      this.#open.delete(path);
      // What is being written now would come back after it is removed.
      if (log.writing) return;
    }
    this.#options.storage.remove(path);
  }

  /** Removes what is left of pods that went while no agent ran. */
  removeOrphans(has: (podUid: string) => boolean): void {
    try {
      this.#options.storage.removeOrphans(has);
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'logs of pods that are gone not removed');
    }
  }

  /** `isOver` says that the container does not run. */
  view(id: LogId, isOver: boolean): LogView {
    const log = this.#log(pathOf(id));
    if (isOver && log.unwrittenBytes === 0) log.isOver = true;
    let hold: (() => void) | undefined = () => undefined;
    log.followers.add(hold);
    let reader: { part: LogPartReader; from: number } | undefined;
    return {
      get from() {
        return log.rotatedFrom;
      },
      get end() {
        return log.end;
      },
      get printed() {
        return log.end + log.unwrittenBytes;
      },
      get isOver() {
        return log.isOver && log.unwrittenBytes === 0 && !log.writing;
      },
      read: async (wanted, length) => {
        const position = Math.max(wanted, log.rotatedFrom);
        const part: LogPart = position < log.currentFrom ? 'rotated' : 'current';
        const from = part === 'current' ? log.currentFrom : log.rotatedFrom;
        const limit = part === 'current' ? log.end : log.currentFrom;
        if (reader?.from !== from) {
          reader?.part.close();
          const opened = this.#options.storage.open(log.path, part);
          reader = opened === undefined ? undefined : { part: opened, from };
        }
        const wantedBytes = Math.min(length, limit - position);
        if (reader === undefined || wantedBytes <= 0) return { data: Buffer.alloc(0), position };
        return { data: await reader.part.read(position - from, wantedBytes), position };
      },
      subscribe: (changed) => {
        log.followers.add(changed);
        return () => log.followers.delete(changed);
      },
      close: () => {
        reader?.part.close();
        reader = undefined;
        if (hold !== undefined) log.followers.delete(hold);
        hold = undefined;
        this.#settle(log);
      },
    };
  }

  /** Writes what there is; who is held back stays so. */
  close(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    return this.written();
  }

  /** Resolves when all that was printed is written. */
  async written(): Promise<void> {
    if (this.#dirty.size === 0 && this.#writers === 0) return;
    this.#allWritten ??= Promise.withResolvers();
    await this.#allWritten.promise;
  }

  /** How many logs are held in memory: a test can assert that nothing leaks. */
  get openLogs(): number {
    return this.#open.size;
  }

  #log(path: string): OpenLog {
    const open = this.#open.get(path);
    if (open !== undefined) return open;
    const { storage, realClock } = this.#options;
    const currentFrom = storage.sizeOf(path, 'rotated');
    const log: OpenLog = {
      path,
      times: new LogTimes(),
      cutters: {},
      unwritten: [],
      unwrittenBytes: 0,
      writing: false,
      drained: undefined,
      rotatedFrom: 0,
      currentFrom,
      end: currentFrom + storage.sizeOf(path, 'current'),
      followers: new Set(),
      isOver: false,
      isRemoved: false,
      allowance: new Allowance(realClock, CONTAINER_LIMITS),
    };
    this.#open.set(path, log);
    // A line that the death of the agent before cut off is closed, so that it does not swallow the next one.
    if (!storage.isWhole(path)) this.#put(log, [LINE_END]);
    return log;
  }

  /** Returns the number of bytes. */
  #put(log: OpenLog, records: readonly Buffer[]): number {
    let bytes = 0;
    for (const record of records) {
      log.unwritten.push(record);
      bytes += record.length;
    }
    log.unwrittenBytes += bytes;
    if (bytes > 0) this.#schedule(log);
    return bytes;
  }

  /** A promise when the container has printed more than it may. */
  #pauseFor(log: OpenLog, bytes: number): Promise<void> | undefined {
    const ownMs = log.allowance.take(bytes);
    if (ownMs === 0) return undefined;
    const pauseMs = Math.min(Math.max(ownMs, this.#shared.take(bytes)), LONGEST_PAUSE_MS);
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.realClock.setTimeout(() => {
      this.#timers.delete(timer);
      resolve();
    }, pauseMs);
    this.#timers.add(timer);
    return promise;
  }

  /** What is printed in one turn of the event loop is written together. */
  #schedule(log: OpenLog): void {
    this.#dirty.add(log);
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    const { atEndOfTurn = setImmediate } = this.#options;
    atEndOfTurn(() => {
      this.#flushIsDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    for (const log of this.#dirty) {
      if (log.writing) continue;
      this.#dirty.delete(log);
      void this.#write(log);
    }
  }

  async #write(log: OpenLog): Promise<void> {
    const { storage, logger, maxPartBytes } = this.#options;
    const data = takeBatch(log.unwritten, Math.min(maxPartBytes, MAX_BATCH_BYTES));
    log.writing = true;
    this.#writers += 1;
    try {
      if (log.end - log.currentFrom + data.length > maxPartBytes && log.end > log.currentFrom) {
        storage.rotate(log.path);
        log.rotatedFrom = log.currentFrom;
        log.currentFrom = log.end;
      }
      await storage.append(log.path, data);
      log.end += data.length;
    } catch (error) {
      logger.warn({ err: error, log: log.path }, 'log not written');
    }
    this.#writers -= 1;
    log.writing = false;
    if (log.isRemoved) storage.remove(log.path);
    else log.unwrittenBytes -= data.length;
    if (log.unwritten.length > 0) this.#dirty.add(log);
    for (const changed of log.followers) changed();
    if (log.unwrittenBytes <= MAX_UNWRITTEN_BYTES) {
      log.drained?.resolve();
      log.drained = undefined;
    }
    this.#settle(log);
    this.#flush();
    if (this.#writers > 0 || this.#dirty.size > 0) return;
    this.#allWritten?.resolve();
    this.#allWritten = undefined;
  }

  /** Lets go of a log that nobody writes or reads, and tells followers of the end. */
  #settle(log: OpenLog): void {
    if (log.isOver) for (const changed of log.followers) changed();
    if (!log.isOver || log.writing || log.unwrittenBytes > 0 || log.followers.size > 0) return;
    if (this.#open.get(log.path) === log) this.#open.delete(log.path);
    this.#dirty.delete(log);
  }
}

/** Takes records off the front, at least one. */
function takeBatch(records: Buffer[], maxBytes: number): Buffer {
  let bytes = 0;
  let count = 0;
  while (count < records.length && (count === 0 || bytes + records[count]!.length <= maxBytes)) {
    bytes += records[count]!.length;
    count += 1;
  }
  return Buffer.concat(records.splice(0, count), bytes);
}

function pathOf({ namespace, pod, podUid, container, attempt }: LogId): string {
  return `${namespace}_${pod}_${podUid}/${container}/${attempt}.log`;
}
