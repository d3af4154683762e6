/** All I/O of the CronJob controller (pkg/controller/cronjob/cronjob_controllerv2.go). */

import { CronSyntaxError, type CronSchedule, parseCron } from '@orrery/api/cron-schedule.ts';
import type { CronJob, CronJobStatus, Job, ObjectReference } from '@orrery/api/gen/types.ts';
import { controllerOf, formatTime, isBeingDeleted, parseTime } from '@orrery/api/meta.ts';
import { apiVersionOf, CronJobs, Jobs } from '@orrery/api/resources.ts';
import { isAlreadyExists, isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { ReconcileContext, ReconcileResult } from '@orrery/controller/controller.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { isGone, isNamespaceTerminating, isOutage } from '../api-errors.ts';
import { finishedCondition } from '../job-conditions.ts';
import type { OwnWrites } from '../own-writes.ts';
import { semanticallyEqual } from '../semantic-equality.ts';
import { dueTime, jobName, jobOf, jobsToForget, untilNextMs } from './plan.ts';

export interface CronJobReconcilerOptions {
  cronJobs: OwnWrites<CronJob>;
  jobs: OwnWrites<Job>;
  /** Jobs that the CronJob manages. */
  managedJobs: (cronJob: CronJob) => Job[];
  events: EventRecorder;
  clock: Clock;
}

/** One look at a CronJob, with what it has changed so far. */
interface Pass {
  readonly client: Client;
  readonly cronJob: CronJob;
  readonly status: CronJobStatus;
  jobs: Job[];
}

export class CronJobReconciler {
  readonly #options: CronJobReconcilerOptions;

  constructor(options: CronJobReconcilerOptions) {
    this.#options = options;
  }

  async reconcile(key: string, { client }: ReconcileContext): Promise<ReconcileResult> {
    const cronJob = this.#options.cronJobs.get(key);
    if (cronJob === undefined) return {};
    const { namespace, uid } = cronJob.metadata;
    const jobs = this.#options.jobs.over(
      this.#options.managedJobs(cronJob),
      (job) => job.metadata.namespace === namespace && controllerOf(job)?.uid === uid,
    );
    const pass: Pass = { client, cronJob, status: this.#followJobs(cronJob, jobs), jobs };
    await this.#forgetJobs(pass);
    const requeueAfterMs = await this.#start(pass);
    await this.#writeStatus(pass);
    return requeueAfterMs === undefined ? {} : { requeueAfterMs };
  }

  /** The status after what has become of the Jobs. */
  #followJobs(cronJob: CronJob, jobs: readonly Job[]): CronJobStatus {
    const { events } = this.#options;
    const subject = { resource: CronJobs, object: cronJob };
    const status = { ...cronJob.status };
    const before = new Set((status.active ?? []).map(({ uid }) => uid));
    const active: ObjectReference[] = [];
    for (const job of jobs) {
      const { uid, name } = job.metadata;
      const finished = finishedCondition(job);
      if (finished === undefined) active.push(referenceTo(job));
      else {
        if (before.has(uid)) {
          events.normal(
            subject,
            'SawCompletedJob',
            `Saw completed job: ${name}, condition: ${finished.type}`,
          );
        }
        const { completionTime } = job.status ?? {};
        if (finished.type === 'Complete' && completionTime !== undefined) {
          const last = status.lastSuccessfulTime;
          if (last === undefined || parseTime(last) < parseTime(completionTime)) {
            status.lastSuccessfulTime = completionTime;
          }
        }
      }
    }
    const present = new Set(jobs.map(({ metadata }) => metadata.uid));
    for (const { uid, name } of status.active ?? []) {
      if (!present.has(uid ?? '')) events.normal(subject, 'MissingJob', `Active job went missing: ${name}`);
    }
    return withActive(status, active);
  }

  async #forgetJobs(pass: Pass): Promise<void> {
    for (const job of jobsToForget(pass.cronJob, pass.jobs)) await this.#deleteJob(pass, job);
  }

  /** Starts a Job if one is due; says when to look again. */
  async #start(pass: Pass): Promise<number | undefined> {
    const { cronJob } = pass;
    const { clock, events } = this.#options;
    const { spec } = cronJob;
    if (isBeingDeleted(cronJob) || spec.suspend === true) return undefined;
    const schedule = this.#schedule(cronJob);
    if (schedule === undefined) return undefined;
    const subject = { resource: CronJobs, object: cronJob };
    const nowMs = clock.now();
    const due = dueTime({ ...cronJob, status: pass.status }, schedule, nowMs);
    if (due?.missedTooMany === true) {
      const message =
        'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
      events.warning(subject, 'TooManyMissedTimes', message);
    }
    if (due !== undefined) await this.#startAt(pass, due.scheduledMs, nowMs);
    return untilNextMs(cronJob, schedule, nowMs);
  }

  async #startAt(pass: Pass, scheduledMs: number, nowMs: number): Promise<void> {
    const { cronJob, status } = pass;
    const { events } = this.#options;
    const { spec } = cronJob;
    const subject = { resource: CronJobs, object: cronJob };
    const deadlineMs = (spec.startingDeadlineSeconds ?? Number.POSITIVE_INFINITY) * 1_000;
    if (scheduledMs + deadlineMs < nowMs) {
      const message = `Missed scheduled time to start a job: ${formatTime(scheduledMs)}`;
      events.warning(subject, 'MissSchedule', message);
      return;
    }
    const active = status.active ?? [];
    if (active.some(({ name }) => name === jobName(cronJob, scheduledMs))) {
      status.lastScheduleTime = formatTime(scheduledMs);
      return;
    }
    if (spec.concurrencyPolicy === 'Forbid' && active.length > 0) {
      const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
      events.normal(subject, 'JobAlreadyActive', message);
      return;
    }
    if (spec.concurrencyPolicy === 'Replace') {
      for (const job of pass.jobs.filter((each) => finishedCondition(each) === undefined)) {
        await this.#deleteJob(pass, job);
      }
      delete status.active;
    }
    const job = await this.#createJob(pass, scheduledMs);
    if (job === undefined) return;
    if (finishedCondition(job) === undefined) status.active = [...(status.active ?? []), referenceTo(job)];
    status.lastScheduleTime = formatTime(scheduledMs);
  }

  /** Undefined when the namespace takes no more Jobs. */
  async #createJob({ client, cronJob }: Pass, scheduledMs: number): Promise<Job | undefined> {
    const { jobs, events } = this.#options;
    const subject = { resource: CronJobs, object: cronJob };
    const draft = jobOf(cronJob, scheduledMs);
    const name = { namespace: cronJob.metadata.namespace, name: draft.metadata.name! };
    try {
      const job = await client.create(Jobs, draft);
      jobs.wrote(job);
      events.normal(subject, 'SuccessfulCreate', `Created job ${name.name}`);
      return job;
    } catch (error) {
      if (isNamespaceTerminating(error)) return undefined;
      if (isAlreadyExists(error)) {
        // An earlier creation whose answer was lost, unless a stranger has the name.
        const job = await client.get(Jobs, name);
        if (controllerOf(job)?.uid === cronJob.metadata.uid) return job;
      }
      if (!isOutage(error)) {
        const why = error instanceof Error ? error.message : String(error);
        events.warning(subject, 'FailedCreate', `Error creating job: ${why}`);
      }
      throw error;
    }
  }

  async #deleteJob(pass: Pass, job: Job): Promise<void> {
    const { events, jobs } = this.#options;
    const subject = { resource: CronJobs, object: pass.cronJob };
    const { namespace, name, uid } = job.metadata;
    try {
      const left = await pass.client.delete(
        Jobs,
        { namespace, name },
        { propagationPolicy: 'Background', preconditions: { uid } },
      );
      if (left === undefined) jobs.removed(job);
      events.normal(subject, 'SuccessfulDelete', `Deleted job ${name}`);
    } catch (error) {
      if (!isGone(error)) {
        if (!isOutage(error)) events.warning(subject, 'FailedDelete', `Deleted job: ${String(error)}`);
        throw error;
      }
    }
    pass.jobs = pass.jobs.filter((each) => each !== job);
  }

  /** A schedule that cannot be read is an event; nothing is due until it is mended. */
  #schedule(cronJob: CronJob): CronSchedule | undefined {
    try {
      return parseCron(cronJob.spec.schedule);
    } catch (error) {
      if (!(error instanceof CronSyntaxError)) throw error;
      const message = `unparseable schedule: ${JSON.stringify(cronJob.spec.schedule)} : ${error.message}`;
      this.#options.events.warning({ resource: CronJobs, object: cronJob }, 'UnparseableSchedule', message);
      return undefined;
    }
  }

  async #writeStatus({ client, cronJob, status }: Pass): Promise<void> {
    if (semanticallyEqual(status, cronJob.status ?? {})) return;
    try {
      this.#options.cronJobs.wrote(await client.updateStatus(CronJobs, { ...cronJob, status }));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function withActive({ active: _before, ...status }: CronJobStatus, active: ObjectReference[]): CronJobStatus {
  return active.length === 0 ? status : { ...status, active };
}

function referenceTo({ metadata }: Job): ObjectReference {
  // Without the revision, which would change with every write of the Job's status.
  const { namespace, name, uid } = metadata;
  return { kind: Jobs.kind, apiVersion: apiVersionOf(Jobs), namespace, name, uid };
}
