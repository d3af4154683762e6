/** Taints that follow from a node's conditions: pure (node_lifecycle_controller.go, doNoScheduleTaintingPass). */

import type { Node, Taint } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { findCondition } from '../conditions.ts';

export const NOT_READY = 'node.kubernetes.io/not-ready';
export const UNREACHABLE = 'node.kubernetes.io/unreachable';
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

/** Taint keys by condition and the status in which it is a problem. */
const BY_CONDITION: readonly { type: string; status: string; key: string }[] = [
  { type: 'Ready', status: 'False', key: NOT_READY },
  { type: 'Ready', status: 'Unknown', key: UNREACHABLE },
  { type: 'MemoryPressure', status: 'True', key: 'node.kubernetes.io/memory-pressure' },
  { type: 'DiskPressure', status: 'True', key: 'node.kubernetes.io/disk-pressure' },
  { type: 'PIDPressure', status: 'True', key: 'node.kubernetes.io/pid-pressure' },
  { type: 'NetworkUnavailable', status: 'True', key: 'node.kubernetes.io/network-unavailable' },
];

const NO_SCHEDULE_KEYS = new Set([...BY_CONDITION.map(({ key }) => key), UNSCHEDULABLE]);
const NO_EXECUTE_KEYS = new Set([NOT_READY, UNREACHABLE]);

/** Keys of the NoSchedule taints that the node should have. */
export function noScheduleKeys({ spec, status }: Node): string[] {
  const keys = BY_CONDITION.filter(
    ({ type, status: bad }) => findCondition(status?.conditions, type)?.status === bad,
  );
  return [...keys.map(({ key }) => key), ...(spec.unschedulable === true ? [UNSCHEDULABLE] : [])];
}

/** Key of the NoExecute taint that the node should have; undefined when it is ready, or was never heard of. */
export function noExecuteKey({ status }: Node): string | undefined {
  const ready = findCondition(status?.conditions, 'Ready')?.status;
  if (ready === 'False') return NOT_READY;
  return ready === 'Unknown' ? UNREACHABLE : undefined;
}

/** Key of the NoExecute taint of this controller that the node has. */
export function presentNoExecuteKey({ spec }: Node): string | undefined {
  return spec.taints?.find(({ key, effect }) => effect === 'NoExecute' && NO_EXECUTE_KEYS.has(key))?.key;
}

function isOwn({ key, effect }: Taint): boolean {
  return effect === 'NoSchedule'
    ? NO_SCHEDULE_KEYS.has(key)
    : effect === 'NoExecute' && NO_EXECUTE_KEYS.has(key);
}

/**
 * The node's taints with exactly the wanted ones among those that this controller manages;
 * undefined when they are so already. Taints that stay keep the time since when they stand.
 */
export function withTaints(node: Node, noExecute: string | undefined, nowMs: number): Taint[] | undefined {
  const wanted = noScheduleKeys(node).map((key) => ({ key, effect: 'NoSchedule' }));
  if (noExecute !== undefined) wanted.push({ key: noExecute, effect: 'NoExecute' });
  const present = node.spec.taints ?? [];
  const isWanted = (taint: Taint): boolean =>
    wanted.some(({ key, effect }) => key === taint.key && effect === taint.effect);
  const kept = present.filter((taint) => !isOwn(taint) || isWanted(taint));
  const added = wanted
    .filter(({ key, effect }) => !present.some((taint) => taint.key === key && taint.effect === effect))
    .map((taint): Taint => ({ ...taint, timeAdded: formatTime(nowMs) }));
  return added.length === 0 && kept.length === present.length ? undefined : [...kept, ...added];
}
