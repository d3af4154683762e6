/** The status of a Deployment: pure (deployment/progress.go, sync.go, util/deployment_util.go). */

import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '@orrery/api/gen/types.ts';
import { formatTime, parseTime } from '@orrery/api/meta.ts';
import { findCondition, withCondition, withoutCondition } from '../conditions.ts';
import { rollingLimits } from './limits.ts';
import { allSets, replicasOf, type Rollout, totalReplicas } from './rollout.ts';

/** What happened to the new ReplicaSet in this reconciliation. */
export type NewSetOutcome =
  | { kind: 'created'; name: string }
  | { kind: 'found'; name: string }
  | { kind: 'failed'; message: string }
  | undefined;

/** `progressDeadlineSeconds` that means: no deadline. */
const NO_DEADLINE_SECONDS = 2 ** 31 - 1;

function hasDeadline({ spec }: Deployment): boolean {
  return spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== NO_DEADLINE_SECONDS;
}

type ProgressReason =
  | 'NewReplicaSetCreated'
  | 'FoundNewReplicaSet'
  | 'ReplicaSetCreateError'
  | 'ReplicaSetUpdated'
  | 'NewReplicaSetAvailable'
  | 'ProgressDeadlineExceeded'
  | 'DeploymentPaused'
  | 'DeploymentResumed';

const PROGRESS_STATUS: Record<ProgressReason, 'True' | 'False' | 'Unknown'> = {
  NewReplicaSetCreated: 'True',
  FoundNewReplicaSet: 'True',
  ReplicaSetCreateError: 'False',
  ReplicaSetUpdated: 'True',
  NewReplicaSetAvailable: 'True',
  ProgressDeadlineExceeded: 'False',
  DeploymentPaused: 'Unknown',
  DeploymentResumed: 'Unknown',
};

function condition(
  type: string,
  status: string,
  reason: string,
  message: string,
  nowMs: number,
): DeploymentCondition {
  const time = formatTime(nowMs);
  return { type, status, lastUpdateTime: time, lastTransitionTime: time, reason, message };
}

function progressing(reason: ProgressReason, message: string, nowMs: number): DeploymentCondition {
  return condition('Progressing', PROGRESS_STATUS[reason], reason, message, nowMs);
}

export interface DeploymentStatusInput {
  rollout: Rollout;
  newSetOutcome: NewSetOutcome;
  /** Undefined leaves `status.collisionCount` as it is. */
  collisionCount?: number;
  nowMs: number;
}

/**
 * The whole status after a reconciliation: counts, Available, Progressing and ReplicaFailure.
 * Counts that are zero are left out, as the API does.
 */
export function deploymentStatus(input: DeploymentStatusInput): DeploymentStatus {
  const { rollout, nowMs } = input;
  const { deployment } = rollout;
  const counts = countReplicas(rollout);
  let conditions = afterPause(deployment, deployment.status?.conditions ?? [], nowMs);
  conditions = afterNewSet(deployment, conditions, input.newSetOutcome, nowMs);
  conditions = withCondition(conditions, availability(deployment, counts.availableReplicas, nowMs));
  if (deployment.spec.paused !== true) conditions = afterProgress(rollout, counts, conditions, nowMs);
  if (deployment.spec.paused !== true) conditions = afterFailure(rollout, conditions, nowMs);
  const collisionCount = input.collisionCount ?? deployment.status?.collisionCount;
  return {
    ...(deployment.metadata.generation === undefined
      ? {}
      : { observedGeneration: deployment.metadata.generation }),
    ...nonZero(counts),
    conditions,
    ...(collisionCount === undefined ? {} : { collisionCount }),
  };
}

function afterFailure(
  rollout: Rollout,
  conditions: readonly DeploymentCondition[],
  nowMs: number,
): DeploymentCondition[] {
  const failure = replicaFailure(rollout);
  if (failure === undefined) return withoutCondition(conditions, 'ReplicaFailure');
  const { status, reason, message } = failure;
  return withCondition(conditions, condition('ReplicaFailure', status, reason, message, nowMs));
}

