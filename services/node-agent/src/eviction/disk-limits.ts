/** What pods write to the disk of their node, and whether they may (podEphemeralStorageLimitEviction, containerEphemeralStorageLimitEviction). */

import type { Pod } from '@orrery/api/gen/types.ts';
import { amountsOf, podLimits } from '@orrery/api/pod-requests.ts';
import { canonicalQuantity, fromBytes } from '@orrery/api/quantity.ts';
import type { Container } from '../runtime/runtime.ts';

export interface DiskUsage {
  /** What a container has written where it mounts nothing. */
  containerBytes: (containerId: string) => number;
  /** What is kept of what it printed. */
  logBytes: (containerId: string) => number;
  /** In the volumes of a pod that are on the disk of its node. */
  volumeBytes: (pod: Pod) => number;
  /** What is on the disk of a node besides: hostPath. */
  nodeBytes: (node: string) => number;
}

const RESOURCE = 'ephemeral-storage';

/** In upstream's words, which end with a space; undefined while a pod and its running containers are within their limits. */
export function overDiskLimit(
  pod: Pod,
  running: readonly Pick<Container, 'id' | 'name'>[],
  disk: DiskUsage,
): string | undefined {
  const used = new Map(running.map(({ id, name }) => [name, disk.containerBytes(id) + disk.logBytes(id)]));
  const podLimit = podLimits(pod).get(RESOURCE);
  if (podLimit !== undefined) {
    let total = disk.volumeBytes(pod);
    for (const bytes of used.values()) total += bytes;
    if (total > podLimit)
      return `Pod ephemeral local storage usage exceeds the total limit of containers ${totalText(pod, podLimit)}. `;
  }
  for (const { name, resources } of pod.spec.containers) {
    const limit = resources?.limits?.[RESOURCE];
    if (limit === undefined) continue;
    const limitBytes = amountsOf({ [RESOURCE]: limit }).get(RESOURCE)!;
    if (limitBytes !== 0 && (used.get(name) ?? 0) > limitBytes)
      return `Container ${name} exceeded its local ephemeral storage limit "${canonicalQuantity(limit) ?? limit}". `;
  }
  return undefined;
}

/** A limit of one container is told as it was written. */
function totalText({ spec }: Pod, totalBytes: number): string {
  const limits = spec.containers.flatMap(({ resources }) => resources?.limits?.[RESOURCE] ?? []);
  const [first, ...others] = limits;
  return others.length > 0 || first === undefined
    ? fromBytes(totalBytes)
    : (canonicalQuantity(first) ?? first);
}
