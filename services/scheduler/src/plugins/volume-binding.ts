/**
 * A pod needs its claims before it can run, and their volumes where it runs
 * (pkg/scheduler/framework/plugins/volumebinding).
 */

import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  StorageClass,
  TopologySelectorTerm,
} from '@orrery/api/gen/types.ts';
import { controllerOf, isBeingDeleted, objectKey } from '@orrery/api/meta.ts';
import { claimClassName, claimNameOf, isClaimBound, waitsForFirstConsumer } from '@orrery/api/storage.ts';
import { isReachable, matchingVolume } from '@orrery/api/volume-matching.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import { type FilterPlugin, type PodFilter, type UnfitPod, unresolvable } from './plugin.ts';

/** Claims, volumes and classes as informers show them. */
export interface StorageView {
  /** By `namespace/name`. */
  claim(key: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  volumes(): Iterable<PersistentVolume>;
  storageClass(name: string): StorageClass | undefined;
}

/** The class of volumes that somebody makes by hand, mostly of disks of a node. */
const NO_PROVISIONER = 'kubernetes.io/no-provisioner';

const UNBOUND: UnfitPod = { unfit: 'pod has unbound immediate PersistentVolumeClaims' };
const ELSEWHERE = unresolvable('node(s) had volume node affinity conflict');
const NOTHING_TO_BIND = unresolvable("node(s) didn't find available persistent volumes to bind");
const NO_VOLUME = unresolvable('node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)');

/** What a pod's claims come to. */
interface PodClaims {
  readonly bound: readonly PersistentVolumeClaim[];
  /** To be bound when the pod has a node. */
  readonly delayed: readonly PersistentVolumeClaim[];
}

/** The claims of a pod, or why it cannot be scheduled with them. */
export function podClaims(pod: Pod, storage: StorageView): PodClaims | UnfitPod {
  const bound: PersistentVolumeClaim[] = [];
  const delayed: PersistentVolumeClaim[] = [];
  let isUnbound = false;
  for (const volume of pod.spec.volumes ?? []) {
    const name = claimNameOf(pod, volume);
    if (name === undefined) continue;
    const claim = storage.claim(objectKey(pod.metadata.namespace, name));
    const problem = claimProblem(pod, name, claim, volume.ephemeral !== undefined);
    if (problem !== undefined) return { unfit: problem };
    if (isClaimBound(claim!)) bound.push(claim!);
    else if (waitsForFirstConsumer(storage.storageClass(claimClassName(claim!)))) delayed.push(claim!);
    else isUnbound = true;
  }
  return isUnbound ? UNBOUND : { bound, delayed };
}

function claimProblem(
  pod: Pod,
  name: string,
  claim: PersistentVolumeClaim | undefined,
  isEphemeral: boolean,
): string | undefined {
  const quoted = JSON.stringify(name);
  if (claim === undefined) {
    return isEphemeral
      ? `waiting for ephemeral volume controller to create the persistentvolumeclaim ${quoted}`
      : `persistentvolumeclaim ${quoted} not found`;
  }
  if (claim.status?.phase === 'Lost') {
    const volume = JSON.stringify(claim.spec.volumeName ?? '');
    return `persistentvolumeclaim ${quoted} bound to non-existent persistentvolume ${volume}`;
  }
  if (isBeingDeleted(claim)) return `persistentvolumeclaim ${quoted} is being deleted`;
  if (!isEphemeral || controllerOf(claim)?.uid === pod.metadata.uid) return undefined;
  const { namespace } = pod.metadata;
  return `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`;
}

/** Looks at the volumes when the node is looked at: they may change while the pod waits. */
function volumesOn({ bound, delayed }: PodClaims, storage: StorageView): PodFilter {
  return {
    filter(node) {
      for (const { spec } of bound) {
        const volume = storage.volume(spec.volumeName ?? '');
        if (volume === undefined) return NO_VOLUME;
        if (!isReachable(volume, node)) return ELSEWHERE;
      }
      return delayed.every((claim) => canBeBound(claim, node, storage)) ? undefined : NOTHING_TO_BIND;
    },
  };
}

/** Whether a volume can be made for the claim, or there is one that can be had on the node. */
function canBeBound(claim: PersistentVolumeClaim, node: NodeInfo, storage: StorageView): boolean {
  const { provisioner = NO_PROVISIONER, allowedTopologies } =
    storage.storageClass(claimClassName(claim)) ?? {};
  // First what costs nothing: the other way goes through all volumes, for each node.
  if (provisioner !== NO_PROVISIONER && allowsNode(allowedTopologies, node)) return true;
  return matchingVolume(claim, storage.volumes(), node) !== undefined;
}

/** Whether volumes of a class may be made for a node: all of them, unless terms name some (MatchTopologySelectorTerms). */
function allowsNode(terms: readonly TopologySelectorTerm[] = [], { labels }: NodeInfo): boolean {
  return (
    terms.length === 0 ||
    terms.some(({ matchLabelExpressions = [] }) =>
      matchLabelExpressions.every(({ key, values }) => {
        const value = labels[key];
        return value !== undefined && values.includes(value);
      }),
    )
  );
}

export function volumeBinding(storage: StorageView): FilterPlugin {
  return {
    name: 'VolumeBinding',
    wokenBy: ['ClaimChange', 'VolumeChange', 'StorageClassChange', 'NodeAdd', 'NodeLabels'],
    preFilter({ pod, claims }) {
      if (claims.length === 0) return undefined;
      const found = podClaims(pod, storage);
      return 'unfit' in found ? found : volumesOn(found, storage);
    },
  };
}
