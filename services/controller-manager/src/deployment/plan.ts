/** What a reconciliation of a Deployment decides: pure (deployment/sync.go, recreate.go). */

import type { Draft, Pod, ReplicaSet } from '@orrery/api/gen/types.ts';
import { jsonClone } from '@orrery/api/json.ts';
import { controllerReference, isBeingDeleted } from '@orrery/api/meta.ts';
import { Deployments } from '@orrery/api/resources.ts';
import { isPodTerminal } from '../pods.ts';
import { initialAnnotations, nextRevision, revisionOf } from './annotations.ts';
import { isScalingEvent, planScale } from './proportional.ts';
import { newSetReplicas, planRollingUpdate } from './rolling-update.ts';
import { replicasOf, type Rollout, type Scaling } from './rollout.ts';
import { POD_TEMPLATE_HASH, templateHash } from './template-hash.ts';

/** Whether the ReplicaSet of the present template is to be created now. */
export function needsNewSet(rollout: Rollout, oldPods: () => readonly Pod[]): boolean {
  const { deployment, newSet } = rollout;
  if (newSet !== undefined || deployment.spec.paused === true || isScalingEvent(rollout)) return false;
  return deployment.spec.strategy?.type !== 'Recreate' || areOldPodsGone(rollout, oldPods);
}

/** The sizes to give now. */
export function planSizes(rollout: Rollout): Scaling[] {
  const { deployment, newSet, oldSets } = rollout;
  if (deployment.spec.paused === true || isScalingEvent(rollout)) return planScale(rollout);
  if (deployment.spec.strategy?.type !== 'Recreate') return planRollingUpdate(rollout);
  const wanted = replicasOf(deployment);
  const scalings = oldSets
    .filter((each) => replicasOf(each) > 0)
    .map((replicaSet) => ({ replicaSet, replicas: 0 }));
  if (scalings.length === 0 && newSet !== undefined && replicasOf(newSet) !== wanted) {
    scalings.push({ replicaSet: newSet, replicas: wanted });
  }
  return scalings;
}

/**
 * Recreate starts new pods only when the last old one has ended. A set must have said so for
 * its last change, since a cache of pods alone may not show what it created just now.
 */
function areOldPodsGone({ oldSets }: Rollout, oldPods: () => readonly Pod[]): boolean {
  const setsAreEmpty = oldSets.every(
    ({ metadata, spec, status }) =>
      spec.replicas === 0 &&
      (status?.replicas ?? 0) === 0 &&
      (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0),
  );
  return setsAreEmpty && oldPods().every(isPodTerminal);
}

/** The ReplicaSet of the present template, named by its hash. */
export function newReplicaSet(
  rollout: Rollout,
): Draft<ReplicaSet> & { metadata: { name: string; namespace: string } } {
  const { deployment, oldSets } = rollout;
  const { metadata, spec } = deployment;
  const hash = templateHash(spec.template, deployment.status?.collisionCount);
  const template = jsonClone(spec.template);
  const labels = { ...template.metadata?.labels, [POD_TEMPLATE_HASH]: hash };
  const isRolling = spec.strategy?.type !== 'Recreate';
  return {
    metadata: {
      name: `${metadata.name}-${hash}`,
      namespace: metadata.namespace,
      labels,
      annotations: initialAnnotations(deployment, nextRevision(oldSets)),
      ownerReferences: [controllerReference(deployment, Deployments)],
    },
    spec: {
      replicas: isRolling ? newSetReplicas(rollout) : replicasOf(deployment),
      ...(spec.minReadySeconds === undefined ? {} : { minReadySeconds: spec.minReadySeconds }),
      selector: {
        ...spec.selector,
        matchLabels: { ...spec.selector.matchLabels, [POD_TEMPLATE_HASH]: hash },
      },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

/** `revisionHistoryLimit` that means: keep all. */
const UNLIMITED_HISTORY = 2 ** 31 - 1;

/**
 * Old sets beyond the history limit, lowest revisions first; only those that are empty, and
 * known to be (`cleanupDeployment`).
 */
export function setsToForget({ deployment, oldSets }: Rollout): ReplicaSet[] {
  const limit = deployment.spec.revisionHistoryLimit ?? UNLIMITED_HISTORY;
  const present = oldSets.filter((each) => !isBeingDeleted(each));
  if (limit === UNLIMITED_HISTORY || present.length <= limit) return [];
  return present
    .sort((a, b) => revisionOf(a) - revisionOf(b))
    .slice(0, present.length - limit)
    .filter(
      ({ metadata, spec, status }) =>
        spec.replicas === 0 &&
        (status?.replicas ?? 0) === 0 &&
        (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0),
    );
}
