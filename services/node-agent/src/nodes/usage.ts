/** What containers use, as samples for the autoscaler; by annotation until behaviour is simulated. Pure but for the timer. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { isQuantity, milliValue, wholeValue } from '@orrery/api/quantity.ts';
import type { ContainerUsage, UsageBatch } from '@orrery/proto/orrery/events.ts';

/**
 * Annotations on a pod that say what each of its containers uses, as quantities:
 * `orrery.dev/cpu-usage: 250m` for all containers, `orrery.dev/cpu-usage.web: 250m` for one;
 * `orrery.dev/memory-usage` alike.
 */
const CPU_ANNOTATION = 'orrery.dev/cpu-usage';
const MEMORY_ANNOTATION = 'orrery.dev/memory-usage';

/** What an idle process uses. */
const IDLE_CPU = '1m';
const IDLE_MEMORY = '16Mi';

function annotated(pod: Pod, annotation: string, container: string, otherwise: string): string {
  const { annotations } = pod.metadata;
  const text = annotations?.[`${annotation}.${container}`] ?? annotations?.[annotation] ?? otherwise;
  return isQuantity(text) ? text : otherwise;
}

/** The running containers of a pod with what they use. */
export function podUsage(pod: Pod): ContainerUsage[] {
  const running = (pod.status?.containerStatuses ?? []).filter(({ state }) => state?.running !== undefined);
  return running.map(({ name }) => ({
    namespace: pod.metadata.namespace,
    pod: pod.metadata.name,
    podUid: pod.metadata.uid,
    container: name,
    cpuMilli: milliValue(annotated(pod, CPU_ANNOTATION, name, IDLE_CPU)),
    memoryBytes: wholeValue(annotated(pod, MEMORY_ANNOTATION, name, IDLE_MEMORY)),
  }));
}

/** The sample of one node over the window that ends at `timeMs` (epoch ms of the cluster's clock). */
export function nodeUsage(node: string, pods: readonly Pod[], timeMs: number, windowMs: number): UsageBatch {
  return { node, timeMs, windowMs, containers: pods.flatMap(podUsage) };
}
