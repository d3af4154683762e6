/** A container by what the pod says of it: process 1 is what launch() finds, on files and a network of its own. */

import { ManualClock, settle } from '@orrery/kit/manual-clock.ts';
import type { FileSystem } from '../files/file-system.ts';
import { containerFiles } from '../files/container-files.ts';
import { ROOT } from '../files/posix-files.ts';
import { Trees } from '../files/trees.ts';
import type { NetworkStack } from '../network/network.ts';
import { layerOf } from '../process/images/layers.ts';
import type { Exit } from '../process/process.ts';
import { type ProgramSource, Task } from '../process/task.ts';
import type { ContainerConfig } from '../runtime/runtime.ts';
import { isolatedNetwork } from './cluster-parts.ts';
import { containerConfigFor, sandboxConfigFor } from './runtime-parts.ts';

/** Where the container is asked from: its node. */
const HOST_IP = '10.0.0.1';
export const POD_IP = '10.244.0.5';

export interface Answer {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string;
}

export interface ContainerOptions {
  clock?: ManualClock;
  /** Where process 1 stood. */
  saved?: unknown;
  /** Instead of those that there are. */
  programs?: ProgramSource;
}

export class ContainerUnderTest {
  readonly clock: ManualClock;
  readonly files: FileSystem;
  readonly task: Task;
  readonly node: NetworkStack;
  readonly pod: NetworkStack;
  /** How often process 1 said where it stands. */
  saves = 0;
  log = '';
  exit: Exit | undefined;

  constructor(
    changes: Partial<ContainerConfig>,
    { clock = new ManualClock(), saved, programs }: ContainerOptions = {},
  ) {
    this.clock = clock;
    const config = containerConfigFor('c', changes);
    const network = isolatedNetwork(() => HOST_IP, clock);
    this.pod = network.attach({ ...sandboxConfigFor('uid-1'), podUid: 'uid-1', ip: POD_IP });
    this.node = network.nodeStack('node-1');
    this.files = containerFiles({
      trees: new Trees({ clock }),
      layer: 'containers/c',
      image: layerOf(config.image),
      own: {},
      mounts: [],
      user: ROOT,
    });
    this.task = new Task(
      {
        clock,
        config,
        hostname: 'web-0',
        network: this.pod,
        files: () => this.files,
        log: (_, data) => void (this.log += Buffer.from(data).toString()),
        progress: { saved, save: () => void (this.saves += 1) },
        startedAtMs: clock.now(),
        onExit: (exit) => void (this.exit = exit),
        ...(programs === undefined ? {} : { programs }),
      },
      config.limits,
    );
  }

  /** Starts it, and lets everything run that does not wait for the clock. */
  async start(): Promise<this> {
    const failure = await this.task.start();
    if (failure !== undefined) this.exit = failure;
    await this.rest();
    return this;
  }

  async rest(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await settle();
  }

  async advance(byMs: number): Promise<void> {
    await this.clock.advance(byMs);
    await this.rest();
  }

  /** One HTTP exchange from the node. */
  async get(port: number, target = '/', headers: Record<string, string> = {}): Promise<Answer> {
    const answer = await this.node.request(POD_IP, port, { target, headers });
    return { ...answer, body: Buffer.from(answer.body).toString() };
  }

  /** Sends text to a port, ends, and takes what comes back. */
  async say(port: number, text: string): Promise<string> {
    const connection = await this.node.connect(POD_IP, port);
    connection.end(text);
    let answer = '';
    for await (const chunk of connection as AsyncIterable<Buffer>) answer += chunk.toString();
    return answer;
  }

  /** Runs a command in it. */
  async exec(...argv: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
    const output = { stdout: '', stderr: '' };
    const { ended } = this.task.exec(argv, {
      stdout: { write: (data) => void (output.stdout += Buffer.from(data).toString()) },
      stderr: { write: (data) => void (output.stderr += Buffer.from(data).toString()) },
    });
    return { exitCode: await ended, ...output };
  }
}

export async function started(
  changes: Partial<ContainerConfig>,
  options?: ContainerOptions,
): Promise<ContainerUnderTest> {
  return new ContainerUnderTest(changes, options).start();
}
