/** What containers used during the last minute: the part of metrics-server that the HPA asks. */

import type { UsageBatch } from '@orrery/proto/orrery/events.ts';

/** The resources that samples tell of. */
export type MetricResource = 'cpu' | 'memory';

/** What a pod, or one container of it, used. */
export interface Usage {
  /** Thousandths of a core, averaged over the window; or thousandths of a byte, at `atMs`. */
  milli: number;
  /** End of the newest sample. */
  atMs: number;
  /** How far back from `atMs` the samples reach without a break, at most a minute. */
  windowMs: number;
}

interface Sample {
  atMs: number;
  windowMs: number;
  cpuMilli: number;
  memoryBytes: number;
}

/** CPU is averaged over so long; a container of which nothing newer is known has no metrics. */
export const USAGE_WINDOW_MS = 60_000;

/** Whatever the period of the samples: no container keeps more. */
const SAMPLES_LIMIT = 64;

/** How often pods that have fallen silent are forgotten. */
const SWEEP_MS = 60_000;

/** Holds samples that may come late, twice or never. Times are the cluster clock's. */
export class UsageWindow {
  /** Newest last, by container, by uid of the pod. */
  readonly #pods = new Map<string, Map<string, Sample[]>>();
  #sweptAtMs = 0;

  record({ timeMs, windowMs, containers }: UsageBatch): void {
    for (const { podUid, container, cpuMilli, memoryBytes } of containers) {
      let pod = this.#pods.get(podUid);
      if (pod === undefined) this.#pods.set(podUid, (pod = new Map()));
      const samples = pod.get(container) ?? [];
      pod.set(container, insert(samples, { atMs: timeMs, windowMs, cpuMilli, memoryBytes }));
    }
    if (timeMs - this.#sweptAtMs >= SWEEP_MS) this.#sweep(timeMs);
  }

  forget(podUid: string): void {
    this.#pods.delete(podUid);
  }

  /** Pods of which there are samples. */
  get size(): number {
    return this.#pods.size;
  }

  /** The usage of one container, or the sum of all; undefined when one is not known. */
  usage(podUid: string, resource: MetricResource, nowMs: number, container?: string): Usage | undefined {
    const pod = this.#pods.get(podUid);
    if (pod === undefined) return undefined;
    const wanted = container === undefined ? [...pod.values()] : [pod.get(container) ?? []];
    let sum: Usage | undefined;
    for (const samples of wanted) {
      const each = usageOf(samples, resource, nowMs);
      if (each === undefined) return undefined;
      sum =
        sum === undefined
          ? each
          : {
              milli: sum.milli + each.milli,
              atMs: Math.min(sum.atMs, each.atMs),
              windowMs: Math.max(sum.windowMs, each.windowMs),
            };
    }
    return sum;
  }

  #sweep(nowMs: number): void {
    this.#sweptAtMs = nowMs;
    for (const [uid, pod] of this.#pods) {
      for (const [container, samples] of pod) {
        if (samples.every(({ atMs }) => atMs <= nowMs - USAGE_WINDOW_MS)) pod.delete(container);
      }
      if (pod.size === 0) this.#pods.delete(uid);
    }
  }
}

function insert(samples: Sample[], sample: Sample): Sample[] {
  const at = samples.findLastIndex(({ atMs }) => atMs <= sample.atMs);
  if (samples[at]?.atMs === sample.atMs) return samples;
  const newestMs = Math.max(sample.atMs, samples.at(-1)?.atMs ?? 0);
  return samples
    .toSpliced(at + 1, 0, sample)
    .filter(({ atMs }) => atMs > newestMs - USAGE_WINDOW_MS)
    .slice(-SAMPLES_LIMIT);
}

function usageOf(samples: readonly Sample[], resource: MetricResource, nowMs: number): Usage | undefined {
  const recent = samples.filter(({ atMs }) => atMs > nowMs - USAGE_WINDOW_MS);
  const newest = recent.at(-1);
  if (newest === undefined) return undefined;
  let windowMs = 0;
  let cpuTime = 0;
  for (const sample of recent) {
    windowMs += sample.windowMs;
    cpuTime += sample.cpuMilli * sample.windowMs;
  }
  const milli =
    resource === 'memory'
      ? newest.memoryBytes * 1_000
      : windowMs === 0
        ? newest.cpuMilli
        : cpuTime / windowMs;
  return { milli: Math.round(milli), atMs: newest.atMs, windowMs: Math.min(windowMs, USAGE_WINDOW_MS) };
}
