/** How a claim and a volume that belong together are written down: each names the other. Pure. */

import type { ObjectReference, PersistentVolume, PersistentVolumeClaim } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { BIND_COMPLETED_ANNOTATION } from '@orrery/api/storage.ts';

/** The controller has chosen the volume; what a user has chosen is never undone. */
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';

/** Who made the volume: only volumes that were made are ever deleted by their policy. */
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';

/** Who makes the volume for a claim; the older key is still read by tools. */
const STORAGE_PROVISIONER = [
  'volume.beta.kubernetes.io/storage-provisioner',
  'volume.kubernetes.io/storage-provisioner',
];

const YES = 'yes';

type Annotated = { annotations?: Record<string, string> };

export function isAnnotated({ annotations }: Annotated, key: string): boolean {
  return annotations?.[key] !== undefined;
}

export function claimReference({ metadata }: PersistentVolumeClaim): ObjectReference {
  return {
    kind: 'PersistentVolumeClaim',
    apiVersion: 'v1',
    namespace: metadata.namespace,
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
  };
}

/** The volume with the claim in it; as it is when it is there already. */
export function boundVolume(volume: PersistentVolume, claim: PersistentVolumeClaim): PersistentVolume {
  const { claimRef } = volume.spec;
  if (claimRef?.uid === claim.metadata.uid) return volume;
  const annotations = { ...volume.metadata.annotations };
  if (claimRef === undefined) annotations[BOUND_BY_CONTROLLER] = YES;
  return {
    ...volume,
    metadata: { ...volume.metadata, annotations },
    spec: { ...volume.spec, claimRef: claimReference(claim) },
  };
}

/** The volume as it was before the controller chose it for a claim; a user's choice keeps the name. */
export function unboundVolume(volume: PersistentVolume): PersistentVolume {
  const { claimRef, ...spec } = volume.spec;
  if (!isAnnotated(volume.metadata, BOUND_BY_CONTROLLER)) {
    const { uid: _uid, resourceVersion: _revision, ...named } = claimRef ?? {};
    return { ...volume, spec: { ...spec, claimRef: named } };
  }
  const { [BOUND_BY_CONTROLLER]: _mark, ...annotations } = volume.metadata.annotations ?? {};
  return { ...volume, metadata: { ...volume.metadata, annotations }, spec };
}

function provisionerAnnotations(provisioner: string): Record<string, string> {
  return Object.fromEntries(STORAGE_PROVISIONER.map((key) => [key, provisioner]));
}

/** The claim with the name of who is to make its volume; as it is when that is there already. */
export function claimFor(claim: PersistentVolumeClaim, provisioner: string): PersistentVolumeClaim {
  const { metadata } = claim;
  if (STORAGE_PROVISIONER.every((key) => metadata.annotations?.[key] === provisioner)) return claim;
  const annotations = { ...metadata.annotations, ...provisionerAnnotations(provisioner) };
  return { ...claim, metadata: { ...metadata, annotations } };
}

/** The claim with the volume in it; as it is when it is there already. */
export function boundClaim(claim: PersistentVolumeClaim, volume: PersistentVolume): PersistentVolumeClaim {
  const { metadata, spec } = claim;
  const isNamed = spec.volumeName === volume.metadata.name;
  if (isNamed && isAnnotated(metadata, BIND_COMPLETED_ANNOTATION)) return claim;
  const annotations: Record<string, string> = { ...metadata.annotations, [BIND_COMPLETED_ANNOTATION]: YES };
  if (!isNamed) annotations[BOUND_BY_CONTROLLER] = YES;
  const provisioner = volume.metadata.annotations?.[PROVISIONED_BY];
  if (provisioner !== undefined) Object.assign(annotations, provisionerAnnotations(provisioner));
  return {
    ...claim,
    metadata: { ...metadata, annotations },
    spec: { ...spec, volumeName: volume.metadata.name },
  };
}

/** What a bound claim has of its volume. Its size is what it was when it was bound, until it has grown. */
export function boundStatus(
  { status }: PersistentVolumeClaim,
  { spec }: PersistentVolume,
): PersistentVolumeClaim['status'] {
  const next = { ...status, phase: 'Bound' };
  if (spec.accessModes !== undefined) next.accessModes = [...spec.accessModes];
  if (status?.capacity === undefined && spec.capacity !== undefined) next.capacity = { ...spec.capacity };
  return next;
}

/** The status with a phase, and since when. */
export function phaseStatus(
  { status }: PersistentVolume,
  phase: string,
  nowMs: number,
  message?: string,
): PersistentVolume['status'] {
  const { message: _message, ...rest } = status ?? {};
  const since = status?.phase === phase ? status.lastPhaseTransitionTime : undefined;
  return {
    ...rest,
    phase,
    lastPhaseTransitionTime: since ?? formatTime(nowMs),
    ...(message === undefined ? {} : { message }),
  };
}
