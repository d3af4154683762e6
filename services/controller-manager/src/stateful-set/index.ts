/** Which events concern which StatefulSet. */

import type { Pod, StatefulSet } from '@orrery/api/gen/types.ts';
import { controllerOf, keyOf, objectKey } from '@orrery/api/meta.ts';
import { ControllerRevisions, PersistentVolumeClaims, Pods, StatefulSets } from '@orrery/api/resources.ts';
import { labelSelectorMatcher } from '@orrery/api/selectors.ts';
import type { Controller, ControllerContext, KeyQueue } from '@orrery/controller/controller.ts';
import { BY_CONTROLLER, indexed, ORPHANS_BY_NAMESPACE } from '../indexes.ts';
import { OwnWrites } from '../own-writes.ts';
import { watchPods } from '../pod-control/pod-events.ts';
import { RevisionHistory } from '../revision-history/index.ts';
import { StatefulClaims } from './claims.ts';
import { StatefulSetReconciler } from './reconcile.ts';

export function statefulSetController({ informers, events, clock }: ControllerContext): Controller {
  const sets = informers.of(StatefulSets);
  const pods = informers.of(Pods);
  const managedPods = indexed(pods, BY_CONTROLLER);
  const orphanPods = indexed(pods, ORPHANS_BY_NAMESPACE);
  const ownWrites = new OwnWrites(sets, clock);
  const claims = new OwnWrites(informers.of(PersistentVolumeClaims), clock);
  const reconciler = new StatefulSetReconciler({
    sets: ownWrites,
    pods: new OwnWrites(pods, clock),
    managedPods: ({ metadata }) => managedPods(metadata.uid),
    orphanPods: ({ metadata }) => orphanPods(metadata.namespace),
    claims: new StatefulClaims(claims, events),
    history: new RevisionHistory(StatefulSets, informers, clock),
    events,
    clock,
  });

  /** The set whose uid the pod's reference names. */
  const ownerOf = (pod: Pod): StatefulSet | undefined => {
    const reference = controllerOf(pod);
    if (reference?.kind !== StatefulSets.kind) return undefined;
    const owner = ownWrites.get(objectKey(pod.metadata.namespace, reference.name));
    return owner?.metadata.uid === reference.uid ? owner : undefined;
  };

  const setup = (queue: KeyQueue): void => {
    sets.addHandler({
      add: (set) => queue.add(keyOf(set)),
      update: (set) => queue.add(keyOf(set)),
    });
    // Without a pause: in an ordered set each pod waits for the one before.
    watchPods(pods, {
      owned: (pod) => {
        const owner = ownerOf(pod);
        if (owner !== undefined) queue.add(keyOf(owner));
      },
      orphaned: (orphan) => {
        for (const owner of sets.lister.list(orphan.metadata.namespace)) {
          if (labelSelectorMatcher(owner.spec.selector)(orphan.metadata.labels)) queue.add(keyOf(owner));
        }
      },
    });
    // A revision that is deleted by hand is made again.
    informers.of(ControllerRevisions).addHandler({
      delete: (revision) => {
        const reference = controllerOf(revision);
        if (reference?.kind === StatefulSets.kind) {
          queue.add(objectKey(revision.metadata.namespace, reference.name));
        }
      },
    });
  };

  return {
    name: 'statefulset-controller',
    workers: 5,
    setup,
    reconcile: (key, context) => reconciler.reconcile(key, context),
  };
}
