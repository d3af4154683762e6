/** Which events of pods concern which ReplicaSet or ReplicationController. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { controllerOf, keyOf, objectKey } from '@orrery/api/meta.ts';
import { Pods } from '@orrery/api/resources.ts';
import type { Controller, ControllerContext, KeyQueue } from '@orrery/controller/controller.ts';
import { BY_CONTROLLER, indexed, ORPHANS_BY_NAMESPACE } from '../indexes.ts';
import { OwnWrites } from '../own-writes.ts';
import { PodControl } from '../pod-control/index.ts';
import { watchPods } from '../pod-control/pod-events.ts';
import type { ReplicaOwner, ReplicaOwnerKind } from './owner.ts';
import { ReplicaSetReconciler } from './reconcile.ts';

/** Pods change in bursts; one look serves all within this time. */
const COALESCE_MS = 25;

export function replicaSetEngine<O extends ReplicaOwner>(
  name: string,
  kind: ReplicaOwnerKind<O>,
  { informers, events, clock }: ControllerContext,
): Controller {
  const owners = informers.of(kind.resource);
  const pods = informers.of(Pods);
  const managedPods = indexed(pods, BY_CONTROLLER);
  const orphanPods = indexed(pods, ORPHANS_BY_NAMESPACE);
  const siblings = indexed(owners, BY_CONTROLLER);
  const podControl = new PodControl({ resource: kind.resource, events, clock });
  const ownWrites = new OwnWrites(owners, clock);
  const reconciler = new ReplicaSetReconciler({
    kind,
    owners: ownWrites,
    managedPods: ({ metadata }) => managedPods(metadata.uid),
    orphanPods: ({ metadata }) => orphanPods(metadata.namespace),
    relatedPods: (owner) => {
      const controller = controllerOf(owner);
      const related = controller === undefined ? [owner] : siblings(controller.uid);
      return related.flatMap(({ metadata }) => managedPods(metadata.uid));
    },
    podControl,
    clock,
  });

  /** The owner whose uid the pod's reference names. */
  const ownerOf = (pod: Pod): O | undefined => {
    const reference = controllerOf(pod);
    if (reference?.kind !== kind.resource.kind) return undefined;
    const owner = ownWrites.get(objectKey(pod.metadata.namespace, reference.name));
    return owner?.metadata.uid === reference.uid ? owner : undefined;
  };

  const setup = (queue: KeyQueue): void => {
    const enqueueOwner = (pod: Pod): void => {
      const owner = ownerOf(pod);
      if (owner !== undefined) queue.addAfter(keyOf(owner), COALESCE_MS);
    };
    const enqueueAdopters = (orphan: Pod): void => {
      for (const owner of owners.lister.list(orphan.metadata.namespace)) {
        if (kind.matcher(owner)(orphan.metadata.labels)) queue.addAfter(keyOf(owner), COALESCE_MS);
      }
    };
    owners.addHandler({
      add: (owner) => queue.add(keyOf(owner)),
      update: (owner, before) => {
        if (owner.metadata.uid !== before.metadata.uid) reconciler.forget(before.metadata.uid);
        const isStatusOnly = owner.metadata.generation === before.metadata.generation;
        queue.addAfter(keyOf(owner), isStatusOnly ? COALESCE_MS : 0);
      },
      delete: ({ metadata }) => reconciler.forget(metadata.uid),
    });
    watchPods(pods, { owned: enqueueOwner, orphaned: enqueueAdopters }, podControl);
  };

  return {
    name,
    workers: 5,
    setup,
    reconcile: (key, context) => reconciler.reconcile(key, context),
  };
}
