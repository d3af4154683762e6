/** The status of an autoscaler. Pure (horizontal.go, setStatus and setCondition). */

import type {
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  MetricStatus,
} from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';

/** A condition without its time. */
export interface Finding {
  type: 'AbleToScale' | 'ScalingActive' | 'ScalingLimited';
  status: 'True' | 'False';
  reason: string;
  message: string;
}

/** The conditions after the findings; a transition time changes with the status only. */
export function withFindings(
  conditions: readonly HorizontalPodAutoscalerCondition[],
  findings: readonly Finding[],
  nowMs: number,
): HorizontalPodAutoscalerCondition[] {
  const result = [...conditions];
  for (const finding of findings) {
    const at = result.findIndex(({ type }) => type === finding.type);
    const before = result[at];
    const lastTransitionTime =
      before !== undefined && before.status === finding.status && before.lastTransitionTime !== undefined
        ? before.lastTransitionTime
        : formatTime(nowMs);
    const { type, status, reason, message } = finding;
    const condition = { type, status, lastTransitionTime, reason, message };
    if (at < 0) result.push(condition);
    else result[at] = condition;
  }
  return result;
}

export interface StatusInput {
  before: HorizontalPodAutoscalerStatus | undefined;
  currentReplicas: number;
  desiredReplicas: number;
  currentMetrics: MetricStatus[];
  findings: readonly Finding[];
  /** The target was scaled just now. */
  rescaled: boolean;
  nowMs: number;
}

export function statusAfter(input: StatusInput): HorizontalPodAutoscalerStatus {
  const { before, currentReplicas, desiredReplicas, currentMetrics, findings, rescaled, nowMs } = input;
  const lastScaleTime = rescaled ? formatTime(nowMs) : before?.lastScaleTime;
  return {
    ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
    currentReplicas,
    desiredReplicas,
    ...(currentMetrics.length === 0 ? {} : { currentMetrics }),
    conditions: withFindings(before?.conditions ?? [], findings, nowMs),
  };
}
