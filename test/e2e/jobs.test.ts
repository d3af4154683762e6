/** Jobs and CronJobs on a whole cluster whose clock runs fast, with real kubectl. */

import type { CronJob, Job } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 2, speed: 30 });
});
afterAll(() => cluster.remove());

const run = (...args: string[]): Promise<string> => cluster.kubectlOk(args);
const apply = (object: object): Promise<string> =>
  cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(object) });
const get = async (name: string): Promise<Job> =>
  JSON.parse(await run('get', 'job', name, '-o', 'json')) as Job;

function job(name: string, script: string, spec: object = {}): object {
  const container = { name: 'main', image: 'busybox:1.37', command: ['sh', '-c', script] };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name },
    spec: { template: { spec: { containers: [container], restartPolicy: 'Never' } }, ...spec },
  };
}

const waitFor = (name: string, condition: string): Promise<string> =>
  run('wait', `--for=condition=${condition}`, `job/${name}`, '--timeout=60s');

const podsOf = async (name: string): Promise<string[]> =>
  (await run('get', 'pods', '-l', `batch.kubernetes.io/job-name=${name}`, '-o', 'name'))
    .split('\n')
    .filter((line) => line !== '');

describe('a Job', () => {
  it('runs to its end, and kubectl tells its story', async () => {
    await apply(job('hello', 'echo hello from $HOSTNAME; sleep 3'));
    await waitFor('hello', 'complete');
    expect(await run('logs', 'job/hello')).toMatch(/^hello from hello-\w{5}\n$/);
    expect(await run('get', 'job', 'hello')).toMatch(
      /^NAME +STATUS +COMPLETIONS +DURATION +AGE\nhello +Complete +1\/1 +\d+s +/,
    );
    expect(await run('describe', 'job', 'hello')).toMatch(
      /Pods Statuses: +0 Active .*\/ 1 Succeeded \/ 0 Failed[\s\S]*Completed +.*Job completed/,
    );
    expect(await run('get', 'pods', '-l', 'job-name=hello')).toContain('Completed');
    await run('delete', 'job', 'hello');
    await eventually('its pod is gone', async () => (await podsOf('hello')).length === 0);
  });

  it('works through many pods, some at a time', async () => {
    await apply(job('many', 'sleep 2', { completions: 6, parallelism: 3 }));
    await waitFor('many', 'complete');
    expect((await get('many')).status).toMatchObject({ succeeded: 6, uncountedTerminatedPods: {} });
    expect(await podsOf('many')).toHaveLength(6);
  });

  it('with indexes gives each pod its own', async () => {
    await apply(
      job('indexed', 'echo "$JOB_COMPLETION_INDEX $(hostname)"', {
        completionMode: 'Indexed',
        completions: 3,
        parallelism: 3,
      }),
    );
    await waitFor('indexed', 'complete');
    expect((await get('indexed')).status).toMatchObject({ completedIndexes: '0-2', succeeded: 3 });
    const logs = await run('logs', '-l', 'batch.kubernetes.io/job-name=indexed', '--prefix=false');
    expect(
      logs
        .split('\n')
        .filter((line) => line !== '')
        .sort(),
    ).toEqual(['0 indexed-0', '1 indexed-1', '2 indexed-2']);
  });

  it('fails when its pods fail too often', async () => {
    await apply(job('failing', 'exit 3', { backoffLimit: 1 }));
    await waitFor('failing', 'failed');
    expect((await get('failing')).status).toMatchObject({ failed: 2 });
    expect(await run('describe', 'job', 'failing')).toContain('Job has reached the specified backoff limit');
  });

  it('fails at once at an exit code that its policy names', async () => {
    const rules = [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }];
    await apply(job('fatal', 'exit 42', { backoffLimit: 6, podFailurePolicy: { rules } }));
    await waitFor('fatal', 'failed');
    const { conditions } = (await get('fatal')).status!;
    expect(conditions?.find(({ type }) => type === 'Failed')).toMatchObject({
      reason: 'PodFailurePolicy',
      message: expect.stringMatching(
        /^Container main for pod default\/fatal-\w+ failed with exit code 42/,
      ) as string,
    });
    expect(await podsOf('fatal')).toHaveLength(1);
  });

  it('stands still while it is suspended', async () => {
    await apply(job('paused', 'sleep 1', { suspend: true, completions: 2 }));
    await waitFor('paused', 'suspended');
    expect(await podsOf('paused')).toEqual([]);
    await run('patch', 'job', 'paused', '--type=merge', '-p', '{"spec":{"suspend":false}}');
    await waitFor('paused', 'complete');
  });

  it('is over at its deadline', async () => {
    await apply(job('endless', 'sleep 100000', { activeDeadlineSeconds: 20 }));
    await waitFor('endless', 'failed');
    expect(await run('describe', 'job', 'endless')).toContain('DeadlineExceeded');
  });

  it('goes by itself after its time', async () => {
    await apply(job('fleeting', 'true', { ttlSecondsAfterFinished: 30 }));
    await eventually(
      'the job is gone',
      async () => !(await run('get', 'jobs', '-o', 'name')).includes('fleeting'),
    );
  });
});

describe('a CronJob', () => {
  it('starts a Job every minute, and keeps the latest', async () => {
    await run(
      'create',
      'cronjob',
      'tick',
      '--image=busybox:1.37',
      '--schedule=* * * * *',
      '--',
      'echo',
      'tick',
    );
    await run('patch', 'cronjob', 'tick', '--type=merge', '-p', '{"spec":{"successfulJobsHistoryLimit":2}}');
    const jobs = async (): Promise<Job[]> => {
      const { items } = JSON.parse(await run('get', 'jobs', '-o', 'json')) as { items: Job[] };
      return items.filter(({ metadata }) => metadata.name.startsWith('tick-'));
    };
    const minutes = new Set<string>();
    await eventually('it has ticked four times', async () => {
      for (const { metadata } of await jobs()) minutes.add(metadata.name);
      return minutes.size >= 4;
    });
    await eventually('only two finished ones are left', async () => {
      const finished = (await jobs()).filter(({ status }) => status?.completionTime !== undefined);
      return finished.length === 2;
    });
    const cronJob = JSON.parse(await run('get', 'cronjob', 'tick', '-o', 'json')) as CronJob;
    expect(cronJob.status?.lastSuccessfulTime).toBeDefined();
    expect(await run('get', 'cronjob', 'tick')).toMatch(
      /^NAME +SCHEDULE +TIMEZONE +SUSPEND +ACTIVE +LAST SCHEDULE +AGE\ntick +\* \* \* \* \* +<none> +False +\d +/,
    );
    await run('patch', 'cronjob', 'tick', '--type=merge', '-p', '{"spec":{"suspend":true}}');
    await run('create', 'job', '--from=cronjob/tick', 'by-hand');
    await waitFor('by-hand', 'complete');
    await run('delete', 'cronjob', 'tick');
    await eventually('its jobs are gone', async () => (await jobs()).length === 0);
  });
});
