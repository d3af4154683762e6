/** The processes of one running container: process 1 and what is executed beside it (containerd calls this a task). */

import type { Clock } from '@orrery/kit/clock.ts';
import type { FileSystem } from '../files/file-system.ts';
import type { NetworkStack } from '../network/network.ts';
import type { ContainerConfig } from '../runtime/runtime.ts';
import {
  type ByteSink,
  type ByteSource,
  type ExecIo,
  type ExecSession,
  type Exit,
  type Process,
  type ProcessEntry,
  type Program,
  type Progress,
  type Signal,
  SIGNAL_NUMBER,
  type Terminal,
} from './process.ts';
import { findProgram, launch } from './programs.ts';
import { type ContainerUsage, type ResourceLimits, TaskUsage } from './usage.ts';

export type LogStream = 'stdout' | 'stderr';

export interface TaskOptions {
  /** The cluster's clock. */
  clock: Clock;
  config: ContainerConfig;
  hostname: string;
  network: NetworkStack;
  /** The container's view of its files, made when a program first needs it. */
  files: () => FileSystem;
  /** What process 1 prints; a promise holds it back. */
  log: (stream: LogStream, data: Uint8Array) => void | Promise<void>;
  /** Where process 1 stands, see Progress. */
  progress: Progress;
  /** When the container began: earlier than now when it is gone on with. */
  startedAtMs: number;
  /** Told once, when process 1 is over and everything of the container with it. */
  onExit: (exit: Exit) => void;
}

/** Somebody who watches what process 1 prints, and types to it. */
export interface Attachment {
  /** Resolves when the container ends. */
  readonly ended: Promise<void>;
  resize(columns: number, rows: number): void;
  detach(): void;
}

const NO_INPUT: ByteSource = { read: () => Promise.resolve(undefined) };
const NO_PROGRESS: Progress = { saved: undefined, save: () => undefined };
const NOWHERE: ByteSink = { write: () => undefined };
const encoder = new TextEncoder();

/** The signals that end nobody unless they are handled. */
const HARMLESS: ReadonlySet<Signal> = new Set(['SIGWINCH']);

interface RunningProcess {
  readonly entry: ProcessEntry;
  readonly kill: AbortController;
  readonly handlers: Map<Signal, Set<() => void>>;
  readonly terminal: { columns: number; rows: number } | undefined;
  readonly end: PromiseWithResolvers<number>;
}

/** Bytes that arrive before they are read. Who pushes waits while a reader is behind. */
class Pipe implements ByteSource, ByteSink {
  #chunks: Uint8Array[] = [];
  #closed = false;
  #readable: PromiseWithResolvers<void> | undefined;
  #drained: PromiseWithResolvers<void> | undefined;

