/** The simulated runtime: sandboxes and containers as records, their life on the cluster's clock. */

import { createHash } from 'node:crypto';
import type { Clock } from '@orrery/kit/clock.ts';
import type { AddressRange } from './addresses.ts';
import { type ContainerProcess, startProcess } from './process.ts';
import type {
  CallContext,
  Container,
  ContainerConfig,
  ImageService,
  PodSandbox,
  PodSandboxConfig,
  RuntimeListener,
  RuntimeService,
} from './runtime.ts';

export interface SimulatedRuntimeOptions {
  clock: Clock;
  images: ImageService;
  /** How long setting up a sandbox takes, in milliseconds of the clock. */
  sandboxStartMs: number;
  /** How long starting a container takes, in milliseconds of the clock. */
  containerStartMs: number;
  /** The address of a node and the range of its pods. */
  network: (node: string) => { hostIp: string; range: AddressRange };
  onChange: RuntimeListener;
}

/** What every sandbox runs (k8s.io/kubernetes/cmd/kubeadm, PauseVersion). */
export const SANDBOX_IMAGE = 'registry.k8s.io/pause:3.10.1';

/** 64 hexadecimal digits, as ids of sandboxes and containers look. */
function idFrom(seed: string): string {
  return createHash('sha256').update(seed).digest('hex');
}

/** The same for the same sandbox whoever asks: a sandbox has its identity from its pod and its number. */
export function sandboxId({ uid, attempt }: Pick<PodSandboxConfig, 'uid' | 'attempt'>): string {
  return idFrom(`${uid}/${attempt}`);
}

/**
 * The identity of a container: its sandbox, name and attempt. An agent that starts it again because the one before died
 * before it could say that it had, starts the same container, as a real runtime would find it by its name.
 */
function containerId(
  podSandboxId: string,
  { name, attempt }: Pick<ContainerConfig, 'name' | 'attempt'>,
): string {
  return idFrom(`${podSandboxId}/${name}/${attempt}`);
}

interface Running {
  readonly container: Container;
  process: ContainerProcess | undefined;
}

/** A multimap that keeps no empty sets. */
class Siblings {
  readonly #ids = new Map<string, Set<string>>();

  of(parent: string): Iterable<string> {
    return this.#ids.get(parent) ?? [];
  }

  add(parent: string, id: string): void {
    const ids = this.#ids.get(parent);
    if (ids === undefined) this.#ids.set(parent, new Set([id]));
    else ids.add(id);
  }

  delete(parent: string, id: string): void {
    const ids = this.#ids.get(parent);
    ids?.delete(id);
    if (ids?.size === 0) this.#ids.delete(parent);
  }
}

export class SimulatedRuntime implements RuntimeService {
  readonly #options: SimulatedRuntimeOptions;
  readonly #sandboxes = new Map<string, PodSandbox>();
  readonly #sandboxesOfPod = new Siblings();
  readonly #containers = new Map<string, Running>();
  readonly #containersOfSandbox = new Siblings();

  constructor(options: SimulatedRuntimeOptions) {
    this.#options = options;
  }

  async runPodSandbox(config: PodSandboxConfig, context: CallContext): Promise<PodSandbox> {
    const { clock, images, sandboxStartMs } = this.#options;
    if (images.imageStatus(config.node, SANDBOX_IMAGE) === undefined)
      await images.pullImage(config.node, SANDBOX_IMAGE, context);
    await this.#take(sandboxStartMs, context);
    const id = sandboxId(config);
    const ip = this.#connect(config, id);
    const sandbox: PodSandbox = { ...config, id, state: 'SANDBOX_READY', ip, createdAtMs: clock.now() };
    this.#keepSandbox(sandbox);
    return sandbox;
  }

