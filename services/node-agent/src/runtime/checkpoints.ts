/**
 * What the runtime knows, kept where it outlives the process: dockershim's sandbox checkpoints,
 * and containerd's own metadata. A change is safe from a SIGKILL of the agent as soon as the
 * turn of the event loop in which it was made is over.
 */

import type { Container, PodSandbox } from './runtime.ts';

export interface RuntimeState {
  sandboxes: PodSandbox[];
  containers: Container[];
  /** By container, see Progress. */
  progress: Map<string, unknown>;
}

export interface Checkpoints {
  /** What was kept before this process began. */
  load(): RuntimeState;
  putSandbox(sandbox: PodSandbox): void;
  removeSandbox(id: string): void;
  putContainer(container: Container): void;
  /** Forgets its progress too. */
  removeContainer(id: string): void;
  putProgress(containerId: string, state: unknown): void;
}

/** Keeps nothing: an agent without a state directory. */
export const NO_CHECKPOINTS: Checkpoints = {
  load: () => ({ sandboxes: [], containers: [], progress: new Map() }),
  putSandbox: () => undefined,
  removeSandbox: () => undefined,
  putContainer: () => undefined,
  removeContainer: () => undefined,
  putProgress: () => undefined,
};
