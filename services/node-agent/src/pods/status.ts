/** The status of a pod as the kubelet reports it (kubelet_pods.go, generateAPIPodStatus). Pure. */

import type { ContainerStatus, Pod, PodCondition, PodStatus } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import type { ProbeManager } from '../probes/probe-manager.ts';
import { podConditions } from './conditions.ts';
import { containerStatuses, endedInitStatuses, endedStatuses } from './container-status.ts';
import { endPhase, podPhase } from './phase.ts';
import type { PodRecord } from './record.ts';
import { isSidecar } from './restart-policy.ts';
import type { ResizePending } from './resize.ts';
import { NOTHING_WAITS, type Waiting } from './start-failure.ts';

/** Whether a pod has ended for good: no phase follows. */
export function isFinished({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/** Whether a pod is to stop: it is being deleted, or somebody declared it ended. */
export function mustStop(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined || isFinished(pod);
}

/** Why the node agent itself ends a pod (lifecycle.PodSyncHandler and the eviction manager). */
export interface PodEnd {
  /** For the status, with phase Failed; absent when the pod is over by itself. */
  reason?: string;
  message?: string;
  /** The node did not take the pod: nothing is known of its containers. */
  rejected?: boolean;
  /** Tells controllers that the pod is not to blame: condition DisruptionTarget (KEP-3329). */
  disruption?: boolean;
}

export interface StatusInput {
  /**
   * The pod with its present status (a declared end is kept, conditions of others open its
   * readiness gates), and with the resources that it has been allocated.
   */
  pod: Pod;
  record: PodRecord;
  /** Why containers could not be started, by name. */
  waiting: ReadonlyMap<string, Waiting>;
  probes: Pick<ProbeManager, 'isReady' | 'hasStarted'>;
  hostIp: string;
  /** When this agent accepted the pod, epoch ms of the cluster's clock. */
  acceptedAtMs: number;
  /** Conditions reported before, for their transition times. */
  before: readonly PodCondition[];
  nowMs: number;
  /** Present once everything of the pod has been stopped: this is its last status. */
  ended: PodEnd | undefined;
  resize: { pending: ResizePending | undefined; inProgress: boolean };
}

/** An end that was declared before stays; one before the containers had their turn is a failure. */
function lastPhase(
  pod: Pod,
  end: PodEnd,
  statuses: readonly ContainerStatus[],
  isInitialized: boolean,
): string {
  if (isFinished(pod)) return pod.status!.phase!;
  return isInitialized && end.reason === undefined ? endPhase(statuses) : 'Failed';
}

/** Whether the regular containers had their turn. */
function isInitialized({ spec }: Pod, { containers }: PodRecord): boolean {
  if ((spec.initContainers ?? []).length === 0) return true;
  const last = spec.initContainers!.at(-1)!;
  return containers.some(
    ({ name, state, exitCode }) =>
      (state !== 'CONTAINER_CREATED' && spec.containers.some((each) => each.name === name)) ||
      (name === last.name && !isSidecar(last) && state === 'CONTAINER_EXITED' && exitCode === 0),
  );
}

interface Statuses {
  init: ContainerStatus[];
  regular: ContainerStatus[];
  ephemeral: ContainerStatus[];
}

function statusesOf({ pod, record, waiting, probes, ended }: StatusInput): Statuses {
  const { initContainers = [], containers, ephemeralContainers = [] } = pod.spec;
  const isEnding = ended !== undefined || pod.metadata.deletionTimestamp !== undefined;
  // A pod that ends starts nothing again: what ended has ended.
  const view = { pod, containers: record.containers, waiting: isEnding ? NOTHING_WAITS : waiting, probes };
  const reason = initContainers.length > 0 ? 'PodInitializing' : 'ContainerCreating';
  const init = containerStatuses(initContainers, 'init', view, reason);
  const regular = containerStatuses(containers, 'regular', view, reason);
  const ephemeral = containerStatuses(ephemeralContainers, 'ephemeral', view, reason);
  if (ended === undefined) return { init, regular, ephemeral };
  const initialized = isInitialized(pod, record);
  return {
    init: endedInitStatuses(init, initialized),
    // Containers that never had their turn go on waiting.
    regular: initialized ? endedStatuses(regular) : regular,
    ephemeral,
  };
}

/** The part of the pod's status that belongs to the node agent. */
export function podStatus(input: StatusInput): PodStatus {
  const { pod, record, hostIp, acceptedAtMs, before, nowMs, ended, resize } = input;
  const { init, regular, ephemeral } = statusesOf(input);
  const phase =
    ended === undefined
      ? podPhase(pod, init, regular)
      : lastPhase(pod, ended, regular, isInitialized(pod, record));
  const sandboxReady = ended === undefined && record.sandbox?.state === 'SANDBOX_READY';
  const { generation } = pod.metadata;
  const podIp = record.sandbox?.ip || (pod.spec.hostNetwork === true ? hostIp : undefined);
  const conditionInput = {
    pod,
    phase,
    sandboxReady,
    initStatuses: init,
    statuses: regular,
    disruption: ended?.disruption === true ? ended.message : undefined,
    resize,
  };
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase,
    ...(ended?.reason === undefined ? {} : { reason: ended.reason, message: ended.message ?? '' }),
    conditions: podConditions(conditionInput, before, nowMs),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    ...(podIp === undefined ? {} : { podIP: podIp, podIPs: [{ ip: podIp }] }),
    startTime: formatTime(acceptedAtMs),
    ...(ended?.rejected === true ? {} : listsOf({ init, regular, ephemeral })),
  };
}

function listsOf({ init, regular, ephemeral }: Statuses): Partial<PodStatus> {
  return {
    ...(init.length > 0 ? { initContainerStatuses: init } : {}),
    containerStatuses: regular.toSorted(byName),
    ...(ephemeral.length > 0 ? { ephemeralContainerStatuses: ephemeral.toSorted(byName) } : {}),
  };
}

function byName(a: ContainerStatus, b: ContainerStatus): number {
  return a.name < b.name ? -1 : 1;
}
