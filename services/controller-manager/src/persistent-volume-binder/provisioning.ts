/** The volume that the simulated provisioner makes for a claim. Pure. */

import type { Draft, PersistentVolume, PersistentVolumeClaim, StorageClass } from '@orrery/api/gen/types.ts';
import { SIMULATED_DRIVER } from '@orrery/api/storage.ts';
import { claimReference, PROVISIONED_BY } from './binding.ts';

/** One volume per claim, whatever happens in between: who makes it twice finds it there. */
export function provisionedName({ metadata }: PersistentVolumeClaim): string {
  return `pvc-${metadata.uid}`;
}

/** Exactly as large as asked for, and for this claim alone (external-provisioner). */
export function provisionedVolume(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
): Draft<PersistentVolume> {
  const name = provisionedName(claim);
  const { accessModes, resources, volumeMode } = claim.spec;
  const { mountOptions, parameters, provisioner, reclaimPolicy } = storageClass;
  const fsType = parameters?.['csi.storage.k8s.io/fstype'];
  return {
    metadata: { name, annotations: { [PROVISIONED_BY]: provisioner } },
    spec: {
      accessModes: [...(accessModes ?? [])],
      capacity: { storage: resources?.requests?.['storage'] ?? '0' },
      claimRef: claimReference(claim),
      csi: {
        driver: SIMULATED_DRIVER,
        volumeHandle: name,
        ...(fsType === undefined ? {} : { fsType }),
      },
      persistentVolumeReclaimPolicy: reclaimPolicy ?? 'Delete',
      storageClassName: storageClass.metadata.name,
      ...(volumeMode === undefined ? {} : { volumeMode }),
      ...(mountOptions === undefined ? {} : { mountOptions: [...mountOptions] }),
    },
  };
}
