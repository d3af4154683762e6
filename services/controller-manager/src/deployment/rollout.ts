/** A Deployment with its ReplicaSets, as every step of the controller sees them. */

import type { Deployment, PodTemplateSpec, ReplicaSet } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { POD_TEMPLATE_HASH } from './template-hash.ts';

export interface Rollout {
  readonly deployment: Deployment;
  /** The ReplicaSet of the present template, once it exists. */
  readonly newSet: ReplicaSet | undefined;
  /** All others, oldest first. */
  readonly oldSets: readonly ReplicaSet[];
}

/** A ReplicaSet that should have another size. */
export interface Scaling {
  replicaSet: ReplicaSet;
  replicas: number;
}

export function byCreation(a: ReplicaSet, b: ReplicaSet): number {
  const left = a.metadata.creationTimestamp;
  const right = b.metadata.creationTimestamp;
  if (left !== right) return left < right ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

function withoutHash(template: PodTemplateSpec | undefined): unknown {
  const { [POD_TEMPLATE_HASH]: _, ...labels } = template?.metadata?.labels ?? {};
  return { ...template, metadata: { ...template?.metadata, labels } };
}

/** Whether two templates make the same pods (`EqualIgnoreHash`). */
export function sameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return jsonEqual(withoutHash(a), withoutHash(b));
}

/** Sorts ReplicaSets into new and old; of several with the present template the oldest is new. */
export function rolloutOf(deployment: Deployment, replicaSets: readonly ReplicaSet[]): Rollout {
  const sorted = [...replicaSets].sort(byCreation);
  const newSet = sorted.find(({ spec }) => sameTemplate(spec.template, deployment.spec.template));
  return { deployment, newSet, oldSets: sorted.filter((each) => each !== newSet) };
}

export function allSets({ newSet, oldSets }: Rollout): ReplicaSet[] {
  return newSet === undefined ? [...oldSets] : [...oldSets, newSet];
}

/** The rollout with `changed` in the place of the set of the same uid. */
export function withSet(rollout: Rollout, changed: ReplicaSet): Rollout {
  const put = (each: ReplicaSet): ReplicaSet => (each.metadata.uid === changed.metadata.uid ? changed : each);
  return {
    ...rollout,
    newSet: rollout.newSet === undefined ? undefined : put(rollout.newSet),
    oldSets: rollout.oldSets.map(put),
  };
}

/** `spec.replicas`, which the apiserver defaults to 1. */
export function replicasOf({ spec }: Deployment | ReplicaSet): number {
  return spec.replicas ?? 1;
}

export function totalReplicas(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, each) => sum + replicasOf(each), 0);
}
