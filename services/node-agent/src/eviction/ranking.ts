/** Which pod goes first when a node is short of memory, and what it is told (pkg/kubelet/eviction/helpers.go). Pure. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { containerRequests, podAmounts } from '@orrery/api/pod-requests.ts';
import { fromBytes } from '@orrery/api/quantity.ts';

/** A pod with what its running containers use. */
export interface PodUsage {
  pod: Pod;
  /** By name. */
  memoryBytes: ReadonlyMap<string, number>;
}

/** The least priority of system-critical pods (scheduling.SystemCriticalPriority): they are never evicted. */
const SYSTEM_CRITICAL = 2_000_000_000;

export function isCritical({ spec }: Pod): boolean {
  return (spec.priority ?? 0) >= SYSTEM_CRITICAL;
}

function usedMemory({ memoryBytes }: PodUsage): number {
  let sum = 0;
  for (const bytes of memoryBytes.values()) sum += bytes;
  return sum;
}

/**
 * The pods in the order in which they go (rankMemoryPressure): first those that use more than they
 * requested, of these the ones of lower priority, of these the ones that are furthest above their
 * request. The quality of service follows from that: a Guaranteed pod stays within its request.
 */
export function rankByMemory(pods: readonly PodUsage[]): PodUsage[] {
  const ranked = pods.map((each) => ({
    each,
    priority: each.pod.spec.priority ?? 0,
    aboveRequest: usedMemory(each) - (podAmounts(each.pod).get('memory') ?? 0),
  }));
  ranked.sort(
    (a, b) =>
      Number(b.aboveRequest > 0) - Number(a.aboveRequest > 0) ||
      a.priority - b.priority ||
      b.aboveRequest - a.aboveRequest,
  );
  return ranked.map(({ each }) => each);
}

/** Why a pod goes, with its containers that use more than they requested (evictionMessage). */
export function memoryMessage(
  { pod: { spec }, memoryBytes }: PodUsage,
  thresholdBytes: number,
  availableBytes: number,
): string {
  const threshold = `Threshold quantity: ${fromBytes(thresholdBytes)}, available: ${fromBytes(Math.max(0, availableBytes))}. `;
  const offending = [...(spec.initContainers ?? []), ...spec.containers].flatMap((container) => {
    const used = memoryBytes.get(container.name) ?? 0;
    const requested = containerRequests(container).get('memory') ?? 0;
    if (used <= requested) return [];
    const request = container.resources?.requests?.['memory'] ?? '0';
    return [
      `Container ${container.name} was using ${fromBytes(used)}, request is ${request}, has larger consumption of memory. `,
    ];
  });
  return `The node was low on resource: memory. ${threshold}${offending.join('')}`;
}
