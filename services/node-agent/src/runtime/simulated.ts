/** The simulated runtime: sandboxes and containers as records, their life on the cluster's clock. */

import { createHash } from 'node:crypto';
import type { Clock } from '@orrery/kit/clock.ts';
import { newUid } from '@orrery/kit/random.ts';
import type { AddressRange } from './addresses.ts';
import { type ContainerProcess, startProcess } from './process.ts';
import type {
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
  sandboxStartMs: number;
  containerStartMs: number;
  /** The address of a node and the range of its pods. */
  network: (node: string) => { hostIp: string; range: AddressRange };
  onChange: RuntimeListener;
}

const SANDBOX_IMAGE = 'registry.k8s.io/pause:3.10.1';

/** 64 hexadecimal digits, as container ids look. */
function newContainerId(): string {
  return createHash('sha256').update(newUid()).digest('hex');
}

interface Running {
  container: Container;
  process: ContainerProcess | undefined;
}

export class SimulatedRuntime implements RuntimeService {
  readonly #options: SimulatedRuntimeOptions;
  readonly #sandboxes = new Map<string, PodSandbox>();
  readonly #sandboxesByPod = new Map<string, Set<string>>();
  readonly #containers = new Map<string, Running>();
  readonly #containersBySandbox = new Map<string, Set<string>>();

  constructor(options: SimulatedRuntimeOptions) {
    this.#options = options;
  }

  async runPodSandbox(config: PodSandboxConfig): Promise<PodSandbox> {
    const { clock, images, sandboxStartMs, network } = this.#options;
    if (images.imageStatus(config.node, SANDBOX_IMAGE) === undefined)
      await images.pullImage(config.node, SANDBOX_IMAGE);
    if (sandboxStartMs > 0) await clock.sleep(sandboxStartMs);
    const { hostIp, range } = network(config.node);
    const sandbox: PodSandbox = {
      ...config,
      id: newContainerId(),
      state: 'SANDBOX_READY',
      ip: config.hostNetwork ? hostIp : range.allocate(),
      createdAtMs: clock.now(),
    };
    this.#keepSandbox(sandbox);
    return sandbox;
  }

  async stopPodSandbox(id: string): Promise<void> {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined || sandbox.state === 'SANDBOX_NOTREADY') return;
    sandbox.state = 'SANDBOX_NOTREADY';
    await Promise.all(
      this.listContainers({ podSandboxId: id }).map((each) => this.stopContainer(each.id, 0)),
    );
    if (!sandbox.hostNetwork) this.#options.network(sandbox.node).range.release(sandbox.ip);
  }

  removePodSandbox(id: string): void {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined) return;
    for (const containerId of this.#containersBySandbox.get(id) ?? []) this.#containers.delete(containerId);
    this.#containersBySandbox.delete(id);
    this.#sandboxes.delete(id);
    const siblings = this.#sandboxesByPod.get(sandbox.uid);
    siblings?.delete(id);
    if (siblings?.size === 0) this.#sandboxesByPod.delete(sandbox.uid);
  }

  podSandboxStatus(id: string): PodSandbox | undefined {
    return this.#sandboxes.get(id);
  }

  listPodSandbox({ node, podUid }: { node?: string; podUid?: string }): PodSandbox[] {
    const all =
      podUid === undefined
        ? [...this.#sandboxes.values()]
        : [...(this.#sandboxesByPod.get(podUid) ?? [])].map((id) => this.#sandboxes.get(id)!);
    return node === undefined ? all : all.filter((each) => each.node === node);
  }

  async createContainer(podSandboxId: string, config: ContainerConfig): Promise<Container> {
    const sandbox = this.#sandboxes.get(podSandboxId);
    if (sandbox?.state !== 'SANDBOX_READY') throw new Error(`sandbox ${podSandboxId} is not ready`);
    const container: Container = {
      ...config,
      id: newContainerId(),
      podSandboxId,
      imageRef: this.#options.images.imageStatus(sandbox.node, config.image)?.id ?? '',
      state: 'CONTAINER_CREATED',
      createdAtMs: this.#options.clock.now(),
    };
    this.#keepContainer({ container, process: undefined });
    return container;
  }

  async startContainer(id: string): Promise<void> {
    const { clock, containerStartMs } = this.#options;
    const running = this.#containers.get(id);
    if (running?.container.state !== 'CONTAINER_CREATED')
      throw new Error(`container ${id} cannot be started`);
    if (containerStartMs > 0) await clock.sleep(containerStartMs);
    // It may have been stopped with its sandbox while it started.
    if (running.container.state !== 'CONTAINER_CREATED') return;
    running.container.state = 'CONTAINER_RUNNING';
    running.container.startedAtMs = clock.now();
    this.#run(running);
  }

  async stopContainer(id: string, timeoutSeconds: number): Promise<void> {
    const running = this.#containers.get(id);
    if (running === undefined || running.container.state === 'CONTAINER_EXITED') return;
    const exit = (await running.process?.stop(timeoutSeconds)) ?? {
      exitCode: 0,
      reason: 'Completed' as const,
    };
    this.#exit(running, exit.exitCode, exit.reason);
  }

  removeContainer(id: string): void {
    const running = this.#containers.get(id);
    if (running === undefined) return;
    this.#containers.delete(id);
    this.#containersBySandbox.get(running.container.podSandboxId)?.delete(id);
  }

  listContainers({ podSandboxId }: { podSandboxId?: string }): Container[] {
    if (podSandboxId === undefined) return [...this.#containers.values()].map(({ container }) => container);
    return [...(this.#containersBySandbox.get(podSandboxId) ?? [])].map(
      (id) => this.#containers.get(id)!.container,
    );
  }

  containerStatus(id: string): Container | undefined {
    return this.#containers.get(id)?.container;
  }

  /** Takes over a sandbox and its containers that ran before this process started. */
  adopt(sandbox: PodSandbox, containers: readonly Container[]): void {
    this.#keepSandbox(sandbox);
    if (!sandbox.hostNetwork) this.#options.network(sandbox.node).range.reserve(sandbox.ip);
    for (const container of containers) {
      const running: Running = { container, process: undefined };
      this.#keepContainer(running);
      if (container.state === 'CONTAINER_RUNNING') this.#run(running);
    }
  }

  #run(running: Running): void {
    running.process = startProcess(running.container);
    void running.process.ended.then(({ exitCode, reason }) => this.#exit(running, exitCode, reason));
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
    const siblings = this.#sandboxesByPod.get(sandbox.uid);
    if (siblings === undefined) this.#sandboxesByPod.set(sandbox.uid, new Set([sandbox.id]));
    else siblings.add(sandbox.id);
  }

  #keepContainer(running: Running): void {
    const { id, podSandboxId } = running.container;
    this.#containers.set(id, running);
    const siblings = this.#containersBySandbox.get(podSandboxId);
    if (siblings === undefined) this.#containersBySandbox.set(podSandboxId, new Set([id]));
    else siblings.add(id);
  }
}
