/**
 * Finds again what ran before this process started: containers outlive the agent, and the
 * last stored status says which they were. Pure.
 */

import type { ContainerStatus, Pod } from '@orrery/api/gen/types.ts';
import { parseTime } from '@orrery/api/meta.ts';
import type { Container, PodSandbox } from '../runtime/runtime.ts';
import { sandboxId } from '../runtime/simulated.ts';
import { runsToCompletion } from './container-start.ts';
import { isFinished } from './status.ts';

export interface RestoredPod {
  sandbox: PodSandbox;
  containers: Container[];
}

function restoredContainer(pod: Pod, status: ContainerStatus, podSandboxId: string): Container | undefined {
  const id = status.containerID?.split('://')[1];
  const { running, terminated } = status.state ?? {};
  const startedAt = running?.startedAt ?? terminated?.startedAt;
  if (id === undefined || startedAt === undefined) return undefined;
  const startedAtMs = parseTime(startedAt);
  const common = {
    id,
    podSandboxId,
    name: status.name,
    image: status.image,
    imageRef: status.imageID.split('@')[1] ?? '',
    runsToCompletion: runsToCompletion(pod, status.name),
    attempt: status.restartCount,
    createdAtMs: startedAtMs,
    startedAtMs,
  };
  if (running !== undefined) return { ...common, state: 'CONTAINER_RUNNING' };
  return {
    ...common,
    state: 'CONTAINER_EXITED',
    finishedAtMs: parseTime(terminated?.finishedAt ?? startedAt),
    exitCode: terminated?.exitCode ?? 0,
    reason: terminated?.reason ?? 'Completed',
  };
}

/** Whether the pod's sandbox was reported: an address alone proves nothing, the host network gives it from the start. */
function hadSandbox({ status }: Pod): boolean {
  const condition = status?.conditions?.find(({ type }) => type === 'PodReadyToStartContainers');
  return condition?.status === 'True' && status?.podIP !== undefined;
}

/**
 * The sandbox and containers of a pod that runs; undefined when it had not come so far, or was
 * over. A pod that ran without the store knowing is begun again.
 */
export function restorePod(pod: Pod): RestoredPod | undefined {
  const { status, metadata, spec } = pod;
  if (!hadSandbox(pod) || isFinished(pod)) return undefined;
  const identity = { uid: metadata.uid, attempt: 0 };
  const id = sandboxId(identity);
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return {
    sandbox: {
      ...identity,
      id,
      node: spec.nodeName ?? '',
      namespace: metadata.namespace,
      name: metadata.name,
      hostNetwork: spec.hostNetwork === true,
      state: 'SANDBOX_READY',
      ip: status?.podIP ?? '',
      createdAtMs: parseTime(status?.startTime ?? metadata.creationTimestamp),
    },
    containers: statuses.map((each) => restoredContainer(pod, each, id)).filter((each) => each !== undefined),
  };
}
