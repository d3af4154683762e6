/** Which events concern which Job. */

import type { Job, Pod } from '@orrery/api/gen/types.ts';
import { controllerOf, keyOf, objectKey } from '@orrery/api/meta.ts';
import { Jobs, Pods } from '@orrery/api/resources.ts';
import { labelSelectorMatcher } from '@orrery/api/selectors.ts';
import type { Controller, ControllerContext, KeyQueue } from '@orrery/controller/controller.ts';
import { BY_CONTROLLER, indexed, ORPHANS_BY_NAMESPACE } from '../indexes.ts';
import { OwnWrites } from '../own-writes.ts';
import { PodControl } from '../pod-control/index.ts';
import { watchPods } from '../pod-control/pod-events.ts';
import { isTracked } from './pod-outcome.ts';
import { JobReconciler } from './reconcile.ts';

/** Pods end in bursts; one look counts all within this time (upstream waits a second). */
const COALESCE_MS = 100;

/** Keys of pods that have to be let go; no namespace begins so. */
const ORPHAN_PREFIX = 'orphan:';

export function jobController({ informers, events, clock }: ControllerContext): Controller {
  const jobs = informers.of(Jobs);
  const pods = informers.of(Pods);
  const managedPods = indexed(pods, BY_CONTROLLER);
  const orphanPods = indexed(pods, ORPHANS_BY_NAMESPACE);
  const podControl = new PodControl({ resource: Jobs, events, clock });
  const ownWrites = new OwnWrites(jobs, clock);
  const reconciler = new JobReconciler({
    jobs: ownWrites,
    pods: new OwnWrites(pods, clock),
    managedPods: ({ metadata }) => managedPods(metadata.uid),
    orphanPods: ({ metadata }) => orphanPods(metadata.namespace),
    podControl,
    events,
    clock,
  });

  /** The Job whose uid the pod's reference names. */
  const ownerOf = (pod: Pod): Job | undefined => {
    const reference = controllerOf(pod);
    if (reference?.kind !== Jobs.kind) return undefined;
    const owner = ownWrites.get(objectKey(pod.metadata.namespace, reference.name));
    return owner?.metadata.uid === reference.uid ? owner : undefined;
  };

  const setup = (queue: KeyQueue): void => {
    const letGo = (pod: Pod): void => {
      if (isTracked(pod)) queue.add(`${ORPHAN_PREFIX}${keyOf(pod)}`);
    };
    jobs.addHandler({
      add: (job) => queue.add(keyOf(job)),
      update: (job, before) => {
        if (job.metadata.uid !== before.metadata.uid) podControl.forget(before.metadata.uid);
        const isStatusOnly = job.metadata.generation === before.metadata.generation;
        queue.addAfter(keyOf(job), isStatusOnly ? COALESCE_MS : 0);
      },
      delete: ({ metadata }) => {
        podControl.forget(metadata.uid);
        for (const pod of managedPods(metadata.uid)) letGo(pod);
      },
    });
    watchPods(
      pods,
      {
        owned: (pod) => {
          const owner = ownerOf(pod);
          if (owner !== undefined) queue.addAfter(keyOf(owner), COALESCE_MS);
          else if (controllerOf(pod)?.kind === Jobs.kind) letGo(pod);
        },
        orphaned: (orphan) => {
          letGo(orphan);
          for (const owner of jobs.lister.list(orphan.metadata.namespace)) {
            if (labelSelectorMatcher(owner.spec.selector)(orphan.metadata.labels)) queue.add(keyOf(owner));
          }
        },
      },
      podControl,
    );
  };

  return {
    name: 'job-controller',
    workers: 5,
    setup,
    reconcile: async (key, context) => {
      if (!key.startsWith(ORPHAN_PREFIX)) return reconciler.reconcile(key, context);
      await reconciler.releaseOrphan(context.client, key.slice(ORPHAN_PREFIX.length));
      return {};
    },
  };
}
