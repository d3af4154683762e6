/** Deletes finished Jobs after their time (pkg/controller/ttlafterfinished). */

import type { Job } from '@orrery/api/gen/types.ts';
import { isBeingDeleted, keyOf, parseTime, splitKey } from '@orrery/api/meta.ts';
import { Jobs } from '@orrery/api/resources.ts';
import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { isGone } from '../api-errors.ts';
import { finishedCondition } from '../job-conditions.ts';

/** When the Job is to go, epoch ms; undefined while it is to stay. */
export function expiresAtMs(job: Job): number | undefined {
  const { ttlSecondsAfterFinished } = job.spec;
  const finished = finishedCondition(job);
  if (ttlSecondsAfterFinished === undefined || isBeingDeleted(job)) return undefined;
  if (finished?.lastTransitionTime === undefined) return undefined;
  return parseTime(finished.lastTransitionTime) + ttlSecondsAfterFinished * 1_000;
}

export function ttlAfterFinishedController({ informers, clock }: ControllerContext): Controller {
  const jobs = informers.of(Jobs);
  return {
    name: 'ttl-after-finished-controller',
    workers: 5,
    setup: (queue) => {
      const look = (job: Job): void => {
        const atMs = expiresAtMs(job);
        if (atMs !== undefined) queue.addAfter(keyOf(job), Math.max(0, atMs - clock.now()));
      };
      jobs.addHandler({ add: look, update: look });
    },
    reconcile: async (key, { client }) => {
      const job = jobs.lister.get(key);
      const atMs = job === undefined ? undefined : expiresAtMs(job);
      if (job === undefined || atMs === undefined) return {};
      if (atMs > clock.now()) return { requeueAfterMs: atMs - clock.now() };
      // Conditional on what was seen: the time may have been set back a moment ago.
      const { uid, resourceVersion } = job.metadata;
      try {
        await client.delete(Jobs, splitKey(key), {
          propagationPolicy: 'Foreground',
          preconditions: { uid, resourceVersion },
        });
      } catch (error) {
        if (!isGone(error)) throw error;
      }
      return {};
    },
  };
}
