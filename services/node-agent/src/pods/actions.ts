/** What a pod needs next (kuberuntime's computePodActions). Pure. */

import type { Container as ContainerSpec, Pod } from '@orrery/api/gen/types.ts';
import type { Container, PodSandbox } from '../runtime/runtime.ts';

/** What the runtime has of a pod. */
export interface PodRecord {
  /** The newest sandbox. */
  sandbox: PodSandbox | undefined;
  /** Of that sandbox, in the order of their creation. */
  containers: readonly Container[];
}

export interface PodActions {
  /** The sandbox is dead: it and all its containers must go first. */
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

/** A sidecar: an init container that goes on running beside the others (KEP-753). */
export function isSidecar({ restartPolicy }: ContainerSpec): boolean {
  return restartPolicy === 'Always';
}

/** The newest instance of a container. */
export function latest(containers: readonly Container[], name: string): Container | undefined {
  return containers.findLast((each) => each.name === name);
}

/** Not there, or created by a start that did not come through. */
function needsStart(instance: Container | undefined): boolean {
  return instance === undefined || instance.state === 'CONTAINER_CREATED';
}

type InitProgress = { done: true } | { done: false; next: ContainerSpec | undefined };

/**
 * Init containers run one after the other, each to success; a sidecar only has to have
 * started. They are over for good once a container of the pod has run. `next` is absent
 * while one runs, and when one failed: whether it runs again is for the restart policy.
 */
export function initProgress({ spec }: Pod, containers: readonly Container[]): InitProgress {
  const hasBegun = spec.containers.some(({ name }) => latest(containers, name)?.startedAtMs !== undefined);
  if (hasBegun) return { done: true };
  for (const container of spec.initContainers ?? []) {
    const instance = latest(containers, container.name);
    if (needsStart(instance)) return { done: false, next: container };
    const isOver = instance?.state === 'CONTAINER_EXITED' && instance.exitCode === 0;
    if (!isOver && !isSidecar(container)) return { done: false, next: undefined };
  }
  return { done: true };
}

/** Decides the next steps of a pod that is to run, from what is wanted and what is there. */
export function computePodActions(pod: Pod, { sandbox, containers }: PodRecord): PodActions {
  if (sandbox === undefined) return { ...NOTHING, createSandbox: true };
  if (sandbox.state !== 'SANDBOX_READY') {
    return { ...NOTHING, killPod: true, createSandbox: true, attempt: sandbox.attempt + 1 };
  }
  const init = initProgress(pod, containers);
  if (!init.done) return { ...NOTHING, initContainerToStart: init.next };
  const containersToStart = pod.spec.containers.filter(({ name }) => needsStart(latest(containers, name)));
  return containersToStart.length === 0 ? NOTHING : { ...NOTHING, containersToStart };
}
