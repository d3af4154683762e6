/** What containers use, as samples for the autoscaler and `kubectl top`: as the runtime counts it, or as an annotation says. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { isQuantity, milliValue, wholeValue } from '@orrery/api/quantity.ts';
import type { ContainerUsage, UsageBatch } from '@orrery/proto/orrery/events.ts';
import type { Container, RuntimeService } from '../runtime/runtime.ts';

/**
 * Annotations on a pod that say what samples show of each of its containers, as quantities:
 * `orrery.dev/cpu-usage: 250m` for all containers, `orrery.dev/cpu-usage.web: 250m` for one;
 * `orrery.dev/memory-usage: 64Mi` alike. They may change while the pod runs, come before what the
 * container really uses, and hold nobody to a limit: what is to be throttled or killed says so by
 * `orrery.dev/behavior`. A value that is no quantity, negative or beyond what a sample can hold
 * counts as absent, and a Warning event on the pod says so.
 */
interface UsageAnnotation {
  name: string;
  /** A quantity as one might write it. */
  example: string;
  /** In the unit of the sample. */
  valueOf: (quantity: string) => number;
  largest: number;
}

const CPU: UsageAnnotation = {
  name: 'orrery.dev/cpu-usage',
  example: '250m',
  valueOf: milliValue,
  largest: 2 ** 32 - 1,
};
const MEMORY: UsageAnnotation = {
  name: 'orrery.dev/memory-usage',
  example: '64Mi',
  valueOf: wholeValue,
  largest: Number.MAX_SAFE_INTEGER,
};

/** Undefined when the text cannot be used. */
function parseUsage({ valueOf, largest }: UsageAnnotation, text: string): number | undefined {
  if (!isQuantity(text)) return undefined;
  const value = valueOf(text);
  return value >= 0 && value <= largest ? value : undefined;
}

/** What the annotation says of a container; undefined when it says nothing that can be used. */
function saidUsage(
  annotation: UsageAnnotation,
  { metadata: { annotations } }: Pod,
  container: string,
): number | undefined {
  for (const key of [`${annotation.name}.${container}`, annotation.name]) {
    const text = annotations?.[key];
    const value = text === undefined ? undefined : parseUsage(annotation, text);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** What is sampled. */
export type UsageSource = Pick<RuntimeService, 'listPodSandbox' | 'listContainers' | 'containerStats'>;

interface Sample {
  atMs: number;
  cpuTotalMs: number;
  throttledPeriods: number;
}

/** Told what the limit of a container has held back since the sample before. */
export type ThrottlingListener = (pod: Pod, container: string, periods: number) => void;

/** Samples what the running containers of pods use. */
export class UsageSampler {
  readonly #runtime: UsageSource;
  readonly #onThrottling: ThrottlingListener;
  /** The sample before, of each container that the runtime still knows. */
  readonly #before = new WeakMap<Container, Sample>();

  constructor(runtime: UsageSource, onThrottling: ThrottlingListener) {
    this.#runtime = runtime;
    this.#onThrottling = onThrottling;
  }

  /** The sample of one node over the window that ends at `timeMs` (epoch ms of the cluster's clock). */
  sampleNode(node: string, pods: readonly Pod[], timeMs: number, windowMs: number): UsageBatch {
    const containers = pods.flatMap((pod) => this.samplePod(pod, timeMs));
    return { node, timeMs: Math.floor(timeMs), windowMs, containers };
  }

  /** The running containers of a pod with what they use. */
  samplePod(pod: Pod, timeMs: number): ContainerUsage[] {
    const { namespace, name, uid } = pod.metadata;
    return this.#running(uid).map((container) => {
      const used = this.#sample(pod, container, timeMs);
      return {
        namespace,
        pod: name,
        podUid: uid,
        container: container.name,
        cpuMilli: saidUsage(CPU, pod, container.name) ?? Math.min(CPU.largest, Math.round(used.cpuMilli)),
        memoryBytes: saidUsage(MEMORY, pod, container.name) ?? Math.round(used.memoryBytes),
      };
    });
  }

  #running(podUid: string): Container[] {
    return this.#runtime
      .listPodSandbox({ podUid })
      .flatMap(({ id }) => this.#runtime.listContainers({ podSandboxId: id }))
      .filter(({ state }) => state === 'CONTAINER_RUNNING');
  }

  /** CPU is the average since the sample before; of the first it is what is used now. */
  #sample(pod: Pod, container: Container, atMs: number): { cpuMilli: number; memoryBytes: number } {
    const stats = this.#runtime.containerStats(container.id);
    if (stats === undefined) return { cpuMilli: 0, memoryBytes: 0 };
    const { cpuMilli, cpuTotalMs, memoryBytes, throttledPeriods } = stats;
    const before = this.#before.get(container);
    this.#before.set(container, { atMs, cpuTotalMs, throttledPeriods });
    const throttled = throttledPeriods - (before?.throttledPeriods ?? 0);
    if (throttled > 0) this.#onThrottling(pod, container.name, throttled);
    if (before === undefined || atMs <= before.atMs) return { cpuMilli, memoryBytes };
    // A sample cannot hold less than nothing, and one container must not end the agent with its total.
    const usedMs = Math.max(0, cpuTotalMs - before.cpuTotalMs);
    return { cpuMilli: (usedMs / (atMs - before.atMs)) * 1_000, memoryBytes };
  }
}

/** What is wrong with the usage annotations of a pod; empty when nothing is. */
export function usageProblems({ metadata: { annotations = {} } }: Pod): string[] {
  return [CPU, MEMORY].flatMap((annotation) =>
    Object.entries(annotations)
      .filter(([key]) => key === annotation.name || key.startsWith(`${annotation.name}.`))
      .filter(([, text]) => parseUsage(annotation, text) === undefined)
      .map(
        ([key, text]) =>
          `Annotation ${key}: ${JSON.stringify(text)} is not an amount that a container can use; write a quantity such as ${annotation.example}`,
      ),
  );
}
