/** Which volume is good for a claim (component-helpers/storage/volume, FindMatchingVolume). Pure. */

import type { PersistentVolume, PersistentVolumeClaim } from './gen/types.ts';
import { isBeingDeleted } from './meta.ts';
import { compareQuantities } from './quantity.ts';
import { type SelectableNode, termMatches } from './node-selector.ts';
import { labelSelectorMatcher } from './selectors.ts';
import { claimClassName, volumeClassName } from './storage.ts';

const FILE_SYSTEM = 'Filesystem';

export function requestedStorage({ spec }: PersistentVolumeClaim): string {
  return spec.resources?.requests?.['storage'] ?? '0';
}

function capacityOf({ spec }: PersistentVolume): string {
  return spec.capacity?.['storage'] ?? '0';
}

function isLargeEnough(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return compareQuantities(capacityOf(volume), requestedStorage(claim)) >= 0;
}

function hasMode(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return (volume.spec.volumeMode ?? FILE_SYSTEM) === (claim.spec.volumeMode ?? FILE_SYSTEM);
}

function hasAccessModes({ spec }: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return (claim.spec.accessModes ?? []).every((mode) => spec.accessModes?.includes(mode) === true);
}

/** Whether the volume is for this claim: by its uid, or by name while nobody has filled that in. */
export function isReservedFor({ spec }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  const { namespace, name, uid = '' } = spec.claimRef ?? {};
  if (namespace !== metadata.namespace || name !== metadata.name) return false;
  return uid === '' || uid === metadata.uid;
}

/** Whether the volume can be had on the node. */
export function isReachable({ spec }: PersistentVolume, node: SelectableNode): boolean {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms;
  return terms === undefined || terms.some((term) => termMatches(term, node));
}

/**
 * The volume to bind the claim to: one that is reserved for it, else the smallest that has everything it asks for and,
 * where the claim's pod has a node already, can be had there.
 */
export function matchingVolume(
  claim: PersistentVolumeClaim,
  volumes: Iterable<PersistentVolume>,
  node?: SelectableNode,
): PersistentVolume | undefined {
  const { selector } = claim.spec;
  const selects = selector === undefined ? undefined : labelSelectorMatcher(selector);
  const className = claimClassName(claim);
  let best: PersistentVolume | undefined;
  for (const volume of volumes) {
    if (isBeingDeleted(volume) || !hasMode(volume, claim) || !isLargeEnough(volume, claim)) continue;
    if (volume.spec.claimRef !== undefined) {
      if (isReservedFor(volume, claim)) return volume;
      continue;
    }
    if (volume.status?.phase !== 'Available' || volumeClassName(volume) !== className) continue;
    if (!hasAccessModes(volume, claim) || selects?.(volume.metadata.labels) === false) continue;
    if (node !== undefined && !isReachable(volume, node)) continue;
    if (best === undefined || comesFirst(volume, best)) best = volume;
  }
  return best;
}

/** The smaller one; by name where both are of a size, so that every look comes to the same. */
function comesFirst(volume: PersistentVolume, other: PersistentVolume): boolean {
  const difference = compareQuantities(capacityOf(volume), capacityOf(other));
  return difference < 0 || (difference === 0 && volume.metadata.name < other.metadata.name);
}

/** Why a volume that the claim names is not what it asks for; undefined when it is (checkVolumeSatisfyClaim). */
export function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (isBeingDeleted(volume)) return 'the volume is marked for deletion';
  if (!isLargeEnough(volume, claim)) return 'requested PV is too small';
  if (volumeClassName(volume) !== claimClassName(claim)) return 'storageClassName does not match';
  if (!hasMode(volume, claim)) return 'incompatible volumeMode';
  return hasAccessModes(volume, claim) ? undefined : 'incompatible accessMode';
}
