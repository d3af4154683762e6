/** The status of a pod as the kubelet reports it (kubelet_pods.go, generateAPIPodStatus). Pure. */

import type {
  Container as ContainerSpec,
  ContainerStatus,
  Pod,
  PodCondition,
  PodStatus,
} from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { initProgress, isSidecar, type PodRecord } from './actions.ts';
import { podConditions } from './conditions.ts';
import { containerStatuses, endedInitStatuses, endedStatuses } from './container-status.ts';

/** Whether a pod has ended for good: no phase follows. */
export function isFinished({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/** Whether a pod is to stop: it is being deleted, or somebody declared it ended. */
export function mustStop(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined || isFinished(pod);
}

function restarts({ spec }: Pod, container: ContainerSpec, exitCode: number): boolean {
  const policy = container.restartPolicy ?? spec.restartPolicy ?? 'Always';
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

function hasFailedForGood(pod: Pod, initStatuses: readonly ContainerStatus[]): boolean {
  return (pod.spec.initContainers ?? []).some((container, index) => {
    const exitCode = initStatuses[index]?.state?.terminated?.exitCode ?? 0;
    return exitCode !== 0 && !restarts(pod, container, exitCode);
  });
}

/** How a pod without any running container stands (kubelet_pods.go, getPhase). */
function endPhase(pod: Pod, statuses: readonly ContainerStatus[], ended: boolean): string {
  const exitCodes = statuses.map(({ state }) => state?.terminated?.exitCode ?? 0);
  const goesOn = pod.spec.containers.some((container, index) => restarts(pod, container, exitCodes[index]!));
  if (goesOn && !ended) return 'Running';
  return exitCodes.every((exitCode) => exitCode === 0) ? 'Succeeded' : 'Failed';
}

/** Pending until everything has started, Running while anything runs, then Succeeded or Failed. */
function phaseOf(
  pod: Pod,
  initStatuses: readonly ContainerStatus[],
  statuses: readonly ContainerStatus[],
  initDone: boolean,
): string {
  if (hasFailedForGood(pod, initStatuses)) return 'Failed';
  if (!initDone || statuses.some(({ state }) => state?.waiting !== undefined)) return 'Pending';
  const specs = pod.spec.initContainers ?? [];
  const running = [...initStatuses.filter((_, index) => isSidecar(specs[index]!)), ...statuses];
  return running.some(({ state }) => state?.running !== undefined)
    ? 'Running'
    : endPhase(pod, statuses, false);
}

/** An end that was declared before stays; one before the containers had their turn is a failure. */
function lastPhase(pod: Pod, statuses: readonly ContainerStatus[], initDone: boolean): string {
  if (isFinished(pod)) return pod.status!.phase!;
  return initDone ? endPhase(pod, statuses, true) : 'Failed';
}

export interface StatusInput {
  /** The pod with its present status: a declared end is kept, conditions of others open its readiness gates. */
  pod: Pod;
  record: PodRecord;
  hostIp: string;
  /** When this agent accepted the pod, epoch ms of the cluster's clock. */
  acceptedAtMs: number;
  /** Conditions reported before, for their transition times. */
  before: readonly PodCondition[];
  nowMs: number;
  /** Everything of the pod has been stopped: this is its last status. */
  ended: boolean;
}

/** The part of the pod's status that belongs to the node agent. */
export function podStatus(input: StatusInput): PodStatus {
  const { pod, record, hostIp, acceptedAtMs, before, nowMs, ended } = input;
  const { initContainers = [], containers } = pod.spec;
  const initDone = initProgress(pod, record.containers).done;
  const waitingReason = initContainers.length > 0 ? 'PodInitializing' : 'ContainerCreating';
  let initStatuses = containerStatuses(initContainers, 'init', record.containers, waitingReason);
  let statuses = containerStatuses(containers, 'regular', record.containers, waitingReason);
  if (ended) {
    initStatuses = endedInitStatuses(initStatuses, initDone);
    // Containers that never had their turn go on waiting.
    if (initDone) statuses = endedStatuses(statuses);
  }
  const phase = ended ? lastPhase(pod, statuses, initDone) : phaseOf(pod, initStatuses, statuses, initDone);
  const sandboxReady = !ended && record.sandbox?.state === 'SANDBOX_READY';
  const { generation } = pod.metadata;
  const podIp = record.sandbox?.ip ?? (pod.spec.hostNetwork === true ? hostIp : undefined);
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase,
    conditions: podConditions({ pod, phase, sandboxReady, initStatuses, statuses }, before, nowMs),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    ...(podIp === undefined ? {} : { podIP: podIp, podIPs: [{ ip: podIp }] }),
    startTime: formatTime(acceptedAtMs),
    ...(initContainers.length > 0 ? { initContainerStatuses: initStatuses } : {}),
    containerStatuses: statuses.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
}
