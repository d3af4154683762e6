/** The status of a pod as the kubelet reports it (kubelet_pods.go, status/generate.go). Pure. */

import type {
  Container as ContainerSpec,
  ContainerState,
  ContainerStatus,
  Pod,
  PodCondition,
  PodStatus,
} from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { normalizeImage } from '../runtime/images.ts';
import type { Container } from '../runtime/runtime.ts';
import { initProgress, latest, type PodRecord } from './actions.ts';

const RUNTIME = 'orrery';

function stateOf(instance: Container | undefined, waitingReason: string): ContainerState {
  if (instance?.startedAtMs === undefined) return { waiting: { reason: waitingReason } };
  const startedAt = formatTime(instance.startedAtMs);
  if (instance.state === 'CONTAINER_RUNNING') return { running: { startedAt } };
  return {
    terminated: {
      exitCode: instance.exitCode ?? 0,
      reason: instance.reason ?? 'Completed',
      startedAt,
      finishedAt: formatTime(instance.finishedAtMs ?? instance.startedAtMs),
      containerID: `${RUNTIME}://${instance.id}`,
    },
  };
}

function containerStatus(
  spec: ContainerSpec,
  instance: Container | undefined,
  waitingReason: string,
  isInit: boolean,
): ContainerStatus {
  const state = stateOf(instance, waitingReason);
  const running = state.running !== undefined;
  const image = spec.image ?? '';
  return {
    name: spec.name,
    state,
    lastState: {},
    ready: running || (isInit && state.terminated?.exitCode === 0),
    restartCount: instance?.attempt ?? 0,
    image: instance === undefined ? image : normalizeImage(image),
    imageID:
      instance === undefined ? '' : `${normalizeImage(image).split(/[:@][^/]*$/)[0]}@${instance.imageRef}`,
    ...(instance === undefined ? {} : { containerID: `${RUNTIME}://${instance.id}` }),
    started: running,
  };
}

/** Pending until everything has started, Running while anything runs, then Succeeded or Failed. */
function phaseOf(initDone: boolean, statuses: readonly ContainerStatus[]): string {
  if (!initDone || statuses.some(({ state }) => state?.waiting !== undefined)) return 'Pending';
  if (statuses.some(({ state }) => state?.running !== undefined)) return 'Running';
  return statuses.every(({ state }) => state?.terminated?.exitCode === 0) ? 'Succeeded' : 'Failed';
}

interface ConditionDraft {
  type: string;
  met: boolean;
  reason?: string;
  message?: string;
}

function names(statuses: readonly ContainerStatus[]): string {
  return `[${statuses.map(({ name }) => name).join(' ')}]`;
}

function conditionDrafts(
  record: PodRecord,
  phase: string,
  initDone: boolean,
  initStatuses: readonly ContainerStatus[],
  statuses: readonly ContainerStatus[],
): ConditionDraft[] {
  const finished = phase === 'Succeeded' || phase === 'Failed';
  const unready = statuses.filter(({ ready }) => !ready);
  const pendingInit = initStatuses.filter(({ ready }) => !ready);
  const notReady: Omit<ConditionDraft, 'type'> = finished
    ? { met: false, reason: phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed' }
    : unready.length > 0
      ? {
          met: false,
          reason: 'ContainersNotReady',
          message: `containers with unready status: ${names(unready)}`,
        }
      : { met: true };
  const initialized: Omit<ConditionDraft, 'type'> = initDone
    ? phase === 'Succeeded'
      ? { met: true, reason: 'PodCompleted' }
      : { met: true }
    : {
        met: false,
        reason: 'ContainersNotInitialized',
        message: `containers with incomplete status: ${names(pendingInit)}`,
      };
  return [
    { type: 'PodReadyToStartContainers', met: record.sandbox?.state === 'SANDBOX_READY' },
    { type: 'Initialized', ...initialized },
    { type: 'Ready', ...notReady },
    { type: 'ContainersReady', ...notReady },
  ];
}

/** Conditions keep their transition time while their status stays. */
function conditionsOf(
  drafts: readonly ConditionDraft[],
  before: readonly PodCondition[],
  generation: number | undefined,
  nowMs: number,
): PodCondition[] {
  return drafts.map(({ type, met, reason, message }) => {
    const status = met ? 'True' : 'False';
    const old = before.find((each) => each.type === type);
    return {
      type,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      status,
      lastTransitionTime:
        old?.status === status && old.lastTransitionTime !== undefined
          ? old.lastTransitionTime
          : formatTime(nowMs),
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
    };
  });
}

export interface StatusInput {
  pod: Pod;
  record: PodRecord;
  hostIp: string;
  /** When this agent accepted the pod, epoch ms of the cluster's clock. */
  acceptedAtMs: number;
  /** Conditions reported before, for their transition times. */
  before: readonly PodCondition[];
  nowMs: number;
}

/** The part of the pod's status that belongs to the node agent. */
export function podStatus({ pod, record, hostIp, acceptedAtMs, before, nowMs }: StatusInput): PodStatus {
  const { containers } = record;
  const hasInit = (pod.spec.initContainers ?? []).length > 0;
  const initDone = initProgress(pod, containers).done;
  const initStatuses = (pod.spec.initContainers ?? []).map((spec) =>
    containerStatus(spec, latest(containers, spec.name), 'PodInitializing', true),
  );
  const waiting = hasInit && !initDone ? 'PodInitializing' : 'ContainerCreating';
  const statuses = pod.spec.containers.map((spec) =>
    containerStatus(spec, latest(containers, spec.name), waiting, false),
  );
  const phase = phaseOf(initDone, statuses);
  const drafts = conditionDrafts(record, phase, initDone, initStatuses, statuses);
  const { generation } = pod.metadata;
  const podIp = record.sandbox?.state === 'SANDBOX_READY' ? record.sandbox.ip : undefined;
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase,
    conditions: conditionsOf(drafts, before, generation, nowMs),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    ...(podIp === undefined ? {} : { podIP: podIp, podIPs: [{ ip: podIp }] }),
    startTime: formatTime(acceptedAtMs),
    ...(hasInit ? { initContainerStatuses: initStatuses } : {}),
    containerStatuses: statuses,
  };
}

/** Whether what is stored already says all that `wanted` says; conditions of others do not count. */
export function statusIsCurrent(stored: PodStatus | undefined, wanted: PodStatus): boolean {
  if (stored === undefined) return false;
  const { conditions, ...fields } = wanted;
  for (const [key, value] of Object.entries(fields)) {
    if (!jsonEqual(stored[key as keyof PodStatus], value)) return false;
  }
  return (conditions ?? []).every((each) =>
    jsonEqual(
      stored.conditions?.find(({ type }) => type === each.type),
      each,
    ),
  );
}
