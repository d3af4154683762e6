/** How many pods a budget can spare: pure (k8s.io/kubernetes/pkg/controller/disruption). */

import { UNCOUNTED } from '@orrery/api/disruption.ts';
import type {
  Condition,
  Pod,
  PodDisruptionBudget,
  PodDisruptionBudgetStatus,
  Time,
} from '@orrery/api/gen/types.ts';
import { formatTime, isBeingDeleted, parseTime } from '@orrery/api/meta.ts';
import { resolveLimit } from '../limits.ts';
import { isPodReady } from '../pods.ts';

/** An eviction that nobody has carried out after so long is forgotten (DeletionTimeout). */
const DISRUPTION_LIFE_MS = 2 * 60_000;

export interface BudgetInput {
  readonly budget: PodDisruptionBudget;
  readonly pods: readonly Pod[];
  /** The sum of the sizes that the pods' controllers are to have. */
  readonly expectedScale: number;
  readonly nowMs: number;
}

export interface Expected {
  readonly expectedPods: number;
  readonly desiredHealthy: number;
}

/** Whether the sizes of controllers matter: a plain number of available pods does without them. */
export function needsScale({ spec }: PodDisruptionBudget): boolean {
  return spec?.maxUnavailable !== undefined || typeof spec?.minAvailable === 'string';
}

function expected({ budget: { spec = {} }, pods, expectedScale }: BudgetInput): Expected {
  const { minAvailable, maxUnavailable } = spec;
  if (maxUnavailable !== undefined) {
    const allowed = resolveLimit(maxUnavailable, expectedScale, Math.ceil);
    return { expectedPods: expectedScale, desiredHealthy: Math.max(0, expectedScale - allowed) };
  }
  if (typeof minAvailable === 'string') {
    return {
      expectedPods: expectedScale,
      desiredHealthy: resolveLimit(minAvailable, expectedScale, Math.ceil),
    };
  }
  return { expectedPods: pods.length, desiredHealthy: minAvailable ?? 0 };
}

/** Evictions that were granted and are not carried out yet. */
function disruptedPods({ budget, pods, nowMs }: BudgetInput): Record<string, Time> {
  const granted = budget.status?.disruptedPods ?? {};
  const present = new Map(pods.map((pod) => [pod.metadata.name, pod]));
  return Object.fromEntries(
    Object.entries(granted).filter(([name, since]) => {
      const pod = present.get(name);
      return pod !== undefined && !isBeingDeleted(pod) && parseTime(since) + DISRUPTION_LIFE_MS > nowMs;
    }),
  );
}

export interface BudgetStatus {
  readonly status: PodDisruptionBudgetStatus;
  /** When the oldest granted eviction is to be forgotten, ms from now. */
  readonly recheckMs: number | undefined;
}

export function budgetStatus(input: BudgetInput): BudgetStatus {
  const { budget, pods, nowMs } = input;
  const disrupted = disruptedPods(input);
  const currentHealthy = pods.filter(
    (pod) => isPodReady(pod) && !isBeingDeleted(pod) && !Object.hasOwn(disrupted, pod.metadata.name),
  ).length;
  const { expectedPods, desiredHealthy } = expected(input);
  const spare = currentHealthy - desiredHealthy;
  const disruptionsAllowed = expectedPods <= 0 ? 0 : Math.max(0, spare);
  const allowed =
    disruptionsAllowed > 0
      ? { status: 'True', reason: 'SufficientPods' }
      : { status: 'False', reason: 'InsufficientPods' };
  const since = Object.values(disrupted).map(parseTime);
  return {
    status: {
      ...(Object.keys(disrupted).length === 0 ? {} : { disruptedPods: disrupted }),
      observedGeneration: budget.metadata.generation ?? 0,
      disruptionsAllowed,
      currentHealthy,
      desiredHealthy,
      expectedPods,
      conditions: withAllowed(budget, { ...allowed, message: '' }, nowMs),
    },
    recheckMs: since.length === 0 ? undefined : Math.min(...since) + DISRUPTION_LIFE_MS - nowMs,
  };
}

/** Without knowing how many pods there should be nobody may be evicted. */
export function failedStatus(
  budget: PodDisruptionBudget,
  message: string,
  nowMs: number,
): PodDisruptionBudgetStatus {
  return {
    ...(budget.status ?? UNCOUNTED),
    disruptionsAllowed: 0,
    conditions: withAllowed(budget, { status: 'False', reason: 'SyncFailed', message }, nowMs),
  };
}

function withAllowed(
  { metadata, status }: PodDisruptionBudget,
  { status: is, reason, message }: { status: string; reason: string; message: string },
  nowMs: number,
): Condition[] {
  const type = 'DisruptionAllowed';
  const conditions = status?.conditions ?? [];
  const before = conditions.find((each) => each.type === type);
  const lastTransitionTime =
    before?.status === is && before.lastTransitionTime !== undefined
      ? before.lastTransitionTime
      : formatTime(nowMs);
  const observedGeneration = metadata.generation ?? 0;
  const condition: Condition = { type, status: is, reason, message, lastTransitionTime, observedGeneration };
  return [...conditions.filter((each) => each.type !== type), condition];
}
