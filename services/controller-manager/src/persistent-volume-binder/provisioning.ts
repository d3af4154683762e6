/** The volume that the simulated provisioner makes for a claim. Pure. */

import type { Draft, PersistentVolume, PersistentVolumeClaim, StorageClass } from '@orrery/api/gen/types.ts';
import { SIMULATED_DRIVER } from '@orrery/api/storage.ts';
import { claimReference, PROVISIONED_BY } from './binding.ts';

/** Keeps a volume until what is behind it is deleted, in whatever order volume and claim go (KEP-2644). */
export const PROVISIONER_FINALIZER = 'external-provisioner.volume.kubernetes.io/finalizer';

/** Secrets that deletion needs: none. */
const DELETION_SECRET = {
  'volume.kubernetes.io/provisioner-deletion-secret-name': '',
  'volume.kubernetes.io/provisioner-deletion-secret-namespace': '',
};

/** One volume per claim, whatever happens in between: who makes it twice finds it there. */
export function provisionedName({ metadata }: PersistentVolumeClaim): string {
  return `pvc-${metadata.uid}`;
}

/** Whether nothing will be deleted behind the volume, or nothing is left to delete. */
export function needsNoProvisioner({ metadata, spec }: PersistentVolume): boolean {
  if (metadata.finalizers?.includes(PROVISIONER_FINALIZER) !== true) return false;
  return (
    spec.persistentVolumeReclaimPolicy !== 'Delete' ||
    (metadata.deletionTimestamp !== undefined && spec.claimRef === undefined)
  );
}

/** The volume, without its provisioner having a say any more. */
export function withoutProvisioner(volume: PersistentVolume): PersistentVolume {
  const finalizers = volume.metadata.finalizers?.filter((each) => each !== PROVISIONER_FINALIZER) ?? [];
  return { ...volume, metadata: { ...volume.metadata, finalizers } };
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
    metadata: {
      name,
      annotations: { [PROVISIONED_BY]: provisioner, ...DELETION_SECRET },
      ...(reclaimPolicy === 'Retain' ? {} : { finalizers: [PROVISIONER_FINALIZER] }),
    },
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
