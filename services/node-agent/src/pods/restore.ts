/**
 * Finds again what ran before this process started: containers outlive the agent, and the
 * last reported status says which they were. Pure.
 */

import type { ContainerStatus, Pod } from '@orrery/api/gen/types.ts';
import { parseTime } from '@orrery/api/meta.ts';
import type { Container, PodSandbox } from '../runtime/runtime.ts';
import { isFinished } from './worker.ts';

export interface RestoredPod {
  sandbox: PodSandbox;
  containers: Container[];
}

function restoredContainer(
  status: ContainerStatus,
  isInit: boolean,
  sandboxId: string,
): Container | undefined {
  const id = status.containerID?.split('://')[1];
  const { running, terminated } = status.state ?? {};
  const startedAt = running?.startedAt ?? terminated?.startedAt;
  if (id === undefined || startedAt === undefined) return undefined;
  const startedAtMs = parseTime(startedAt);
  const base = {
    id,
    podSandboxId: sandboxId,
    name: status.name,
    image: status.image,
    imageRef: status.imageID.split('@')[1] ?? '',
    runsToCompletion: isInit && running === undefined,
    attempt: status.restartCount,
    createdAtMs: startedAtMs,
    startedAtMs,
  };
  if (running !== undefined) return { ...base, state: 'CONTAINER_RUNNING' };
  return {
    ...base,
    state: 'CONTAINER_EXITED',
    finishedAtMs: parseTime(terminated?.finishedAt ?? startedAt),
    exitCode: terminated?.exitCode ?? 0,
    reason: terminated?.reason ?? 'Completed',
  };
}

/** The sandbox and containers of a pod that had them; undefined when it had not come so far. */
export function restorePod(pod: Pod): RestoredPod | undefined {
  const { status, metadata, spec } = pod;
  if (status?.podIP === undefined || isFinished(pod)) return undefined;
  // The sandbox has no identity in the status; the pod's uid and its address are it.
  const id = metadata.uid.replaceAll('-', '').padEnd(64, '0');
  const init = (status.initContainerStatuses ?? []).map((each) => restoredContainer(each, true, id));
  const main = (status.containerStatuses ?? []).map((each) => restoredContainer(each, false, id));
  return {
    sandbox: {
      id,
      node: spec.nodeName ?? '',
      namespace: metadata.namespace,
      name: metadata.name,
      uid: metadata.uid,
      attempt: 0,
      hostNetwork: spec.hostNetwork === true,
      state: 'SANDBOX_READY',
      ip: status.podIP,
      createdAtMs: parseTime(status.startTime ?? metadata.creationTimestamp),
    },
    containers: [...init, ...main].filter((each) => each !== undefined),
  };
}
