/**
 * Finds again what ran before this process started: containers outlive the agent, and the
 * last stored status says which they were. Pure.
 */

import type {
  Container as ContainerSpec,
  ContainerState,
  ContainerStatus,
  Pod,
} from '@orrery/api/gen/types.ts';
import { parseTime } from '@orrery/api/meta.ts';
import { dnsConfig } from '../environment/dns-config.ts';
import type { Container, PodSandbox } from '../runtime/runtime.ts';
import { sandboxId } from '../runtime/identity.ts';
import { containerConfig, sandboxConfig } from './container-config.ts';
import { isFinished } from './status.ts';

export interface RestoredPod {
  sandbox: PodSandbox;
  containers: Container[];
}

function specOf({ spec }: Pod, name: string): ContainerSpec | undefined {
  const isNamed = (each: ContainerSpec): boolean => each.name === name;
  return (
    spec.initContainers?.find(isNamed) ??
    spec.containers.find(isNamed) ??
    spec.ephemeralContainers?.find(isNamed)
  );
}

/** One instance of a container, as a state tells of it. */
function instanceOf(
  pod: Pod,
  { name, image, imageID }: ContainerStatus,
  { running, terminated }: ContainerState,
  { id, attempt, podSandboxId }: Pick<Container, 'id' | 'attempt' | 'podSandboxId'>,
): Container | undefined {
  const startedAt = running?.startedAt ?? terminated?.startedAt;
  const spec = specOf(pod, name);
  if (startedAt === undefined || spec === undefined) return undefined;
  const startedAtMs = parseTime(startedAt);
  const common = {
    ...containerConfig(pod, spec, { attempt, variables: [], mounts: [] }),
    id,
    podSandboxId,
    image,
    imageRef: imageID.split('@')[1] ?? '',
    createdAtMs: startedAtMs,
    startedAtMs,
  };
  if (running !== undefined) return { ...common, state: 'CONTAINER_RUNNING' };
  const { message } = terminated!;
  return {
    ...common,
    state: 'CONTAINER_EXITED',
    finishedAtMs: parseTime(terminated?.finishedAt ?? startedAt),
    exitCode: terminated?.exitCode ?? 0,
    reason: terminated?.reason ?? 'Completed',
    ...(message === undefined ? {} : { message }),
  };
}

function idOf(containerID: string | undefined): string | undefined {
  return containerID?.split('://')[1];
}

/** The last instance of a container that ended, and the one that runs. One that waits has only the former. */
function restoredContainers(pod: Pod, status: ContainerStatus, podSandboxId: string): Container[] {
  const { state = {}, lastState = {}, restartCount } = status;
  const id = idOf(status.containerID);
  const endedId = idOf(lastState.terminated?.containerID);
  const isSame = endedId === id;
  const restored: (Container | undefined)[] = [];
  if (endedId !== undefined) {
    const attempt = isSame ? restartCount : restartCount - 1;
    restored.push(instanceOf(pod, status, lastState, { id: endedId, attempt, podSandboxId }));
  }
  if (id !== undefined && !isSame)
    restored.push(instanceOf(pod, status, state, { id, attempt: restartCount, podSandboxId }));
  return restored.filter((each) => each !== undefined);
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
  const config = sandboxConfig(pod, spec.nodeName ?? '', 0, dnsConfig(pod));
  const id = sandboxId(config);
  const statuses = [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ];
  return {
    sandbox: {
      ...config,
      id,
      state: 'SANDBOX_READY',
      ip: status?.podIP ?? '',
      createdAtMs: parseTime(status?.startTime ?? metadata.creationTimestamp),
    },
    containers: statuses.flatMap((each) => restoredContainers(pod, each, id)),
  };
}
