/** What a set of replicas needs: pure (k8s.io/kubernetes/pkg/controller/replicaset, manageReplicas). */

import type { Pod } from '@orrery/api/gen/types.ts';
import { podsPerNode, rankForDeletion } from './ranking.ts';

/** At most so many pods are created or deleted in one reconciliation. */
export const BURST_REPLICAS = 500;

export interface ReplicaPlan {
  /** How many pods to create. */
  create: number;
  /** Pods to delete, the first first. */
  remove: Pod[];
}

export interface ReplicaPlanInput {
  /** Active pods that belong to the set. */
  active: readonly Pod[];
  wanted: number;
  /** Pods of sets with the same owner, asked for only when something is to be deleted. */
  related: () => readonly Pod[];
  nowMs: number;
}

export function planReplicas({ active, wanted, related, nowMs }: ReplicaPlanInput): ReplicaPlan {
  const missing = wanted - active.length;
  if (missing >= 0) return { create: Math.min(missing, BURST_REPLICAS), remove: [] };
  const count = Math.min(-missing, BURST_REPLICAS);
  if (count === active.length) return { create: 0, remove: [...active] };
  return { create: 0, remove: rankForDeletion(active, podsPerNode(related()), nowMs).slice(0, count) };
}
