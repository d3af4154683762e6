/** The conditions of a node that has gone silent: pure. */

import type { Node, NodeCondition } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { findCondition } from '../conditions.ts';

const CONDITION_TYPES = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

/** All conditions unknown; undefined when they are already. */
export function silentConditions({ metadata, status }: Node, nowMs: number): NodeCondition[] | undefined {
  const present = status?.conditions ?? [];
  const time = formatTime(nowMs);
  let changed = false;
  const unknown = CONDITION_TYPES.map((type): NodeCondition => {
    const current = findCondition(present, type);
    if (current?.status === 'Unknown') return current;
    changed = true;
    if (current === undefined) {
      return {
        type,
        status: 'Unknown',
        reason: 'NodeStatusNeverUpdated',
        message: 'Kubelet never posted node status.',
        lastHeartbeatTime: metadata.creationTimestamp,
        lastTransitionTime: time,
      };
    }
    return {
      ...current,
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
      lastTransitionTime: time,
    };
  });
  if (!changed) return undefined;
  const others = present.filter(({ type }) => !CONDITION_TYPES.some((each) => each === type));
  return [...others, ...unknown];
}
