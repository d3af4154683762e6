/**
 * What a simulated program is given. It is all that a program may touch: files, network, time and
 * output are those of its container, never of this machine.
 */

import type { Clock } from '@orrery/kit/clock.ts';
import type { FileSystem } from '../files/file-system.ts';
import type { NetworkStack } from '../network/network.ts';

export type Signal =
  | 'SIGHUP'
  | 'SIGINT'
  | 'SIGQUIT'
  | 'SIGKILL'
  | 'SIGUSR1'
  | 'SIGUSR2'
  | 'SIGTERM'
  | 'SIGWINCH';

/** An exit by a signal counts as 128 plus its number (POSIX shells, and the kubelet's exit codes). */
export const SIGNAL_NUMBER: Readonly<Record<Signal, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGTERM: 15,
  SIGWINCH: 28,
};

/** Where bytes go. A promise resolves when there is room for more: who writes without end must wait for it. */
export interface ByteSink {
  write(data: Uint8Array | string): void | Promise<void>;
}

/** Where bytes come from. Resolves to undefined at the end, and ever after. */
export interface ByteSource {
  read(): Promise<Uint8Array | undefined>;
}

export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  /** Helps to type the next lines, until it is called with undefined: what an interactive shell adds to a terminal. */
  help?(help: LineHelp | undefined): void;
}

/** What a shell knows of the line that is being typed. */
export interface LineHelp {
  /** Shown anew when the screen or the line is. */
  readonly prompt: string;
  /** The lines before, oldest first. */
  readonly history: readonly string[];
  /** What the word at the end of `line` may become; a name that ends with a slash may go on. */
  complete(line: string): readonly string[];
}

/** What one process consumes; its container is held to its limits by the sum over its processes. */
export interface UsageMeter {
  /** From now on, until said otherwise or the process ends. CPU in thousandths of a core, as demanded. */
  set(usage: { cpuMilli?: number; memoryBytes?: number }): void;
  /** Does so much work, in milliseconds of one core; takes longer where the limit of the container throttles it. */
  work(cpuMs: number): Promise<void>;
}

/** A process of the container, as `ps` shows it. */
export interface ProcessEntry {
  pid: number;
  /** Who started it; 0 for process 1 and for what is executed from outside. */
  parentPid: number;
  uid: number;
  argv: readonly string[];
  startedAtMs: number;
}

/**
 * How process 1 of a container outlives its node agent, as real containers do: where it stands, as
 * JSON. The agent that comes after starts the program again with what was saved last, and the
 * program goes on from there; others get undefined and what they save is not kept.
 */
export interface Progress {
  readonly saved: unknown;
  save(state: unknown): void;
}

/** What a child is started with; what is not said is its parent's. */
export interface SpawnOptions {
  /** Not copied: it is the child's from now on. */
  env?: Map<string, string>;
  cwd?: string;
  /** Seen from another root (chroot(2)), by its children too. */
  files?: FileSystem;
  stdin?: ByteSource;
  stdout?: ByteSink;
  stderr?: ByteSink;
  /** Runs beside its parent, not on the parent's terminal, and outlives it. Others are killed with their parent. */
  background?: boolean;
  /** For the foreground child of process 1, whose place is part of its parent's. */
  progress?: Progress;
}

export interface ChildProcess {
  readonly pid: number;
  /** The exit code; 128 and the signal's number when a signal ended it. */
  readonly ended: Promise<number>;
}

export interface Process {
  readonly pid: number;
  readonly parentPid: number;
  readonly argv: readonly string[];
  /** Its own copy. */
  readonly env: Map<string, string>;
  readonly cwd: string;
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
  readonly hostname: string;
  readonly files: FileSystem;
  readonly network: NetworkStack;
  /** The cluster's clock. */
  readonly clock: Clock;
  readonly stdin: ByteSource;
  readonly stdout: ByteSink;
  readonly stderr: ByteSink;
  /** Present when the process runs on a terminal. */
  readonly terminal?: Terminal;
  /**
   * Aborted when the process is over whatever it does: killed, or ended by a signal that it does
   * not handle. A program may simply stop; what it returns then no longer counts. Long loops look at it.
   */
  readonly killed: AbortSignal;
  readonly usage: UsageMeter;
  /** When the process began, epoch milliseconds of the clock; before this agent did, if it is gone on with. */
  readonly startedAtMs: number;
  readonly progress: Progress;
  /**
   * Handles a signal instead of its default action, which ends the process; process 1 of a
   * container has no default actions (pid_namespaces(7)). Returns how to take it back.
   */
  onSignal(signal: Signal, handler: () => void): () => void;
  /** The processes of the container (or of the pod, with shareProcessNamespace). */
  processes(): ProcessEntry[];
  /** Sends a signal to a process of the container; false when there is none of that number. */
  kill(pid: number, signal: Signal): boolean;
  /** The program of that name or path in this container; undefined when there is none. Synchronous once it is loaded. */
  findProgram(argv0: string): Program | undefined | Promise<Program | undefined>;
  /** Starts a child (fork and execve). @throws Error when the container has too many processes. */
  spawn(argv: readonly string[], program: Program, options?: SpawnOptions): ChildProcess;
  /**
   * Becomes another program (execve(2)): `ps` shows `argv` from now on and signals are no longer
   * handled. Resolves to its exit code, which the caller returns.
   */
  exec(argv: readonly string[], program: Program, options?: SpawnOptions): Promise<number>;
  /** The standard output and error of process 1: `/proc/1/fd/1` and 2. */
  mainOutput(stream: 'stdout' | 'stderr'): ByteSink;
}

/** Resolves to the exit code. Must not reject: what went wrong belongs on stderr. */
export type Program = (process: Process) => number | Promise<number>;

/** How process 1 of a container ended. */
export interface Exit {
  exitCode: number;
  reason: 'Completed' | 'Error' | 'OOMKilled' | 'StartError' | 'ContainerCannotRun';
  /** Number of the signal that ended it. */
  signal?: number;
  /** For `state.terminated.message`, where the runtime has something to say. */
  message?: string;
}

/** How an exec is wired, and how it went. */
export interface ExecIo {
  stdin?: ByteSource;
  stdout?: ByteSink;
  stderr?: ByteSink;
  terminal?: Terminal;
}

export interface ExecSession {
  /** The exit code. Rejects when the program cannot be started, with the runtime's words. */
  readonly ended: Promise<number>;
  signal(signal: Signal): void;
  resize(columns: number, rows: number): void;
}
