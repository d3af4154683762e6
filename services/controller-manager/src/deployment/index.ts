/** Which events concern which Deployment. */

import type { Deployment, Pod, ReplicaSet } from '@orrery/api/gen/types.ts';
import { controllerOf, keyOf, objectKey } from '@orrery/api/meta.ts';
import { Deployments, Pods, ReplicaSets } from '@orrery/api/resources.ts';
import { labelSelectorMatcher } from '@orrery/api/selectors.ts';
import type { Controller, ControllerContext, KeyQueue } from '@orrery/controller/controller.ts';
import { BY_CONTROLLER, indexed, ORPHANS_BY_NAMESPACE } from '../indexes.ts';
import { OwnWrites } from '../own-writes.ts';
import { isPodTerminal } from '../pods.ts';
import { DeploymentReconciler } from './reconcile.ts';

/** Statuses of ReplicaSets come in bursts while pods start; one look serves all within this time. */
const COALESCE_MS = 25;

export function deploymentController(context: ControllerContext): Controller {
  const { informers, events, clock } = context;
  const deployments = informers.of(Deployments);
  const replicaSets = informers.of(ReplicaSets);
  const pods = informers.of(Pods);
  const setsOf = indexed(replicaSets, BY_CONTROLLER);
  const orphanSets = indexed(replicaSets, ORPHANS_BY_NAMESPACE);
  const podsOf = indexed(pods, BY_CONTROLLER);
  const reconciler = new DeploymentReconciler({
    deployments: new OwnWrites(deployments, clock),
    replicaSets: new OwnWrites(replicaSets, clock),
    candidates: ({ metadata }) => [...setsOf(metadata.uid), ...orphanSets(metadata.namespace)],
    podsOf: ({ metadata }) => podsOf(metadata.uid),
    events,
    clock,
  });

  /** The Deployment that manages the object, if it is the very one that the reference means. */
  const ownerOf = (object: ReplicaSet): Deployment | undefined => {
    const owner = controllerOf(object);
    if (owner?.kind !== Deployments.kind) return undefined;
    const deployment = deployments.lister.get(objectKey(object.metadata.namespace, owner.name));
    return deployment?.metadata.uid === owner.uid ? deployment : undefined;
  };

  const setup = (queue: KeyQueue): void => {
    const enqueueSet = (replicaSet: ReplicaSet, delayMs = COALESCE_MS): void => {
      const owner = ownerOf(replicaSet);
      if (owner !== undefined) queue.addAfter(keyOf(owner), delayMs);
      if (controllerOf(replicaSet) !== undefined) return;
      for (const each of deployments.lister.list(replicaSet.metadata.namespace)) {
        if (labelSelectorMatcher(each.spec.selector)(replicaSet.metadata.labels)) queue.add(keyOf(each));
      }
    };
    deployments.addHandler({
      add: (deployment) => queue.add(keyOf(deployment)),
      update: (deployment, before) => {
        const isStatusOnly = deployment.metadata.generation === before.metadata.generation;
        queue.addAfter(keyOf(deployment), isStatusOnly ? COALESCE_MS : 0);
      },
    });
    replicaSets.addHandler({
      add: (replicaSet) => enqueueSet(replicaSet),
      update: (replicaSet, before) => {
        enqueueSet(replicaSet);
        if (controllerOf(before)?.uid !== controllerOf(replicaSet)?.uid) enqueueSet(before);
      },
      delete: (replicaSet) => enqueueSet(replicaSet),
    });
    // Recreate waits for the last old pod to end.
    const enqueuePod = (pod: Pod): void => {
      const set = controllerOf(pod);
      if (set?.kind !== ReplicaSets.kind) return;
      const replicaSet = replicaSets.lister.get(objectKey(pod.metadata.namespace, set.name));
      const owner = replicaSet === undefined ? undefined : ownerOf(replicaSet);
      if (owner?.spec.strategy?.type === 'Recreate') queue.addAfter(keyOf(owner), COALESCE_MS);
    };
    pods.addHandler({
      update: (pod, before) => {
        if (isPodTerminal(pod) && !isPodTerminal(before)) enqueuePod(pod);
      },
      delete: enqueuePod,
    });
  };

  return {
    name: 'deployment-controller',
    workers: 5,
    setup,
    reconcile: (key, reconcileContext) => reconciler.reconcile(key, reconcileContext),
  };
}
