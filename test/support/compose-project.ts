/** The cluster as containers: a compose project of its own, from a copy of the repository. */

import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { kubectlBinary, NEWEST_KUBECTL } from '../../services/cli/src/kubectl-binary.ts';
import { eventually } from './cluster.ts';
import { type CommandOptions, execute, type Outcome, succeeded } from './command.ts';
import { freePort } from './free-port.ts';

const root = resolve(import.meta.dirname, '../..');

/** Services that go on running; the kubeconfig one ends when it has done its work. */
export const CONTAINERS = [
  'redis',
  'nats',
  'apiserver',
  'controller-manager',
  'scheduler',
  'hpa',
  'node-agent',
] as const;

export type ContainerName = (typeof CONTAINERS)[number];

/** Whether a Docker engine answers. */
export async function hasEngine(): Promise<boolean> {
  return (await execute('docker', ['version', '--format', '{{.Server.Version}}'])).code === 0;
}

/** Compose 2 is a command of docker, compose 1 a program of its own. */
async function composeCommand(): Promise<readonly [string, ...string[]]> {
  if ((await execute('docker', ['compose', 'version'])).code === 0) return ['docker', 'compose'];
  if ((await execute('docker-compose', ['version'])).code === 0) return ['docker-compose'];
  throw new Error('The compose test needs docker compose or docker-compose, and found neither.');
}

/** Other people's containers, data and packages are not part of the image. */
const LEFT_OUT = new Set(['.git', '.orrery', 'node_modules']);

const HEALTH_LIMIT_MS = 180_000;

export class ComposeProject {
  readonly name: string;
  readonly #directory: string;
  readonly #compose: readonly [string, ...string[]];
  readonly #options: CommandOptions;

  private constructor(directory: string, port: number, compose: readonly [string, ...string[]]) {
    this.name = `orrery-test-${port}`;
    this.#directory = directory;
    this.#compose = compose;
    const env = { ...process.env, COMPOSE_PROJECT_NAME: this.name, ORRERY_PORT: String(port) };
    this.#options = { cwd: directory, env };
  }

  /**
   * Copies the repository as it is now; nothing is started yet.
   * @throws Error that says what is missing when there is no engine or no compose.
   */
  static async prepare(): Promise<ComposeProject> {
    if (!(await hasEngine())) {
      throw new Error('The compose test needs a Docker engine: "docker version" reached none.');
    }
    const compose = await composeCommand();
    const directory = await mkdtemp(join(tmpdir(), 'orrery-compose-'));
    await cp(root, directory, {
      recursive: true,
      filter: (source) => source === root || !LEFT_OUT.has(basename(source)),
    });
    return new ComposeProject(directory, await freePort(), compose);
  }

  async compose(...args: readonly string[]): Promise<string> {
    const [command, ...first] = this.#compose;
    const outcome = await execute(command, [...first, ...args], this.#options);
    return succeeded(`compose ${args.join(' ')}`, outcome);
  }

  dockerOutcome(...args: readonly string[]): Promise<Outcome> {
    return execute('docker', args, this.#options);
  }

  async docker(...args: readonly string[]): Promise<string> {
    return succeeded(`docker ${args.join(' ')}`, await this.dockerOutcome(...args));
  }

  async container(name: ContainerName): Promise<string> {
    const filters = [`project=${this.name}`, `service=${name}`];
    const labels = filters.flatMap((each) => ['--filter', `label=com.docker.compose.${each}`]);
    return (await this.docker('ps', '--all', '--quiet', ...labels)).trim();
  }

  /** `healthy` when its health check says so. */
  async health(name: ContainerName): Promise<string> {
    const format = '{{.State.Status}} {{.State.Health.Status}}';
    const shown = await this.docker('inspect', '--format', format, await this.container(name));
    return shown.trim();
  }

  /** Resolves when every service runs and is healthy. */
  async healthy(): Promise<void> {
    await eventually(
      'every container is healthy',
      async () => {
        const states = await Promise.all(
          CONTAINERS.map(async (name) => `${name} ${await this.health(name)}`),
        );
        const ill = states.filter((each) => !each.endsWith(' running healthy'));
        if (ill.length > 0) throw new Error(ill.join(', '));
        return true;
      },
      HEALTH_LIMIT_MS,
    );
  }

  async kubectl(...args: readonly string[]): Promise<Outcome> {
    const env = { ...this.#options.env, KUBECONFIG: join(this.#directory, '.orrery/kubeconfig') };
    return execute(await kubectlBinary(NEWEST_KUBECTL), args, { cwd: this.#directory, env });
  }

  async kubectlOk(...args: readonly string[]): Promise<string> {
    return succeeded(`kubectl ${args.join(' ')}`, await this.kubectl(...args));
  }

  /** What is left of the project: containers, volumes and networks. */
  async remains(): Promise<string[]> {
    const label = `label=com.docker.compose.project=${this.name}`;
    const lists = await Promise.all([
      this.docker('ps', '--all', '--quiet', '--filter', label),
      this.docker('volume', 'ls', '--quiet', '--filter', label),
      this.docker('network', 'ls', '--quiet', '--filter', label),
    ]);
    return lists.flatMap((each) => each.split('\n')).filter((each) => each !== '');
  }

  /** Takes everything away, whatever state it is in. */
  async remove(): Promise<void> {
    await this.compose('down', '--volumes', '--remove-orphans');
    await rm(this.#directory, { recursive: true, force: true });
  }
}
