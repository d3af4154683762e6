/** maxSurge and maxUnavailable as numbers (k8s.io/kubernetes/pkg/controller/deployment/util). */

import type { Deployment } from '@orrery/api/gen/types.ts';
import { resolveLimit } from '../limits.ts';
import { replicasOf } from './rollout.ts';

export interface RollingLimits {
  /** Pods above the wanted number that may exist. */
  maxSurge: number;
  /** Pods below the wanted number that may be available. */
  maxUnavailable: number;
}

/**
 * Percentages of surge round up, of unavailability down; when both come to nothing, one pod
 * may be unavailable, since else nothing could ever move (`ResolveFenceposts`). Recreate has
 * no limits to keep.
 */
export function rollingLimits(deployment: Deployment): RollingLimits {
  const { strategy } = deployment.spec;
  const replicas = replicasOf(deployment);
  if (strategy?.type === 'Recreate' || replicas === 0) return { maxSurge: 0, maxUnavailable: 0 };
  const maxSurge = resolveLimit(strategy?.rollingUpdate?.maxSurge, replicas, Math.ceil);
  const maxUnavailable = resolveLimit(strategy?.rollingUpdate?.maxUnavailable, replicas, Math.floor);
  if (maxSurge === 0 && maxUnavailable === 0) return { maxSurge: 0, maxUnavailable: 1 };
  return { maxSurge, maxUnavailable: Math.min(maxUnavailable, replicas) };
}
