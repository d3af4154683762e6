/** What containers use, as samples for the autoscaler; by annotation until behaviour is simulated. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { Pods } from '@orrery/api/resources.ts';
import { isQuantity, milliValue, wholeValue } from '@orrery/api/quantity.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Informer } from '@orrery/client/informer.ts';
import type { ContainerUsage, UsageBatch } from '@orrery/proto/orrery/events.ts';

/**
 * Annotations on a pod that say what each of its containers uses, as quantities:
 * `orrery.dev/cpu-usage: 250m` for all containers, `orrery.dev/cpu-usage.web: 250m` for one;
 * `orrery.dev/memory-usage: 64Mi` alike. They may change while the pod runs. A value that is
 * no quantity, negative or beyond what a sample can hold counts as absent, and a Warning
 * event on the pod says so.
 */
interface UsageAnnotation {
  name: string;
  /** What an idle process uses. */
  idle: string;
  /** In the unit of the sample. */
  valueOf: (quantity: string) => number;
  largest: number;
}

const CPU: UsageAnnotation = {
  name: 'orrery.dev/cpu-usage',
  idle: '1m',
  valueOf: milliValue,
  largest: 2 ** 32 - 1,
};
const MEMORY: UsageAnnotation = {
  name: 'orrery.dev/memory-usage',
  idle: '16Mi',
  valueOf: wholeValue,
  largest: Number.MAX_SAFE_INTEGER,
};

/** Undefined when the text cannot be used. */
function parseUsage({ valueOf, largest }: UsageAnnotation, text: string): number | undefined {
  if (!isQuantity(text)) return undefined;
  const value = valueOf(text);
  return value >= 0 && value <= largest ? value : undefined;
}

function usageOf(annotation: UsageAnnotation, { metadata: { annotations } }: Pod, container: string): number {
  for (const key of [`${annotation.name}.${container}`, annotation.name]) {
    const text = annotations?.[key];
    const value = text === undefined ? undefined : parseUsage(annotation, text);
    if (value !== undefined) return value;
  }
  return annotation.valueOf(annotation.idle);
}

/** The running containers of a pod with what they use. */
export function podUsage(pod: Pod): ContainerUsage[] {
  const running = (pod.status?.containerStatuses ?? []).filter(({ state }) => state?.running !== undefined);
  return running.map(({ name }) => ({
    namespace: pod.metadata.namespace,
    pod: pod.metadata.name,
    podUid: pod.metadata.uid,
    container: name,
    cpuMilli: usageOf(CPU, pod, name),
    memoryBytes: usageOf(MEMORY, pod, name),
  }));
}

/** The sample of one node over the window that ends at `timeMs` (epoch ms of the cluster's clock). */
export function nodeUsage(node: string, pods: readonly Pod[], timeMs: number, windowMs: number): UsageBatch {
  return { node, timeMs: Math.floor(timeMs), windowMs, containers: pods.flatMap(podUsage) };
}

/** What is wrong with the usage annotations of a pod; empty when nothing is. */
export function usageProblems({ metadata: { annotations = {} } }: Pod): string[] {
  return [CPU, MEMORY].flatMap((annotation) =>
    Object.entries(annotations)
      .filter(([key]) => key === annotation.name || key.startsWith(`${annotation.name}.`))
      .filter(([, text]) => parseUsage(annotation, text) === undefined)
      .map(
        ([key, text]) =>
          `Annotation ${key}: ${JSON.stringify(text)} is not an amount that a container can use; write a quantity such as ${annotation.idle}`,
      ),
  );
}

/** Warns of usage annotations that cannot be used: once when they are first seen, and when they change. */
export function warnOfUsageProblems(
  pods: Informer<Pod>,
  hostsNode: (node: string) => boolean,
  events: (node: string) => EventRecorder,
): void {
  const warn = (pod: Pod, before: Pod | undefined): void => {
    const node = pod.spec.nodeName;
    if (node === undefined || !hostsNode(node)) return;
    const known = before?.spec.nodeName === node ? usageProblems(before) : [];
    for (const problem of usageProblems(pod)) {
      if (!known.includes(problem))
        events(node).warning({ resource: Pods, object: pod }, 'InvalidUsage', problem);
    }
  };
  pods.addHandler({
    add: (pod) => warn(pod, undefined),
    update: (pod, before) => {
      if (pod.metadata.annotations !== undefined) warn(pod, before);
    },
  });
}