/** The counts of a status, all present. */
export interface ReplicaCounts {
  replicas: number;
  updatedReplicas: number;
  readyReplicas: number;
  availableReplicas: number;
  unavailableReplicas: number;
  terminatingReplicas: number;
}

function nonZero(counts: ReplicaCounts): Partial<ReplicaCounts> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
}

function sumStatus(
  sets: readonly ReplicaSet[],
  field: 'replicas' | 'readyReplicas' | 'availableReplicas' | 'terminatingReplicas',
): number {
  return sets.reduce((sum, { status }) => sum + (status?.[field] ?? 0), 0);
}

export function countReplicas(rollout: Rollout): ReplicaCounts {
  const sets = allSets(rollout);
  const available = sumStatus(sets, 'availableReplicas');
  return {
    replicas: sumStatus(sets, 'replicas'),
    updatedReplicas: rollout.newSet?.status?.replicas ?? 0,
    readyReplicas: sumStatus(sets, 'readyReplicas'),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, totalReplicas(sets) - available),
    terminatingReplicas: sumStatus(sets, 'terminatingReplicas'),
  };
}

/** A deadline that passed stays as it is while paused (`checkPausedConditions`). */
function afterPause(
  deployment: Deployment,
  conditions: readonly DeploymentCondition[],
  nowMs: number,
): DeploymentCondition[] {
  const current = findCondition(conditions, 'Progressing');
  if (!hasDeadline(deployment) || current?.reason === 'ProgressDeadlineExceeded') return [...conditions];
  const wasPaused = current?.reason === 'DeploymentPaused';
  const isPaused = deployment.spec.paused === true;
  if (isPaused && !wasPaused) {
    return withCondition(conditions, progressing('DeploymentPaused', 'Deployment is paused', nowMs));
  }
  if (!isPaused && wasPaused) {
    return withCondition(conditions, progressing('DeploymentResumed', 'Deployment is resumed', nowMs));
  }
  return [...conditions];
}

function afterNewSet(
  deployment: Deployment,
  conditions: readonly DeploymentCondition[],
  outcome: NewSetOutcome,
  nowMs: number,
): DeploymentCondition[] {
  if (outcome === undefined || !hasDeadline(deployment)) return [...conditions];
  switch (outcome.kind) {
    case 'created':
      return withCondition(
        conditions,
        progressing('NewReplicaSetCreated', `Created new replica set "${outcome.name}"`, nowMs),
      );
    case 'found':
      if (findCondition(conditions, 'Progressing') !== undefined) return [...conditions];
      return withCondition(
        conditions,
        progressing('FoundNewReplicaSet', `Found new replica set "${outcome.name}"`, nowMs),
      );
    case 'failed':
      return withCondition(conditions, progressing('ReplicaSetCreateError', outcome.message, nowMs));
  }
}

function availability(deployment: Deployment, available: number, nowMs: number): DeploymentCondition {
  const { maxUnavailable } = rollingLimits(deployment);
  return available >= replicasOf(deployment) - maxUnavailable
    ? condition(
        'Available',
        'True',
        'MinimumReplicasAvailable',
        'Deployment has minimum availability.',
        nowMs,
      )
    : condition(
        'Available',
        'False',
        'MinimumReplicasUnavailable',
        'Deployment does not have minimum availability.',
        nowMs,
      );
}

/** All pods are of the new template and available (`DeploymentComplete`). */
export function isComplete(rollout: Rollout): boolean {
  const { replicas, updatedReplicas, availableReplicas } = countReplicas(rollout);
  const wanted = replicasOf(rollout.deployment);
  return replicas === wanted && updatedReplicas === wanted && availableReplicas === wanted;
}

