/** Sends victims away (pkg/scheduler/framework/preemption/executor.go): writes in the background, many at once. */

import type { Pod, PodCondition } from '@orrery/api/gen/types.ts';
import { formatTime, isBeingDeleted, splitKey } from '@orrery/api/meta.ts';
import { Pods } from '@orrery/api/resources.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import { isRefusal } from '../binding.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';

export interface EvictionsOptions {
  client: Client;
  events: EventRecorder;
  clock: Clock;
  /** Real time, for the pause after an apiserver that does not answer. */
  retryClock: Clock;
  logger: Logger;
  signal: AbortSignal;
}

/** Victims that may be under way at once; others wait. */
const AT_ONCE = 64;
const RETRY_MS = 1_000;

export class Evictions {
  readonly #options: EvictionsOptions;
  /** Preemptors by uid, with the victims that have not been told yet. */
  readonly #underWay = new Map<string, number>();
  readonly #waiting: { victim: PodInfo; preemptor: PodInfo; nodeName: string }[] = [];
  #workers = 0;

  constructor(options: EvictionsOptions) {
    this.#options = options;
  }

  /** Whether victims of this pod have yet to be told to go. */
  isUnderWay(preemptorUid: string): boolean {
    return this.#underWay.has(preemptorUid);
  }

  /** Tells the victims to go. A scheduler that dies in between finds the rest of them again: its successor decides anew. */
  start(preemptor: PodInfo, victims: readonly PodInfo[], nodeName: string): void {
    this.#underWay.set(preemptor.uid, victims.length);
    for (const victim of victims) this.#waiting.push({ victim, preemptor, nodeName });
    while (this.#workers < Math.min(AT_ONCE, this.#waiting.length)) void this.#work();
  }

  async #work(): Promise<void> {
    this.#workers += 1;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      await this.#evict(next.victim, next.preemptor, next.nodeName);
      const left = (this.#underWay.get(next.preemptor.uid) ?? 1) - 1;
      if (left === 0) this.#underWay.delete(next.preemptor.uid);
      else this.#underWay.set(next.preemptor.uid, left);
    }
    this.#workers -= 1;
  }

  async #evict({ pod, key }: PodInfo, preemptor: PodInfo, nodeName: string): Promise<void> {
    const { client, events, clock, retryClock, logger, signal } = this.#options;
    if (isBeingDeleted(pod)) return;
    const { uid } = pod.metadata;
    while (!signal.aborted) {
      try {
        const status = { conditions: [disruptedBy(preemptor.pod, clock.now())] };
        await client.patch(Pods, splitKey(key), 'strategic', { metadata: { uid }, status }, 'status');
        await client.delete(Pods, splitKey(key), { preconditions: { uid } });
        const message = `Preempted by pod ${preemptor.uid} on node ${nodeName}`;
        events.normal({ resource: Pods, object: pod }, 'Preempted', message);
        return;
      } catch (error) {
        // It has gone by itself, or may not go: the next attempt of the preemptor sees what is the case.
        if (isRefusal(error)) {
          logger.info({ pod: key, err: error }, 'a victim was not sent away');
          return;
        }
        await retryClock.sleep(RETRY_MS, signal);
      }
    }
  }
}

function disruptedBy({ spec }: Pod, nowMs: number): PodCondition {
  return {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'PreemptionByScheduler',
    message: `${spec.schedulerName ?? ''}: preempting to accommodate a higher priority pod`,
    lastTransitionTime: formatTime(nowMs),
  };
}
