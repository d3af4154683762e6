/** The status of a set of replicas: pure (k8s.io/kubernetes/pkg/controller/replicaset/replica_set_utils.go). */

import type { Pod, ReplicaSetCondition, ReplicaSetStatus } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { labelSelectorMatcher } from '@orrery/api/selectors.ts';
import { findCondition, withCondition, withoutCondition } from '../conditions.ts';
import { isPodActive, isPodAvailable, isPodReady, isPodTerminating } from '../pods.ts';
import type { ReplicaOwner } from './owner.ts';

export interface StatusInput {
  owner: ReplicaOwner;
  /** All pods that belong to the owner. */
  pods: readonly Pod[];
  /** Why pods could not be created or deleted, if so. */
  failure: { reason: 'FailedCreate' | 'FailedDelete'; message: string } | undefined;
  /** ReplicationControllers do not tell how many pods are terminating. */
  countsTerminating: boolean;
  nowMs: number;
}

/** A count as the API shows it: zero is left out. */
function unlessZero<K extends string>(name: K, count: number): { [key in K]?: number } {
  return (count === 0 ? {} : { [name]: count }) as { [key in K]?: number };
}

export function replicaStatus({
  owner,
  pods,
  failure,
  countsTerminating,
  nowMs,
}: StatusInput): ReplicaSetStatus {
  const isFullyLabeled = labelSelectorMatcher({ matchLabels: owner.spec.template?.metadata?.labels ?? {} });
  const minReadySeconds = owner.spec.minReadySeconds ?? 0;
  const counts = { replicas: 0, fullyLabeled: 0, ready: 0, available: 0, terminating: 0 };
  for (const pod of pods) {
    if (isPodTerminating(pod)) counts.terminating += 1;
    if (!isPodActive(pod)) continue;
    counts.replicas += 1;
    if (isFullyLabeled(pod.metadata.labels)) counts.fullyLabeled += 1;
    if (!isPodReady(pod)) continue;
    counts.ready += 1;
    if (isPodAvailable(pod, minReadySeconds, nowMs)) counts.available += 1;
  }
  const conditions = conditionsAfter(owner.status?.conditions ?? [], failure, nowMs);
  return {
    replicas: counts.replicas,
    ...unlessZero('fullyLabeledReplicas', counts.fullyLabeled),
    ...unlessZero('readyReplicas', counts.ready),
    ...unlessZero('availableReplicas', counts.available),
    ...(countsTerminating ? { terminatingReplicas: counts.terminating } : {}),
    observedGeneration: owner.metadata.generation ?? 0,
    ...(conditions.length === 0 ? {} : { conditions }),
  };
}

function conditionsAfter(
  current: readonly ReplicaSetCondition[],
  failure: StatusInput['failure'],
  nowMs: number,
): ReplicaSetCondition[] {
  if (failure === undefined) return withoutCondition(current, 'ReplicaFailure');
  // The first failure stands until all is well again, so that repeated ones are not repeated writes.
  if (findCondition(current, 'ReplicaFailure') !== undefined) return [...current];
  return withCondition(current, {
    type: 'ReplicaFailure',
    status: 'True',
    reason: failure.reason,
    message: failure.message,
    lastTransitionTime: formatTime(nowMs),
  });
}
