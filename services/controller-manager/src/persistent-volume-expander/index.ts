/** Grows the volumes of claims that ask for more than they have. */

import type { PersistentVolume, PersistentVolumeClaim } from '@orrery/api/gen/types.ts';
import { keyOf, objectKey } from '@orrery/api/meta.ts';
import { PersistentVolumeClaims, PersistentVolumes } from '@orrery/api/resources.ts';
import { isClaimBound } from '@orrery/api/storage.ts';
import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { planExpansion } from './plan.ts';
import { Expander } from './reconcile.ts';

export function persistentVolumeExpander({ informers, events, clock }: ControllerContext): Controller {
  const claims = informers.of(PersistentVolumeClaims);
  const volumes = informers.of(PersistentVolumes);
  const expander = new Expander({ claims: claims.lister, volumes: volumes.lister, events, clock });
  return {
    name: 'persistentvolume-expander-controller',
    workers: 2,
    setup: (queue) => {
      const look = (claim: PersistentVolumeClaim | undefined): void => {
        const volume = claim && volumes.lister.get(claim.spec.volumeName ?? '');
        if (claim === undefined || volume === undefined || !isClaimBound(claim)) return;
        if (planExpansion(claim, volume).action !== 'none') queue.add(keyOf(claim));
      };
      const lookAtClaimOf = ({ spec: { claimRef } }: PersistentVolume): void => {
        if (claimRef === undefined) return;
        look(claims.lister.get(objectKey(claimRef.namespace, claimRef.name ?? '')));
      };
      claims.addHandler({ add: look, update: look });
      volumes.addHandler({ add: lookAtClaimOf, update: lookAtClaimOf });
    },
    reconcile: (key, context) => expander.reconcile(key, context),
  };
}
