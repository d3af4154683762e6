/** A pod that wants a node, and how it has fared so far. */

import { isDeepStrictEqual } from 'node:util';
import type { Pod } from '@orrery/api/gen/types.ts';
import { backoffDelay } from '@orrery/kit/backoff.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';

export interface QueuedPod {
  info: PodInfo;
  /** When it came, or when its last attempt failed. */
  queuedAtMs: number;
  /** Tells apart pods that came in the same millisecond. */
  readonly order: number;
  /** Number of the attempt of all pods that was this pod's last. */
  cycle: number;
  /** Attempts that found no node. */
  unschedulableCount: number;
  /** Attempts in a row that ended in an error. */
  errorCount: number;
  /** Plugins that stood in the way at the last attempt. */
  rejectedBy: ReadonlySet<string>;
  /** The text that its condition shows, or will show once a report under way has arrived. */
  reportedMessage: string | undefined;
  /** When it may be tried again at the earliest. */
  notBeforeMs: number;
}

/** Upstream's podInitialBackoffSeconds and podMaxBackoffSeconds. */
const BACKOFF = { initialMs: 1_000, maxMs: 10_000 };

/** How long the pod has to wait after its last attempt. Errors and refusals are counted apart. */
export function backoffMs({ unschedulableCount, errorCount }: QueuedPod): number {
  const failures = errorCount > 0 ? errorCount : unschedulableCount;
  return failures === 0 ? 0 : backoffDelay(failures - 1, BACKOFF);
}

/** Higher priority first, then first come, first served (plugins/queuesort). */
export function comesFirst(a: QueuedPod, b: QueuedPod): boolean {
  if (a.info.priority !== b.info.priority) return a.info.priority > b.info.priority;
  if (a.queuedAtMs !== b.queuedAtMs) return a.queuedAtMs < b.queuedAtMs;
  return a.order < b.order;
}

/** Whether an update of a waiting pod may change the verdict on it: its status never does. */
export function mayChangeVerdict(before: Pod, after: Pod): boolean {
  return (
    !isDeepStrictEqual(before.metadata.labels, after.metadata.labels) ||
    !isDeepStrictEqual(before.spec, after.spec)
  );
}

/** Somebody else has to lift the gates first (KEP-3521). */
export function isGated(pod: Pod): boolean {
  return pod.spec.schedulingGates !== undefined && pod.spec.schedulingGates.length > 0;
}
