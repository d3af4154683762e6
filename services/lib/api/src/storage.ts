/** What several services know of claims and volumes (component-helpers/storage/volume). */

import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass, Volume } from './gen/types.ts';

/** Provisioner of the class that every cluster begins with. */
export const SIMULATED_PROVISIONER = 'orrery.dev/simulated';

/** CSI driver of the volumes that it makes. */
export const SIMULATED_DRIVER = 'simulated.orrery.dev';

/** The old place of a class' name, which wins over the field. */
export const BETA_CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

/** The claim has been bound once: if its volume is missing from now on, data is lost. */
export const BIND_COMPLETED_ANNOTATION = 'pv.kubernetes.io/bind-completed';

/** The node that the scheduler has chosen for the first pod of a claim: from then on its volume may be made. */
export const SELECTED_NODE_ANNOTATION = 'volume.kubernetes.io/selected-node';

/** Has a volume, for good. */
export function isClaimBound({ metadata, spec }: PersistentVolumeClaim): boolean {
  return (spec.volumeName ?? '') !== '' && metadata.annotations?.[BIND_COMPLETED_ANNOTATION] !== undefined;
}

/** Claims of this class get their volume when their first pod has a node. */
export function waitsForFirstConsumer(storageClass: StorageClass | undefined): boolean {
  return storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
}

/** The class that a claim asks for; "" for one that wants a volume without a class. */
export function claimClassName({ metadata, spec }: PersistentVolumeClaim): string {
  return metadata.annotations?.[BETA_CLASS_ANNOTATION] ?? spec.storageClassName ?? '';
}

export function volumeClassName({ metadata, spec }: PersistentVolume): string {
  return metadata.annotations?.[BETA_CLASS_ANNOTATION] ?? spec.storageClassName ?? '';
}

/**
 * The claim behind a volume of a pod, by name in the pod's namespace; undefined for volumes that need none. The claim
 * of an ephemeral volume is made for the pod and named after both.
 */
export function claimNameOf({ metadata }: Pod, volume: Volume): string | undefined {
  if (volume.ephemeral !== undefined) return `${metadata.name}-${volume.name}`;
  return volume.persistentVolumeClaim?.claimName;
}
