/** When a CronJob is due and what it leaves behind: pure (pkg/controller/cronjob/utils.go). */

import { type CronSchedule, nextTime } from '@orrery/api/cron-schedule.ts';
import type { CronJob, Draft, Job } from '@orrery/api/gen/types.ts';
import { controllerReference, formatTime, parseTime } from '@orrery/api/meta.ts';
import { CronJobs } from '@orrery/api/resources.ts';
import { jsonClone } from '@orrery/api/json.ts';
import { finishedCondition } from '../job-conditions.ts';

/** With more missed times than this, something is wrong with clocks or deadlines. */
const TOO_MANY_MISSED = 100;

const SCHEDULED_AT = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

export interface Due {
  /** The latest time that has come and was not served, epoch ms. */
  readonly scheduledMs: number;
  readonly missedTooMany: boolean;
}

/** Undefined when nothing is due. */
export function dueTime(
  { metadata, spec, status }: CronJob,
  schedule: CronSchedule,
  nowMs: number,
): Due | undefined {
  const sinceText = status?.lastScheduleTime ?? metadata.creationTimestamp;
  let earliestMs = sinceText === undefined ? nowMs : parseTime(sinceText);
  if (spec.startingDeadlineSeconds !== undefined) {
    earliestMs = Math.max(earliestMs, nowMs - spec.startingDeadlineSeconds * 1_000);
  }
  const firstMs = nextTime(schedule, earliestMs, spec.timeZone);
  if (firstMs === undefined || firstMs > nowMs) return undefined;
  let scheduledMs = firstMs;
  let missed = 1;
  for (;;) {
    const next = nextTime(schedule, scheduledMs, spec.timeZone);
    if (next === undefined || next > nowMs) break;
    missed += 1;
    scheduledMs = missed > TOO_MANY_MISSED ? skipAhead(schedule, next, nowMs, spec.timeZone) : next;
  }
  return { scheduledMs, missedTooMany: missed > TOO_MANY_MISSED };
}

/** A time of the schedule near `nowMs`, without walking through all before it. */
function skipAhead(schedule: CronSchedule, fromMs: number, nowMs: number, zone: string | undefined): number {
  let reachedMs = fromMs;
  for (let strideMs = (nowMs - fromMs) / 2; strideMs > 60_000; strideMs /= 2) {
    const nextMs = nextTime(schedule, reachedMs + strideMs, zone);
    if (nextMs !== undefined && nextMs <= nowMs) reachedMs = nextMs;
  }
  return reachedMs;
}

/** How long until the next time, ms; at least a moment. */
export function untilNextMs({ spec }: CronJob, schedule: CronSchedule, nowMs: number): number | undefined {
  const next = nextTime(schedule, nowMs, spec.timeZone);
  return next === undefined ? undefined : Math.max(1, next - nowMs);
}

/** Two controllers, or one that forgot, give the Job of one time the same name. */
export function jobName({ metadata }: CronJob, scheduledMs: number): string {
  return `${metadata.name}-${Math.trunc(scheduledMs / 60_000)}`;
}

export function jobOf(cronJob: CronJob, scheduledMs: number): Draft<Job> {
  const { metadata = {}, spec = { template: {} } } = cronJob.spec.jobTemplate;
  return {
    metadata: {
      namespace: cronJob.metadata.namespace,
      name: jobName(cronJob, scheduledMs),
      ...(metadata.labels === undefined ? {} : { labels: metadata.labels }),
      annotations: { ...metadata.annotations, [SCHEDULED_AT]: zonedTime(scheduledMs, cronJob.spec.timeZone) },
      ownerReferences: [controllerReference(cronJob, CronJobs)],
    },
    spec: jsonClone(spec),
  };
}

/** RFC 3339 with the zone's offset. */
function zonedTime(atMs: number, timeZone: string | undefined): string {
  if (timeZone === undefined) return formatTime(atMs);
  const parts = new Intl.DateTimeFormat('sv-SE', {
    timeZone,
    dateStyle: 'short',
    timeStyle: 'medium',
  }).format(atMs);
  const offset = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' })
    .formatToParts(atMs)
    .find(({ type }) => type === 'timeZoneName')
    ?.value.slice('GMT'.length);
  return `${parts.replace(' ', 'T')}${offset === undefined || offset === '' ? 'Z' : offset}`;
}

/** Finished Jobs beyond the limits of the history, the oldest first. */
export function jobsToForget({ spec }: CronJob, jobs: readonly Job[]): Job[] {
  const finished = (type: 'Complete' | 'Failed'): Job[] =>
    jobs
      .filter((job) => finishedCondition(job)?.type === type)
      .sort((a, b) => (startOf(a) < startOf(b) ? -1 : 1));
  const beyond = (list: readonly Job[], limit: number | undefined): Job[] =>
    limit === undefined ? [] : list.slice(0, Math.max(0, list.length - limit));
  return [
    ...beyond(finished('Complete'), spec.successfulJobsHistoryLimit),
    ...beyond(finished('Failed'), spec.failedJobsHistoryLimit),
  ];
}

function startOf({ metadata, status }: Job): string {
  return `${status?.startTime ?? metadata.creationTimestamp ?? ''} ${metadata.name}`;
}
