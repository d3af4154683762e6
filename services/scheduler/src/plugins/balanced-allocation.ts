/** Prefers nodes whose cpu and memory are used up evenly (pkg/scheduler/framework/plugins/noderesources/balanced_allocation.go). */

import { MAX_NODE_SCORE, type ScorePlugin } from './plugin.ts';

/** The share that is taken, at most all. */
function share(requested: number, allocatable: number): number {
  return Math.min(1, requested / allocatable);
}

export const balancedAllocation: ScorePlugin = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  preScore({ requests: { exact } }) {
    // A pod that asks for nothing changes no balance.
    if (exact.milliCpu === 0 && exact.memoryBytes === 0) return undefined;
    return {
      score({ allocatable, requested }) {
        if (allocatable.milliCpu === 0 || allocatable.memoryBytes === 0) return MAX_NODE_SCORE;
        const cpu = share(requested.milliCpu + exact.milliCpu, allocatable.milliCpu);
        const memory = share(requested.memoryBytes + exact.memoryBytes, allocatable.memoryBytes);
        // The standard deviation of two values is half their distance.
        return Math.trunc((1 - Math.abs(cpu - memory) / 2) * MAX_NODE_SCORE);
      },
    };
  },
};
