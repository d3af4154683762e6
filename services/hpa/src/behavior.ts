/**
 * How fast and how readily a target is scaled. Pure
 * (pkg/controller/podautoscaler/horizontal.go, normalizeDesiredReplicasWithBehaviors;
 * defaults of pkg/apis/autoscaling/v2/defaults.go).
 */

import type {
  HorizontalPodAutoscalerBehavior,
  HPAScalingPolicy,
  HPAScalingRules,
} from '@orrery/api/gen/types.ts';
import { milliValue } from '@orrery/api/quantity.ts';
import type { Tolerance } from './replica-count.ts';
import type { ScaleHistory } from './scale-history.ts';

interface Rules {
  stabilizationMs: number;
  selectPolicy: string;
  policies: readonly HPAScalingPolicy[];
}

const SCALE_UP: Rules = {
  stabilizationMs: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};

const SCALE_DOWN: Rules = {
  stabilizationMs: 300_000,
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
};

const DEFAULT_TOLERANCE = 0.1;

function rulesOf(given: HPAScalingRules | undefined, fallback: Rules): Rules {
  const { stabilizationWindowSeconds: seconds, selectPolicy, policies = [] } = given ?? {};
  return {
    stabilizationMs: seconds === undefined ? fallback.stabilizationMs : seconds * 1_000,
    selectPolicy: selectPolicy ?? fallback.selectPolicy,
    policies: policies.length === 0 ? fallback.policies : policies,
  };
}

export function toleranceOf(behavior: HorizontalPodAutoscalerBehavior | undefined): Tolerance {
  const share = (rules: HPAScalingRules | undefined): number =>
    rules?.tolerance === undefined ? DEFAULT_TOLERANCE : milliValue(rules.tolerance) / 1_000;
  return { scaleUp: share(behavior?.scaleUp), scaleDown: share(behavior?.scaleDown) };
}

/** A number of replicas with the reason of the condition that tells of it. */
export interface Explained {
  replicas: number;
  reason: string;
  message: string;
}

export interface BehaviorInput {
  behavior: HorizontalPodAutoscalerBehavior | undefined;
  history: ScaleHistory;
  currentReplicas: number;
  desiredReplicas: number;
  minReplicas: number;
  maxReplicas: number;
  nowMs: number;
}

/** Waits for a change to last: the least wanted lately on the way up, the most on the way down. */
export function stabilize({
  behavior,
  history,
  currentReplicas,
  desiredReplicas,
  nowMs,
}: BehaviorInput): Explained {
  const up = rulesOf(behavior?.scaleUp, SCALE_UP);
  const down = rulesOf(behavior?.scaleDown, SCALE_DOWN);
  const least = Math.min(desiredReplicas, ...history.recommendations(up.stabilizationMs, nowMs));
  const most = Math.max(desiredReplicas, ...history.recommendations(down.stabilizationMs, nowMs));
  const replicas = Math.min(Math.max(currentReplicas, least), most);
  if (replicas === desiredReplicas) {
    return { replicas, reason: 'ReadyForNewScale', message: 'recommended size matches current size' };
  }
  return desiredReplicas >= currentReplicas
    ? {
        replicas,
        reason: 'ScaleUpStabilized',
        message:
          'recent recommendations were lower than current one, applying the lowest recent recommendation',
      }
    : {
        replicas,
        reason: 'ScaleDownStabilized',
        message:
          'recent recommendations were higher than current one, applying the highest recent recommendation',
      };
}

/** Keeps to the bounds and to the speed that the policies allow. */
export function limitRate(input: BehaviorInput): Explained {
  const { currentReplicas, desiredReplicas, minReplicas, maxReplicas } = input;
  if (desiredReplicas > currentReplicas) {
    const limit = Math.max(currentReplicas, scaleUpLimit(input));
    const highest = Math.min(maxReplicas, limit);
    if (desiredReplicas > highest) {
      return limit < maxReplicas
        ? explained(
            highest,
            'ScaleUpLimit',
            'the desired replica count is increasing faster than the maximum scale rate',
          )
        : explained(
            highest,
            'TooManyReplicas',
            'the desired replica count is more than the maximum replica count',
          );
    }
  } else if (desiredReplicas < currentReplicas) {
    const limit = Math.min(currentReplicas, scaleDownLimit(input));
    const lowest = Math.max(minReplicas, limit);
    if (desiredReplicas < lowest) {
      return limit > minReplicas
        ? explained(
            lowest,
            'ScaleDownLimit',
            'the desired replica count is decreasing faster than the maximum scale rate',
          )
        : explained(
            lowest,
            'TooFewReplicas',
            'the desired replica count is less than the minimum replica count',
          );
    }
  }
  return explained(desiredReplicas, 'DesiredWithinRange', 'the desired count is within the acceptable range');
}

function explained(replicas: number, reason: string, message: string): Explained {
  return { replicas, reason, message };
}

function scaleUpLimit({ behavior, history, currentReplicas, nowMs }: BehaviorInput): number {
  const { selectPolicy, policies } = rulesOf(behavior?.scaleUp, SCALE_UP);
  if (selectPolicy === 'Disabled') return currentReplicas;
  const limits = policies.map(({ type, value, periodSeconds }) => {
    const atStart = currentReplicas - history.change(periodSeconds * 1_000, nowMs);
    return type === 'Pods' ? atStart + value : Math.ceil((atStart * (100 + value)) / 100);
  });
  return selectPolicy === 'Min' ? Math.min(...limits) : Math.max(...limits);
}

function scaleDownLimit({ behavior, history, currentReplicas, nowMs }: BehaviorInput): number {
  const { selectPolicy, policies } = rulesOf(behavior?.scaleDown, SCALE_DOWN);
  if (selectPolicy === 'Disabled') return currentReplicas;
  const limits = policies.map(({ type, value, periodSeconds }) => {
    const atStart = currentReplicas - history.change(periodSeconds * 1_000, nowMs);
    return type === 'Pods' ? atStart - value : Math.trunc((atStart * (100 - value)) / 100);
  });
  // The policy of most change is the one with the lowest limit here.
  return selectPolicy === 'Min' ? Math.max(...limits) : Math.min(...limits);
}
