/** Annotations that a Deployment and its ReplicaSets share (deployment/util/deployment_util.go). */

import type { Deployment, ReplicaSet } from '@orrery/api/gen/types.ts';
import { rollingLimits } from './limits.ts';
import { replicasOf } from './rollout.ts';

export const REVISION = 'deployment.kubernetes.io/revision';
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';
/** Asks for an earlier revision: what `spec.rollbackTo` of extensions/v1beta1 is stored as. */
export const ROLLBACK_TO = 'deprecated.deployment.rollback.to';

/** They describe the one object and are not copied to the other; all else is, such as the change cause. */
const NOT_COPIED = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  ROLLBACK_TO,
]);

/** Longest revision history that is kept, in characters. */
const REVISION_HISTORY_LIMIT_CHARS = 2000;

/** A count in an annotation; undefined when it is missing or no number. */
export function annotatedCount({ metadata }: ReplicaSet, annotation: string): number | undefined {
  const text = metadata.annotations?.[annotation];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

export function revisionOf({ metadata }: Deployment | ReplicaSet): number {
  const text = metadata.annotations?.[REVISION];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : 0;
}

/** The revision that the new set should have: one more than any old one. */
export function nextRevision(oldSets: readonly ReplicaSet[]): number {
  return oldSets.reduce((highest, each) => Math.max(highest, revisionOf(each)), 0) + 1;
}

/** Sizes that scaling in proportion is worked out from later. */
export function sizeAnnotations(deployment: Deployment): Record<string, string> {
  const wanted = replicasOf(deployment);
  return {
    [DESIRED_REPLICAS]: String(wanted),
    [MAX_REPLICAS]: String(wanted + rollingLimits(deployment).maxSurge),
  };
}

function copiedFrom(deployment: Deployment): Record<string, string> {
  const entries = Object.entries(deployment.metadata.annotations ?? {});
  return Object.fromEntries(entries.filter(([key]) => !NOT_COPIED.has(key)));
}

/** Annotations of a ReplicaSet that is to be created. */
export function initialAnnotations(deployment: Deployment, revision: number): Record<string, string> {
  return { ...copiedFrom(deployment), ...sizeAnnotations(deployment), [REVISION]: String(revision) };
}

/** The annotations of a Deployment that goes back to what a set was made from (`SetDeploymentAnnotationsTo`). */
export function withAnnotationsOf(deployment: Deployment, set: ReplicaSet): Record<string, string> {
  const own = Object.entries(deployment.metadata.annotations ?? {}).filter(([key]) => NOT_COPIED.has(key));
  const copied = Object.entries(set.metadata.annotations ?? {}).filter(([key]) => !NOT_COPIED.has(key));
  return Object.fromEntries([...own, ...copied]);
}

/**
 * What to change in the annotations of the existing new set: copied ones, and a higher
 * revision when an old template is taken up again (`SetNewReplicaSetAnnotations`).
 */
export function annotationChanges(
  deployment: Deployment,
  newSet: ReplicaSet,
  revision: number,
): Record<string, string> {
  const current = newSet.metadata.annotations ?? {};
  const wanted = copiedFrom(deployment);
  const present = revisionOf(newSet);
  if (present < revision) {
    wanted[REVISION] = String(revision);
    if (present > 0) wanted[REVISION_HISTORY] = extendedHistory(current[REVISION_HISTORY], String(present));
  }
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => current[key] !== value));
}

/** Drops the oldest entries when the text grows too long. */
function extendedHistory(history: string | undefined, revision: string): string {
  const entries = history === undefined || history === '' ? [] : history.split(',');
  entries.push(revision);
  while (entries.length > 1 && entries.join(',').length > REVISION_HISTORY_LIMIT_CHARS) entries.shift();
  return entries.join(',');
}
