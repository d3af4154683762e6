/** The processes of one running container: process 1 and what is executed beside it (containerd calls this a task). */

import type { Clock } from '@orrery/kit/clock.ts';
import type { FileSystem } from '../files/file-system.ts';
import type { NetworkStack } from '../network/network.ts';
import type { ContainerConfig } from '../runtime/runtime.ts';
import { idleOf } from './images/catalog.ts';
import { ContainerProcess, type ProcessHost, type ProcessOptions } from './container-process.ts';
import { type IdleProcess, PidNamespace } from './pid-namespace.ts';
import { Pipe } from './pipe.ts';
import {
  type ByteSink,
  type ByteSource,
  type ExecIo,
  type ExecSession,
  type Exit,
  type Program,
  type Progress,
  type Signal,
  SIGNAL_NUMBER,
  type SpawnOptions,
  type Terminal,
} from './process.ts';
import * as containerPrograms from './programs.ts';
import { TerminalDevice } from './terminal.ts';
import { type ContainerUsage, idleUsage, type ResourceLimits, TaskUsage } from './usage.ts';

export type LogStream = 'stdout' | 'stderr';

export interface TaskOptions {
  /** The cluster's clock. */
  clock: Clock;
  config: ContainerConfig;
  hostname: string;
  network: NetworkStack;
  /** The container's view of its files, made when a program first needs it. */
  files: () => FileSystem;
  /** Fetches what is only there for who looks at the files. Nothing is waited for when it is all there. */
  filesReady?: () => void | Promise<void>;
  /** What process 1 prints; a promise holds it back. */
  log: (stream: LogStream, data: Uint8Array) => void | Promise<void>;
  /** Where process 1 stands, see Progress. */
  progress: Progress;
  /** When the container began: earlier than now when it is gone on with. */
  startedAtMs: number;
  /** Where its processes have their numbers; one of its own unless given. */
  pids?: PidNamespace;
  /** Which programs there are; those of programs.ts unless a test has its own. */
  programs?: ProgramSource;
  /** Told once, when process 1 is over and everything of the container with it. */
  onExit: (exit: Exit) => void;
}

export type ProgramSource = Pick<typeof containerPrograms, 'launch' | 'findProgram'>;

/** Somebody who watches what process 1 prints, and types to it. */
export interface Attachment {
  /** Resolves when the container ends. */
  readonly ended: Promise<void>;
  resize(columns: number, rows: number): void;
  detach(): void;
}

const NO_INPUT: ByteSource = { read: () => Promise.resolve(undefined) };
const NO_GROUPS: readonly number[] = [];
const NO_PROGRESS: Progress = { saved: undefined, save: () => undefined };
const NOWHERE: ByteSink = { write: () => undefined };
const encoder = new TextEncoder();

/** As many processes as one container may have; one more is a failed fork (pids.max). */
const MOST_PROCESSES = 512;

/** What a fork costs, in milliseconds, and how much of it may be owed before children wait. */
const FORK_COST_MS = 1;
const FORK_DEBT_MS = 50;

export class Task {
  readonly #options: TaskOptions;
  readonly #programs: ProgramSource;
  /** Absent in a container in which nothing runs: there may be ten thousand of them. */
  #usage: TaskUsage | undefined;
  #limits: ResourceLimits;
  /** Its own, also where others share the namespace. */
  readonly #processes = new Set<ContainerProcess>();
  #pids: PidNamespace | undefined;
  /** Process 1 of the container. */
  #first: ContainerProcess | undefined;
  /** Process 1 has begun, or there is nothing to run. */
  #started = false;
  #host: ProcessHost | undefined;
  #forkDebtMs = 0;
  #forkedAtMs = 0;
  #exit: Exit | undefined;
  #ending: Exit | undefined;
  /** Nothing is simulated of process 1. */
  #isIdle = false;
  #stdin: Pipe | undefined;
  #attachments: Set<{ io: ExecIo; end: () => void }> | undefined;

  constructor(options: TaskOptions, limits: ResourceLimits) {
    this.#options = options;
    this.#programs = options.programs ?? containerPrograms;
    this.#limits = limits;
    this.#pids = options.pids;
    if (options.config.stdin) this.#stdin = new Pipe();
  }

  /** Where its processes have their numbers: another container may join it. */
  get pids(): PidNamespace {
    this.#pids ??= new PidNamespace(this.#isIdle ? this.#idleProcess() : undefined);
    return this.#pids;
  }

