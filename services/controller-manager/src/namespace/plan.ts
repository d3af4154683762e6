/** What of the content of a namespace is to go, and how long to wait: pure. */

import type { KubeObject, Namespace, Pod } from '@orrery/api/gen/types.ts';
import { isBeingDeleted, parseTime } from '@orrery/api/meta.ts';
import { Pods, type ResourceRef } from '@orrery/api/resources.ts';
import { isPodTerminal } from '../pods.ts';
import type { DeletionProgress } from './status.ts';

/** Present objects of one resource in the namespace. */
export interface Content {
  resource: ResourceRef;
  items: readonly KubeObject[];
}

/** What is to be deleted of what is there: what is on its way out already is not. */
export function planDeletion(content: readonly Content[]): Content[] {
  return content
    .map(({ resource, items }) => ({ resource, items: items.filter((each) => !isBeingDeleted(each)) }))
    .filter(({ items }) => items.length > 0);
}

/**
 * Why it is not empty, where it should be by now: all that has no finalizers goes at once, but for pods within their
 * grace. In the words of `deleteAllContentForGroupVersionResource`.
 */
export function unexpectedRemains(
  namespace: Namespace,
  content: readonly Content[],
  nowMs: number,
): string[] {
  const deletedAtMs = parseTime(namespace.metadata.deletionTimestamp ?? '');
  return content
    .filter(({ resource, items }) => {
      if (items.length === 0 || items.some(({ metadata }) => (metadata.finalizers ?? []).length > 0))
        return false;
      const graceSeconds = resource === Pods ? longestGraceSeconds(items as readonly Pod[]) : 0;
      return nowMs - deletedAtMs >= graceSeconds * 1_000;
    })
    .map(
      ({ resource: { group, version, resource } }) =>
        `unexpected items still remain in namespace: ${namespace.metadata.name} for gvr: ${group}/${version}, Resource=${resource}`,
    );
}

/** Of pods whose containers have not ended. */
function longestGraceSeconds(pods: readonly Pod[]): number {
  const graces = pods
    .filter((pod) => !isPodTerminal(pod))
    .map(({ spec }) => spec.terminationGracePeriodSeconds ?? 0);
  return Math.max(0, ...graces);
}

/** The state of what is still there. */
export function progressOf(content: readonly Content[], errors: string[]): DeletionProgress {
  const finalizers = new Map<string, number>();
  for (const { items } of content) {
    for (const { metadata } of items) {
      for (const each of metadata.finalizers ?? []) finalizers.set(each, (finalizers.get(each) ?? 0) + 1);
    }
  }
  const remaining = content
    .filter(({ items }) => items.length > 0)
    .map(({ resource: { group, resource }, items }) => ({ group, resource, count: items.length }));
  return { remaining, finalizers, errors };
}

/** Something may have come into being while the rest was being deleted. */
const NEXT_ROUND_MS = 250;
/** A net below the events, which say when something has gone. */
const WAITING_MS = 5_000;

/** When to look again, unless an event comes first: soon after deletions, seldom while all that is left has its own time. */
export function waitMs(deletions: number): number {
  return deletions > 0 ? NEXT_ROUND_MS : WAITING_MS;
}