  write(data: Uint8Array | string): void | Promise<void> {
    if (this.#closed) return;
    this.#chunks.push(typeof data === 'string' ? encoder.encode(data) : data);
    this.#readable?.resolve();
    if (this.#chunks.length < 16) return;
    this.#drained ??= Promise.withResolvers();
    return this.#drained.promise;
  }

  close(): void {
    this.#closed = true;
    this.#readable?.resolve();
  }

  async read(): Promise<Uint8Array | undefined> {
    while (this.#chunks.length === 0 && !this.#closed) {
      this.#readable ??= Promise.withResolvers();
      await this.#readable.promise;
      this.#readable = undefined;
    }
    const chunk = this.#chunks.shift();
    if (this.#chunks.length === 0) {
      this.#drained?.resolve();
      this.#drained = undefined;
    }
    return chunk;
  }
}

export class Task {
  readonly #options: TaskOptions;
  /** Absent in a container in which nothing runs: there may be ten thousand of them. */
  #usage: TaskUsage | undefined;
  #limits: ResourceLimits;
  readonly #processes = new Map<number, RunningProcess>();
  #nextPid = 1;
  #exit: Exit | undefined;
  #ending: Exit | undefined;
  #stdin: Pipe | undefined;
  #attachments: Set<{ io: ExecIo; end: () => void }> | undefined;

  constructor(options: TaskOptions, limits: ResourceLimits) {
    this.#options = options;
    this.#limits = limits;
    if (options.config.stdin) this.#stdin = new Pipe();
  }

  /** How it ended; undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** Starts process 1. Resolves when it runs; with its exit when it could not be started. */
  async start(): Promise<Exit | undefined> {
    const { config } = this.#options;
    const known = launch(config);
    const launched = known instanceof Promise ? await known : known;
    if (launched.kind === 'failure') return launched.exit;
    if (this.#exit !== undefined) return undefined;
    if (launched.kind === 'nothing') {
      this.#nextPid = 2;
      if (config.runsToCompletion) this.#finish({ exitCode: 0, reason: 'Completed' });
      return undefined;
    }
    const io: ExecIo = {
      stdin: this.#stdin ?? NO_INPUT,
      stdout: this.#output('stdout'),
      stderr: this.#output(config.tty ? 'stdout' : 'stderr'),
      ...(config.tty ? { terminal: { columns: 80, rows: 24 } } : {}),
    };
    const running = this.#spawn(launched.argv, launched.program, io, new Map(config.env));
    void running.end.promise.then((exitCode) =>
      this.#finish(this.#ending ?? { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error' }),
    );
    return undefined;
  }

  /**
   * A signal to process 1. KILL ends the container at once; another does when process 1 handles
   * it by ending. A container in which nothing runs obeys TERM.
   */
  signal(signal: Signal): void {
    if (this.#exit !== undefined) return;
    const first = this.#processes.get(1);
    if (signal === 'SIGKILL') {
      this.#finish({ exitCode: 128 + SIGNAL_NUMBER.SIGKILL, reason: 'Error', signal: SIGNAL_NUMBER.SIGKILL });
    } else if (first === undefined) {
      if (this.#nextPid > 1) this.#finish({ exitCode: 0, reason: 'Completed' });
    } else {
      this.#deliver(1, first, signal);
    }
  }

  /** Runs another program in the container. */
  exec(argv: readonly string[], io: ExecIo): ExecSession {
    const early: Signal[] = [];
    let running: RunningProcess | undefined;
    const begin = async (): Promise<number> => {
      const program = await findProgram(argv[0] ?? '');
      if (program === undefined) throw new Error(notFound(argv[0] ?? ''));
      if (this.#exit !== undefined) throw new Error('container is not running');
      running = this.#spawn(argv, program, io, new Map(this.#options.config.env));
      for (const signal of early) this.#deliver(running.entry.pid, running, signal);
      return running.end.promise;
    };
    return {
      ended: begin(),
      signal: (signal) => {
        if (running === undefined) early.push(signal);
        else this.#deliver(running.entry.pid, running, signal);
      },
      resize: (columns, rows) => {
        if (running?.terminal === undefined) return;
        Object.assign(running.terminal, { columns, rows });
        this.#deliver(running.entry.pid, running, 'SIGWINCH');
      },
    };
  }

  /** Watches process 1, and types to it where the container takes input. */
  attach(io: ExecIo): Attachment {
    const ended = Promise.withResolvers<void>();
    const attached = { io, end: () => ended.resolve() };
    if (this.#exit !== undefined) ended.resolve();
    else (this.#attachments ??= new Set()).add(attached);
    if (io.stdin !== undefined && this.#stdin !== undefined) void this.#feed(io.stdin, this.#stdin);
    return {
      ended: ended.promise,
      resize: (columns, rows) => {
        const first = this.#processes.get(1);
        if (first?.terminal === undefined) return;
        Object.assign(first.terminal, { columns, rows });
        this.#deliver(1, first, 'SIGWINCH');
      },
      detach: () => {
        this.#attachments?.delete(attached);
        ended.resolve();
      },
    };
  }

  usage(): ContainerUsage {
    return this.#meters().now();
  }

  setLimits(limits: ResourceLimits): void {
    this.#limits = limits;
    this.#usage?.setLimits(limits);
  }

  processes(): ProcessEntry[] {
    return Array.from(this.#processes.values(), ({ entry }) => entry);
  }

  /** Sends a signal to a process of the container; false when there is none of that number. */
  kill(pid: number, signal: Signal): boolean {
    const running = this.#processes.get(pid);
    if (running === undefined) return false;
    this.#deliver(pid, running, signal);
    return true;
  }

  #meters(): TaskUsage {
    this.#usage ??= new TaskUsage(this.#options.clock, this.#limits, () => this.#outOfMemory());
    return this.#usage;
  }

  #outOfMemory(): void {
    this.#finish({
      exitCode: 128 + SIGNAL_NUMBER.SIGKILL,
      reason: 'OOMKilled',
      signal: SIGNAL_NUMBER.SIGKILL,
    });
  }

  /** The output of process 1: into the log and to all who watch. */
  #output(stream: LogStream): ByteSink {
    return {
      write: (data) => {
        const bytes = typeof data === 'string' ? encoder.encode(data) : data;
        if (bytes.length === 0) return undefined;
        const waits: Promise<void>[] = [];
        const logged = this.#options.log(stream, bytes);
        if (logged !== undefined) waits.push(logged);
        for (const { io } of this.#attachments ?? []) {
          const sent = io[stream]?.write(bytes);
          if (sent !== undefined) waits.push(sent);
        }
        return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined);
      },
    };
  }

  async #feed(from: ByteSource, to: Pipe): Promise<void> {
    for (let chunk = await from.read(); chunk !== undefined; chunk = await from.read()) await to.write(chunk);
    if (this.#options.config.stdinOnce) to.close();
  }

  #spawn(argv: readonly string[], program: Program, io: ExecIo, env: Map<string, string>): RunningProcess {
    const { clock, config, hostname, network } = this.#options;
    const pid = this.#nextPid;
    this.#nextPid += 1;
    const isFirst = pid === 1;
    const startedAtMs = isFirst ? this.#options.startedAtMs : clock.now();
    const kill = new AbortController();
    const handlers: RunningProcess['handlers'] = new Map();
    const terminal = io.terminal === undefined ? undefined : { ...io.terminal };
    const running: RunningProcess = {
      entry: { pid, uid: config.uid, argv, startedAtMs },
      kill,
      handlers,
      terminal,
      end: Promise.withResolvers(),
    };
    this.#processes.set(pid, running);
    const filesOf = this.#options.files;
    const process: Process = {
      pid,
      argv,
      env,
      cwd: config.workingDir === '' ? '/' : config.workingDir,
      uid: config.uid,
      gid: config.gid,
      hostname,
      get files() {
        return filesOf();
      },
      network,
      clock,
      stdin: io.stdin ?? NO_INPUT,
      stdout: io.stdout ?? NOWHERE,
      stderr: io.stderr ?? NOWHERE,
      ...(terminal === undefined ? {} : { terminal: terminal satisfies Terminal }),
      killed: kill.signal,
      usage: this.#meters().meter(kill.signal),
      startedAtMs,
      progress: isFirst ? this.#options.progress : NO_PROGRESS,
      onSignal: (signal, handler) => {
        const set = handlers.get(signal) ?? new Set();
        handlers.set(signal, set.add(handler));
        return () => set.delete(handler);
      },
      processes: () => this.processes(),
      kill: (other, signal) => this.kill(other, signal),
    };
    void this.#run(program, process, running);
    return running;
  }

  async #run(program: Program, process: Process, running: RunningProcess): Promise<void> {
    let exitCode: number;
    try {
      exitCode = await program(process);
    } catch (error) {
      // A fault of the program's is its container's, never this service's.
      if (!running.kill.signal.aborted)
        await process.stderr.write(`${process.argv[0] ?? ''}: ${(error as Error).message}\n`);
      exitCode = 2;
    }
    this.#end(running, exitCode & 0xff);
  }

  #end(running: RunningProcess, exitCode: number): void {
    this.#processes.delete(running.entry.pid);
    running.end.resolve(exitCode);
    running.kill.abort();
  }

  #deliver(pid: number, running: RunningProcess, signal: Signal): void {
    const handlers = running.handlers.get(signal);
    if (signal !== 'SIGKILL' && handlers !== undefined && handlers.size > 0) {
      for (const handler of handlers) handler();
    } else if (signal === 'SIGKILL' || (pid !== 1 && !HARMLESS.has(signal))) {
      this.#end(running, 128 + SIGNAL_NUMBER[signal]);
    }
  }

  #finish(exit: Exit): void {
    if (this.#exit !== undefined) return;
    this.#exit = exit;
    this.#ending = exit;
    for (const running of this.#processes.values()) this.#end(running, exit.exitCode);
    this.#stdin?.close();
    for (const { end } of this.#attachments ?? []) end();
    this.#attachments = undefined;
    this.#options.onExit(exit);
  }
}

/** runc's words. */
export function notFound(argv0: string): string {
  const where = argv0.includes('/')
    ? `stat ${argv0}: no such file or directory`
    : 'executable file not found in $PATH';
  return `OCI runtime exec failed: exec failed: unable to start container process: exec: "${argv0}": ${where}: unknown`;
}
