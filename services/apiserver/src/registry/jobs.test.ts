import type { CronJob, Job } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import {
  cells,
  defaulted,
  definitionOf,
  findings,
  idleContext,
  type Json,
  sample,
  updateFindings,
} from './sample-objects.ts';

const container = { name: 'main', image: 'perl:5' };
const podSpec = { containers: [container], restartPolicy: 'Never' };
const template = { metadata: { labels: { app: 'web' } }, spec: podSpec };
const spec = { manualSelector: true, selector: { matchLabels: { app: 'web' } }, template };
const job = (fields: Json): string[] => findings('jobs', sample('jobs', { spec: { ...spec, ...fields } }));

describe('a Job', () => {
  it.each<[string, Json, string[]]>([
    ['nothing wrong', {}, []],
    [
      'indexes and policies',
      {
        completionMode: 'Indexed',
        completions: 3,
        backoffLimitPerIndex: 1,
        maxFailedIndexes: 2,
        successPolicy: { rules: [{ succeededIndexes: '0,2' }] },
      },
      [],
    ],
    [
      'negative numbers',
      {
        parallelism: -1,
        completions: -1,
        backoffLimit: -1,
        activeDeadlineSeconds: -1,
        ttlSecondsAfterFinished: -1,
      },
      ['parallelism', 'completions', 'activeDeadlineSeconds', 'backoffLimit', 'ttlSecondsAfterFinished'].map(
        (path) => `spec.${path}: Invalid value: -1: must be greater than or equal to 0`,
      ),
    ],
    [
      'pods that are always restarted',
      { template: { ...template, spec: { containers: [container] } } },
      ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ],
    [
      'a selector that its pods do not meet',
      { selector: { matchLabels: { app: 'other' } } },
      [
        'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
      ],
    ],
    [
      'an unknown mode',
      { completionMode: 'Sorted' },
      ['spec.completionMode: Unsupported value: "Sorted": supported values: "NonIndexed", "Indexed"'],
    ],
    [
      'indexes without a number',
      { completionMode: 'Indexed', parallelism: 2 },
      ['spec.completions: Required value: when completion mode is Indexed'],
    ],
    [
      'a limit for indexes that there are not',
      { backoffLimitPerIndex: 1 },
      ['spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode'],
    ],
    [
      'a policy for failures of pods that are restarted in place',
      {
        podFailurePolicy: { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }] },
        template: { ...template, spec: { ...podSpec, restartPolicy: 'OnFailure' } },
      },
      [
        'spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified',
      ],
    ],
    [
      'wrong rules for failures',
      {
        podFailurePolicy: {
          rules: [
            { action: 'Explode', onExitCodes: { operator: 'In', values: [0, 3, 2], containerName: 'x' } },
            { action: 'Count' },
          ],
        },
      },
      [
        'spec.podFailurePolicy.rules[0].action: Unsupported value: "Explode": supported values: "Count", "FailIndex", "FailJob", "Ignore"',
        'spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "x": must be one of the container or initContainer names in the pod template',
        'spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator',
        'spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [0,3,2]: must be ordered',
        'spec.podFailurePolicy.rules[1]: Invalid value: {"action":"Count"}: specifying one of OnExitCodes and OnPodConditions is required',
      ],
    ],
    [
      'a policy for successes without indexes',
      { successPolicy: { rules: [{ succeededCount: 1 }] } },
      [
        'spec.successPolicy: Invalid value: {"rules":[{"succeededCount":1}]}: requires indexed completion mode',
      ],
    ],
  ])('with %s', (_case, fields, expected) => {
    expect(job(fields)).toEqual(expected);
  });

  it('gets one pod once, when nothing is said', () => {
    expect(defaulted('jobs', sample<Job>('jobs')).spec).toMatchObject({
      completions: 1,
      parallelism: 1,
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      suspend: false,
      podReplacementPolicy: 'TerminatingOrFailed',
    });
    const queue = defaulted('jobs', sample<Job>('jobs', { spec: { ...spec, parallelism: 3 } })).spec;
    expect(queue.completions).toBeUndefined();
  });

  it('selects its own pods by its uid, unless the user takes care of it', async () => {
    const generated = sample<Job>('jobs', { spec: { template: { spec: podSpec } } });
    definitionOf('jobs').defaults!(generated);
    await definitionOf('jobs').prepareCreate!(generated, idleContext);
    expect(generated.spec.selector).toEqual({ matchLabels: { 'batch.kubernetes.io/controller-uid': 'u1' } });
    expect(generated.spec.template.metadata?.labels).toEqual({
      'batch.kubernetes.io/controller-uid': 'u1',
      'batch.kubernetes.io/job-name': 'web',
      'controller-uid': 'u1',
      'job-name': 'web',
    });
    expect(definitionOf('jobs').validate(generated)).toEqual([]);
  });

  it('keeps what its pods and their number follow from', () => {
    expect(
      updateFindings(
        'jobs',
        { spec: { ...spec, completions: 2 } },
        { spec: { ...spec, completions: 2, parallelism: 5, suspend: true } },
      ),
    ).toEqual([]);
    expect(
      updateFindings('jobs', { spec: { ...spec, completions: 2 } }, { spec: { ...spec, completions: 3 } }),
    ).toEqual(['spec.completions: Invalid value: 3: field is immutable']);
    const other = { ...template, spec: { ...podSpec, containers: [{ ...container, image: 'perl:6' }] } };
    expect(updateFindings('jobs', { spec }, { spec: { ...spec, template: other } })[0]).toMatch(
      /^spec\.template: Invalid value: .*: field is immutable$/,
    );
  });

  it('may be moved while it is suspended', () => {
    const moved = { ...template, spec: { ...podSpec, nodeSelector: { disk: 'ssd' } } };
    const suspended = { ...spec, suspend: true };
    expect(updateFindings('jobs', { spec: suspended }, { spec: { ...suspended, template: moved } })).toEqual(
      [],
    );
    expect(updateFindings('jobs', { spec }, { spec: { ...spec, template: moved } })).toHaveLength(1);
  });

  it.each<[Json, Json, string, string, string]>([
    [{ completions: 3 }, {}, 'Running', '0/3', ''],
    [{ completions: 3 }, { succeeded: 1, startTime: '2025-12-31T23:59:00Z' }, 'Running', '1/3', '60s'],
    [{ parallelism: 2 }, { succeeded: 1 }, 'Running', '1/1 of 2', ''],
    [
      { completions: 1 },
      {
        succeeded: 1,
        startTime: '2025-12-31T23:00:00Z',
        completionTime: '2025-12-31T23:00:07Z',
        conditions: [{ type: 'Complete', status: 'True' }],
      },
      'Complete',
      '1/1',
      '7s',
    ],
    [{ completions: 1 }, { conditions: [{ type: 'Suspended', status: 'True' }] }, 'Suspended', '0/1', ''],
    [
      { completions: 1 },
      { conditions: [{ type: 'FailureTarget', status: 'True' }] },
      'FailureTarget',
      '0/1',
      '',
    ],
  ])('%j with %j is shown as %s, %s, %s', (fields, status, state, completions, duration) => {
    expect(cells('jobs', sample<Job>('jobs', { spec: { ...spec, ...fields }, status }))).toMatchObject({
      Status: state,
      Completions: completions,
      Duration: duration,
    });
  });
});

