/** The conditions of a pod that its node agent owns (pkg/kubelet/status/generate.go). Pure. */

import type { ContainerStatus, Pod, PodCondition } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import type { ResizePending } from './resize.ts';
import { isSidecar } from './restart-policy.ts';

interface Verdict {
  met: boolean;
  reason?: string;
  message?: string;
}

const MET: Verdict = { met: true };

/** What the conditions follow from. */
export interface ConditionInput {
  pod: Pod;
  phase: string;
  sandboxReady: boolean;
  initStatuses: readonly ContainerStatus[];
  statuses: readonly ContainerStatus[];
  /** Why the node evicts the pod through no fault of its own. */
  disruption: string | undefined;
  resize: { pending: ResizePending | undefined; inProgress: boolean };
}

/** As Go prints a list. */
function names(statuses: readonly ContainerStatus[]): string {
  return `[${statuses.map(({ name }) => name).join(' ')}]`;
}

function initialized({ pod, phase, initStatuses, statuses }: ConditionInput): Verdict {
  if (phase === 'Succeeded') return { met: true, reason: 'PodCompleted' };
  if (
    statuses.some(({ state }) => state?.running !== undefined || state?.terminated?.startedAt !== undefined)
  ) {
    return MET;
  }
  const specs = pod.spec.initContainers ?? [];
  const incomplete = initStatuses.filter((status, index) => {
    const spec = specs[index];
    return spec !== undefined && isSidecar(spec) ? status.started !== true : !status.ready;
  });
  if (incomplete.length === 0) return MET;
  const message = `containers with incomplete status: ${names(incomplete)}`;
  return { met: false, reason: 'ContainersNotInitialized', message };
}

function containersReady({ pod, phase, initStatuses, statuses }: ConditionInput): Verdict {
  if (phase === 'Succeeded') return { met: false, reason: 'PodCompleted' };
  if (phase === 'Failed') return { met: false, reason: 'PodFailed' };
  const specs = pod.spec.initContainers ?? [];
  const sidecars = initStatuses.filter((_, index) => isSidecar(specs[index]!));
  const unready = [...sidecars, ...statuses].filter(({ ready }) => !ready);
  if (unready.length === 0) return MET;
  const message = `containers with unready status: ${names(unready)}`;
  return { met: false, reason: 'ContainersNotReady', message };
}

/** Ready takes in conditions that others set on the pod, if it asks for that (KEP-580). */
function ready({ spec, status }: Pod, containers: Verdict): Verdict {
  if (!containers.met) return containers;
  const problems = (spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const gate = status?.conditions?.find(({ type }) => type === conditionType);
    if (gate === undefined)
      return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    if (gate.status === 'True') return [];
    return [`the status of pod readiness gate "${conditionType}" is not "True", but ${gate.status}`];
  });
  return problems.length === 0
    ? MET
    : { met: false, reason: 'ReadinessGatesNotReady', message: problems.join(', ') };
}

/**
 * The conditions in upstream's order. Each keeps its transition time from `before` while its
 * status stays; `nowMs` is epoch milliseconds of the cluster's clock.
 */
export function podConditions(
  input: ConditionInput,
  before: readonly PodCondition[],
  nowMs: number,
): PodCondition[] {
  const { generation } = input.pod.metadata;
  const condition = (type: string, { met, reason, message }: Verdict): PodCondition => {
    const status = met ? 'True' : 'False';
    const old = before.find((each) => each.type === type);
    const since = old?.status === status ? old.lastTransitionTime : undefined;
    return {
      type,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      status,
      lastTransitionTime: since ?? formatTime(nowMs),
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
    };
  };
  const containers = containersReady(input);
  const conditions = [
    condition('PodReadyToStartContainers', { met: input.sandboxReady }),
    condition('Initialized', initialized(input)),
    condition('Ready', ready(input.pod, containers)),
    condition('ContainersReady', containers),
    condition('PodScheduled', MET),
  ];
  const { disruption, resize } = input;
  if (resize.inProgress) conditions.unshift(condition('PodResizeInProgress', MET));
  if (resize.pending !== undefined)
    conditions.unshift(condition('PodResizePending', { met: true, ...resize.pending }));
  if (disruption !== undefined)
    conditions.unshift(
      condition('DisruptionTarget', { met: true, reason: 'TerminationByKubelet', message: disruption }),
    );
  return conditions;
}
