/**
 * One step of a rolling update: pure (k8s.io/kubernetes/pkg/controller/deployment/rolling.go).
 *
 * Upstream plans on `status.availableReplicas` as it stands, which is too high for a while
 * after a set was scaled down; so it can cross maxUnavailable and, since it counts wanted pods
 * and not present ones, maxSurge. Here every set is taken at its worst until its controller has
 * observed the change: at most max(spec, status) pods, at least min(spec, available) of them
 * available. Both hold as long as no set is turned round before its last change was observed.
 */

import type { ReplicaSet } from '@orrery/api/gen/types.ts';
import { rollingLimits } from './limits.ts';
import { replicasOf, type Rollout, type Scaling } from './rollout.ts';

/** A set with the size that the plan gives it. */
interface Sized {
  set: ReplicaSet;
  replicas: number;
}

function isObserved({ metadata, status }: ReplicaSet): boolean {
  return (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
}

function reportedPods({ status }: ReplicaSet): number {
  return status?.replicas ?? 0;
}

/** Its controller may still be creating pods for the last change. */
function mayBeGrowing({ set }: Sized): boolean {
  return !isObserved(set) && replicasOf(set) > reportedPods(set);
}

/** Its controller may still be deleting pods for the last change. */
function mayBeShrinking({ set }: Sized): boolean {
  return !isObserved(set) && replicasOf(set) < reportedPods(set);
}

function mostPods({ set, replicas }: Sized): number {
  return Math.max(replicas, reportedPods(set));
}

function leastAvailable({ set, replicas }: Sized): number {
  return Math.min(replicas, set.status?.availableReplicas ?? 0);
}

function sumOf(sets: readonly Sized[], measure: (each: Sized) => number): number {
  return sets.reduce((sum, each) => sum + measure(each), 0);
}

/** How many pods the new set may have now, given what else exists (`NewRSNewReplicas`). */
export function newSetReplicas(rollout: Rollout): number {
  const { deployment, newSet, oldSets } = rollout;
  const wanted = replicasOf(deployment);
  const current = newSet === undefined ? 0 : replicasOf(newSet);
  if (current >= wanted) return wanted;
  const { maxSurge } = rollingLimits(deployment);
  const sets = [...oldSets, ...(newSet === undefined ? [] : [newSet])].map((set) => ({
    set,
    replicas: replicasOf(set),
  }));
  const room = wanted + maxSurge - sumOf(sets, mostPods);
  return current + Math.max(0, Math.min(room, wanted - current));
}

/** The sizes to give now; empty when the step has to wait for pods, or nothing is left to do. */
export function planRollingUpdate(rollout: Rollout): Scaling[] {
  const { deployment, newSet } = rollout;
  if (newSet === undefined) return [];
  const fresh: Sized = { set: newSet, replicas: replicasOf(newSet) };
  const target = newSetReplicas(rollout);
  if (target < fresh.replicas || !mayBeShrinking(fresh)) fresh.replicas = target;

  const old = rollout.oldSets.map((set): Sized => ({ set, replicas: replicasOf(set) }));
  const { maxUnavailable } = rollingLimits(deployment);
  const minAvailable = replicasOf(deployment) - maxUnavailable;
  const newUnavailable = fresh.replicas - leastAvailable(fresh);
  const surplus = fresh.replicas + sumOf(old, (each) => each.replicas) - minAvailable - newUnavailable;
  if (surplus > 0) {
    const shrinkable = old.filter((each) => each.replicas > 0 && !mayBeGrowing(each));
    removeUnavailable(shrinkable, surplus);
    removeAvailable(shrinkable, sumOf([fresh, ...old], leastAvailable) - minAvailable);
  }
  return [fresh, ...old]
    .filter(({ set, replicas }) => replicas !== replicasOf(set))
    .map(({ set, replicas }) => ({ replicaSet: set, replicas }));
}

/** Pods that are not available do not count, so they go first (`cleanupUnhealthyReplicas`). */
function removeUnavailable(old: readonly Sized[], limit: number): void {
  let left = limit;
  for (const each of old) {
    const removed = Math.max(0, Math.min(left, each.replicas - leastAvailable(each)));
    each.replicas -= removed;
    left -= removed;
  }
}

/** `scaleDownOldReplicaSetsForRollingUpdate`: whatever is available beyond the minimum, oldest set first. */
function removeAvailable(old: readonly Sized[], limit: number): void {
  let left = limit;
  for (const each of old) {
    if (left <= 0) return;
    const removed = Math.min(left, each.replicas);
    each.replicas -= removed;
    left -= removed;
  }
}
