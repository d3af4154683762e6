/**
 * Finds again what ran before this process started: containers outlive the agent, and the
 * last stored status says which they were. Pure.
 */

import type { Container as ContainerSpec, ContainerStatus, Pod } from '@orrery/api/gen/types.ts';
import { parseTime } from '@orrery/api/meta.ts';
import { dnsConfig } from '../environment/dns-config.ts';
import type { Container, PodSandbox } from '../runtime/runtime.ts';
import { sandboxId } from '../runtime/simulated.ts';
import { containerConfig, sandboxConfig } from './container-config.ts';
import { isFinished } from './status.ts';

export interface RestoredPod {
  sandbox: PodSandbox;
  containers: Container[];
}

function specOf({ spec }: Pod, name: string): ContainerSpec | undefined {
  const isNamed = (each: ContainerSpec): boolean => each.name === name;
  return spec.initContainers?.find(isNamed) ?? spec.containers.find(isNamed);
}

function restoredContainer(pod: Pod, status: ContainerStatus, podSandboxId: string): Container | undefined {
  const id = status.containerID?.split('://')[1];
  const { running, terminated } = status.state ?? {};
  const startedAt = running?.startedAt ?? terminated?.startedAt;
  const spec = specOf(pod, status.name);
  if (id === undefined || startedAt === undefined || spec === undefined) return undefined;
  const startedAtMs = parseTime(startedAt);
  const common = {
    ...containerConfig(pod, spec, { attempt: status.restartCount, variables: [], mounts: [] }),
    id,
    podSandboxId,
    image: status.image,
    imageRef: status.imageID.split('@')[1] ?? '',
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
  const config = sandboxConfig(pod, spec.nodeName ?? '', 0, dnsConfig(pod));
  const id = sandboxId(config);
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return {
    sandbox: {
      ...config,
      id,
      state: 'SANDBOX_READY',
      ip: status?.podIP ?? '',
      createdAtMs: parseTime(status?.startTime ?? metadata.creationTimestamp),
    },
    containers: statuses.map((each) => restoredContainer(pod, each, id)).filter((each) => each !== undefined),
  };
}
