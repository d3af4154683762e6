/** What is to be done about a claim and about a volume (pkg/controller/volume/persistentvolume). Pure. */

import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '@orrery/api/gen/types.ts';
import type { SelectableNode } from '@orrery/api/node-selector.ts';
import {
  BIND_COMPLETED_ANNOTATION,
  claimClassName,
  SELECTED_NODE_ANNOTATION,
  SIMULATED_DRIVER,
  SIMULATED_PROVISIONER,
  waitsForFirstConsumer,
} from '@orrery/api/storage.ts';
import { isReservedFor, matchingVolume, mismatch } from '@orrery/api/volume-matching.ts';
import { isAnnotated, PROVISIONED_BY } from './binding.ts';

export interface Note {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export type ClaimPlan =
  | { readonly action: 'bind'; readonly volume: PersistentVolume }
  | { readonly action: 'provision'; readonly storageClass: StorageClass }
  /** It stays Pending, and its owner is told why. */
  | {
      readonly action: 'wait';
      readonly note?: Note;
      /** Who is to make its volume, and finds it by this name: nobody here. */
      readonly provisioner?: string;
    }
  /** The volume that it was bound to is not there, or somebody else's. */
  | { readonly action: 'lose'; readonly note: Note };

/** What of the cluster a claim is judged by. */
export interface StorageView {
  volume(name: string): PersistentVolume | undefined;
  volumes(): Iterable<PersistentVolume>;
  storageClass(name: string): StorageClass | undefined;
  node(name: string): SelectableNode | undefined;
  /** Names of the pods that use the claim and have no node yet. */
  podsWithoutNode(claim: PersistentVolumeClaim): readonly string[];
}

const warning = (reason: string, message: string): Note => ({ type: 'Warning', reason, message });
const normal = (reason: string, message: string): Note => ({ type: 'Normal', reason, message });

export function planClaim(claim: PersistentVolumeClaim, view: StorageView): ClaimPlan {
  if (isAnnotated(claim.metadata, BIND_COMPLETED_ANNOTATION)) return planBoundClaim(claim, view);
  return (claim.spec.volumeName ?? '') === '' ? planUnbound(claim, view) : planNamed(claim, view);
}

function planBoundClaim(claim: PersistentVolumeClaim, view: StorageView): ClaimPlan {
  const name = claim.spec.volumeName ?? '';
  const volume = view.volume(name);
  const lost = (reason: string, message: string): ClaimPlan => ({
    action: 'lose',
    note: warning(reason, message),
  });
  if (name === '') {
    return lost(
      'ClaimLost',
      'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!',
    );
  }
  if (volume === undefined) {
    return lost('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
  }
  if (volume.spec.claimRef !== undefined && !isReservedFor(volume, claim)) {
    return lost('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly');
  }
  return { action: 'bind', volume };
}

/** The claim names its volume. */
function planNamed(claim: PersistentVolumeClaim, view: StorageView): ClaimPlan {
  const name = claim.spec.volumeName ?? '';
  const volume = view.volume(name);
  if (volume === undefined) return { action: 'wait' };
  if (volume.spec.claimRef === undefined) {
    const why = mismatch(volume, claim);
    if (why === undefined) return { action: 'bind', volume };
    const message = `Cannot bind to requested volume ${JSON.stringify(name)}: ${why}`;
    return { action: 'wait', note: warning('VolumeMismatch', message) };
  }
  if (isReservedFor(volume, claim)) return { action: 'bind', volume };
  const message = `volume ${JSON.stringify(name)} already bound to a different claim.`;
  return { action: 'wait', note: warning('FailedBinding', message) };
}

function planUnbound(claim: PersistentVolumeClaim, view: StorageView): ClaimPlan {
  const className = claimClassName(claim);
  const storageClass = className === '' ? undefined : view.storageClass(className);
  const selected = claim.metadata.annotations?.[SELECTED_NODE_ANNOTATION];
  const waits = waitsForFirstConsumer(storageClass) && selected === undefined;
  const node = selected === undefined ? undefined : view.node(selected);
  const volume = matchingVolume(claim, view.volumes(), node);
  // A volume that was reserved for the claim is nobody's to choose any more.
  if (volume !== undefined && (!waits || volume.spec.claimRef !== undefined)) {
    return { action: 'bind', volume };
  }
  if (waits) return { action: 'wait', note: waitingNote(view.podsWithoutNode(claim)) };
  if (className === '') {
    const message = 'no persistent volumes available for this claim and no storage class is set';
    return { action: 'wait', note: normal('FailedBinding', message) };
  }
  return planProvisioning(className, storageClass);
}

function waitingNote(pods: readonly string[]): Note {
  if (pods.length === 0) {
    return normal('WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
  }
  const which = `${pods.length === 1 ? 'pod' : 'pods'} ${pods.toSorted().join(',')}`;
  return normal('WaitForPodScheduled', `waiting for ${which} to be scheduled`);
}

function planProvisioning(className: string, storageClass: StorageClass | undefined): ClaimPlan {
  if (storageClass === undefined) {
    const message = `storageclass.storage.k8s.io ${JSON.stringify(className)} not found`;
    return { action: 'wait', note: warning('ProvisioningFailed', message) };
  }
  const { provisioner } = storageClass;
  if (provisioner === SIMULATED_PROVISIONER) return { action: 'provision', storageClass };
  if (provisioner.startsWith('kubernetes.io/')) {
    const message = `no volume plugin matched name: ${provisioner}`;
    return { action: 'wait', note: warning('ProvisioningFailed', message) };
  }
  // Somebody may run a provisioner of his own against this cluster.
  const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
  return { action: 'wait', note: normal('ExternalProvisioning', message), provisioner };
}

export type VolumePlan =
  | { readonly action: 'phase'; readonly phase: 'Available' | 'Bound' }
  /** Its claim has not taken it yet. */
  | { readonly action: 'offer' }
  /** The claim has another volume: this one is free again. */
  | { readonly action: 'unbind' }
  | { readonly action: 'release'; readonly reclaim: Reclaim };

export type Reclaim =
  | { readonly action: 'retain' }
  | { readonly action: 'delete' }
  | { readonly action: 'recycle' }
  | { readonly action: 'fail'; readonly note: Note };

/** `claim` is the one that the volume names, if it is still the same one. */
export function planVolume(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): VolumePlan {
  const { claimRef } = volume.spec;
  // A volume that a user has reserved waits for the claim of that name.
  if (claimRef === undefined || (claimRef.uid ?? '') === '') return { action: 'phase', phase: 'Available' };
  if (claim === undefined) return { action: 'release', reclaim: planReclaim(volume) };
  const chosen = claim.spec.volumeName ?? '';
  if (chosen === volume.metadata.name) return { action: 'phase', phase: 'Bound' };
  if (chosen === '') return { action: 'offer' };
  const wasMadeForIt = isAnnotated(volume.metadata, PROVISIONED_BY);
  if (wasMadeForIt && volume.spec.persistentVolumeReclaimPolicy === 'Delete') {
    return { action: 'release', reclaim: planReclaim(volume) };
  }
  return { action: 'unbind' };
}

/** Only what lies in a temporary directory is deleted with a volume of the node's own. */
const DELETABLE_HOST_PATH = /^\/tmp\/.+/;

/** What becomes of a volume whose claim is gone. */
function planReclaim({ metadata, spec }: PersistentVolume): Reclaim {
  const fail = (reason: string, message: string): Reclaim => ({
    action: 'fail',
    note: warning(reason, message),
  });
  switch (spec.persistentVolumeReclaimPolicy) {
    case 'Delete': {
      if (spec.csi?.driver === SIMULATED_DRIVER) return { action: 'delete' };
      const path = spec.hostPath?.path;
      if (path === undefined) {
        return fail(
          'VolumeFailedDelete',
          `error getting deleter volume plugin for volume ${JSON.stringify(metadata.name)}: no deletable volume plugin matched`,
        );
      }
      if (DELETABLE_HOST_PATH.test(path)) return { action: 'delete' };
      const message = `host_path deleter only supports /tmp/.+ but received provided ${path}`;
      return fail('VolumeFailedDelete', message);
    }
    case 'Recycle':
      if (spec.hostPath !== undefined) return { action: 'recycle' };
      return fail('VolumeFailedRecycle', 'No recycler plugin found for the volume!');
    default:
      return { action: 'retain' };
  }
}
