/** What the runtime has of one pod. */

import type { Pod } from '@orrery/api/gen/types.ts';
import type { Container, PodSandbox, RuntimeService } from '../runtime/runtime.ts';

export interface PodRecord {
  /** The newest sandbox. */
  sandbox: PodSandbox | undefined;
  /**
   * Of all its sandboxes, in the order of their creation. Of those that ended, the last of each
   * name is kept (see collectGarbage).
   */
  containers: readonly Container[];
}

const NOTHING: PodRecord = { sandbox: undefined, containers: [] };

export function podRecord(
  runtime: Pick<RuntimeService, 'listPodSandbox' | 'listContainers'>,
  podUid: string,
): PodRecord {
  const sandboxes = runtime.listPodSandbox({ podUid });
  if (sandboxes.length === 0) return NOTHING;
  if (sandboxes.length > 1) sandboxes.sort((a, b) => a.attempt - b.attempt);
  const containers = sandboxes.flatMap(({ id }) => runtime.listContainers({ podSandboxId: id }));
  return { sandbox: sandboxes.at(-1), containers };
}

/** The newest instance of a container. */
export function latest(containers: readonly Container[], name: string): Container | undefined {
  return containers.findLast((each) => each.name === name);
}

/** The newest instance in the newest sandbox: those before have died with theirs. */
export function current({ sandbox, containers }: PodRecord, name: string): Container | undefined {
  return containers.findLast((each) => each.name === name && each.podSandboxId === sandbox?.id);
}

/** Whether a regular container of the pod has begun in its newest sandbox: its initialization is over then. */
export function hasInitialized(pod: Pod, record: PodRecord): boolean {
  return pod.spec.containers.some(({ name }) => current(record, name)?.startedAtMs !== undefined);
}

/**
 * The instances that nobody asks for any more: of each name, the ended ones but the last
 * (kuberuntime_gc.go, evictContainers with one dead container a name). Pure.
 */
export function surplusContainers(containers: readonly Container[]): Container[] {
  const kept = new Set<string>();
  return containers.toReversed().filter(({ name, state }) => {
    if (state !== 'CONTAINER_EXITED') return false;
    if (kept.has(name)) return true;
    kept.add(name);
    return false;
  });
}

/** Removes what nobody asks for any more: older ended containers, and dead sandboxes that are empty. */
export function collectGarbage(runtime: RuntimeService, podUid: string): void {
  const { sandbox, containers } = podRecord(runtime, podUid);
  for (const { id } of surplusContainers(containers)) runtime.removeContainer(id);
  for (const { id, state } of runtime.listPodSandbox({ podUid })) {
    const isEmpty = runtime.listContainers({ podSandboxId: id }).length === 0;
    if (id !== sandbox?.id && state === 'SANDBOX_NOTREADY' && isEmpty) runtime.removePodSandbox(id);
  }
}
