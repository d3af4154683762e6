/** Taking pods away that their node cannot or may not keep. */

import type { Pod, PodCondition, PodStatus } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { Pods } from '@orrery/api/resources.ts';
import type { Client } from '@orrery/client/client.ts';
import { isGone } from './api-errors.ts';
import { findCondition } from './conditions.ts';
import { isPodTerminal } from './pods.ts';

export interface Disruption {
  reason: string;
  message: string;
  /** Pods that nobody runs any more end as Failed, so that whoever counts on their end sees it. */
  fails: boolean;
  /** 0 removes the pod at once; the pod's own grace when absent. */
  gracePeriodSeconds?: number;
}

/**
 * Marks the pod with the condition DisruptionTarget and deletes it, if it is still the one
 * that was judged. Going away meanwhile is as good.
 */
export async function disruptPod(
  client: Client,
  pod: Pod,
  disruption: Disruption,
  nowMs: number,
): Promise<void> {
  const { namespace, name, uid } = pod.metadata;
  const status = disruptedStatus(pod, disruption, nowMs);
  const grace = disruption.gracePeriodSeconds;
  try {
    if (status !== undefined) {
      await client.patch(Pods, { namespace, name }, 'strategic', { metadata: { uid }, status }, 'status');
    }
    await client.delete(
      Pods,
      { namespace, name },
      { ...(grace === undefined ? {} : { gracePeriodSeconds: grace }), preconditions: { uid } },
    );
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** What to change in the status; undefined when it says so already. */
function disruptedStatus(
  pod: Pod,
  { reason, message, fails }: Disruption,
  nowMs: number,
): Partial<PodStatus> | undefined {
  if (isPodTerminal(pod)) return undefined;
  const isMarked = findCondition(pod.status?.conditions, 'DisruptionTarget')?.status === 'True';
  if (isMarked && !fails) return undefined;
  const condition: PodCondition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason,
    message,
    lastTransitionTime: formatTime(nowMs),
  };
  return { ...(isMarked ? {} : { conditions: [condition] }), ...(fails ? { phase: 'Failed' } : {}) };
}
