/** What a pod's status says (k8s.io/kubernetes/pkg/api/v1/pod and pkg/controller/controller_utils.go). */

import type { Pod, PodCondition } from '@orrery/api/gen/types.ts';
import { isBeingDeleted, parseTime } from '@orrery/api/meta.ts';
import { findCondition } from './conditions.ts';

/** Its containers have all ended and will not be started again. */
export function isPodTerminal({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/** Counts as a replica: neither ended nor on its way out. */
export function isPodActive(pod: Pod): boolean {
  return !isPodTerminal(pod) && !isBeingDeleted(pod);
}

/** On its way out and not ended yet: still holds its resources. */
export function isPodTerminating(pod: Pod): boolean {
  return !isPodTerminal(pod) && isBeingDeleted(pod);
}

export function podReadyCondition(pod: Pod): PodCondition | undefined {
  return findCondition(pod.status?.conditions, 'Ready');
}

export function isPodReady(pod: Pod): boolean {
  return podReadyCondition(pod)?.status === 'True';
}

/** Epoch ms since when the pod is ready; undefined when it is not. */
export function podReadySinceMs(pod: Pod): number | undefined {
  const ready = podReadyCondition(pod);
  if (ready?.status !== 'True' || ready.lastTransitionTime === undefined) return undefined;
  return parseTime(ready.lastTransitionTime);
}

/** Ready, and without a break for `minReadySeconds`. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  if (!isPodReady(pod)) return false;
  if (minReadySeconds === 0) return true;
  const sinceMs = podReadySinceMs(pod);
  return sinceMs !== undefined && sinceMs + minReadySeconds * 1000 <= nowMs;
}

/** The most restarts of any container. */
export function maxContainerRestarts({ status }: Pod): number {
  let most = 0;
  for (const each of status?.containerStatuses ?? []) most = Math.max(most, each.restartCount);
  return most;
}

/** How long until the next ready pod becomes available; undefined when none is waiting. */
export function nextAvailabilityMs(
  pods: readonly Pod[],
  minReadySeconds: number,
  nowMs: number,
): number | undefined {
  if (minReadySeconds === 0) return undefined;
  let nextMs = Number.POSITIVE_INFINITY;
  for (const pod of pods) {
    const sinceMs = isPodActive(pod) ? podReadySinceMs(pod) : undefined;
    if (sinceMs === undefined) continue;
    const waitMs = sinceMs + minReadySeconds * 1000 - nowMs;
    if (waitMs > 0) nextMs = Math.min(nextMs, waitMs);
  }
  return Number.isFinite(nextMs) ? nextMs : undefined;
}
