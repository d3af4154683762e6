/** Requests must fit into what is left of a node (pkg/scheduler/framework/plugins/noderesources). */

import type { NodeInfo } from '../snapshot/node-info.ts';
import type { Allocatable, Resources } from '../snapshot/resources.ts';
import type { FilterPlugin, Rejection } from './plugin.ts';

const NAME = 'NodeResourcesFit';

const TOO_MANY_PODS = 'Too many pods';

/** Everything that the node lacks, or undefined when it lacks nothing. */
function lacking({ allocatable, requested, podCount }: NodeInfo, request: Resources): Rejection | undefined {
  const reasons: string[] = [];
  if (podCount + 1 > allocatable.pods) reasons.push(TOO_MANY_PODS);
  // What is not asked for is not checked: a node that is over its limit may still take such a pod.
  if (request.milliCpu > 0 && request.milliCpu > allocatable.milliCpu - requested.milliCpu) {
    reasons.push('Insufficient cpu');
  }
  if (request.memoryBytes > 0 && request.memoryBytes > allocatable.memoryBytes - requested.memoryBytes) {
    reasons.push('Insufficient memory');
  }
  if (
    request.ephemeralStorageBytes > 0 &&
    request.ephemeralStorageBytes > allocatable.ephemeralStorageBytes - requested.ephemeralStorageBytes
  ) {
    reasons.push('Insufficient ephemeral-storage');
  }
  if (request.extended !== undefined) {
    for (const [name, amount] of request.extended) {
      const left = (allocatable.extended?.get(name) ?? 0) - (requested.extended?.get(name) ?? 0);
      if (amount > 0 && amount > left) reasons.push(`Insufficient ${name}`);
    }
  }
  if (reasons.length === 0) return undefined;
  return { reasons, resolvable: !exceeds(request, allocatable) };
}

/** Whether the pod asks for more than the whole node has. */
function exceeds(request: Resources, allocatable: Allocatable): boolean {
  if (
    request.milliCpu > allocatable.milliCpu ||
    request.memoryBytes > allocatable.memoryBytes ||
    request.ephemeralStorageBytes > allocatable.ephemeralStorageBytes
  ) {
    return true;
  }
  for (const [name, amount] of request.extended ?? []) {
    if (amount > (allocatable.extended?.get(name) ?? 0)) return true;
  }
  return false;
}

export const nodeResourcesFit: FilterPlugin = {
  name: NAME,
  wokenBy: ['NodeAdd', 'NodeAllocatable', 'AssignedPodDelete'],
  preFilter: ({ requests: { exact } }) => ({ filter: (node) => lacking(node, exact) }),
};
