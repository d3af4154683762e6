/** Which pods nobody will clean up: pure (k8s.io/kubernetes/pkg/controller/podgc/gc_controller.go). */

import type { Pod } from '@orrery/api/gen/types.ts';
import { isBeingDeleted } from '@orrery/api/meta.ts';
import { isPodTerminal } from '../pods.ts';

/** How many ended pods may stay for people to look at. */
export const TERMINATED_POD_THRESHOLD = 12_500;

/** A node has to be missing for so long before its pods are given up. */
export const QUARANTINE_MS = 40_000;

/** Ended pods beyond the threshold, oldest first. */
export function surplusTerminated(pods: readonly Pod[], threshold = TERMINATED_POD_THRESHOLD): Pod[] {
  const ended = pods.filter(isPodTerminal);
  if (ended.length <= threshold) return [];
  const byAge = (a: Pod, b: Pod): number =>
    a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp) ||
    a.metadata.name.localeCompare(b.metadata.name);
  return ended.sort(byAge).slice(0, ended.length - threshold);
}

/** Deleted before they had a node: no node agent will ever confirm it. */
export function unscheduledTerminating(pods: readonly Pod[]): Pod[] {
  return pods.filter((pod) => isBeingDeleted(pod) && (pod.spec.nodeName ?? '') === '');
}

/** Since when nodes that pods are bound to have been missing. */
export class Quarantine {
  readonly #missingSinceMs = new Map<string, number>();

  /** Notes what is missing now and returns the nodes that have been missing for long enough. */
  update(missing: ReadonlySet<string>, nowMs: number): string[] {
    for (const node of this.#missingSinceMs.keys()) if (!missing.has(node)) this.#missingSinceMs.delete(node);
    for (const node of missing) if (!this.#missingSinceMs.has(node)) this.#missingSinceMs.set(node, nowMs);
    return [...this.#missingSinceMs]
      .filter(([, sinceMs]) => nowMs - sinceMs >= QUARANTINE_MS)
      .map(([node]) => node);
  }
}
