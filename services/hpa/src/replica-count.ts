/**
 * How many replicas a resource metric asks for. Pure
 * (k8s.io/kubernetes/pkg/controller/podautoscaler/replica_calculator.go).
 */

import type { Pod } from '@orrery/api/gen/types.ts';
import { isBeingDeleted, parseTime } from '@orrery/api/meta.ts';
import { milliValue } from '@orrery/api/quantity.ts';
import type { MetricResource, Usage } from './usage-window.ts';

/** How far usage may be from the target before anything happens, as a share of the target. */
export interface Tolerance {
  scaleUp: number;
  scaleDown: number;
}

/** What usage is held against. */
export type Target = { kind: 'utilization'; percent: number } | { kind: 'averageValue'; milli: number };

export interface ReplicaCountInput {
  /** Those that the target's selector selects. */
  pods: readonly Pod[];
  usageOf: (pod: Pod) => Usage | undefined;
  resource: MetricResource;
  /** Only this container; the whole pod when absent. */
  container?: string;
  target: Target;
  currentReplicas: number;
  tolerance: Tolerance;
  /** The cluster clock. */
  nowMs: number;
}

export interface ReplicaCount {
  replicas: number;
  /** Usage of the pods that count, as a percentage of their requests. */
  utilizationPercent: number | undefined;
  /** Average usage of the pods that count. */
  averageMilli: number;
}

/** Why a metric says nothing; the text is upstream's. */
export class MetricError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MetricError';
  }
}

/** For so long after its start, a pod's CPU says more about its start than about its load. */
const CPU_INITIALIZATION_MS = 5 * 60_000;

/** A pod that became unready so soon after its start has never really been ready. */
const INITIAL_READINESS_DELAY_MS = 30_000;

interface Groups {
  readyCount: number;
  /** Usage of the pods that count. */
  usage: Map<Pod, number>;
  /** Pods that do not serve yet. */
  unready: Pod[];
  /** Pods of which nothing is known. */
  missing: Pod[];
}

/**
 * The number of replicas at which average usage would meet the target.
 * @throws MetricError when the metrics do not tell.
 */
export function replicaCount(input: ReplicaCountInput): ReplicaCount {
  const { pods, usageOf, resource, target, currentReplicas, tolerance } = input;
  if (!pods.some((pod) => usageOf(pod) !== undefined)) {
    throw new MetricError(
      `unable to get metrics for resource ${resource}: no metrics returned from resource metrics API`,
    );
  }
  const groups = groupPods(input);
  const { usage, unready, missing, readyCount } = groups;
  if (usage.size === 0) {
    throw new MetricError('did not receive metrics for targeted pods (pods might be unready)');
  }
  const requests = target.kind === 'utilization' ? podRequests(input) : undefined;
  const found = measure(usage, target, requests);
  const answer = (replicas: number): ReplicaCount => ({
    replicas,
    utilizationPercent: found.utilizationPercent,
    averageMilli: Math.floor(found.averageMilli),
  });

  const unreadyMatter = unready.length > 0 && found.ratio > 1;
  if (!unreadyMatter && missing.length === 0) {
    return answer(isWithin(found.ratio, tolerance) ? currentReplicas : Math.ceil(found.ratio * readyCount));
  }

  // The cautious assumption: what is not known pulls against the change.
  const assumed = new Map(usage);
  if (found.ratio < 1) {
    for (const pod of missing) assumed.set(pod, fullUsage(target, requests?.get(pod) ?? 0));
  } else if (found.ratio > 1) {
    for (const pod of missing) assumed.set(pod, 0);
  }
  if (unreadyMatter) for (const pod of unready) assumed.set(pod, 0);

  const { ratio } = measure(assumed, target, requests);
  const turned = (found.ratio < 1 && ratio > 1) || (found.ratio > 1 && ratio < 1);
  if (isWithin(ratio, tolerance) || turned) return answer(currentReplicas);
  const replicas = Math.ceil(ratio * assumed.size);
  const against = (ratio < 1 && replicas > currentReplicas) || (ratio > 1 && replicas < currentReplicas);
  return answer(against ? currentReplicas : replicas);
}

function isWithin(ratio: number, { scaleUp, scaleDown }: Tolerance): boolean {
  return ratio >= 1 - scaleDown && ratio <= 1 + scaleUp;
}

/** What a pod of which nothing is known is taken to use when the others ask for fewer. */
function fullUsage(target: Target, requestMilli: number): number {
  return target.kind === 'averageValue' ? target.milli : (requestMilli * Math.max(100, target.percent)) / 100;
}

interface Measured {
  ratio: number;
  utilizationPercent: number | undefined;
  averageMilli: number;
}

function measure(
  usage: ReadonlyMap<Pod, number>,
  target: Target,
  requests: ReadonlyMap<Pod, number> | undefined,
): Measured {
  let total = 0;
  let requested = 0;
  for (const [pod, milli] of usage) {
    total += milli;
    requested += requests?.get(pod) ?? 0;
  }
  const averageMilli = total / usage.size;
  if (target.kind === 'averageValue') {
    return { ratio: averageMilli / target.milli, utilizationPercent: undefined, averageMilli };
  }
  if (requested === 0) throw new MetricError('no metrics returned matched known pods');
  // Whole percents, as shown in the status: the decision follows from what people see.
  const utilizationPercent = Math.floor((total * 100) / requested);
  return { ratio: utilizationPercent / target.percent, utilizationPercent, averageMilli };
}

function groupPods({ pods, usageOf, resource, nowMs }: ReplicaCountInput): Groups {
  const groups: Groups = { readyCount: 0, usage: new Map(), unready: [], missing: [] };
  for (const pod of pods) {
    if (isBeingDeleted(pod) || pod.status?.phase === 'Failed') continue;
    const usage = usageOf(pod);
    if (pod.status?.phase === 'Pending') groups.unready.push(pod);
    else if (usage === undefined) groups.missing.push(pod);
    else if (resource === 'cpu' && cpuSaysNothing(pod, usage, nowMs)) groups.unready.push(pod);
    else {
      groups.readyCount += 1;
      groups.usage.set(pod, usage.milli);
    }
  }
  return groups;
}

/** True while CPU usage is that of a start rather than of a load. */
function cpuSaysNothing(pod: Pod, usage: Usage, nowMs: number): boolean {
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
  const startTime = pod.status?.startTime;
  if (ready === undefined || startTime === undefined) return true;
  const startMs = parseTime(startTime);
  const changedMs = parseTime(ready.lastTransitionTime ?? startTime);
  const isUnready = ready.status === 'False';
  if (startMs + CPU_INITIALIZATION_MS > nowMs) return isUnready || usage.atMs < changedMs + usage.windowMs;
  return isUnready && startMs + INITIAL_READINESS_DELAY_MS > changedMs;
}

/** Requests of all pods, in thousandths. */
function podRequests({ pods, resource, container }: ReplicaCountInput): Map<Pod, number> {
  const requests = new Map<Pod, number>();
  for (const pod of pods) {
    const sidecars = (pod.spec.initContainers ?? []).filter(
      ({ restartPolicy }) => restartPolicy === 'Always',
    );
    let sum = 0;
    for (const each of [...pod.spec.containers, ...sidecars]) {
      if (container !== undefined && each.name !== container) continue;
      const request = each.resources?.requests?.[resource];
      if (request === undefined) {
        throw new MetricError(
          `missing request for ${resource} in container ${each.name} of Pod ${pod.metadata.name}`,
        );
      }
      sum += milliValue(request);
    }
    requests.set(pod, sum);
  }
  return requests;
}
