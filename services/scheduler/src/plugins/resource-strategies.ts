/**
 * How NodeResourcesFit prefers nodes (pkg/scheduler/framework/plugins/noderesources: least_allocated.go,
 * most_allocated.go, requested_to_capacity_ratio.go).
 */

import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { MAX_NODE_SCORE, type ScorePlugin } from './plugin.ts';

export interface ResourceWeight {
  readonly name: string;
  readonly weight: number;
}

/** A point of the line from utilization, in percent, to a score from 0 to 10. */
export interface ShapePoint {
  readonly utilization: number;
  readonly score: number;
}

export interface FitStrategy {
  readonly type: 'LeastAllocated' | 'MostAllocated' | 'RequestedToCapacityRatio';
  readonly resources: readonly ResourceWeight[];
  /** For RequestedToCapacityRatio, in the order of utilization. */
  readonly shape: readonly ShapePoint[];
}

/** What the strategy's scores of ten come to. */
const SHAPE_FACTOR = MAX_NODE_SCORE / 10;

/** What is asked for with the pod on the node, and what there is; undefined where the node has none. */
function usage(
  node: NodeInfo,
  { requests }: PodInfo,
  name: string,
): [requested: number, allocatable: number] {
  const { allocatable, requested, scoringRequested } = node;
  const { exact, scoring } = requests;
  switch (name) {
    case 'cpu':
      return [scoringRequested.milliCpu + scoring.milliCpu, allocatable.milliCpu];
    case 'memory':
      return [scoringRequested.memoryBytes + scoring.memoryBytes, allocatable.memoryBytes];
    case 'ephemeral-storage':
      return [
        requested.ephemeralStorageBytes + exact.ephemeralStorageBytes,
        allocatable.ephemeralStorageBytes,
      ];
    default:
      return [
        (requested.extended?.get(name) ?? 0) + (exact.extended?.get(name) ?? 0),
        allocatable.extended?.get(name) ?? 0,
      ];
  }
}

function scoreOf(strategy: FitStrategy, requested: number, allocatable: number): number {
  switch (strategy.type) {
    case 'LeastAllocated':
      return requested > allocatable
        ? 0
        : Math.trunc(((allocatable - requested) * MAX_NODE_SCORE) / allocatable);
    case 'MostAllocated':
      return Math.trunc((Math.min(requested, allocatable) * MAX_NODE_SCORE) / allocatable);
    case 'RequestedToCapacityRatio':
      return onLine(strategy.shape, Math.min(100, Math.trunc((requested * 100) / allocatable)));
  }
}

/** The value of the broken line at a utilization. */
function onLine(shape: readonly ShapePoint[], utilization: number): number {
  const after = shape.findIndex((point) => utilization <= point.utilization);
  if (after === 0) return shape[0]!.score * SHAPE_FACTOR;
  if (after < 0) return shape.at(-1)!.score * SHAPE_FACTOR;
  const [left, right] = [shape[after - 1]!, shape[after]!];
  const share = (utilization - left.utilization) / (right.utilization - left.utilization);
  return Math.trunc((left.score + (right.score - left.score) * share) * SHAPE_FACTOR);
}

export function nodeResourcesFitScore(strategy: FitStrategy): ScorePlugin {
  return {
    name: 'NodeResourcesFit',
    weight: 1,
    preScore: (info) => ({
      score(node) {
        let sum = 0;
        let weights = 0;
        for (const { name, weight } of strategy.resources) {
          const [requested, allocatable] = usage(node, info, name);
          if (allocatable === 0) continue;
          sum += weight * scoreOf(strategy, requested, allocatable);
          weights += weight;
        }
        return weights === 0 ? 0 : Math.trunc(sum / weights);
      },
    }),
  };
}

/** The strategy of the default profile: nodes with more cpu and memory left are better. */
export const leastAllocated = nodeResourcesFitScore({
  type: 'LeastAllocated',
  resources: [
    { name: 'cpu', weight: 1 },
    { name: 'memory', weight: 1 },
  ],
  shape: [],
});
