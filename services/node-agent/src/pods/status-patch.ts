/** How a status is written, and when it need not be (pkg/util/pod, PatchPodStatus; status_manager.go, needsReconcile). Pure. */

import type { PodCondition, PodStatus } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';

/** What a condition does not say any more must be taken back: elements of the list are merged. */
function conditionPatch(condition: PodCondition): Record<string, unknown> {
  return { ...condition, reason: condition.reason ?? null, message: condition.message ?? null };
}

/** Conditions of the node agent's that are only there while they are true. */
const PASSING_CONDITIONS: ReadonlySet<string> = new Set(['PodResizePending', 'PodResizeInProgress']);

/** Those of a status, by type. */
export function passingConditions({ conditions = [] }: PodStatus = {}): string[] {
  return conditions.map(({ type }) => type).filter((type) => PASSING_CONDITIONS.has(type));
}

/**
 * The strategic merge patch that makes the status of a pod say `status`, whatever it says now,
 * and leaves alone what others say, but for the conditions that are withdrawn. Refused when the
 * pod of that name has another uid.
 */
export function statusPatch(
  uid: string,
  status: PodStatus,
  withdrawn: readonly string[] = [],
): Record<string, unknown> {
  const { conditions = [], podIPs, ...fields } = status;
  return {
    metadata: { uid },
    status: {
      ...fields,
      // A pod whose sandbox was replaced has lost its former address.
      ...(podIPs === undefined ? {} : { podIPs: [...podIPs, { $patch: 'replace' }] }),
      '$setElementOrder/conditions': conditions.map(({ type }) => ({ type })),
      conditions: [
        ...conditions.map(conditionPatch),
        ...withdrawn.map((type) => ({ type, $patch: 'delete' })),
      ],
    },
  };
}

/** Whether what is stored already says all that `wanted` says; conditions of others do not count. */
export function statusIsCurrent(stored: PodStatus | undefined, wanted: PodStatus): boolean {
  if (stored === undefined) return false;
  const { conditions = [], ...fields } = wanted;
  for (const [key, value] of Object.entries(fields)) {
    if (!jsonEqual(stored[key as keyof PodStatus], value)) return false;
  }
  const said = passingConditions(wanted);
  if (!passingConditions(stored).every((type) => said.includes(type))) return false;
  return conditions.every((each) => {
    const found = stored.conditions?.find(({ type }) => type === each.type);
    // Nobody probes conditions; the apiserver says so by null.
    return (
      found !== undefined && jsonEqual({ ...found, lastProbeTime: null }, { ...each, lastProbeTime: null })
    );
  });
}
