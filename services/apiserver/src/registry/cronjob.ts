/** CronJobs (pkg/apis/batch/validation, pkg/registry/batch/cronjob). */

import { CronSyntaxError, isTimeZone, parseCron } from '@orrery/api/cron-schedule.ts';
import type { CronJob, CronJobSpec } from '@orrery/api/gen/types.ts';
import { CronJobs } from '@orrery/api/resources.ts';
import { formatLabelSelector } from '@orrery/api/selectors.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { ageColumn, column, nameColumn, wideColumn } from './columns.ts';
import { define } from './definition.ts';
import { checkNotNegative, checkOneOf } from './fields.ts';
import { since } from './human-duration.ts';
import { checkJobSpec, defaultJobSpec } from './job.ts';
import { dnsSubdomainProblems } from './names.ts';
import { podWarnings } from './pod-warnings.ts';

const CONCURRENCY = ['Allow', 'Forbid', 'Replace'];

/** A Job's name is the CronJob's with eleven characters more, and must fit into a label. */
const LONGEST_NAME = 52;

function defaultCronJob(cronJob: CronJob): void {
  cronJob.spec ??= {} as CronJobSpec;
  const { spec } = cronJob;
  spec.concurrencyPolicy ||= 'Allow';
  spec.suspend ??= false;
  spec.successfulJobsHistoryLimit ??= 3;
  spec.failedJobsHistoryLimit ??= 1;
  spec.jobTemplate ??= {};
  spec.jobTemplate.spec ??= { template: {} };
  defaultJobSpec(spec.jobTemplate.spec);
}

function validateCronJob({ metadata, spec }: CronJob): FieldError[] {
  const errors: FieldError[] = [];
  if (metadata.name.length > LONGEST_NAME) {
    const why = `must be no more than ${LONGEST_NAME} characters`;
    errors.push(field.invalid('metadata.name', metadata.name, why));
  }
  if (spec.schedule === undefined || spec.schedule === '') errors.push(field.required('spec.schedule'));
  else checkSchedule(spec, errors);
  checkNotNegative(spec.startingDeadlineSeconds, 'spec.startingDeadlineSeconds', errors);
  checkOneOf(spec.concurrencyPolicy, 'spec.concurrencyPolicy', CONCURRENCY, errors);
  checkTimeZone(spec.timeZone, errors);
  const job = spec.jobTemplate.spec ?? { template: {} };
  const path = 'spec.jobTemplate.spec';
  checkJobSpec(job, path, errors);
  if (job.selector !== undefined) {
    errors.push(field.invalid(`${path}.selector`, job.selector, '`selector` will be auto-generated'));
  }
  if (job.manualSelector === true) {
    errors.push(field.notSupported(`${path}.manualSelector`, true, ['nil', 'false']));
  }
  checkNotNegative(spec.successfulJobsHistoryLimit, 'spec.successfulJobsHistoryLimit', errors);
  checkNotNegative(spec.failedJobsHistoryLimit, 'spec.failedJobsHistoryLimit', errors);
  return errors;
}

function checkSchedule({ schedule, timeZone }: CronJobSpec, errors: FieldError[]): void {
  const path = 'spec.schedule';
  try {
    const parsed = parseCron(schedule);
    if (parsed.timeZone === undefined) return;
    const why =
      timeZone === undefined
        ? 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'
        : 'cannot use both timeZone field and TZ or CRON_TZ in schedule';
    errors.push(field.invalid(path, schedule, why));
  } catch (error) {
    if (!(error instanceof CronSyntaxError)) throw error;
    errors.push(field.invalid(path, schedule, error.message));
  }
}

function checkTimeZone(timeZone: string | undefined, errors: FieldError[]): void {
  const path = 'spec.timeZone';
  if (timeZone === undefined) return;
  if (timeZone === '') errors.push(field.invalid(path, timeZone, 'timeZone must be nil or non-empty string'));
  else if (timeZone.toLowerCase() === 'local') {
    errors.push(
      field.invalid(
        path,
        timeZone,
        'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
      ),
    );
  } else if (!isTimeZone(timeZone)) {
    errors.push(field.invalid(path, timeZone, `unknown time zone ${timeZone}`));
  }
}

export const cronJobsDefinition = define<CronJob>({
  ref: CronJobs,
  singular: 'cronjob',
  shortNames: ['cj'],
  categories: ['all'],
  versions: [{ group: 'batch', version: 'v1' }],
  columns: [
    nameColumn,
    column('Schedule', ({ spec }) => spec.schedule),
    column('Timezone', ({ spec }) => spec.timeZone ?? '<none>'),
    column('Suspend', ({ spec }) => (spec.suspend === true ? 'True' : 'False'), 'boolean'),
    column('Active', ({ status }) => status?.active?.length ?? 0, 'integer'),
    column('Last Schedule', ({ status }, nowMs) =>
      status?.lastScheduleTime === undefined ? '<none>' : since(status.lastScheduleTime, nowMs),
    ),
    ageColumn,
    wideColumn('Containers', ({ spec }) =>
      containersOf(spec)
        .map(({ name }) => name)
        .join(','),
    ),
    wideColumn('Images', ({ spec }) =>
      containersOf(spec)
        .map(({ image }) => image ?? '')
        .join(','),
    ),
    wideColumn('Selector', ({ spec }) => formatLabelSelector(spec.jobTemplate.spec?.selector ?? {})),
  ],
  subresources: ['status'],
  generationOf: ({ spec }) => spec,
  nameProblems: dnsSubdomainProblems,
  defaults: defaultCronJob,
  prepareCreate: (cronJob) => {
    cronJob.status = {};
  },
  validate: validateCronJob,
  warnings: ({ spec }) => podWarnings(spec.jobTemplate.spec?.template, 'spec.jobTemplate.spec.template.'),
});

function containersOf({ jobTemplate }: CronJobSpec): { name: string; image?: string }[] {
  return jobTemplate.spec?.template.spec?.containers ?? [];
}
