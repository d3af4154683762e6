/** What every object has: keys, owners, conditions (k8s.io/apimachinery/pkg/apis/meta/v1). */

import type { KubeObject, ObjectMeta, OwnerReference } from './gen/types.ts';
import type { ResourceRef } from './resources.ts';
import { apiVersionOf } from './resources.ts';

/** Names an object within its resource: `namespace/name`, or `name` for cluster-scoped ones. */
export type ObjectKey = string;

export function objectKey(namespace: string | undefined, name: string): ObjectKey {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

export function keyOf(object: KubeObject): ObjectKey {
  return objectKey(object.metadata.namespace, object.metadata.name);
}

/** The parts of a key; the namespace of a cluster-scoped object is empty. */
export function splitKey(key: ObjectKey): { namespace: string; name: string } {
  const slash = key.indexOf('/');
  return slash < 0
    ? { namespace: '', name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The one owner that manages this object, if any (`metav1.GetControllerOf`). */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

/** The reference with which `owner` manages another object (`metav1.NewControllerRef`). */
export function controllerReference(owner: KubeObject, resource: ResourceRef): OwnerReference {
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

export function isBeingDeleted(object: { metadata: Pick<ObjectMeta, 'deletionTimestamp'> }): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}

/** Epoch milliseconds as RFC3339 with whole seconds, UTC: the form of metav1.Time. */
export function formatTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}

/** Epoch milliseconds as RFC3339 with microseconds, UTC: the form of metav1.MicroTime. */
export function formatMicroTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 23)}000Z`;
}

/** Epoch milliseconds of an RFC3339 time; NaN when it is not one. */
export function parseTime(text: string): number {
  return Date.parse(text);
}
