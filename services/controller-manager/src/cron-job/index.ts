/** Which events concern which CronJob. */

import type { Job } from '@orrery/api/gen/types.ts';
import { controllerOf, keyOf, objectKey } from '@orrery/api/meta.ts';
import { CronJobs, Jobs } from '@orrery/api/resources.ts';
import type { Controller, ControllerContext, KeyQueue } from '@orrery/controller/controller.ts';
import { BY_CONTROLLER, indexed } from '../indexes.ts';
import { finishedCondition } from '../job-conditions.ts';
import { OwnWrites } from '../own-writes.ts';
import { CronJobReconciler } from './reconcile.ts';

export function cronJobController({ informers, events, clock }: ControllerContext): Controller {
  const cronJobs = informers.of(CronJobs);
  const jobs = informers.of(Jobs);
  const managedJobs = indexed(jobs, BY_CONTROLLER);
  const reconciler = new CronJobReconciler({
    cronJobs: new OwnWrites(cronJobs, clock),
    jobs: new OwnWrites(jobs, clock),
    managedJobs: ({ metadata }) => managedJobs(metadata.uid),
    events,
    clock,
  });
  const setup = (queue: KeyQueue): void => {
    const enqueueOwner = (job: Job): void => {
      const owner = controllerOf(job);
      if (owner?.kind === CronJobs.kind) queue.add(objectKey(job.metadata.namespace, owner.name));
    };
    cronJobs.addHandler({
      add: (cronJob) => queue.add(keyOf(cronJob)),
      update: (cronJob, before) => {
        if (cronJob.metadata.generation !== before.metadata.generation) queue.add(keyOf(cronJob));
      },
    });
    jobs.addHandler({
      add: enqueueOwner,
      update: (job, before) => {
        if (finishedCondition(job)?.type !== finishedCondition(before)?.type) enqueueOwner(job);
      },
      delete: enqueueOwner,
    });
  };
  return {
    name: 'cronjob-controller',
    workers: 5,
    setup,
    reconcile: (key, context) => reconciler.reconcile(key, context),
  };
}
