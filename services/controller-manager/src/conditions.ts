/** Conditions of a status: the shape that all kinds share, and how one is set. */

import type { Time } from '@orrery/api/gen/types.ts';

export interface StatusCondition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: Time;
}

export function findCondition<C extends { type: string }>(
  conditions: readonly C[] | undefined,
  type: string,
): C | undefined {
  return conditions?.find((each) => each.type === type);
}

export function withoutCondition<C extends { type: string }>(conditions: readonly C[], type: string): C[] {
  return conditions.filter((each) => each.type !== type);
}

/**
 * The list with `condition` in it. An equal status and reason leave the list as it was, and an
 * equal status keeps the time of the last transition (`SetReplicaSetCondition` and its sisters).
 */
export function withCondition<C extends StatusCondition>(conditions: readonly C[], condition: C): C[] {
  const current = findCondition(conditions, condition.type);
  if (current?.status === condition.status && current.reason === condition.reason) return [...conditions];
  const keepsTransition = current?.status === condition.status && current.lastTransitionTime !== undefined;
  return [
    ...withoutCondition(conditions, condition.type),
    keepsTransition ? { ...condition, lastTransitionTime: current.lastTransitionTime } : condition,
  ];
}