describe('a CronJob', () => {
  const jobTemplate = { spec: { template: { spec: podSpec } } };
  const cronJob = (fields: Json, metadata: Json = {}): string[] =>
    findings(
      'cronjobs',
      sample('cronjobs', { spec: { schedule: '* * * * *', jobTemplate, ...fields } }, metadata),
    );

  it.each<[string, Json, string[]]>([
    ['nothing wrong', { timeZone: 'Asia/Shanghai' }, []],
    ['no schedule', { schedule: '' }, ['spec.schedule: Required value']],
    [
      'a schedule that is none',
      { schedule: '* * *' },
      ['spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]'],
    ],
    [
      'a time zone in the schedule',
      { schedule: 'TZ=UTC * * * * *' },
      [
        'spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
      ],
    ],
    [
      'an unknown time zone',
      { timeZone: 'Mars/Base' },
      ['spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base'],
    ],
    [
      'an unknown policy',
      { concurrencyPolicy: 'Queue' },
      ['spec.concurrencyPolicy: Unsupported value: "Queue": supported values: "Allow", "Forbid", "Replace"'],
    ],
    [
      'a selector for its Jobs',
      { jobTemplate: { spec: { ...jobTemplate.spec, selector: { matchLabels: { a: 'b' } } } } },
      [
        'spec.jobTemplate.spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: `selector` will be auto-generated',
      ],
    ],
  ])('with %s', (_case, fields, expected) => {
    expect(cronJob(fields)).toEqual(expected);
  });

  it('has a name that leaves room for those of its Jobs', () => {
    expect(cronJob({}, { name: 'a'.repeat(53) })).toEqual([
      `metadata.name: Invalid value: "${'a'.repeat(53)}": must be no more than 52 characters`,
    ]);
  });

  it('shows what kubectl prints', () => {
    const status = { lastScheduleTime: '2025-12-31T23:59:30Z', active: [{ name: 'x' }] };
    const shown = sample<CronJob>('cronjobs', {
      spec: { schedule: '@hourly', jobTemplate, suspend: false },
      status,
    });
    expect(cells('cronjobs', shown)).toMatchObject({
      Schedule: '@hourly',
      Timezone: '<none>',
      Suspend: 'False',
      Active: 1,
      'Last Schedule': '30s',
    });
  });
});
