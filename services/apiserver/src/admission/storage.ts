/** Storage: claims get the default class, and grow only where their class lets them. */

import type { PersistentVolumeClaim, StorageClass } from '@orrery/api/gen/types.ts';
import { parseTime } from '@orrery/api/meta.ts';
import { compareQuantities, isQuantity } from '@orrery/api/quantity.ts';
import { PersistentVolumeClaims, StorageClasses } from '@orrery/api/resources.ts';
import { forbidden, qualifiedResource } from '@orrery/api/status-error.ts';
import { BETA_CLASS_ANNOTATION, claimClassName } from '@orrery/api/storage.ts';
import { isDefaultClass } from '../registry/storageclass.ts';
import type { AdmissionReader } from './cached-reader.ts';

const CLASSES = qualifiedResource(StorageClasses);

/**
 * A claim that names no class gets the default one; of several the newest, then the first by name
 * (plugin/pkg/admission/storage/storageclass/setdefault). An empty name is a wish for none.
 */
export async function setDefaultClass(
  reader: AdmissionReader,
  { metadata, spec }: PersistentVolumeClaim,
): Promise<void> {
  if (spec.storageClassName !== undefined) return;
  if (metadata.annotations?.[BETA_CLASS_ANNOTATION] !== undefined) return;
  const classes = ((await reader.list(CLASSES)) as StorageClass[]).filter(isDefaultClass);
  const [newest] = classes.sort(
    (a, b) =>
      parseTime(b.metadata.creationTimestamp) - parseTime(a.metadata.creationTimestamp) ||
      (a.metadata.name < b.metadata.name ? -1 : 1),
  );
  if (newest !== undefined) spec.storageClassName = newest.metadata.name;
}

/** @throws StatusError 403 for a claim that wants to grow and may not (plugin/pkg/admission/storage/persistentvolume/resize). */
export async function admitGrowth(
  reader: AdmissionReader,
  claim: PersistentVolumeClaim,
  stored: PersistentVolumeClaim,
): Promise<void> {
  const wanted = claim.spec.resources?.requests?.['storage'];
  const before = stored.spec.resources?.requests?.['storage'];
  if (wanted === undefined || before === undefined || !isQuantity(wanted)) return;
  if (compareQuantities(wanted, before) <= 0) return;
  const refuse = (why: string): Error => forbidden(PersistentVolumeClaims, claim.metadata.name, why);
  if (stored.status?.phase !== 'Bound') throw refuse('Only bound persistent volume claims can be expanded');
  const className = claimClassName(claim);
  const found = className === '' ? undefined : await reader.get(CLASSES, '', className);
  if ((found as StorageClass | undefined)?.allowVolumeExpansion === true) return;
  throw refuse(
    'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
  );
}
