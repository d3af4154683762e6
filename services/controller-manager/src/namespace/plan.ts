/** In which order the content of a namespace goes, and how long to wait: pure. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { isBeingDeleted } from '@orrery/api/meta.ts';
import { Pods, type ResourceRef } from '@orrery/api/resources.ts';
import type { DeletionProgress } from './status.ts';

/** Present objects of one resource in the namespace. */
export interface Content {
  resource: ResourceRef;
  items: readonly KubeObject[];
}

/**
 * What to delete in this round. Pods go first and everything else waits for them, so that
 * nothing they rely on is taken from under them (KEP-5080, ordered namespace deletion).
 */
export function planDeletion(content: readonly Content[]): Content[] {
  const present = content.filter(({ items }) => items.length > 0);
  const pods = present.filter(({ resource }) => resource.resource === Pods.resource);
  const round = pods.length > 0 ? pods : present;
  return round
    .map(({ resource, items }) => ({ resource, items: items.filter((each) => !isBeingDeleted(each)) }))
    .filter(({ items }) => items.length > 0);
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
