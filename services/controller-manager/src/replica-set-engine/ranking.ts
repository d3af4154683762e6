/** Which replicas to delete first (k8s.io/kubernetes/pkg/controller, ActivePodsWithRanks). */

import type { Pod } from '@orrery/api/gen/types.ts';
import { parseTime } from '@orrery/api/meta.ts';
import { POD_DELETION_COST, parseDeletionCost } from '@orrery/api/workloads.ts';
import { isPodActive, isPodReady, maxContainerRestarts, podReadySinceMs } from '../pods.ts';

const PHASE_ORDER: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 };

/** What decides, worked out once per pod. Smaller goes first in every field. */
interface Rank {
  pod: Pod;
  assigned: number;
  phase: number;
  ready: number;
  deletionCost: number;
  /** Negated, so that the pod on the fullest node goes first. */
  lessDoubledUp: number;
  readyAgeBucket: number;
  fewerRestarts: number;
  ageBucket: number;
}

/** A wrong value counts as 0; the apiserver refuses it anyway. */
function deletionCostOf({ metadata }: Pod): number {
  const text = metadata.annotations?.[POD_DELETION_COST];
  return text === undefined ? 0 : (parseDeletionCost(text) ?? 0);
}

/**
 * Ages on a logarithmic scale, so that among pods of about the same age chance decides and not
 * the order of creation (KEP-2185). Younger pods have smaller buckets.
 */
function ageBucket(sinceMs: number | undefined, nowMs: number): number {
  if (sinceMs === undefined || Number.isNaN(sinceMs)) return -1;
  const ageSeconds = (nowMs - sinceMs) / 1000;
  return ageSeconds < 1 ? 0 : Math.floor(Math.log2(ageSeconds)) + 1;
}

const RANK_FIELDS = [
  'assigned',
  'phase',
  'ready',
  'deletionCost',
  'lessDoubledUp',
  'readyAgeBucket',
  'fewerRestarts',
  'ageBucket',
] as const satisfies readonly (keyof Rank)[];

function compareRanks(a: Rank, b: Rank): number {
  for (const field of RANK_FIELDS) {
    const difference = a[field] - b[field];
    if (difference !== 0) return difference;
  }
  // Upstream compares uids: as good as chance, and the same for everyone who asks.
  return a.pod.metadata.uid < b.pod.metadata.uid ? -1 : a.pod.metadata.uid > b.pod.metadata.uid ? 1 : 0;
}

/** Active pods per node. */
export function podsPerNode(pods: readonly Pod[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const pod of pods) {
    const node = pod.spec.nodeName;
    if (node !== undefined && isPodActive(pod)) counts.set(node, (counts.get(node) ?? 0) + 1);
  }
  return counts;
}

/**
 * The pods in the order of deletion: unassigned before assigned, pending before running, not
 * ready before ready, cheaper before dearer, doubled up before alone, ready more recently, more
 * restarts, younger.
 *
 * @param perNode active pods of the same workload per node, itself included.
 */
export function rankForDeletion(
  pods: readonly Pod[],
  perNode: ReadonlyMap<string, number>,
  nowMs: number,
): Pod[] {
  return pods
    .map((pod): Rank => {
      const node = pod.spec.nodeName ?? '';
      return {
        pod,
        assigned: node === '' ? 0 : 1,
        phase: PHASE_ORDER[pod.status?.phase ?? 'Pending'] ?? 0,
        ready: isPodReady(pod) ? 1 : 0,
        deletionCost: deletionCostOf(pod),
        lessDoubledUp: -(perNode.get(node) ?? 0),
        readyAgeBucket: isPodReady(pod) ? ageBucket(podReadySinceMs(pod), nowMs) : 0,
        fewerRestarts: -maxContainerRestarts(pod),
        ageBucket: ageBucket(parseTime(pod.metadata.creationTimestamp), nowMs),
      };
    })
    .sort(compareRanks)
    .map(({ pod }) => pod);
}
