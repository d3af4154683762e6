/** A whole cluster for tests: started and stopped with the project's own command. */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { systemClock } from '@orrery/kit/clock.ts';
import { kubectlBinary, type KubectlVersion, NEWEST_KUBECTL } from '../../services/cli/src/kubectl-binary.ts';
import { execute, type Outcome, succeeded } from './command.ts';
import { freePort } from './free-port.ts';

const root = resolve(import.meta.dirname, '../..');
const main = join(root, 'services/cli/src/main.ts');
const tutorials = join(root, 'test/manifests/tutorials');

/** One row of `./orrery ps --json`. */
export interface ProcessRow {
  name: string;
  pid: number | null;
  state: string;
  ready: boolean;
  restarts: number;
  memoryBytes: number;
}

export interface ClusterOptions {
  nodes?: number;
  /** As `--node-config`, instead of `nodes`. */
  nodeConfig?: string;
  /** Processes that share the nodes; one unless set. */
  nodeAgents?: number;
  /** Simulated delays are zero unless this is set. */
  realDelays?: boolean;
  speed?: number;
  /** As `--controllers`. */
  controllers?: string;
  /** As `--scheduler-config`. */
  schedulerConfig?: string;
  /** As `--crashloop-initial`. */
  crashloopInitial?: string;
}

/** Options of one kubectl call. */
export interface KubectlOptions {
  version?: KubectlVersion;
  /** Standard input. */
  input?: string;
  /** Variables beside those of this process. */
  env?: Readonly<Record<string, string>>;
}

/** A kubectl that has not ended. */
export interface RunningKubectl {
  /** What it has printed so far, on both streams. */
  readonly output: string;
  readonly input: Writable;
  /** Resolves to its exit code. */
  readonly ended: Promise<number | null>;
  stop(): void;
}

export class TestCluster {
  readonly data: string;
  readonly kubeconfig: string;
  readonly #options: ClusterOptions;
  readonly #port: number;

  private constructor(data: string, port: number, options: ClusterOptions) {
    this.data = data;
    this.kubeconfig = join(data, 'kubeconfig');
    this.#port = port;
    this.#options = options;
  }

  /** Starts a cluster on a free port in a temporary directory. Rejects with the command's output when it fails. */
  static async start(options: ClusterOptions = {}): Promise<TestCluster> {
    const data = await mkdtemp(join(tmpdir(), 'orrery-cluster-'));
    const cluster = new TestCluster(data, await freePort(), options);
    await cluster.up();
    return cluster;
  }

  /** Starts it again on the same data, after `down`. */
  async up(): Promise<void> {
    const {
      nodes = 3,
      nodeConfig,
      nodeAgents = 1,
      realDelays = false,
      speed,
      crashloopInitial,
      controllers,
      schedulerConfig,
    } = this.#options;
    const whichNodes = nodeConfig === undefined ? `--nodes=${nodes}` : `--node-config=${nodeConfig}`;
    const flags = [whichNodes, `--node-agents=${nodeAgents}`, `--port=${this.#port}`];
    if (!realDelays) flags.push('--zero-delays');
    if (speed !== undefined) flags.push(`--speed=${speed}`);
    if (controllers !== undefined) flags.push(`--controllers=${controllers}`);
    if (schedulerConfig !== undefined) flags.push(`--scheduler-config=${schedulerConfig}`);
    if (crashloopInitial !== undefined) flags.push(`--crashloop-initial=${crashloopInitial}`);
    await this.orreryOk('up', '-d', ...flags);
  }

  /** Stops everything; the data stays. */
  async down(): Promise<void> {
    await this.orreryOk('down');
  }

  /** Stops everything and removes the data. */
  async remove(): Promise<void> {
    await this.orrery('down', '--wipe');
    await rm(this.data, { recursive: true, force: true });
  }

  /** Runs `./orrery COMMAND` on this cluster. */
  orrery(command: string, ...args: readonly string[]): Promise<Outcome> {
    return execute(process.execPath, [main, command, '--data', this.data, ...args]);
  }

  /** Runs `./orrery COMMAND`; rejects with its output when it fails. */
  async orreryOk(command: string, ...args: readonly string[]): Promise<string> {
    return succeeded(`orrery ${command} ${args.join(' ')}`, await this.orrery(command, ...args));
  }

