/** Makes the claims of pods' ephemeral volumes (pkg/controller/volume/ephemeral). */

import type { Draft, PersistentVolumeClaim, Pod, Volume } from '@orrery/api/gen/types.ts';
import { controllerOf, controllerReference, isBeingDeleted, keyOf, objectKey } from '@orrery/api/meta.ts';
import { PersistentVolumeClaims, Pods } from '@orrery/api/resources.ts';
import { claimNameOf } from '@orrery/api/storage.ts';
import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { createUnlessPresent } from '../namespace-content.ts';

/** The volumes of a pod that come with a claim of their own. */
function ephemeralVolumes({ spec }: Pod): Volume[] {
  return spec.volumes?.filter(({ ephemeral }) => ephemeral !== undefined) ?? [];
}

/** The claim goes with the pod, which is its owner. */
function claimFor(pod: Pod, volume: Volume): Draft<PersistentVolumeClaim> {
  const template = volume.ephemeral?.volumeClaimTemplate;
  const { annotations, labels } = template?.metadata ?? {};
  return {
    metadata: {
      name: claimNameOf(pod, volume)!,
      namespace: pod.metadata.namespace,
      ownerReferences: [controllerReference(pod, Pods)],
      ...(annotations === undefined ? {} : { annotations }),
      ...(labels === undefined ? {} : { labels }),
    },
    spec: template?.spec ?? {},
  };
}

export function ephemeralVolumeController({ informers, events }: ControllerContext): Controller {
  const pods = informers.of(Pods);
  const claims = informers.of(PersistentVolumeClaims);
  return {
    name: 'ephemeral-volume-controller',
    workers: 2,
    setup: (queue) => {
      const look = (pod: Pod): void => {
        if (!isBeingDeleted(pod) && ephemeralVolumes(pod).length > 0) queue.add(keyOf(pod));
      };
      pods.addHandler({ add: look });
      claims.addHandler({
        delete: (claim) => {
          const owner = controllerOf(claim);
          if (owner?.kind === 'Pod') queue.add(objectKey(claim.metadata.namespace, owner.name));
        },
      });
    },
    reconcile: async (key, { client }) => {
      const pod = pods.lister.get(key);
      if (pod === undefined || isBeingDeleted(pod)) return;
      for (const volume of ephemeralVolumes(pod)) {
        const name = claimNameOf(pod, volume)!;
        const present = claims.lister.get(objectKey(pod.metadata.namespace, name));
        if (present === undefined)
          await createUnlessPresent(client, PersistentVolumeClaims, claimFor(pod, volume));
        else if (controllerOf(present)?.uid !== pod.metadata.uid) {
          const where = objectKey(pod.metadata.namespace, name);
          const message = `ephemeral volume ${volume.name}: PVC ${where} was not created for pod ${key} (pod is not owner)`;
          events.warning({ resource: Pods, object: pod }, 'FailedBinding', message);
        }
      }
    },
  };
}
