/**
 * The boundary to the container runtime, by the verbs and promises of the Container Runtime
 * Interface (k8s.io/cri-api, runtime/v1). simulated.ts and images.ts are the only
 * implementation; all times are epoch milliseconds of the cluster's clock.
 */

import type { Behavior } from '@orrery/api/behavior.ts';
import type { Mount } from '../files/container-files.ts';
import type { FileSystem } from '../files/file-system.ts';
import type { DnsConfig, HostAlias, NetworkStack } from '../network/network.ts';
import type { ExecIo, ExecSession } from '../process/process.ts';
import type { Attachment } from '../process/task.ts';
import type { ContainerUsage, ResourceLimits } from '../process/usage.ts';

export type { Mount } from '../files/container-files.ts';

export type PodSandboxState = 'SANDBOX_READY' | 'SANDBOX_NOTREADY';
export type ContainerState = 'CONTAINER_CREATED' | 'CONTAINER_RUNNING' | 'CONTAINER_EXITED';

export interface PodSandboxConfig {
  node: string;
  namespace: string;
  name: string;
  uid: string;
  /** Counts the sandboxes of one pod. */
  attempt: number;
  /** Shares the node's address instead of getting one of its own. */
  hostNetwork: boolean;
  hostname: string;
  /** `hostname.subdomain.namespace.svc.cluster.local`, for a pod with a subdomain. */
  fqdn?: string;
  dns: DnsConfig;
  hostAliases: readonly HostAlias[];
  /** The containers share one namespace of process ids, of which pause is process 1. */
  sharesProcesses?: boolean;
}

export interface PodSandbox extends PodSandboxConfig {
  id: string;
  state: PodSandboxState;
  ip: string;
  createdAtMs: number;
}

export interface ContainerConfig {
  name: string;
  image: string;
  /** Counts the starts of this container in its pod. */
  attempt: number;
  /** What the pod says in the place of the image's entrypoint and arguments; empty for the image's own. */
  command: readonly string[];
  args: readonly string[];
  /** The image's own when empty. */
  workingDir: string;
  env: readonly (readonly [name: string, value: string])[];
  mounts: readonly Mount[];
  limits: ResourceLimits;
  /** An ephemeral container that sees the processes of another: its name (CRI's namespace mode TARGET). */
  processesOf?: string;
  /** By annotation, see lib/api/src/behavior.ts. */
  behavior?: Behavior;
  stdin: boolean;
  /** Input ends with the first who was attached. */
  stdinOnce: boolean;
  tty: boolean;
  uid: number;
  gid: number;
  /** Supplementary groups; absent when there are none. */
  groups?: readonly number[];
  /** Nothing but what is mounted can be written. */
  readonlyRootfs?: boolean;
  /** A container in which nothing is known to run: it ends at once, with success, instead of running until it is stopped. */
  runsToCompletion: boolean;
  /** Where a program leaves its last words for the status. */
  terminationMessagePath: string;
  /** Where they are taken from: the file alone, or the log where a container fails without a word. */
  terminationMessagePolicy: 'File' | 'FallbackToLogsOnError';
}

export interface Container extends ContainerConfig {
  id: string;
  podSandboxId: string;
  imageRef: string;
  state: ContainerState;
  createdAtMs: number;
  /** Absent when it never ran. */
  startedAtMs?: number;
  finishedAtMs?: number;
  exitCode?: number;
  reason?: string;
  signal?: number;
  message?: string;
}

/** How the caller of a verb that takes time waits for it. */
export interface CallContext {
  /** Aborted when the result is no longer wanted; the verb then rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** Told each time the verb is about to wait: what there is so far is worth reporting. */
  readonly onWait: () => void;
}

/** Told when a container changed by itself, so that its pod is looked at. */
export type RuntimeListener = (podUid: string) => void;

export interface ImageRef {
  /** Digest, `sha256:...`. */
  id: string;
  sizeBytes: number;
}

export interface ImageService {
  /** The image on the node, if it is there. */
  imageStatus(node: string, image: string): ImageRef | undefined;
  /** Takes the time of a pull; pulls of one image on one node at the same time end together. */
  pullImage(node: string, image: string, context: CallContext): Promise<ImageRef>;
}

export interface RuntimeService {
  /**
   * Pulls the sandbox image if need be, creates and starts the sandbox, sets up its network.
   * Leaves nothing behind when it rejects.
   */
  runPodSandbox(config: PodSandboxConfig, context: CallContext): Promise<PodSandbox>;
  /** Stops all containers of the sandbox and takes down its network. Stopping twice is fine. */
  stopPodSandbox(id: string): Promise<void>;
  /** Forgets the sandbox and its containers; one that still runs loses its network first. */
  removePodSandbox(id: string): void;
  podSandboxStatus(id: string): PodSandbox | undefined;
  listPodSandbox(filter: { node?: string; podUid?: string }): PodSandbox[];
  /** @throws Error when the sandbox is not ready. */
  createContainer(podSandboxId: string, config: ContainerConfig): Promise<Container>;
  /**
   * Resolves when process 1 runs. A container whose start is aborted stays created.
   * @throws Error with the runtime's words when process 1 cannot be started: the container has exited then.
   */
  startContainer(id: string, context: CallContext): Promise<void>;
  /** TERM, then KILL after `timeoutSeconds`. Stopping twice is fine; the shorter time counts. */
  stopContainer(id: string, timeoutSeconds: number): Promise<void>;
  removeContainer(id: string): void;
  /** In the order of their creation. */
  listContainers(filter: { podSandboxId?: string }): Container[];
  containerStatus(id: string): Container | undefined;
  /** @throws Error when the container does not run. */
  exec(id: string, argv: readonly string[], io: ExecIo): ExecSession;
  /** @throws Error when the container does not run. */
  attach(id: string, io: ExecIo): Attachment;
  /** Undefined for a container that does not run. */
  containerStats(id: string): ContainerUsage | undefined;
  /** In-place resize. */
  updateContainerResources(id: string, limits: ResourceLimits): void;
  /** The files of a container, running or not. */
  containerFiles(id: string): FileSystem | undefined;
  /** The network namespace of a sandbox, while it is ready. */
  networkOf(podSandboxId: string): NetworkStack | undefined;
}
