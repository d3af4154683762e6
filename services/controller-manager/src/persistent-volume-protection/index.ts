/** Keeps volumes that are bound to a claim from going (pkg/controller/volume/pvprotection). */

import type { PersistentVolume } from '@orrery/api/gen/types.ts';
import { isBeingDeleted } from '@orrery/api/meta.ts';
import { PersistentVolumes } from '@orrery/api/resources.ts';
import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { isGone } from '../api-errors.ts';

const FINALIZER = 'kubernetes.io/pv-protection';

function mayGo(volume: PersistentVolume): boolean {
  const isProtected = volume.metadata.finalizers?.includes(FINALIZER) === true;
  return isProtected && isBeingDeleted(volume) && volume.status?.phase !== 'Bound';
}

export function persistentVolumeProtection({ informers }: ControllerContext): Controller {
  const volumes = informers.of(PersistentVolumes);
  return {
    name: 'persistentvolume-protection-controller',
    workers: 1,
    setup: (queue) => {
      const look = (volume: PersistentVolume): void => {
        if (mayGo(volume)) queue.add(volume.metadata.name);
      };
      volumes.addHandler({ add: look, update: look });
    },
    reconcile: async (name, { client }) => {
      const volume = volumes.lister.get(name);
      if (volume === undefined || !mayGo(volume)) return;
      const finalizers = volume.metadata.finalizers?.filter((each) => each !== FINALIZER) ?? [];
      try {
        await client.update(PersistentVolumes, { ...volume, metadata: { ...volume.metadata, finalizers } });
      } catch (error) {
        if (!isGone(error)) throw error;
      }
    },
  };
}
