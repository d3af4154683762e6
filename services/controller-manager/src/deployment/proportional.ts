/** Scaling a Deployment outside of a rollout step: pure (deployment/sync.go `scale`, deployment_util.go). */

import type { Deployment, ReplicaSet } from '@orrery/api/gen/types.ts';
import { annotatedCount, DESIRED_REPLICAS, MAX_REPLICAS } from './annotations.ts';
import { rollingLimits } from './limits.ts';
import { allSets, byCreation, replicasOf, type Rollout, type Scaling, totalReplicas } from './rollout.ts';

function activeSets(rollout: Rollout): ReplicaSet[] {
  return allSets(rollout).filter((each) => replicasOf(each) > 0);
}

function hasOutdatedSize(replicaSet: ReplicaSet, deployment: Deployment): boolean {
  const desired = annotatedCount(replicaSet, DESIRED_REPLICAS);
  return desired !== undefined && desired !== replicasOf(deployment);
}

/** `spec.replicas` changed since the sizes of the active sets were decided (`isScalingEvent`). */
export function isScalingEvent(rollout: Rollout): boolean {
  const { deployment } = rollout;
  const active = activeSets(rollout);
  // Recreate never has two active sets for long: scaling the old one down comes first.
  if (deployment.spec.strategy?.type === 'Recreate' && active.length > 1) return false;
  return active.some((each) => hasOutdatedSize(each, deployment));
}

/** The only active set, or the latest when none is active; undefined amid a rollout (`FindActiveOrLatest`). */
function activeOrLatest(rollout: Rollout): ReplicaSet | undefined {
  const active = activeSets(rollout);
  if (active.length > 1) return undefined;
  return active[0] ?? rollout.newSet ?? rollout.oldSets.at(-1);
}

/** The new set has all the pods, and all are available (`IsSaturated`). */
function isSaturated({ deployment, newSet }: Rollout): boolean {
  const wanted = replicasOf(deployment);
  return (
    newSet !== undefined &&
    replicasOf(newSet) === wanted &&
    annotatedCount(newSet, DESIRED_REPLICAS) === wanted &&
    (newSet.status?.availableReplicas ?? 0) === wanted
  );
}

/**
 * The sizes after `spec.replicas` changed. Amid a rolling update every active set gets its
 * share of the change, so that the risk stays spread as it was.
 */
export function planScale(rollout: Rollout): Scaling[] {
  const { deployment } = rollout;
  const single = activeOrLatest(rollout);
  if (single !== undefined) return resize(deployment, [[single, replicasOf(deployment)]]);
  if (isSaturated(rollout)) {
    const old = rollout.oldSets.filter((each) => replicasOf(each) > 0);
    return resize(
      deployment,
      old.map((each) => [each, 0]),
    );
  }
  if (deployment.spec.strategy?.type === 'Recreate') return [];
  return resize(deployment, proportionalSizes(rollout));
}

/** Those whose size changes, and those that only have to remember the new desired size. */
function resize(deployment: Deployment, sizes: readonly (readonly [ReplicaSet, number])[]): Scaling[] {
  return sizes
    .filter(([each, replicas]) => replicasOf(each) !== replicas || hasOutdatedSize(each, deployment))
    .map(([replicaSet, replicas]) => ({ replicaSet, replicas }));
}

function proportionalSizes(rollout: Rollout): [ReplicaSet, number][] {
  const { deployment } = rollout;
  const wanted = replicasOf(deployment);
  const active = activeSets(rollout);
  const allowed = wanted > 0 ? wanted + rollingLimits(deployment).maxSurge : 0;
  const toAdd = allowed - totalReplicas(active);
  // Newer sets gain first, older ones lose first.
  active.sort((a, b) => replicasOf(b) - replicasOf(a) || (toAdd > 0 ? byCreation(b, a) : byCreation(a, b)));
  let added = 0;
  const sizes = active.map((each): [ReplicaSet, number] => {
    const share = toAdd === added ? 0 : clampTo(toAdd - added, shareOf(each, deployment));
    added += share;
    return [each, Math.max(0, replicasOf(each) + share)];
  });
  const largest = sizes[0];
  if (largest !== undefined) largest[1] = Math.max(0, largest[1] + toAdd - added);
  return sizes;
}

/** `share`, but not beyond `limit`, whichever way that points. */
function clampTo(limit: number, share: number): number {
  return limit > 0 ? Math.max(0, Math.min(share, limit)) : Math.min(0, Math.max(share, limit));
}

/** How much the set should grow or shrink to keep its part of the whole (`getReplicaSetFraction`). */
function shareOf(replicaSet: ReplicaSet, deployment: Deployment): number {
  const current = replicasOf(replicaSet);
  const wanted = replicasOf(deployment);
  if (wanted === 0) return -current;
  const before = annotatedCount(replicaSet, MAX_REPLICAS) || deployment.status?.replicas || 0;
  if (before === 0) return 0;
  const after = wanted + rollingLimits(deployment).maxSurge;
  return Math.round((current * after) / before) - current;
}
