/** The simulated runtime: sandboxes and containers as records, their life on the cluster's clock. */

import type { Clock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { FileSystem } from '../files/file-system.ts';
import type { NetworkStack } from '../network/network.ts';
import type { ExecIo, ExecSession, Exit } from '../process/process.ts';
import type { PidNamespace } from '../process/pid-namespace.ts';
import { type Attachment, type LogStream, Task } from '../process/task.ts';
import type { ContainerUsage, ResourceLimits } from '../process/usage.ts';
import type { Checkpoints } from './checkpoints.ts';
import { containerId, sandboxId } from './identity.ts';
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
import { Sandboxes, type SandboxesOptions } from './sandboxes.ts';
import { Siblings } from './siblings.ts';
import { OutputTail, terminationMessage } from './termination-message.ts';

export interface SimulatedRuntimeOptions extends SandboxesOptions {
  clock: Clock;
  logger: Logger;
  images: ImageService;
  /** How long setting up a sandbox takes, in milliseconds of the clock. */
  sandboxStartMs: number;
  /** How long starting a container takes, in milliseconds of the clock. */
  containerStartMs: number;
  /**
   * The files of a container: its image's, its own, and what is mounted. `onMemoryUse` is told what
   * those of them hold that are in memory, when they change.
   */
  files: (container: Container, sandbox: PodSandbox, onMemoryUse: (bytes: number) => void) => FileSystem;
  /** Waited for before a program runs that may read what is mounted (VolumeManager.ready). */
  filesReady?: (sandbox: PodSandbox) => void | Promise<void>;
  /** Deletes what a container has written. */
  removeFiles: (container: Container) => void;
  /** Takes what process 1 of a container prints; a promise holds it back. */
  log: (
    container: Container,
    sandbox: PodSandbox,
    stream: LogStream,
    data: Uint8Array,
  ) => void | Promise<void>;
  /** Process 1 of a container is over: nothing more is printed. */
  logEnded: (container: Container, sandbox: PodSandbox) => void;
  checkpoints: Checkpoints;
  onChange: RuntimeListener;
}

/** What every sandbox runs (k8s.io/kubernetes/cmd/kubeadm, PauseVersion). */
export const SANDBOX_IMAGE = 'registry.k8s.io/pause:3.10.1';

interface Running {
  readonly container: Container;
  /** Present from its start to its end. */
  task: Task | undefined;
  /** Resolved when it has exited; present while somebody waits for that. */
  exited: PromiseWithResolvers<void> | undefined;
  /** It was told to end: once is enough, however often the time that it has is shortened. */
  terminating: boolean;
  files: FileSystem | undefined;
  /** It began under an agent before this one, and may have written files then. */
  resumed: boolean;
  /** The end of what it prints, where that may become its last words. */
  output: OutputTail | undefined;
}

function stopped(container: Container): Running {
  return {
    container,
    task: undefined,
    exited: undefined,
    terminating: false,
    files: undefined,
    resumed: false,
    output: undefined,
  };
}

export class SimulatedRuntime implements RuntimeService {
  readonly #options: SimulatedRuntimeOptions;
  readonly #sandboxes: Sandboxes;
  readonly #containers = new Map<string, Running>();
  readonly #containersOfSandbox = new Siblings();

  constructor(options: SimulatedRuntimeOptions) {
    this.#options = options;
    this.#sandboxes = new Sandboxes(options);
  }

  /** The five steps of dockershim's RunPodSandbox, in its order. */
  async runPodSandbox(config: PodSandboxConfig, context: CallContext): Promise<PodSandbox> {
    const { clock, images, sandboxStartMs, checkpoints } = this.#options;
    this.#log(config, 'pulling the image for the sandbox');
    if (images.imageStatus(config.node, SANDBOX_IMAGE) === undefined)
      await images.pullImage(config.node, SANDBOX_IMAGE, context);
    context.signal.throwIfAborted();
    this.#log(config, 'creating the sandbox container');
    const id = sandboxId(config);
    const sandbox: PodSandbox = {
      ...config,
      id,
      state: 'SANDBOX_NOTREADY',
      ip: '',
      createdAtMs: clock.now(),
    };
    this.#sandboxes.add(sandbox);
    try {
      this.#log(config, 'creating sandbox checkpoint');
      checkpoints.putSandbox(sandbox);
      this.#log(config, 'starting the sandbox container');
      await this.#take(sandboxStartMs, context);
      this.#log(config, 'setting up networking for the sandbox');
      this.#sandboxes.connect(sandbox);
    } catch (error) {
      this.removePodSandbox(id);
      throw error;
    }
    checkpoints.putSandbox(sandbox);
    return sandbox;
  }

  #log({ namespace, name, uid, attempt }: PodSandboxConfig, step: string): void {
    this.#options.logger.debug({ pod: `${namespace}/${name}`, uid, attempt }, step);
  }

  async stopPodSandbox(id: string): Promise<void> {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox?.state !== 'SANDBOX_READY') return;
    sandbox.state = 'SANDBOX_NOTREADY';
    this.#options.checkpoints.putSandbox(sandbox);
    await Promise.all(
      this.listContainers({ podSandboxId: id }).map((each) => this.stopContainer(each.id, 0)),
    );
    this.#sandboxes.disconnect(sandbox);
  }

  removePodSandbox(id: string): void {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined) return;
    for (const each of this.#containersOfSandbox.of(id)) this.removeContainer(each);
    this.#sandboxes.remove(sandbox);
    this.#options.checkpoints.removeSandbox(id);
  }

  podSandboxStatus(id: string): PodSandbox | undefined {
    return this.#sandboxes.get(id);
  }

  listPodSandbox(filter: { node?: string; podUid?: string }): PodSandbox[] {
    return this.#sandboxes.list(filter);
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
    this.#keepContainer(stopped(container));
    this.#options.checkpoints.putContainer(container);
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
    this.#options.checkpoints.putContainer(running.container);
    const failure = await this.#run(running, undefined);
    if (failure === undefined) return;
    this.#exit(running, failure);
    throw new Error(failure.message ?? failure.reason);
  }

  async stopContainer(id: string, timeoutSeconds: number): Promise<void> {
    const running = this.#containers.get(id);
    if (running === undefined || running.container.state === 'CONTAINER_EXITED') return;
    const { task } = running;
    if (task === undefined) {
      this.#exit(running, { exitCode: 0, reason: 'Completed' });
      return;
    }
    running.exited ??= Promise.withResolvers();
    if (timeoutSeconds > 0) {
      if (!running.terminating) {
        running.terminating = true;
        task.signal('SIGTERM');
      }
      const late = new AbortController();
      await Promise.race([
        running.exited.promise,
        this.#options.clock.sleep(timeoutSeconds * 1_000, late.signal),
      ]);
      late.abort();
    }
    task.signal('SIGKILL');
  }

  removeContainer(id: string): void {
    const running = this.#containers.get(id);
    if (running === undefined) return;
    this.#containers.delete(id);
    this.#options.removeFiles(running.container);
    this.#options.checkpoints.removeContainer(id);
    this.#containersOfSandbox.delete(running.container.podSandboxId, id);
  }

  listContainers({ podSandboxId }: { podSandboxId?: string }): Container[] {
    if (podSandboxId === undefined)
      return Array.from(this.#containers.values(), ({ container }) => container);
    return this.#containersOfSandbox.of(podSandboxId).map((id) => this.#containers.get(id)!.container);
  }

  containerStatus(id: string): Container | undefined {
    return this.#containers.get(id)?.container;
  }

  exec(id: string, argv: readonly string[], io: ExecIo): ExecSession {
    return this.#taskOf(id).exec(argv, io);
  }

  attach(id: string, io: ExecIo): Attachment {
    return this.#taskOf(id).attach(io);
  }

  containerStats(id: string): ContainerUsage | undefined {
    return this.#containers.get(id)?.task?.usage();
  }

  updateContainerResources(id: string, limits: ResourceLimits): void {
    const running = this.#containers.get(id);
    if (running === undefined) return;
    running.container.limits = limits;
    running.task?.setLimits(limits);
    this.#options.checkpoints.putContainer(running.container);
  }

  containerFiles(id: string): FileSystem | undefined {
    const running = this.#containers.get(id);
    return running === undefined ? undefined : this.#filesOf(running);
  }

  networkOf(podSandboxId: string): NetworkStack | undefined {
    return this.#sandboxes.stackOf(podSandboxId);
  }

  /**
   * Takes over what the checkpoints hold of the nodes that are still this agent's: what ran before
   * this process started. Returns the containers, for what else is known by them.
   */
  restore(isHosted: (node: string) => boolean): { sandbox: PodSandbox; container: Container }[] {
    const { checkpoints } = this.#options;
    const { sandboxes, containers, progress } = checkpoints.load();
    const byId = new Map(sandboxes.map((each) => [each.id, each]));
    const bySandbox = Map.groupBy(containers, ({ podSandboxId }) => podSandboxId);
    for (const [id, own] of bySandbox)
      if (!byId.has(id)) for (const each of own) checkpoints.removeContainer(each.id);
    return sandboxes.flatMap((sandbox) => {
      const own = bySandbox.get(sandbox.id) ?? [];
      if (isHosted(sandbox.node) && this.#takeOver(sandbox, own, progress))
        return own.map((container) => ({ sandbox, container }));
      for (const { id } of own) checkpoints.removeContainer(id);
      checkpoints.removeSandbox(sandbox.id);
      return [];
    });
  }

  /**
   * Takes over a sandbox and its containers that ran before this process started, and of which
   * there is no checkpoint. False when its address has gone to another sandbox meanwhile: it is lost then.
   */
  adopt(sandbox: PodSandbox, containers: readonly Container[]): boolean {
    if (!this.#takeOver(sandbox, containers, new Map())) return false;
    this.#options.checkpoints.putSandbox(sandbox);
    for (const each of containers) this.#options.checkpoints.putContainer(each);
    return true;
  }

  #takeOver(
    sandbox: PodSandbox,
    containers: readonly Container[],
    progress: ReadonlyMap<string, unknown>,
  ): boolean {
    if (!this.#sandboxes.adopt(sandbox)) return false;
    for (const container of containers) {
      const running = stopped(container);
      this.#keepContainer(running);
      if (container.state !== 'CONTAINER_RUNNING') continue;
      if (sandbox.state === 'SANDBOX_READY') void this.#resume(running, progress.get(container.id));
      // The process before this one ended while it stopped the sandbox.
      else this.#exit(running, { exitCode: 137, reason: 'Error', signal: 9 });
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

  /** Resolves when process 1 runs, or with its exit when it could not be started. */
  #run(running: Running, saved: unknown): Promise<Exit | undefined> {
    const { clock, log, checkpoints } = this.#options;
    const { container } = running;
    const sandbox = this.#sandboxes.get(container.podSandboxId)!;
    if (container.terminationMessagePolicy === 'FallbackToLogsOnError') running.output = new OutputTail();
    const task = new Task(
      {
        clock,
        config: container,
        ...this.#pidsOf(container, sandbox),
        hostname: sandbox.hostname,
        network: this.#sandboxes.stackOf(sandbox.id)!,
        files: () => this.#filesOf(running),
        filesReady: () => this.#options.filesReady?.(sandbox),
        log: (stream, data) => {
          running.output?.write(data);
          return log(container, sandbox, stream, data);
        },
        startedAtMs: container.startedAtMs ?? clock.now(),
        progress: { saved, save: (state) => checkpoints.putProgress(container.id, state) },
        onExit: (exit) => this.#exit(running, exit),
      },
      container.limits,
    );
    running.task = task;
    return task.start();
  }

  /** Goes on with a container that ran when the process before this one died. */
  async #resume(running: Running, saved: unknown): Promise<void> {
    running.resumed = true;
    const failure = await this.#run(running, saved);
    if (failure !== undefined) this.#exit(running, failure);
  }

  #exit(running: Running, { exitCode, reason, signal, message }: Exit): void {
    const { container } = running;
    if (container.state === 'CONTAINER_EXITED') return;
    container.state = 'CONTAINER_EXITED';
    container.finishedAtMs = this.#options.clock.now();
    container.exitCode = exitCode;
    container.reason = reason;
    if (signal !== undefined) container.signal = signal;
    const mayHaveWritten = running.resumed || running.files !== undefined;
    const files = mayHaveWritten ? () => this.#filesOf(running) : undefined;
    const words = terminationMessage(container, files, running.output);
    const messages = [message ?? '', words].filter((each) => each !== '');
    if (messages.length > 0) container.message = messages.join(': ');
    running.task = undefined;
    running.exited?.resolve();
    this.#options.checkpoints.putContainer(container);
    const sandbox = this.#sandboxes.get(container.podSandboxId);
    if (sandbox === undefined) return;
    this.#options.logEnded(container, sandbox);
    this.#options.onChange(sandbox.uid);
  }

  /** The namespace of process ids that a container joins, where it has none of its own. */
  #pidsOf({ podSandboxId, processesOf }: Container, sandbox: PodSandbox): { pids?: PidNamespace } {
    const shared = this.#sandboxes.pidsOf(sandbox);
    if (shared !== undefined) return { pids: shared };
    if (processesOf === undefined) return {};
    const target = this.listContainers({ podSandboxId }).findLast(({ name }) => name === processesOf);
    const task = target === undefined ? undefined : this.#containers.get(target.id)?.task;
    return task === undefined ? {} : { pids: task.pids };
  }

  #taskOf(id: string): Task {
    const task = this.#containers.get(id)?.task;
    if (task === undefined) throw new Error(`container ${id} is not running`);
    return task;
  }

  #filesOf(running: Running): FileSystem {
    const sandbox = this.#sandboxes.get(running.container.podSandboxId)!;
    running.files ??= this.#options.files(running.container, sandbox, (bytes) =>
      running.task?.setFileMemory(bytes),
    );
    return running.files;
  }

  #keepContainer(running: Running): void {
    const { id, podSandboxId } = running.container;
    this.#containers.set(id, running);
    this.#containersOfSandbox.add(podSandboxId, id);
  }
}
