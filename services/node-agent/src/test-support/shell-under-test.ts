/** Runs commands in a container of their own: files, network and clock are those of a test. */

import { ManualClock, settle } from '@orrery/kit/manual-clock.ts';
import type { FileSystem } from '../files/file-system.ts';
import type { NetworkStack } from '../network/network.ts';
import { commandNames, loadCommand } from '../process/commands/index.ts';
import type { ByteSource, ExecSession, Exit, Program, Progress, Signal } from '../process/process.ts';
import { Task } from '../process/task.ts';
import type { ContainerConfig } from '../runtime/runtime.ts';
import { filesFor } from './container-files.ts';
import { NetworkUnderTest } from './network-under-test.ts';
import { containerConfigFor } from './runtime-parts.ts';

export interface ShellOptions {
  clock?: ManualClock;
  files?: FileSystem;
  network?: NetworkStack;
  env?: Readonly<Record<string, string>>;
  config?: Partial<ContainerConfig>;
  saved?: unknown;
}

export interface Outcome {
  stdout: string;
  stderr: string;
  exitCode: number;
}

/** Loaded before any test runs, so that no test waits for files of this machine. */
const programs = new Map<string, Program>();
for (const name of commandNames) programs.set(name, await loadCommand(name));

function findCommand(argv0: string): Program | undefined {
  return programs.get(argv0.split('/').at(-1)!);
}

export class Container {
  readonly clock: ManualClock;
  readonly files: FileSystem;
  readonly task: Task;
  stdout = '';
  stderr = '';
  exit: Exit | undefined;
  /** What process 1 saved last. */
  saved: unknown;

  constructor(argv: readonly string[], options: ShellOptions = {}) {
    this.clock = options.clock ?? new ManualClock();
    this.files = options.files ?? filesFor({ clock: this.clock, programs: [...commandNames] });
    const progress: Progress = {
      saved: options.saved,
      save: (state) => {
        this.saved = JSON.parse(JSON.stringify(state));
      },
    };
    this.task = new Task(
      {
        clock: this.clock,
        config: containerConfigFor('c', {
          env: Object.entries({ PATH: '/usr/bin:/bin', HOME: '/root', ...options.env }),
          ...options.config,
        }),
        hostname: 'web-0',
        network: options.network ?? networkOf(),
        files: () => this.files,
        log: (stream, data) => {
          this[stream] += Buffer.from(data).toString();
        },
        progress,
        startedAtMs: this.clock.now(),
        programs: {
          launch: () => ({ kind: 'program', program: findCommand(argv[0]!)!, argv }),
          findProgram: (_scope, argv0) => Promise.resolve(findCommand(argv0)),
        },
        onExit: (exit) => {
          this.exit = exit;
        },
      },
      {},
    );
  }

  /** Starts process 1 and lets it run until it waits. */
  async start(): Promise<this> {
    await this.task.start();
    await this.rest();
    return this;
  }

  /** Lets everything run that does not wait for the clock. */
  async rest(): Promise<void> {
    for (let left = 12; left > 0; left -= 1) await settle();
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.rest();
  }

  signal(signal: Signal): void {
    this.task.signal(signal);
  }

  /** Moves the clock until process 1 is over. @throws Error when that takes longer than a minute */
  async finish(): Promise<Outcome> {
    for (let left = 1_200; left > 0 && this.exit === undefined; left -= 1) await this.clock.advance(50);
    // What is compressed is compressed on another thread.
    for (let left = 50_000; left > 0 && this.exit === undefined; left -= 1) await settle();
    if (this.exit === undefined)
      throw new Error(`still running, after printing ${JSON.stringify(this.stdout)}`);
    return { stdout: this.stdout, stderr: this.stderr, exitCode: this.exit.exitCode };
  }

  exec(argv: readonly string[], io: { stdin?: ByteSource } = {}): ExecSession & { output: () => string } {
    let output = '';
    const sink = {
      write: (data: Uint8Array | string): void => {
        output += typeof data === 'string' ? data : Buffer.from(data).toString();
      },
    };
    return { ...this.task.exec(argv, { ...io, stdout: sink, stderr: sink }), output: () => output };
  }
}

let network: NetworkStack | undefined;

function networkOf(): NetworkStack {
  network ??= new NetworkUnderTest().attach('web-0', '10.244.0.5');
  return network;
}

/** The outcome of `sh -c SCRIPT`. */
export async function runScript(script: string, options: ShellOptions = {}, shell = 'sh'): Promise<Outcome> {
  const container = await new Container([shell, '-c', script], options).start();
  return container.finish();
}