  async stopPodSandbox(id: string): Promise<void> {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox?.state !== 'SANDBOX_READY') return;
    sandbox.state = 'SANDBOX_NOTREADY';
    await Promise.all(
      this.listContainers({ podSandboxId: id }).map((each) => this.stopContainer(each.id, 0)),
    );
    this.#disconnect(sandbox);
  }

  removePodSandbox(id: string): void {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined) return;
    if (sandbox.state === 'SANDBOX_READY') this.#disconnect(sandbox);
    for (const containerId of this.#containersOfSandbox.of(id)) this.removeContainer(containerId);
    this.#sandboxes.delete(id);
    this.#sandboxesOfPod.delete(sandbox.uid, id);
  }

  podSandboxStatus(id: string): PodSandbox | undefined {
    return this.#sandboxes.get(id);
  }

  listPodSandbox({ node, podUid }: { node?: string; podUid?: string }): PodSandbox[] {
    const all =
      podUid === undefined
        ? [...this.#sandboxes.values()]
        : Array.from(this.#sandboxesOfPod.of(podUid), (id) => this.#sandboxes.get(id)!);
    return node === undefined ? all : all.filter((each) => each.node === node);
  }

  async createContainer(podSandboxId: string, config: ContainerConfig): Promise<Container> {
    const sandbox = this.#sandboxes.get(podSandboxId);
    if (sandbox?.state !== 'SANDBOX_READY') throw new Error(`sandbox ${podSandboxId} is not ready`);
    const container: Container = {
      ...config,
      id: containerId(podSandboxId, config),
      podSandboxId,
      imageRef: this.#options.images.imageStatus(sandbox.node, config.image)?.id ?? '',
      state: 'CONTAINER_CREATED',
      createdAtMs: this.#options.clock.now(),
    };
    this.#keepContainer({ container, process: undefined });
    return container;
  }

  async startContainer(id: string, context: CallContext): Promise<void> {
    const running = this.#containers.get(id);
    if (running?.container.state !== 'CONTAINER_CREATED')
      throw new Error(`container ${id} cannot be started`);
    await this.#take(this.#options.containerStartMs, context);
    // It may have been stopped with its sandbox while it started.
    if (running.container.state !== 'CONTAINER_CREATED') return;
    running.container.state = 'CONTAINER_RUNNING';
    running.container.startedAtMs = this.#options.clock.now();
    this.#run(running);
  }

  async stopContainer(id: string, timeoutSeconds: number): Promise<void> {
    const running = this.#containers.get(id);
    if (running === undefined || running.container.state === 'CONTAINER_EXITED') return;
    const exit = await running.process?.stop(timeoutSeconds);
    this.#exit(running, exit?.exitCode ?? 0, exit?.reason ?? 'Completed');
  }

  removeContainer(id: string): void {
    const running = this.#containers.get(id);
    if (running === undefined) return;
    this.#containers.delete(id);
    this.#containersOfSandbox.delete(running.container.podSandboxId, id);
  }

  listContainers({ podSandboxId }: { podSandboxId?: string }): Container[] {
    if (podSandboxId === undefined)
      return Array.from(this.#containers.values(), ({ container }) => container);
    return Array.from(
      this.#containersOfSandbox.of(podSandboxId),
      (id) => this.#containers.get(id)!.container,
    );
  }

  containerStatus(id: string): Container | undefined {
    return this.#containers.get(id)?.container;
  }

  /**
   * Takes over a sandbox and its containers that ran before this process started. False when its
   * address has gone to another sandbox meanwhile: it is lost then.
   */
  adopt(sandbox: PodSandbox, containers: readonly Container[]): boolean {
    const { range } = this.#options.network(sandbox.node);
    if (!sandbox.hostNetwork && !range.reserve(sandbox.ip)) return false;
    this.#keepSandbox(sandbox);
    for (const container of containers) {
      const running: Running = { container, process: undefined };
      this.#keepContainer(running);
      if (container.state === 'CONTAINER_RUNNING') this.#run(running);
    }
    return true;
  }

  /** Lets simulated time pass; nothing waits for no time. */
  async #take(delayMs: number, { signal, onWait }: CallContext): Promise<void> {
    signal.throwIfAborted();
    if (delayMs <= 0) return;
    onWait();
    await this.#options.clock.sleep(delayMs, signal);
    signal.throwIfAborted();
  }

  #connect({ node, hostNetwork }: PodSandboxConfig, id: string): string {
    const { hostIp, range } = this.#options.network(node);
    if (hostNetwork) return hostIp;
    try {
      return range.allocate();
    } catch (error) {
      throw new Error(`failed to setup network for sandbox "${id}": ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  #disconnect({ node, hostNetwork, ip }: PodSandbox): void {
    if (!hostNetwork) this.#options.network(node).range.release(ip);
  }

  #run(running: Running): void {
    const process = startProcess(running.container);
    running.process = process;
    void process.ended?.then(({ exitCode, reason }) => this.#exit(running, exitCode, reason));
  }

  #exit({ container }: Running, exitCode: number, reason: string): void {
    if (container.state === 'CONTAINER_EXITED') return;
    container.state = 'CONTAINER_EXITED';
    container.finishedAtMs = this.#options.clock.now();
    container.exitCode = exitCode;
    container.reason = reason;
    const sandbox = this.#sandboxes.get(container.podSandboxId);
    if (sandbox !== undefined) this.#options.onChange(sandbox.uid);
  }

  #keepSandbox(sandbox: PodSandbox): void {
    this.#sandboxes.set(sandbox.id, sandbox);
    this.#sandboxesOfPod.add(sandbox.uid, sandbox.id);
  }

  #keepContainer(running: Running): void {
    const { id, podSandboxId } = running.container;
    this.#containers.set(id, running);
    this.#containersOfSandbox.add(podSandboxId, id);
  }
}
