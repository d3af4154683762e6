/** How a bound claim becomes as large as it asks for: pure (kubernetes-csi/external-resizer, pkg/controller). */

import type { PersistentVolume, PersistentVolumeClaim } from '@orrery/api/gen/types.ts';
import { compareQuantities } from '@orrery/api/quantity.ts';
import { isClaimBound, SIMULATED_DRIVER } from '@orrery/api/storage.ts';
import { allocatedStorage, resizeStateOf } from '@orrery/api/volume-expansion.ts';
import { requestedStorage } from '@orrery/api/volume-matching.ts';

export type ExpansionPlan =
  | { readonly action: 'none' }
  /** Somebody else's driver has to grow the volume. */
  | { readonly action: 'leave' }
  /** Say that it begins. */
  | { readonly action: 'begin'; readonly storage: string }
  | { readonly action: 'growVolume'; readonly storage: string }
  /** The rest is the node's. */
  | { readonly action: 'handOver'; readonly storage: string }
  /** It has no file system: all is done. */
  | { readonly action: 'finish'; readonly storage: string };

/** The next step. What has been written of an earlier one is found again, whoever wrote it. */
export function planExpansion(claim: PersistentVolumeClaim, volume: PersistentVolume): ExpansionPlan {
  const capacity = claim.status?.capacity?.['storage'];
  if (!isClaimBound(claim) || capacity === undefined) return { action: 'none' };
  const requested = requestedStorage(claim);
  if (compareQuantities(requested, capacity) <= 0) return { action: 'none' };
  if (volume.spec.csi?.driver !== SIMULATED_DRIVER) return { action: 'leave' };
  const volumeSize = volume.spec.capacity?.['storage'] ?? '0';
  // What has been grown does not shrink again when less is asked for meanwhile.
  const storage = compareQuantities(volumeSize, requested) > 0 ? volumeSize : requested;
  const state = resizeStateOf(claim);
  if (state === undefined || allocatedStorage(claim) !== storage) return { action: 'begin', storage };
  if (volumeSize !== storage) return { action: 'growVolume', storage };
  if (state !== 'ControllerResizeInProgress') return { action: 'none' };
  return { action: volume.spec.volumeMode === 'Block' ? 'finish' : 'handOver', storage };
}
