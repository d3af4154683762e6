/** One process of a container: what its task knows of it, and what its program is given. */

import type { Clock } from '@orrery/kit/clock.ts';
import type { FileSystem } from '../files/file-system.ts';
import type { NetworkStack } from '../network/network.ts';
import { BrokenPipe } from './pipe.ts';
import { ProcessRoots } from './process-roots.ts';
import {
  type ByteSink,
  type ByteSource,
  type ChildProcess,
  type Process,
  type ProcessEntry,
  type Program,
  type Progress,
  type Signal,
  SIGNAL_NUMBER,
  type SpawnOptions,
  type Terminal,
  type UsageMeter,
} from './process.ts';

/** What the container has for its processes. */
export interface ProcessHost {
  readonly clock: Clock;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly hostname: string;
  readonly network: NetworkStack;
  files(): FileSystem;
  /** The files of another process, where containers share their processes. */
  filesOf?: (pid: number) => FileSystem | undefined;
  meter(killed: AbortSignal): UsageMeter;
  processes(): ProcessEntry[];
  kill(pid: number, signal: Signal): boolean;
  findProgram(argv0: string): Program | undefined | Promise<Program | undefined>;
  spawn(
    parent: ContainerProcess,
    argv: readonly string[],
    program: Program,
    options: SpawnOptions,
  ): ChildProcess;
  mainOutput(stream: 'stdout' | 'stderr'): ByteSink;
  /** Told when it is over, once. */
  onEnd(process: ContainerProcess): void;
}

export interface ProcessOptions {
  pid: number;
  /** Absent for process 1 and for what is executed from outside. */
  parent?: ContainerProcess;
  background?: boolean;
  argv: readonly string[];
  env: Map<string, string>;
  cwd: string;
  files?: FileSystem;
  stdin: ByteSource;
  stdout: ByteSink;
  stderr: ByteSink;
  terminal?: Terminal;
  progress: Progress;
  startedAtMs: number;
}

/** The signals that end nobody unless they are handled. */
const HARMLESS: ReadonlySet<Signal> = new Set(['SIGWINCH']);

/** What a write to nobody ends with. */
const SIGPIPE_EXIT = 128 + 13;

export class ContainerProcess implements Process {
  readonly pid: number;
  readonly parentPid: number;
  /** Its end is the end of this one. */
  readonly master: ContainerProcess | undefined;
  argv: readonly string[];
  env: Map<string, string>;
  cwd: string;
  stdin: ByteSource;
  stdout: ByteSink;
  stderr: ByteSink;
  readonly terminal?: Terminal;
  progress: Progress;
  readonly startedAtMs: number;
  readonly killed: AbortSignal;
  readonly usage: UsageMeter;
  /** Resolves to the exit code. */
  readonly ended: Promise<number>;
  readonly #host: ProcessHost;
  readonly #kill = new AbortController();
  readonly #end = Promise.withResolvers<number>();
  #handlers: Map<Signal, Set<() => void>> | undefined;
  #network: NetworkStack | undefined;
  /** Where the process has another root than its container. */
  #files: FileSystem | undefined;
  #withRoots: ProcessRoots | undefined;
  #over = false;

  constructor(host: ProcessHost, options: ProcessOptions) {
    this.#host = host;
    this.pid = options.pid;
    this.parentPid = options.parent?.pid ?? 0;
    this.master = options.background === true ? undefined : options.parent;
    this.argv = options.argv;
    this.env = options.env;
    this.cwd = options.cwd;
    this.#files = options.files ?? (options.parent === undefined ? undefined : options.parent.#files);
    this.stdin = options.stdin;
    this.stdout = options.stdout;
    this.stderr = options.stderr;
    if (options.terminal !== undefined) this.terminal = options.terminal;
    this.progress = options.progress;
    this.startedAtMs = options.startedAtMs;
    this.killed = this.#kill.signal;
    this.usage = host.meter(this.killed);
    this.ended = this.#end.promise;
  }

  get uid(): number {
    return this.#host.uid;
  }

  get gid(): number {
    return this.#host.gid;
  }

  get groups(): readonly number[] {
    return this.#host.groups;
  }

  get hostname(): string {
    return this.#host.hostname;
  }

  get files(): FileSystem {
    const { filesOf } = this.#host;
    if (filesOf === undefined) return this.ownFiles;
    this.#withRoots ??= new ProcessRoots(() => this.ownFiles, filesOf);
    return this.#withRoots;
  }

  /** Without the ways to those of others. */
  get ownFiles(): FileSystem {
    return this.#files ?? this.#host.files();
  }

  get network(): NetworkStack {
    this.#network ??= this.#host.network.ofProcess(this.killed);
    return this.#network;
  }

  get clock(): Clock {
    return this.#host.clock;
  }

  get entry(): ProcessEntry {
    const { pid, parentPid, uid, argv, startedAtMs } = this;
    return { pid, parentPid, uid, argv, startedAtMs };
  }

  /** Runs the program to its end, after a while if it must wait for the processor. */
  async run(program: Program, delayMs = 0): Promise<void> {
    if (delayMs > 0) await this.clock.sleep(delayMs, this.killed);
    if (this.#over) return;
    let exitCode: number;
    try {
      exitCode = await program(this);
    } catch (error) {
      exitCode = await this.#explain(error as Error);
    }
    this.end(exitCode & 0xff);
  }

  end(exitCode: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#end.resolve(exitCode);
    this.#host.onEnd(this);
    this.#kill.abort();
  }

  deliver(signal: Signal): void {
    if (signal !== 'SIGKILL') {
      const handlers = this.#handlers?.get(signal);
      if (handlers !== undefined && handlers.size > 0) {
        for (const handler of handlers) handler();
        return;
      }
      if (this.pid === 1 || HARMLESS.has(signal)) return;
    }
    this.end(128 + SIGNAL_NUMBER[signal]);
  }

  onSignal(signal: Signal, handler: () => void): () => void {
    this.#handlers ??= new Map();
    const set = this.#handlers.get(signal) ?? new Set();
    this.#handlers.set(signal, set.add(handler));
    return () => set.delete(handler);
  }

  processes(): ProcessEntry[] {
    return this.#host.processes();
  }

  kill(pid: number, signal: Signal): boolean {
    return this.#host.kill(pid, signal);
  }

  findProgram(argv0: string): Program | undefined | Promise<Program | undefined> {
    return this.#host.findProgram(argv0);
  }

  spawn(argv: readonly string[], program: Program, options: SpawnOptions = {}): ChildProcess {
    return this.#host.spawn(this, argv, program, options);
  }

  async exec(argv: readonly string[], program: Program, options: SpawnOptions = {}): Promise<number> {
    this.#handlers = undefined;
    this.argv = argv;
    this.env = options.env ?? this.env;
    this.cwd = options.cwd ?? this.cwd;
    this.#files = options.files ?? this.#files;
    this.stdin = options.stdin ?? this.stdin;
    this.stdout = options.stdout ?? this.stdout;
    this.stderr = options.stderr ?? this.stderr;
    this.progress = options.progress ?? this.progress;
    return program(this);
  }

  mainOutput(stream: 'stdout' | 'stderr'): ByteSink {
    return this.#host.mainOutput(stream);
  }

  /** A fault of the program's is its container's, never this service's. */
  async #explain(error: Error): Promise<number> {
    if (error instanceof BrokenPipe) return SIGPIPE_EXIT;
    try {
      if (!this.#over) await this.stderr.write(`${this.argv[0] ?? ''}: ${error.message}\n`);
    } catch {
      // Standard error may be the pipe that broke.
    }
    return 2;
  }
}
