/** Keeps claims that pods use from going (pkg/controller/volume/pvcprotection). */

import type { PersistentVolumeClaim, Pod } from '@orrery/api/gen/types.ts';
import { isBeingDeleted, keyOf, objectKey } from '@orrery/api/meta.ts';
import { PersistentVolumeClaims, Pods } from '@orrery/api/resources.ts';
import { claimNameOf } from '@orrery/api/storage.ts';
import type { Client } from '@orrery/client/client.ts';
import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { isGone } from '../api-errors.ts';
import { type Index, indexed } from '../indexes.ts';

const FINALIZER = 'kubernetes.io/pvc-protection';

/**
 * The claims that a pod uses, by key. A pod without a node uses none: no node agent starts a pod with a claim that is
 * on its way out.
 */
function usedClaims(pod: Pod): string[] {
  const { metadata, spec } = pod;
  if ((spec.nodeName ?? '') === '' || spec.volumes === undefined) return [];
  const keys = new Set<string>();
  for (const volume of spec.volumes) {
    const claim = claimNameOf(pod, volume);
    if (claim !== undefined) keys.add(objectKey(metadata.namespace, claim));
  }
  return [...keys];
}

const PODS_BY_CLAIM: Index<Pod> = { name: 'claim', values: usedClaims };

function isWaiting(claim: PersistentVolumeClaim): boolean {
  return isBeingDeleted(claim) && claim.metadata.finalizers?.includes(FINALIZER) === true;
}

/** Asks the apiserver: a cache may not show the newest pod yet. */
async function isUsed(client: Client, claim: PersistentVolumeClaim): Promise<boolean> {
  const { items } = await client.list(Pods, { namespace: claim.metadata.namespace });
  return items.some((pod) => usedClaims(pod).includes(keyOf(claim)));
}

export function persistentVolumeClaimProtection({ informers }: ControllerContext): Controller {
  const claims = informers.of(PersistentVolumeClaims);
  const pods = informers.of(Pods);
  const podsOf = indexed(pods, PODS_BY_CLAIM);
  return {
    name: 'persistentvolumeclaim-protection-controller',
    workers: 1,
    setup: (queue) => {
      const look = (claim: PersistentVolumeClaim): void => {
        if (isWaiting(claim)) queue.add(keyOf(claim));
      };
      claims.addHandler({ add: look, update: look });
      pods.addHandler({
        delete: (pod) => {
          for (const key of usedClaims(pod)) queue.add(key);
        },
      });
    },
    reconcile: async (key, { client }) => {
      const claim = claims.lister.get(key);
      if (claim === undefined || !isWaiting(claim) || podsOf(key).length > 0) return;
      if (await isUsed(client, claim)) return;
      const finalizers = claim.metadata.finalizers?.filter((each) => each !== FINALIZER) ?? [];
      try {
        const metadata = { ...claim.metadata, finalizers };
        await client.update(PersistentVolumeClaims, { ...claim, metadata });
      } catch (error) {
        if (!isGone(error)) throw error;
      }
    },
  };
}
