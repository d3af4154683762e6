/** What a pod needs next (kuberuntime's computePodActions). Pure. */

import type { Container as ContainerSpec, Pod } from '@orrery/api/gen/types.ts';
import type { Container, PodSandbox } from '../runtime/runtime.ts';

/** What the runtime has of a pod. */
export interface PodRecord {
  /** The newest sandbox. */
  sandbox: PodSandbox | undefined;
  /** Of that sandbox. */
  containers: readonly Container[];
}

export interface PodActions {
  /** The sandbox and all containers must go: the pod is going or its sandbox is dead. */
  killPod: boolean;
  createSandbox: boolean;
  /** Number of the sandbox to create. */
  attempt: number;
  /** The init container to start next; the others wait for it. */
  initContainerToStart: ContainerSpec | undefined;
  /** Containers to start, all at once. */
  containersToStart: readonly ContainerSpec[];
}

const NOTHING: PodActions = {
  killPod: false,
  createSandbox: false,
  attempt: 0,
  initContainerToStart: undefined,
  containersToStart: [],
};

/** The newest instance of a container. */
export function latest(containers: readonly Container[], name: string): Container | undefined {
  return containers.findLast((each) => each.name === name);
}

type InitProgress = { done: true } | { done: false; next: ContainerSpec | undefined };

/** Init containers run one after the other, each to success. */
export function initProgress(pod: Pod, containers: readonly Container[]): InitProgress {
  for (const spec of pod.spec.initContainers ?? []) {
    const instance = latest(containers, spec.name);
    if (instance === undefined) return { done: false, next: spec };
    if (instance.state === 'CONTAINER_EXITED' && instance.exitCode === 0) continue;
    if (spec.restartPolicy === 'Always' && instance.state === 'CONTAINER_RUNNING') continue;
    return { done: false, next: undefined };
  }
  return { done: true };
}

/** Decides the next steps from what is wanted and what is there. */
export function computePodActions(pod: Pod, { sandbox, containers }: PodRecord): PodActions {
  if (pod.metadata.deletionTimestamp !== undefined) return { ...NOTHING, killPod: sandbox !== undefined };
  if (sandbox === undefined) return { ...NOTHING, createSandbox: true };
  if (sandbox.state !== 'SANDBOX_READY') {
    return { ...NOTHING, killPod: true, createSandbox: true, attempt: sandbox.attempt + 1 };
  }
  const init = initProgress(pod, containers);
  if (!init.done) return { ...NOTHING, initContainerToStart: init.next };
  return {
    ...NOTHING,
    containersToStart: pod.spec.containers.filter(({ name }) => latest(containers, name) === undefined),
  };
}