/** More new, ready or available pods than before, or fewer old ones (`DeploymentProgressing`). */
function hasProgressed({ status }: Deployment, counts: ReplicaCounts): boolean {
  const oldBefore = (status?.replicas ?? 0) - (status?.updatedReplicas ?? 0);
  return (
    counts.updatedReplicas > (status?.updatedReplicas ?? 0) ||
    counts.replicas - counts.updatedReplicas < oldBefore ||
    counts.readyReplicas > (status?.readyReplicas ?? 0) ||
    counts.availableReplicas > (status?.availableReplicas ?? 0)
  );
}

function deadlineMs(deployment: Deployment, since: DeploymentCondition): number {
  return parseTime(since.lastUpdateTime ?? '') + (deployment.spec.progressDeadlineSeconds ?? 0) * 1000;
}

/** `DeploymentTimedOut`: a rollout that was complete cannot time out, one that did stays so. */
function hasTimedOut(
  deployment: Deployment,
  current: DeploymentCondition | undefined,
  nowMs: number,
): boolean {
  if (current === undefined || current.reason === 'NewReplicaSetAvailable') return false;
  return current.reason === 'ProgressDeadlineExceeded' || deadlineMs(deployment, current) < nowMs;
}

function afterProgress(
  rollout: Rollout,
  counts: ReplicaCounts,
  conditions: readonly DeploymentCondition[],
  nowMs: number,
): DeploymentCondition[] {
  const { deployment, newSet } = rollout;
  if (!hasDeadline(deployment)) return withoutCondition(conditions, 'Progressing');
  const current = findCondition(conditions, 'Progressing');
  if (counts.replicas === counts.updatedReplicas && current?.reason === 'NewReplicaSetAvailable')
    return [...conditions];
  const subject =
    newSet === undefined
      ? `Deployment "${deployment.metadata.name}"`
      : `ReplicaSet "${newSet.metadata.name}"`;
  if (isComplete(rollout)) {
    return withCondition(
      conditions,
      progressing('NewReplicaSetAvailable', `${subject} has successfully progressed.`, nowMs),
    );
  }
  if (hasProgressed(deployment, counts)) {
    const updated = progressing('ReplicaSetUpdated', `${subject} is progressing.`, nowMs);
    // The time of the update moves with every progress: the deadline counts from it.
    const transition = current?.status === 'True' ? current.lastTransitionTime : undefined;
    return [
      ...withoutCondition(conditions, 'Progressing'),
      transition === undefined ? updated : { ...updated, lastTransitionTime: transition },
    ];
  }
  if (hasTimedOut(deployment, current, nowMs)) {
    return withCondition(
      conditions,
      progressing('ProgressDeadlineExceeded', `${subject} has timed out progressing.`, nowMs),
    );
  }
  return [...conditions];
}

/** The failure of the new set counts first (`getReplicaFailures`). */
function replicaFailure(rollout: Rollout): { status: string; reason: string; message: string } | undefined {
  for (const each of [...(rollout.newSet === undefined ? [] : [rollout.newSet]), ...rollout.oldSets]) {
    const failure = findCondition(each.status?.conditions, 'ReplicaFailure');
    if (failure !== undefined) {
      return { status: failure.status, reason: failure.reason ?? '', message: failure.message ?? '' };
    }
  }
  return undefined;
}

/** Upstream adds a second, because times on the wire have none below it. */
const DEADLINE_SLACK_MS = 1_000;

/** How long until the progress deadline has to be looked at; undefined when it need not (`requeueStuckDeployment`). */
export function progressCheckMs(
  deployment: Deployment,
  status: DeploymentStatus,
  nowMs: number,
): number | undefined {
  const current = findCondition(status.conditions, 'Progressing');
  if (!hasDeadline(deployment) || deployment.spec.paused === true || current === undefined) return undefined;
  if (current.reason === 'ProgressDeadlineExceeded' || current.reason === 'NewReplicaSetAvailable')
    return undefined;
  return Math.max(DEADLINE_SLACK_MS, deadlineMs(deployment, current) - nowMs + DEADLINE_SLACK_MS);
}
