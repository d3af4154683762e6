import type { CronJob, Job } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { CronJobs, Jobs } from '@orrery/api/resources.ts';
import { describe, expect, test } from 'vitest';
import { connectionLost } from '../test-support/fake-cluster.ts';
import { meta, TEMPLATE } from '../test-support/objects.ts';
import { WorkloadCluster } from '../test-support/workload-cluster.ts';
import { cronJobController } from './index.ts';

const KEY = 'default/tick';
const MINUTE_MS = 60_000;

class CronCluster extends WorkloadCluster {
  constructor(spec: Partial<CronJob['spec']> = {}) {
    super([cronJobController]);
    const creationTimestamp = formatTime(this.clock.now());
    this.seed(CronJobs, {
      metadata: meta('tick', { creationTimestamp }),
      spec: {
        schedule: '* * * * *',
        concurrencyPolicy: 'Allow',
        successfulJobsHistoryLimit: 3,
        failedJobsHistoryLimit: 1,
        jobTemplate: { spec: { template: TEMPLATE } },
        ...spec,
      },
    });
  }

  get cronJob(): CronJob {
    return this.get(CronJobs, KEY);
  }

  /** Lets time pass as the controller asks for it. */
  async pass(minutes: number): Promise<void> {
    const endMs = this.clock.now() + minutes * MINUTE_MS;
    await this.settle();
    while (this.clock.now() < endMs) {
      const controller = this.controllers[0]!;
      const waitMs = Math.min(
        controller.later.get(KEY) ?? Number.POSITIVE_INFINITY,
        endMs - this.clock.now(),
      );
      controller.later.delete(KEY);
      await this.clock.advance(waitMs);
      controller.queued.add(KEY);
      await this.settle();
    }
  }

  finish(job: Job, type: 'Complete' | 'Failed' = 'Complete'): void {
    const completionTime = formatTime(this.clock.now());
    this.change(Jobs, `default/${job.metadata.name}`, (copy) => {
      copy.status = { conditions: [{ type, status: 'True' }], completionTime, startTime: completionTime };
    });
  }
}

describe('a CronJob', () => {
  test('starts a Job at each time of its schedule, and names it by the time', async () => {
    const cluster = new CronCluster();
    await cluster.pass(3);
    const names = cluster.all(Jobs).map(({ metadata }) => metadata.name);
    const minute = Math.trunc(cluster.clock.now() / MINUTE_MS);
    expect(names.sort()).toEqual([minute - 2, minute - 1, minute].map((each) => `tick-${each}`));
    expect(cluster.cronJob.status).toMatchObject({ lastScheduleTime: formatTime(minute * MINUTE_MS) });
    expect(cluster.cronJob.status?.active).toHaveLength(3);
    expect(cluster.all(Jobs)[0]!.metadata.annotations).toHaveProperty(
      'batch.kubernetes.io/cronjob-scheduled-timestamp',
    );
  });

  test('waits for the one that runs, with Forbid', async () => {
    const cluster = new CronCluster({ concurrencyPolicy: 'Forbid' });
    await cluster.pass(3);
    expect(cluster.all(Jobs)).toHaveLength(1);
    cluster.finish(cluster.all(Jobs)[0]!);
    await cluster.settle();
    expect(cluster.all(Jobs)).toHaveLength(2);
    expect(cluster.cronJob.status?.lastSuccessfulTime).toBeDefined();
  });

  test('takes the one that runs away, with Replace', async () => {
    const cluster = new CronCluster({ concurrencyPolicy: 'Replace' });
    await cluster.pass(3);
    expect(cluster.all(Jobs)).toHaveLength(1);
    expect(cluster.cronJob.status?.active).toHaveLength(1);
  });

  test('keeps as many finished Jobs as its limits say', async () => {
    const cluster = new CronCluster({ successfulJobsHistoryLimit: 2, failedJobsHistoryLimit: 1 });
    for (let minute = 0; minute < 6; minute += 1) {
      await cluster.pass(1);
      const open = cluster.all(Jobs).filter(({ status }) => status?.conditions === undefined);
      for (const job of open) cluster.finish(job, minute % 2 === 0 ? 'Complete' : 'Failed');
      await cluster.settle();
    }
    const ends = cluster.all(Jobs).map(({ status }) => status?.conditions?.[0]?.type ?? '');
    expect(ends.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(['Complete', 'Complete', 'Failed']);
  });

  test('stands still while it is suspended, and starts only the latest of what it missed', async () => {
    const cluster = new CronCluster({ suspend: true });
    await cluster.pass(10);
    expect(cluster.all(Jobs)).toEqual([]);
    cluster.change(CronJobs, KEY, ({ spec, metadata }) => {
      spec.suspend = false;
      metadata.generation = 2;
    });
    await cluster.settle();
    expect(cluster.all(Jobs)).toHaveLength(1);
  });

  test('starts nothing after its deadline', async () => {
    const cluster = new CronCluster({ schedule: '0 * * * *', startingDeadlineSeconds: 30 });
    await cluster.clock.advance(90 * MINUTE_MS);
    cluster.controllers[0]!.queued.add(KEY);
    await cluster.settle();
    expect(cluster.all(Jobs)).toEqual([]);
  });

  test('says so when it has missed too many times, and starts the latest', async () => {
    const cluster = new CronCluster();
    await cluster.clock.advance(500 * MINUTE_MS);
    await cluster.settle();
    expect(cluster.all(Jobs)).toHaveLength(1);
    expect(cluster.cronJob.status?.lastScheduleTime).toBe(
      formatTime(Math.trunc(cluster.clock.now() / MINUTE_MS) * MINUTE_MS),
    );
    expect(cluster.events.join('\n')).toContain('TooManyMissedTimes: too many missed start times');
  });

  test('starts one Job for one time however often the controller dies or answers are lost', async () => {
    for (let at = 0; at < 6; at += 1) {
      for (const when of ['before', 'after'] as const) {
        const cluster = new CronCluster();
        let writes = 0;
        cluster.fault = () => (writes++ === at ? { error: connectionLost, when } : undefined);
        await cluster.pass(1);
        cluster.restart();
        await cluster.pass(1);
        expect(cluster.all(Jobs), `write ${at}, ${when}`).toHaveLength(2);
        expect(cluster.cronJob.status?.active).toHaveLength(2);
      }
    }
  });
});