  /** How it ended; undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** Starts process 1. Resolves when it runs; with its exit when it could not be started. */
  async start(): Promise<Exit | undefined> {
    const { config } = this.#options;
    const known = this.#programs.launch(config, this.#options.files);
    const launched = known instanceof Promise ? await known : known;
    if (launched.kind === 'failure') return launched.exit;
    if (this.#exit !== undefined) return undefined;
    if (launched.kind !== 'program') {
      this.#started = true;
      this.#isIdle = true;
      if (launched.kind === 'nothing' && config.runsToCompletion)
        this.#finish({ exitCode: 0, reason: 'Completed' });
      return undefined;
    }
    // A command that the pod names may read what is mounted; what an image does is known not to.
    if (config.command.length + config.args.length > 0) {
      const ready = this.#options.filesReady?.();
      if (ready !== undefined) await ready;
      if (this.#exit !== undefined) return undefined;
    }
    const io: ExecIo = {
      stdin: this.#stdin ?? NO_INPUT,
      stdout: this.#output('stdout'),
      stderr: this.#output(config.tty ? 'stdout' : 'stderr'),
      ...(config.tty ? { terminal: { columns: 80, rows: 24 } } : {}),
    };
    this.#started = true;
    const first = this.#begin(launched.argv, launched.program, io, true);
    this.#first = first;
    void first.ended.then((exitCode) =>
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
    const first = this.#first;
    if (signal === 'SIGKILL') {
      this.#finish({ exitCode: 128 + SIGNAL_NUMBER.SIGKILL, reason: 'Error', signal: SIGNAL_NUMBER.SIGKILL });
    } else if (first === undefined) {
      if (this.#started) this.#finish({ exitCode: 0, reason: 'Completed' });
    } else {
      first.deliver(signal);
    }
  }

  /** Runs another program in the container. */
  exec(argv: readonly string[], io: ExecIo): ExecSession {
    const early: Signal[] = [];
    let running: ContainerProcess | undefined;
    const begin = async (): Promise<number> => {
      const { config, files, filesReady } = this.#options;
      await filesReady?.();
      const program = await this.#programs.findProgram(config, argv[0] ?? '', files);
      if (program === undefined) throw new Error(containerPrograms.execFailure(argv[0] ?? '', files));
      if (this.#exit !== undefined) throw new Error('container is not running');
      running = this.#begin(argv, program, io);
      for (const signal of early) running.deliver(signal);
      return running.ended;
    };
    return {
      ended: begin(),
      signal: (signal) => {
        if (running === undefined) early.push(signal);
        else running.deliver(signal);
      },
      resize: (columns, rows) => {
        if (running?.terminal === undefined) return;
        Object.assign(running.terminal, { columns, rows });
        running.deliver('SIGWINCH');
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
        const first = this.#first;
        if (first?.terminal === undefined) return;
        Object.assign(first.terminal, { columns, rows });
        first.deliver('SIGWINCH');
      },
      detach: () => {
        this.#attachments?.delete(attached);
        ended.resolve();
      },
    };
  }

  /** A container in which nothing runs uses what its image idles with, and keeps no meters for it. */
  usage(): ContainerUsage {
    const { clock, config, startedAtMs } = this.#options;
    return this.#usage?.now() ?? idleUsage(idleOf(config.image), clock.now() - startedAtMs);
  }

  /** What the container's files in memory hold (tmpfs): it counts towards its limit. */
  setFileMemory(bytes: number): void {
    this.#meters().setFileMemory(bytes);
  }

  setLimits(limits: ResourceLimits): void {
    this.#limits = limits;
    this.#usage?.setLimits(limits);
  }

  #idleProcess(): IdleProcess {
    const { config, files, startedAtMs } = this.#options;
    return { uid: config.uid, argv: containerPrograms.idleArgv(config), startedAtMs, files };
  }

  #meters(): TaskUsage {
    this.#usage ??= new TaskUsage(
      this.#options.clock,
      this.#limits,
      () => this.#outOfMemory(),
      this.usage().cpuTotalMs,
    );
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

  /** Starts process 1, or what is executed from outside. */
  #begin(argv: readonly string[], program: Program, io: ExecIo, isFirst = false): ContainerProcess {
    const { config, clock } = this.#options;
    let stdin = io.stdin ?? NO_INPUT;
    let stdout = io.stdout ?? NOWHERE;
    let stderr = io.stderr ?? NOWHERE;
    let terminal: TerminalDevice | undefined;
    if (io.terminal !== undefined) {
      terminal = new TerminalDevice(io.terminal, stdin, stdout, (signal) => this.#interrupt(leader, signal));
      [stdin, stdout, stderr] = [terminal, terminal, terminal];
    }
    const leader: ContainerProcess = this.#run(program, {
      argv,
      env: containerPrograms.environmentOf(
        { ...config, tty: io.terminal !== undefined },
        this.#options.hostname,
      ),
      cwd: containerPrograms.workingDirOf(config),
      stdin,
      stdout,
      stderr,
      ...(terminal === undefined ? {} : { terminal: terminal satisfies Terminal }),
      progress: isFirst ? this.#options.progress : NO_PROGRESS,
      startedAtMs: isFirst ? this.#options.startedAtMs : clock.now(),
    });
    return leader;
  }

  #spawn(
    parent: ContainerProcess,
    argv: readonly string[],
    program: Program,
    options: SpawnOptions,
  ): ContainerProcess {
    if (this.#processes.size >= MOST_PROCESSES) throw new Error('Resource temporarily unavailable');
    const background = options.background === true;
    return this.#run(program, {
      parent,
      background,
      argv,
      env: options.env ?? new Map(parent.env),
      cwd: options.cwd ?? parent.cwd,
      ...(options.files === undefined ? {} : { files: options.files }),
      stdin: options.stdin ?? (background ? NO_INPUT : parent.stdin),
      stdout: options.stdout ?? parent.stdout,
      stderr: options.stderr ?? parent.stderr,
      ...(parent.terminal === undefined || background ? {} : { terminal: parent.terminal }),
      progress: options.progress ?? NO_PROGRESS,
      startedAtMs: this.#options.clock.now(),
    });
  }

  #run(program: Program, options: Omit<ProcessOptions, 'pid'>): ContainerProcess {
    const process = new ContainerProcess((this.#host ??= this.#makeHost()), {
      ...options,
      pid: this.pids.nextPid(),
    });
    this.#processes.add(process);
    this.pids.add(process);
    // A program whose process was killed goes on until it waits: what it starts until then is dead.
    if (options.parent?.killed.aborted === true) process.end(128 + SIGNAL_NUMBER.SIGKILL);
    else void process.run(program, options.parent === undefined ? 0 : this.#forkDelay());
    return process;
  }

  /** How long a child waits before it runs: who forks without end must leave the agent time for others. */
  #forkDelay(): number {
    const nowMs = this.#options.clock.now();
    this.#forkDebtMs = Math.max(0, this.#forkDebtMs - (nowMs - this.#forkedAtMs)) + FORK_COST_MS;
    this.#forkedAtMs = nowMs;
    return this.#forkDebtMs > FORK_DEBT_MS ? this.#forkDebtMs : 0;
  }

  #makeHost(): ProcessHost {
    const { clock, config, files, hostname, network, pids: shared } = this.#options;
    return {
      ...(shared === undefined ? {} : { filesOf: (pid) => shared.filesOf(pid) }),
      clock,
      hostname,
      network,
      files,
      uid: config.uid,
      gid: config.gid,
      groups: config.groups ?? NO_GROUPS,
      meter: (killed) => this.#meters().meter(killed),
      processes: () => this.pids.entries(),
      kill: (pid, signal) => this.pids.kill(pid, signal),
      findProgram: (argv0) => this.#programs.findProgram(config, argv0, files),
      spawn: (parent, argv, program, spawnOptions) => this.#spawn(parent, argv, program, spawnOptions),
      mainOutput: (stream) => this.#output(stream),
      onEnd: (process) => this.#forget(process),
    };
  }

  /** ^C goes to all in the foreground. */
  #interrupt(leader: ContainerProcess, signal: Signal): void {
    for (const process of this.#processes) {
      let each: ContainerProcess | undefined = process;
      while (each !== undefined && each !== leader) each = each.master;
      if (each === leader) process.deliver(signal);
    }
  }

  #forget(process: ContainerProcess): void {
    this.#processes.delete(process);
    this.pids.delete(process.pid);
    for (const other of this.#processes) if (other.master === process) other.end(128 + SIGNAL_NUMBER.SIGKILL);
  }

  #finish(exit: Exit): void {
    if (this.#exit !== undefined) return;
    this.#exit = exit;
    this.#ending = exit;
    for (const process of this.#processes) process.end(exit.exitCode);
    this.#stdin?.close();
    for (const { end } of this.#attachments ?? []) end();
    this.#attachments = undefined;
    this.#options.onExit(exit);
  }
}
