/** Which pod goes first when a node is short of something, and what it is told (pkg/kubelet/eviction/helpers.go). Pure. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { containerRequests, podAmounts } from '@orrery/api/pod-requests.ts';
import { fromBytes } from '@orrery/api/quantity.ts';

/** What a node may be short of. */
export type Starved = 'memory' | 'ephemeral-storage';

/** A pod with what it uses of something, in bytes. */
export interface PodUsage {
  pod: Pod;
  /** By name of the running container. */
  usedBytes: ReadonlyMap<string, number>;
  /** In volumes, which no container is to blame for alone. */
  volumeBytes?: number;
}

/** The least priority of system-critical pods (scheduling.SystemCriticalPriority): they are never evicted. */
const SYSTEM_CRITICAL = 2_000_000_000;

export function isCritical({ spec }: Pod): boolean {
  return (spec.priority ?? 0) >= SYSTEM_CRITICAL;
}

function totalOf({ usedBytes, volumeBytes = 0 }: PodUsage): number {
  let sum = volumeBytes;
  for (const bytes of usedBytes.values()) sum += bytes;
  return sum;
}

/**
 * The pods in the order in which they go (rankMemoryPressure, rankDiskPressureFunc): first those that
 * use more than they requested, of these the ones of lower priority, of these the ones that are
 * furthest above their request. The quality of service follows from that: a Guaranteed pod stays
 * within its request.
 */
export function rankByUse(pods: readonly PodUsage[], resource: Starved): PodUsage[] {
  const ranked = pods.map((each) => ({
    each,
    priority: each.pod.spec.priority ?? 0,
    aboveRequest: totalOf(each) - (podAmounts(each.pod).get(resource) ?? 0),
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
export function shortageMessage(
  { pod: { spec }, usedBytes }: PodUsage,
  resource: Starved,
  thresholdBytes: number,
  availableBytes: number,
): string {
  const threshold = `Threshold quantity: ${fromBytes(thresholdBytes)}, available: ${fromBytes(Math.max(0, availableBytes))}. `;
  const offending = [...(spec.initContainers ?? []), ...spec.containers].flatMap((container) => {
    const used = usedBytes.get(container.name) ?? 0;
    const requested = containerRequests(container).get(resource) ?? 0;
    if (used <= requested) return [];
    const request = container.resources?.requests?.[resource] ?? '0';
    return [
      `Container ${container.name} was using ${fromBytes(used)}, request is ${request}, has larger consumption of ${resource}. `,
    ];
  });
  return `The node was low on resource: ${resource}. ${threshold}${offending.join('')}`;
}
