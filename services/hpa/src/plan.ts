/** How many replicas there should be, and why. Pure (horizontal.go, reconcileAutoscaler). */

import type { HorizontalPodAutoscalerSpec, MetricStatus, Pod } from '@orrery/api/gen/types.ts';
import { limitRate, stabilize, toleranceOf } from './behavior.ts';
import {
  DEFAULT_METRICS,
  type MetricFailure,
  type MetricProposal,
  proposeForMetric,
} from './metric-proposal.ts';
import type { ScaleHistory } from './scale-history.ts';
import type { Finding } from './status.ts';
import type { UsageWindow } from './usage-window.ts';

export interface PlanInput {
  spec: HorizontalPodAutoscalerSpec;
  /** `spec.replicas` of the target. */
  currentReplicas: number;
  /** Those that the target's selector selects. */
  pods: readonly Pod[];
  usage: UsageWindow;
  history: ScaleHistory;
  /** The cluster clock. */
  nowMs: number;
}

/** A warning event. */
export interface Warning {
  reason: string;
  message: string;
}

export interface Plan {
  desiredReplicas: number;
  /** Why the number changes; empty when it does not. */
  rescaleReason: string;
  currentMetrics: MetricStatus[];
  /** Conditions, in the order in which they are to be set. */
  findings: Finding[];
  warnings: Warning[];
  /** What the metrics asked for before any limit: to be remembered. */
  recommendation: number | undefined;
}

export function planScale(input: PlanInput): Plan {
  const { spec, currentReplicas } = input;
  const minReplicas = spec.minReplicas ?? 1;
  if (currentReplicas === 0 && minReplicas !== 0) {
    const message = 'scaling is disabled since the replica count of the target is zero';
    return keep(0, [{ type: 'ScalingActive', status: 'False', reason: 'ScalingDisabled', message }]);
  }
  if (currentReplicas > spec.maxReplicas) {
    return rescale(spec.maxReplicas, 'Current number of replicas above Spec.MaxReplicas');
  }
  if (currentReplicas < minReplicas) {
    return rescale(minReplicas, 'Current number of replicas below Spec.MinReplicas');
  }
  return planByMetrics(input, minReplicas);
}

function keep(desiredReplicas: number, findings: Finding[]): Plan {
  return {
    desiredReplicas,
    rescaleReason: '',
    currentMetrics: [],
    findings,
    warnings: [],
    recommendation: undefined,
  };
}

function rescale(desiredReplicas: number, rescaleReason: string): Plan {
  return { ...keep(desiredReplicas, []), rescaleReason };
}

interface Proposals {
  best: MetricProposal | undefined;
  statuses: MetricStatus[];
  failures: MetricFailure[];
  count: number;
}

/** The metric that asks for most decides. */
function propose({ spec, currentReplicas, pods, usage, nowMs }: PlanInput): Proposals {
  const metrics = spec.metrics === undefined || spec.metrics.length === 0 ? DEFAULT_METRICS : spec.metrics;
  const tolerance = toleranceOf(spec.behavior);
  const proposals: Proposals = { best: undefined, statuses: [], failures: [], count: metrics.length };
  for (const metric of metrics) {
    const outcome = proposeForMetric(metric, { pods, usage, currentReplicas, tolerance, nowMs });
    if ('failure' in outcome) {
      proposals.failures.push(outcome.failure);
      continue;
    }
    const { proposal } = outcome;
    proposals.statuses.push(proposal.status);
    if (proposals.best === undefined || proposal.replicas > proposals.best.replicas)
      proposals.best = proposal;
  }
  return proposals;
}

function planByMetrics(input: PlanInput, minReplicas: number): Plan {
  const { spec, currentReplicas, history, nowMs } = input;
  const { best, statuses, failures, count } = propose(input);
  const warnings: Warning[] = failures.map(({ reason, message }) => ({ reason, message }));
  // A metric that is missing might have asked for more: without it nothing is taken away.
  const undecided = best === undefined || (failures.length > 0 && best.replicas < currentReplicas);
  if (undecided) return unableToCompute(currentReplicas, statuses, failures, warnings, count);

  const active: Finding = {
    type: 'ScalingActive',
    status: 'True',
    reason: 'ValidMetricFound',
    message: `the HPA was able to successfully calculate a replica count from ${best.name}`,
  };
  const limits = {
    behavior: spec.behavior,
    history,
    currentReplicas,
    minReplicas,
    maxReplicas: spec.maxReplicas,
    nowMs,
  };
  const stable = stabilize({ ...limits, desiredReplicas: best.replicas });
  const limited = limitRate({ ...limits, desiredReplicas: stable.replicas });
  const desiredReplicas = limited.replicas;
  return {
    desiredReplicas,
    rescaleReason: rescaleReason(desiredReplicas, currentReplicas, best.name),
    currentMetrics: statuses,
    findings: [
      active,
      { type: 'AbleToScale', status: 'True', reason: stable.reason, message: stable.message },
      {
        type: 'ScalingLimited',
        status: desiredReplicas === stable.replicas ? 'False' : 'True',
        reason: limited.reason,
        message: limited.message,
      },
    ],
    warnings,
    recommendation: best.replicas,
  };
}

function rescaleReason(desired: number, current: number, metric: string): string {
  if (desired === current) return '';
  return desired > current ? `${metric} above target` : 'All metrics below target';
}

function unableToCompute(
  currentReplicas: number,
  currentMetrics: MetricStatus[],
  failures: readonly MetricFailure[],
  warnings: readonly Warning[],
  count: number,
): Plan {
  const first = failures[0]!;
  const message = `the HPA was unable to compute the replica count: ${first.message}`;
  return {
    ...keep(currentReplicas, [{ type: 'ScalingActive', status: 'False', reason: first.reason, message }]),
    currentMetrics,
    warnings: [
      ...warnings,
      {
        reason: 'FailedComputeMetricsReplicas',
        message: `invalid metrics (${failures.length} invalid out of ${count}), first error is: ${first.summary}`,
      },
    ],
  };
}
