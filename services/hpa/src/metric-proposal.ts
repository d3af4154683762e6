/** What one entry of spec.metrics asks for. Pure (horizontal.go, computeReplicasForMetric). */

import type {
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
  Pod,
} from '@orrery/api/gen/types.ts';
import { fromMilli, milliValue } from '@orrery/api/quantity.ts';
import {
  MetricError,
  replicaCount,
  type ReplicaCount,
  type Target,
  type Tolerance,
} from './replica-count.ts';
import type { MetricResource, UsageWindow } from './usage-window.ts';

export interface MetricInput {
  pods: readonly Pod[];
  usage: UsageWindow;
  currentReplicas: number;
  tolerance: Tolerance;
  nowMs: number;
}

export interface MetricProposal {
  replicas: number;
  /** Names the metric in reasons and messages. */
  name: string;
  status: MetricStatus;
}

/** A metric that proposes nothing, with the reason of the condition and the event. */
export interface MetricFailure {
  reason: string;
  message: string;
  /** `message` with what it was needed for, in the words of the summary. */
  summary: string;
}

export type MetricOutcome = { proposal: MetricProposal } | { failure: MetricFailure };

/** What a v2 object without metrics means (pkg/apis/autoscaling/v2/defaults.go). */
export const DEFAULT_METRICS: readonly MetricSpec[] = [
  { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
];

/** Sources of metrics that no part of the cluster serves. */
const UNSERVED: Record<string, { reason: string; source: string }> = {
  Object: { reason: 'FailedGetObjectMetric', source: 'custom' },
  Pods: { reason: 'FailedGetPodsMetric', source: 'custom' },
  External: { reason: 'FailedGetExternalMetric', source: 'external' },
};

export function proposeForMetric(spec: MetricSpec, input: MetricInput): MetricOutcome {
  if (spec.type === 'Resource' && spec.resource !== undefined) {
    const { name, target } = spec.resource;
    return attempt(
      { name, target, kind: `${name} resource`, reason: 'FailedGetResourceMetric' },
      input,
      (current) => ({
        type: 'Resource',
        resource: { name, current },
      }),
    );
  }
  if (spec.type === 'ContainerResource' && spec.containerResource !== undefined) {
    const { name, target, container } = spec.containerResource;
    const source = {
      name,
      target,
      container,
      kind: `${name} container resource`,
      reason: 'FailedGetContainerResourceMetric',
    };
    return attempt(source, input, (current) => ({
      type: 'ContainerResource',
      containerResource: { name, container, current },
    }));
  }
  return { failure: unserved(spec.type) };
}

function unserved(type: string): MetricFailure {
  const source = UNSERVED[type];
  if (source === undefined) {
    const message = `unknown metric source type ${JSON.stringify(type)}`;
    return { reason: 'InvalidMetricSourceType', message, summary: message };
  }
  const message = `unable to fetch metrics from ${source.source} metrics API: the server could not find the requested resource`;
  return {
    reason: source.reason,
    message,
    summary: `failed to get ${type.toLowerCase()} metric value: ${message}`,
  };
}

interface Source {
  name: string;
  target: MetricTarget;
  container?: string;
  kind: string;
  reason: string;
}

function attempt(
  source: Source,
  input: MetricInput,
  statusOf: (current: MetricValueStatus) => MetricStatus,
): MetricOutcome {
  const target = targetOf(source.target);
  const noun = target?.kind === 'utilization' ? 'utilization' : 'usage';
  try {
    if (target === undefined) {
      throw new MetricError(
        'invalid resource metric source: neither an average utilization nor an average value was set',
      );
    }
    const count = countFor(source, target, input);
    return {
      proposal: {
        replicas: count.replicas,
        name:
          target.kind === 'utilization' ? `${source.kind} utilization (percentage of request)` : source.kind,
        status: statusOf(currentOf(count)),
      },
    };
  } catch (error) {
    if (!(error instanceof MetricError)) throw error;
    const message = `failed to get ${source.name} ${noun}: ${error.message}`;
    return {
      failure: {
        reason: source.reason,
        message,
        summary: `failed to get ${source.kind} metric value: ${message}`,
      },
    };
  }
}

function countFor({ name, container }: Source, target: Target, input: MetricInput): ReplicaCount {
  const { pods, usage, currentReplicas, tolerance, nowMs } = input;
  if (!isMetricResource(name)) {
    throw new MetricError(
      `unable to get metrics for resource ${name}: no metrics returned from resource metrics API`,
    );
  }
  return replicaCount({
    pods,
    usageOf: (pod) => usage.usage(pod.metadata.uid, name, nowMs, container),
    resource: name,
    ...(container === undefined ? {} : { container }),
    target,
    currentReplicas,
    tolerance,
    nowMs,
  });
}

function isMetricResource(name: string): name is MetricResource {
  return name === 'cpu' || name === 'memory';
}

function targetOf({ averageUtilization, averageValue }: MetricTarget): Target | undefined {
  if (averageValue !== undefined) return { kind: 'averageValue', milli: milliValue(averageValue) };
  return averageUtilization === undefined ? undefined : { kind: 'utilization', percent: averageUtilization };
}

function currentOf({ utilizationPercent, averageMilli }: ReplicaCount): MetricValueStatus {
  return {
    averageValue: fromMilli(averageMilli),
    ...(utilizationPercent === undefined ? {} : { averageUtilization: utilizationPercent }),
  };
}
