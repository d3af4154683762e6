/** Where the data of a claim lies (pkg/kubelet/volumemanager/populator, getPVCExtractPV and getPVSpec). */

import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '@orrery/api/gen/types.ts';
import { objectKey } from '@orrery/api/meta.ts';
import { wholeValue } from '@orrery/api/quantity.ts';
import type { Lister } from '@orrery/client/informer.ts';
import { nodeTree, persistentVolumeTree } from './tree-names.ts';

export interface ClaimSources {
  claims: Pick<Lister<PersistentVolumeClaim>, 'get'>;
  persistentVolumes: Pick<Lister<PersistentVolume>, 'get'>;
}

/** What of which tree a volume is. */
export interface VolumePlace {
  tree: string;
  /** A path in the tree; empty for the whole. */
  path: string;
  readOnly: boolean;
  /** Of the file system, where it has a size of its own. */
  sizeBytes?: number;
}

/** The claim that a volume is; undefined for other volumes. */
export function claimOf(pod: Pod, volume: Volume): { name: string; readOnly: boolean } | undefined {
  const { persistentVolumeClaim: claim, ephemeral, name } = volume;
  if (claim !== undefined) return { name: claim.claimName, readOnly: claim.readOnly === true };
  return ephemeral === undefined ? undefined : { name: `${pod.metadata.name}-${name}`, readOnly: false };
}

/** @throws Error in the kubelet's words while there is no data to mount */
export function placeOfClaim(
  pod: Pod,
  volume: Volume,
  { name, readOnly }: { name: string; readOnly: boolean },
  { claims, persistentVolumes }: ClaimSources,
): VolumePlace {
  const { namespace = '', uid } = pod.metadata;
  const problem = (text: string): Error => new Error(`error processing PVC ${namespace}/${name}: ${text}`);
  const claim = claims.get(objectKey(namespace, name));
  if (claim === undefined)
    throw problem(`failed to fetch PVC from API server: persistentvolumeclaims "${name}" not found`);
  if (
    volume.ephemeral !== undefined &&
    claim.metadata.ownerReferences?.some((each) => each.uid === uid) !== true
  )
    throw problem(
      `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`,
    );
  const { volumeName = '' } = claim.spec ?? {};
  if (claim.status?.phase !== 'Bound' || volumeName === '') throw problem('PVC is not bound');
  const persistent = persistentVolumes.get(volumeName);
  if (persistent === undefined)
    throw problem(
      `failed to fetch PV ${volumeName} from API server: persistentvolumes "${volumeName}" not found`,
    );
  const { claimRef, hostPath, local } = persistent.spec ?? {};
  if (claimRef?.uid !== claim.metadata.uid)
    throw problem(
      `PV ${volumeName} is bound to another PVC: ${claimRef?.namespace ?? ''}/${claimRef?.name ?? ''}`,
    );
  const path = hostPath?.path ?? local?.path;
  const size = claim.status?.capacity?.['storage'];
  return path === undefined
    ? {
        tree: persistentVolumeTree(persistent.metadata.uid),
        path: '',
        readOnly,
        ...(size === undefined ? {} : { sizeBytes: wholeValue(size) }),
      }
    : { tree: nodeTree(pod.spec.nodeName ?? ''), path, readOnly };
}
