/** Requests must fit into what is left of a node (pkg/scheduler/framework/plugins/noderesources). */

import type { NodeInfo } from '../snapshot/node-info.ts';
import type { Allocatable, Resources } from '../snapshot/resources.ts';
import type { FilterPlugin, Rejection } from './plugin.ts';

const NAME = 'NodeResourcesFit';

/** Everything that the node lacks, or undefined when it lacks nothing. */
function lacking(node: NodeInfo, request: Resources): Rejection | undefined {
  if (hasRoom(node, request)) return undefined;
  const { allocatable, requested, podCount } = node;
  // What is not asked for is not checked: a node that is over its limit may still take such a pod.
  const lacks = (amount: number, left: number): boolean => amount > 0 && amount > left;
  const storageLeft = allocatable.ephemeralStorageBytes - requested.ephemeralStorageBytes;
  const bits =
    (podCount + 1 > allocatable.pods ? 1 : 0) |
    (lacks(request.milliCpu, allocatable.milliCpu - requested.milliCpu) ? 2 : 0) |
    (lacks(request.memoryBytes, allocatable.memoryBytes - requested.memoryBytes) ? 4 : 0) |
    (lacks(request.ephemeralStorageBytes, storageLeft) ? 8 : 0);
  const isResolvable = !exceeds(request, allocatable);
  if (request.extended === undefined) return bits === 0 ? undefined : usualRejection(bits, isResolvable);
  const reasons = REASONS.filter((_, index) => (bits & (1 << index)) !== 0);
  for (const [name, amount] of request.extended) {
    const left = (allocatable.extended?.get(name) ?? 0) - (requested.extended?.get(name) ?? 0);
    if (lacks(amount, left)) reasons.push(`Insufficient ${name}`);
  }
  return reasons.length === 0 ? undefined : { reasons, resolvable: isResolvable };
}

const REASONS = [
  'Too many pods',
  'Insufficient cpu',
  'Insufficient memory',
  'Insufficient ephemeral-storage',
];

/** One object for one answer, however many nodes get it. */
const usualRejections: Rejection[] = [];

function usualRejection(bits: number, isResolvable: boolean): Rejection {
  const at = bits * 2 + (isResolvable ? 1 : 0);
  return (usualRejections[at] ??= {
    reasons: REASONS.filter((_, index) => (bits & (1 << index)) !== 0),
    resolvable: isResolvable,
  });
}

/** The usual case without garbage: nothing special is asked for, and there is room for all of it. */
function hasRoom({ allocatable, requested, podCount }: NodeInfo, request: Resources): boolean {
  return (
    request.extended === undefined &&
    podCount + 1 <= allocatable.pods &&
    request.milliCpu <= allocatable.milliCpu - requested.milliCpu &&
    request.memoryBytes <= allocatable.memoryBytes - requested.memoryBytes &&
    request.ephemeralStorageBytes <= allocatable.ephemeralStorageBytes - requested.ephemeralStorageBytes
  );
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
  dependsOn: ({ requests: { exact } }) => ({ ...exact, extended: [...(exact.extended ?? [])] }),
  preFilter: ({ requests: { exact } }) => ({ filter: (node) => lacking(node, exact) }),
};