  /** The port of the apiserver for clients. */
  get apiPort(): number {
    return this.#port;
  }

  /** The loopback ports of the parts, by name. */
  ports(): Record<string, number> {
    const { ports } = JSON.parse(readFileSync(join(this.data, 'cluster.json'), 'utf8')) as {
      ports: Record<string, number>;
    };
    return ports;
  }

  /** Sends a signal to a part, as an accident would: nobody told the supervisor. */
  async signal(name: string, signal: NodeJS.Signals): Promise<void> {
    const row = (await this.processes()).find((each) => each.name === name);
    if (typeof row?.pid !== 'number') throw new Error(`${name} does not run`);
    process.kill(row.pid, signal);
  }

  async processes(): Promise<ProcessRow[]> {
    const { processes } = JSON.parse(await this.orreryOk('ps', '--json')) as { processes: ProcessRow[] };
    return processes;
  }

  /** Runs a real kubectl. */
  async kubectl(
    args: readonly string[],
    { version = NEWEST_KUBECTL, input, env: more = {} }: KubectlOptions = {},
  ): Promise<Outcome> {
    const binary = await kubectlBinary(version);
    const env = { ...this.#environment(version), ...more };
    return execute(binary, args, input === undefined ? { env } : { env, input });
  }

  /** Starts a real kubectl that goes on until it is stopped, or by itself. */
  async startKubectl(
    args: readonly string[],
    { version = NEWEST_KUBECTL, env = {} }: Omit<KubectlOptions, 'input'> = {},
  ): Promise<RunningKubectl> {
    const child = spawn(await kubectlBinary(version), args, {
      env: { ...this.#environment(version), ...env },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    child.stdin.on('error', () => undefined);
    return {
      get output() {
        return output;
      },
      input: child.stdin,
      ended: new Promise((resolve) => child.on('close', resolve)),
      stop: () => child.kill(),
    };
  }

  /** Runs a real kubectl as if somebody sat at a terminal (`script` of util-linux lends one). */
  async kubectlOnTerminal(
    args: readonly string[],
    { version = NEWEST_KUBECTL, env = {} }: Omit<KubectlOptions, 'input'> = {},
  ): Promise<Outcome> {
    const words = [await kubectlBinary(version), ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
    const terminal = { ...this.#environment(version), ...env };
    return execute('script', ['-qec', words.join(' '), '/dev/null'], { env: terminal });
  }

  #environment(version: KubectlVersion): NodeJS.ProcessEnv {
    return {
      ...process.env,
      KUBECONFIG: this.kubeconfig,
      HOME: join(this.data, 'home', version),
      KUBE_EDITOR: 'sed -i s/one/edited/',
    };
  }

  /**
   * Runs a line of shell, as a page of the documentation gives it, with kubectl in the PATH and the
   * pages' manifests (test/manifests/tutorials) in the working directory. Gives its standard output;
   * rejects with what it printed when it fails.
   */
  async type(line: string): Promise<string> {
    const version = NEWEST_KUBECTL;
    const path = `${dirname(await kubectlBinary(version))}:${process.env['PATH']}`;
    const env = { ...this.#environment(version), PATH: path };
    return succeeded(line, await execute('sh', ['-c', line], { env, cwd: tutorials }));
  }

  /** Runs kubectl and gives its standard output; rejects with what it printed when it fails. */
  async kubectlOk(args: readonly string[], options: KubectlOptions = {}): Promise<string> {
    return succeeded(`kubectl ${args.join(' ')}`, await this.kubectl(args, options));
  }

  /** `kubectl get ... -o json`, parsed. */
  async get<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectlOk(['get', ...args, '-o', 'json'])) as T;
  }
}

const POLL_MS = 100;

/** Asks again until the answer is truthy; rejects with the last answer or error after `limitMs`. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T>,
  limitMs = 60_000,
): Promise<NonNullable<T>> {
  const deadline = systemClock.now() + limitMs;
  for (;;) {
    let last: unknown;
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== null && answer !== false) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (systemClock.now() >= deadline) {
      throw new Error(
        `${what}: not within ${limitMs} ms; last: ${last instanceof Error ? last.message : JSON.stringify(last)}`,
      );
    }
    await systemClock.sleep(POLL_MS);
  }
}
