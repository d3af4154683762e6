/** The state of one shell, or of a subshell of it: what POSIX calls the shell execution environment. */

import type { Statement, Word, WordPart } from 'unbash';
import type { ChildProcess, Process, Progress } from '../process.ts';
import type { Cursor } from './cursor.ts';
import type { FieldBuilder } from './fields.ts';
import { type FileDescriptors, standardFiles, standardStreams } from './file-descriptors.ts';
import type { FunctionDefinition } from './functions.ts';
import { CPU_DEBT_MS, SUBSHELLS } from './limits.ts';
import { lineAt, ShellError } from './parse.ts';
import { Traps } from './traps.ts';
import { type Variable, Variables } from './variables.ts';

export interface Options {
  allexport: boolean;
  errexit: boolean;
  noclobber: boolean;
  noexec: boolean;
  noglob: boolean;
  nounset: boolean;
  pipefail: boolean;
  verbose: boolean;
  xtrace: boolean;
}

export const OPTION_LETTERS: Readonly<Record<string, keyof Options>> = {
  a: 'allexport',
  C: 'noclobber',
  e: 'errexit',
  f: 'noglob',
  n: 'noexec',
  u: 'nounset',
  v: 'verbose',
  x: 'xtrace',
};

/** What a command wants of those around it. */
export type Flow =
  | { kind: 'break' | 'continue'; levels: number }
  | { kind: 'return' }
  /** Of this shell, or of this subshell. */
  | { kind: 'exit' };

export interface Job {
  readonly number: number;
  readonly child: ChildProcess;
  readonly command: string;
  /** Undefined while it runs. */
  status: number | undefined;
}

/** What the subshells of one process share. */
interface Shared {
  /** CPU that was used and not yet waited for, in milliseconds. */
  debtMs: number;
  subshells: number;
}

/** How scripts are carried out: the shell's own parts call each other by it, without knowing each other. */
export interface Interpreter {
  expandText(shell: Shell, word: Word): Promise<string>;
  expandPattern(shell: Shell, word: Word): Promise<string>;
  expandPart(shell: Shell, part: WordPart, builder: FieldBuilder, isQuoted: boolean): Promise<void>;
  /** With `isLast` nothing follows: a last simple command may take the place of the shell. */
  runStatements(shell: Shell, statements: readonly Statement[], isLast?: boolean): Promise<number>;
  /** The body of a function, which may be any compound command. */
  runBody(shell: Shell, body: FunctionDefinition['body']): Promise<number>;
  /** Parses and runs, as `eval` does. @throws ShellError */
  runText(shell: Shell, text: string): Promise<number>;
}

const NEVER = new Promise<never>(() => undefined);

export interface ShellInit {
  interpreter: Interpreter;
  name: string;
  interactive?: boolean;
  /** The shell that this one is a subshell of; in a process of its own when the process differs. */
  parent?: Shell;
  source?: string;
}

export class Shell {
  readonly process: Process;
  readonly interpreter: Interpreter;
  /** `$0`. */
  readonly name: string;
  /** Whether it speaks as bash does; otherwise as the ash of busybox. */
  readonly isBash: boolean;
  readonly interactive: boolean;
  readonly isSubshell: boolean;
  variables: Variables;
  cwd: string;
  files: FileDescriptors;
  options: Options;
  functions: Map<string, FunctionDefinition>;
  readonly aliases = new Map<string, string>();
  positional: readonly string[];
  /** `$?` */
  status = 0;
  /** `$!` */
  lastJobPid: number | undefined;
  flow: Flow | undefined;
  traps: Traps;
  jobs: Job[] = [];
  /** The text that the tree in hand was made of. */
  source: string;
  umask = 0o022;
  loopDepth = 0;
  callDepth = 0;
  /** Above zero where a failure is asked about, and does not end the shell. */
  conditionDepth = 0;
  /** What `local` hides, innermost last. */
  scopes: Map<string, Variable | undefined>[] = [];
  /** The arguments of the callers, innermost last. */
  callers: (readonly string[])[] = [];
  /** As `exec` has left them; undefined when it has not. */
  permanentFiles: FileDescriptors | undefined;
  /** Whether it is a process, and not a subshell inside of one. */
  readonly ownsProcess: boolean;
  /** That of the process when the shell began: a program that takes its place has another. */
  readonly progress: Progress;
  /** Present on the main line of a process. */
  cursor: Cursor | undefined;
  /** Notes where the main line stands, with where its command stands. */
  saveProgress: ((child?: unknown) => void) | undefined;
  readonly shared: Shared;

