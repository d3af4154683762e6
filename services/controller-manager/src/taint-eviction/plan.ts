/** When taints drive a pod from its node: pure (pkg/controller/tainteviction/taint_eviction.go). */

import type { Node, Pod, Taint } from '@orrery/api/gen/types.ts';
import { tolerates } from '@orrery/api/tolerations.ts';
import { findCondition } from '../conditions.ts';

/** Taints that say that the node does not answer, and are about to go when it does. */
const SILENCE_TAINTS = new Set(['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']);

/** Taints that evict. Those about silence count only while the node is not ready: nobody may have taken them off yet. */
export function evictingTaints({ spec, status }: Node): Taint[] {
  const isReady = findCondition(status?.conditions, 'Ready')?.status === 'True';
  return (spec.taints ?? []).filter(
    ({ key, effect }) => effect === 'NoExecute' && !(isReady && SILENCE_TAINTS.has(key)),
  );
}

/**
 * How long the pod may stay under these taints, in ms from the time they were first seen: 0
 * when one is not tolerated, undefined when all are tolerated for ever.
 */
export function toleratedMs({ spec }: Pod, taints: readonly Taint[]): number | undefined {
  let shortestSeconds = Number.POSITIVE_INFINITY;
  for (const taint of taints) {
    const used = (spec.tolerations ?? []).filter((each) => tolerates(each, taint));
    if (used.length === 0) return 0;
    for (const { tolerationSeconds } of used) {
      if (tolerationSeconds !== undefined)
        shortestSeconds = Math.min(shortestSeconds, Math.max(0, tolerationSeconds));
    }
  }
  return Number.isFinite(shortestSeconds) ? shortestSeconds * 1000 : undefined;
}
