/**
 * The boundary to the container runtime, by the verbs and promises of the Container Runtime
 * Interface (k8s.io/cri-api, runtime/v1). simulated.ts is the only implementation.
 */

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
  /** Runs to its end instead of until it is stopped. */
  runsToCompletion: boolean;
  /** Counts the starts of this container in its pod. */
  attempt: number;
}

export interface Container extends ContainerConfig {
  id: string;
  podSandboxId: string;
  imageRef: string;
  state: ContainerState;
  createdAtMs: number;
  startedAtMs?: number;
  finishedAtMs?: number;
  exitCode?: number;
  reason?: string;
}

/** Told when a container or sandbox changed by itself, so that its pod is looked at. */
export type RuntimeListener = (podUid: string) => void;

export interface ImageRef {
  id: string;
  sizeBytes: number;
}

export interface ImageService {
  /** The image on the node, if it is there. */
  imageStatus(node: string, image: string): ImageRef | undefined;
  /** Takes the time of a pull; concurrent pulls of one image on one node share it. */
  pullImage(node: string, image: string): Promise<ImageRef>;
}

export interface RuntimeService {
  /** Pulls the sandbox image if need be, creates and starts the sandbox, sets up its network. */
  runPodSandbox(config: PodSandboxConfig): Promise<PodSandbox>;
  /** Stops all containers of the sandbox and takes down its network. Stopping twice is fine. */
  stopPodSandbox(id: string): Promise<void>;
  /** Forgets the sandbox and its containers. */
  removePodSandbox(id: string): void;
  podSandboxStatus(id: string): PodSandbox | undefined;
  listPodSandbox(filter: { node?: string; podUid?: string }): PodSandbox[];
  createContainer(podSandboxId: string, config: ContainerConfig): Promise<Container>;
  startContainer(id: string): Promise<void>;
  /** TERM, then KILL after `timeoutSeconds`. */
  stopContainer(id: string, timeoutSeconds: number): Promise<void>;
  removeContainer(id: string): void;
  listContainers(filter: { podSandboxId?: string }): Container[];
  containerStatus(id: string): Container | undefined;
}