  constructor(process: Process, init: ShellInit) {
    const { parent } = init;
    this.process = process;
    this.progress = process.progress;
    this.interpreter = init.interpreter;
    this.name = init.name;
    this.isSubshell = parent !== undefined;
    this.interactive = init.interactive ?? false;
    this.isBash = parent?.isBash ?? /(?:^|[/-])bash$/.test(process.argv[0] ?? '');
    this.variables = parent?.variables.copy() ?? new Variables(process.env);
    this.cwd = parent?.cwd ?? process.cwd;
    this.options = parent === undefined ? { ...DEFAULT_OPTIONS } : { ...parent.options };
    // Definitions are only replaced, never changed: a map that is shared is copied by who defines.
    this.functions = parent?.functions ?? new Map();
    this.positional = parent?.positional ?? [];
    this.source = init.source ?? parent?.source ?? '';
    this.umask = parent?.umask ?? 0o022;
    const isFork = parent !== undefined && parent.process !== process;
    this.ownsProcess = parent === undefined || isFork;
    this.files =
      parent === undefined ? standardFiles(process) : isFork ? standardFiles(process) : new Map(parent.files);
    this.traps = new Traps(this);
    this.shared = parent === undefined || isFork ? { debtMs: 0, subshells: 0 } : parent.shared;
    if (parent === undefined) return;
    this.status = parent.status;
    this.lastJobPid = parent.lastJobPid;
    this.callDepth = parent.callDepth;
    this.conditionDepth = parent.conditionDepth;
    if (!isFork)
      this.saveProgress = parent.saveProgress === undefined ? undefined : () => parent.saveProgress?.();
  }

  /** Runs `body` in a subshell of the same process. @throws ShellError when there are too many. */
  async subshell(body: (shell: Shell) => Promise<number>, files?: FileDescriptors): Promise<number> {
    if (this.shared.subshells >= SUBSHELLS)
      throw new ShellError("can't fork: Resource temporarily unavailable");
    const shell = new Shell(this.process, { interpreter: this.interpreter, name: this.name, parent: this });
    if (files !== undefined) shell.files = files;
    this.shared.subshells += 1;
    try {
      return await shell.toTheEnd(body);
    } finally {
      this.shared.subshells -= 1;
    }
  }

  /** Runs `body` and then what was trapped for the exit; complains of what makes a shell give up. */
  async toTheEnd(body: (shell: Shell) => Promise<number>): Promise<number> {
    try {
      this.status = await body(this);
    } catch (error) {
      if (!(error instanceof ShellError)) throw error;
      this.complain(error.message);
      this.status = error.exitCode;
    }
    await this.traps.runExit();
    return this.status;
  }

  /** Waits; what comes after never runs when the process was killed meanwhile. */
  async wait<T>(promise: T | PromiseLike<T>): Promise<T> {
    const result = await promise;
    if (this.process.killed.aborted) await NEVER;
    return result;
  }

  /** Counts what was used of the processor; a promise is to be waited for. */
  spend(costMs: number): Promise<void> | undefined {
    this.shared.debtMs += costMs;
    return this.shared.debtMs > CPU_DEBT_MS ? this.#pay() : undefined;
  }

  /** Time went by without work. */
  rest(elapsedMs: number): void {
    this.shared.debtMs = Math.max(0, this.shared.debtMs - elapsedMs);
  }

  async print(text: string): Promise<void> {
    const written = this.files.get(1)?.sink?.write(text);
    if (written !== undefined) await this.wait(written);
  }

  async printError(text: string): Promise<void> {
    const written = this.files.get(2)?.sink?.write(text);
    if (written !== undefined) await this.wait(written);
  }

  /** Like busybox (`sh: foo: not found`), or like bash (`bash: line 1: foo: command not found`). */
  complain(message: string, position?: number): void {
    // What is typed has no lines to speak of.
    const isScript = this.isBash && !this.interactive;
    const line = isScript && position !== undefined ? `line ${lineAt(this.source, position)}: ` : '';
    void standardStreams(this.files).stderr.write(`${this.name}: ${line}${message}\n`);
  }

  async #pay(): Promise<void> {
    const owed = this.shared.debtMs;
    this.shared.debtMs = 0;
    await this.wait(this.process.usage.work(owed));
    await this.traps.runPending();
  }
}

const DEFAULT_OPTIONS: Options = {
  allexport: false,
  errexit: false,
  noclobber: false,
  noexec: false,
  noglob: false,
  nounset: false,
  pipefail: false,
  verbose: false,
  xtrace: false,
};
