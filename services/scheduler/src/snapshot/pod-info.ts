/** What the scheduler needs to know of a pod, computed once per version of it. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { type HostPort, hostPortsOf } from '@orrery/api/host-ports.ts';
import { controllerOf, isBeingDeleted, keyOf, objectKey, type ObjectKey } from '@orrery/api/meta.ts';
import { claimNameOf } from '@orrery/api/storage.ts';
import { type PodTerms, podTerms } from './pod-terms.ts';
import { type PodRequests, podRequests } from './resources.ts';

export interface PodInfo {
  readonly pod: Pod;
  readonly key: ObjectKey;
  /** Pods are told apart by uid: a successor of the same name is another pod. */
  readonly uid: string;
  readonly priority: number;
  readonly requests: PodRequests;
  /** The ports of a node that it takes. */
  readonly hostPorts: readonly HostPort[];
  /** Keys of the claims that its volumes use; empty for most pods. */
  readonly claims: readonly ObjectKey[];
  /** What it wants of other pods. */
  readonly terms: PodTerms;
  /** The uid of its controller: pods that share it are spread. */
  readonly group: string | undefined;
  /** On its way out: it holds its resources still, but spreading does not count it. */
  readonly terminating: boolean;
}

/** @throws RangeError when a request is not a quantity; validated pods never cause it. */
export function podInfo(pod: Pod): PodInfo {
  return {
    pod,
    key: keyOf(pod),
    uid: pod.metadata.uid,
    priority: pod.spec.priority ?? 0,
    requests: podRequests(pod),
    hostPorts: hostPortsOf(pod.spec),
    claims: claimsOf(pod),
    terms: podTerms(pod),
    group: controllerOf(pod)?.uid,
    terminating: isBeingDeleted(pod),
  };
}

const NO_CLAIMS: readonly ObjectKey[] = [];

function claimsOf(pod: Pod): readonly ObjectKey[] {
  const claims = (pod.spec.volumes ?? []).flatMap((volume) => {
    const name = claimNameOf(pod, volume);
    return name === undefined ? [] : objectKey(pod.metadata.namespace, name);
  });
  return claims.length === 0 ? NO_CLAIMS : claims;
}

/** A finished pod holds nothing any more. */
export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

export function isBound(pod: Pod): boolean {
  return pod.spec.nodeName !== undefined && pod.spec.nodeName !== '';
}
