/**
 * Tells users why a pod waits: the event FailedScheduling after every attempt, and the
 * condition PodScheduled whenever its text changes (pkg/scheduler/schedule_one.go,
 * handleSchedulingFailure). Reports are written in the background.
 */

import type { Pod, PodCondition } from '@orrery/api/gen/types.ts';
import { formatTime, splitKey } from '@orrery/api/meta.ts';
import { Pods } from '@orrery/api/resources.ts';
import { isConflict } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import { isRefusal } from './binding.ts';
import type { QueuedPod } from './queue/queued-pod.ts';

/** Status patches under way at once. */
const WORKERS = 32;
/** A report that cannot be delivered so often is given up; the pod's next attempt makes a new one. */
const MAX_TRIES = 10;
const RETRY_MS = 1_000;

interface Report {
  readonly queued: QueuedPod;
  readonly message: string;
  /** The node that the pod is promised; undefined when none is. */
  readonly nominatedNode: string | undefined;
}

export interface FailureReportsOptions {
  client: Client;
  events: EventRecorder;
  clock: Clock;
  /** Real time, for the pause after an apiserver that does not answer. */
  retryClock: Clock;
  logger: Logger;
  /** The pod as it is now, if it still waits for a node. */
  waitingPod: (queued: QueuedPod) => Pod | undefined;
  signal: AbortSignal;
}

export class FailureReports {
  readonly #options: FailureReportsOptions;
  /** By uid: of several reports on one pod only the last counts. */
  readonly #waiting = new Map<string, Report>();
  #workers = 0;

  constructor(options: FailureReportsOptions) {
    this.#options = options;
  }

  /** The pod fits nowhere at present. */
  unschedulable(queued: QueuedPod, message: string, nominatedNode?: string): void {
    const { pod, uid } = queued.info;
    this.#options.events.warning({ resource: Pods, object: pod }, 'FailedScheduling', message);
    const isPromised = nominatedNode !== (pod.status?.nominatedNodeName || undefined);
    if (queued.reportedMessage === message && !isPromised) return;
    queued.reportedMessage = message;
    this.#waiting.set(uid, { queued, message, nominatedNode });
    if (this.#workers < WORKERS) void this.#work();
  }

  async #work(): Promise<void> {
    this.#workers += 1;
    for (let next = this.#takeNext(); next !== undefined; next = this.#takeNext()) await this.#deliver(next);
    this.#workers -= 1;
  }

  #takeNext(): Report | undefined {
    const [first] = this.#waiting;
    if (first === undefined || this.#options.signal.aborted) return undefined;
    this.#waiting.delete(first[0]);
    return first[1];
  }

  async #deliver({ queued, message, nominatedNode }: Report): Promise<void> {
    const { client, clock, retryClock, logger, waitingPod, signal } = this.#options;
    for (let tries = 1; tries <= MAX_TRIES && !signal.aborted; tries += 1) {
      const pod = waitingPod(queued);
      if (pod === undefined || queued.reportedMessage !== message) return;
      if (hasCondition(pod, message) && (pod.status?.nominatedNodeName || undefined) === nominatedNode)
        return;
      try {
        await client.patch(
          Pods,
          splitKey(queued.info.key),
          'strategic',
          statusPatch(pod, message, nominatedNode, clock.now()),
          'status',
        );
        return;
      } catch (error) {
        // A Conflict may mean that the pod has changed only: the next try is about the new version.
        if (isRefusal(error) && !isConflict(error)) {
          logger.warn({ pod: queued.info.key, err: error }, 'the condition PodScheduled was refused');
          break;
        }
        await retryClock.sleep(RETRY_MS, signal);
      }
    }
    if (queued.reportedMessage === message) queued.reportedMessage = undefined;
  }
}

function scheduledCondition(pod: Pod): PodCondition | undefined {
  return pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
}

function hasCondition(pod: Pod, message: string): boolean {
  const condition = scheduledCondition(pod);
  return (
    condition?.status === 'False' && condition.reason === 'Unschedulable' && condition.message === message
  );
}

/** Names the version that was judged, so that the patch never lands on a pod that has been bound meanwhile. */
function statusPatch(pod: Pod, message: string, nominatedNode: string | undefined, nowMs: number): unknown {
  const { uid, resourceVersion, generation } = pod.metadata;
  const before = scheduledCondition(pod);
  const condition: PodCondition = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message,
    lastTransitionTime:
      (before?.status === 'False' ? before.lastTransitionTime : undefined) ?? formatTime(nowMs),
    ...(generation !== undefined && { observedGeneration: generation }),
  };
  // Null takes back a promise that could not be kept.
  const nominated = nominatedNode ?? (pod.status?.nominatedNodeName === undefined ? undefined : null);
  const status = {
    conditions: [condition],
    ...(nominated === undefined ? {} : { nominatedNodeName: nominated }),
  };
  return { metadata: { uid, resourceVersion }, status };
}
