import type { Job, Pod } from '@orrery/api/gen/types.ts';
import { formatTime, keyOf } from '@orrery/api/meta.ts';
import { Jobs, Pods } from '@orrery/api/resources.ts';
import { JOB_INDEX, JOB_TRACKING_FINALIZER } from '@orrery/api/workloads.ts';
import { describe, expect, test } from 'vitest';
import { findCondition } from '../conditions.ts';
import { isPodTerminal } from '../pods.ts';
import { connectionLost } from '../test-support/fake-cluster.ts';
import { meta, TEMPLATE } from '../test-support/objects.ts';
import { WorkloadCluster } from '../test-support/workload-cluster.ts';
import { jobController } from './index.ts';

const KEY = 'default/pi';

function jobObject(spec: Partial<Job['spec']> = {}): Job {
  return {
    metadata: meta('pi'),
    spec: {
      completions: 1,
      parallelism: 1,
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      podReplacementPolicy: 'TerminatingOrFailed',
      selector: { matchLabels: { app: 'web' } },
      template: { ...TEMPLATE, spec: { ...TEMPLATE.spec!, restartPolicy: 'Never' } },
      ...spec,
    },
  };
}

type Ending = { phase: 'Succeeded' | 'Failed'; exitCode?: number };

class JobCluster extends WorkloadCluster {
  constructor(spec: Partial<Job['spec']> = {}) {
    super([jobController]);
    this.seed(Jobs, jobObject(spec));
  }

  get job(): Job {
    return this.get(Jobs, KEY);
  }

  get running(): Pod[] {
    return this.all(Pods).filter(
      (pod) => !isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined,
    );
  }

  indexes(): string[] {
    return this.running.map(({ metadata }) => metadata.annotations?.[JOB_INDEX] ?? '').sort();
  }

  end(pod: Pod, { phase, exitCode = phase === 'Failed' ? 1 : 0 }: Ending): void {
    this.change(Pods, keyOf(pod), (copy) => {
      const finishedAt = formatTime(this.clock.now());
      const state = { terminated: { exitCode, finishedAt } };
      copy.status = {
        phase,
        containerStatuses: [
          { name: 'web', image: 'web:1', imageID: '', ready: false, restartCount: 0, state },
        ],
      };
    });
  }

  /** Every pod that runs ends so, until the Job needs no more. Time passes as it asks. */
  async runPods(ending: (pod: Pod) => Ending): Promise<void> {
    for (let round = 0; round < 60; round += 1) {
      await this.settle();
      const { running } = this;
      for (const pod of running) this.end(pod, ending(pod));
      await this.settle();
      const waitMs = this.controllers[0]!.later.get(KEY);
      if (this.running.length === 0 && running.length === 0) {
        if (waitMs === undefined) return;
        this.controllers[0]!.later.delete(KEY);
        await this.clock.advance(waitMs);
        this.controllers[0]!.queued.add(KEY);
      }
    }
    throw new Error('the job never ends');
  }

  reasonOf(type: string): string | undefined {
    const condition = findCondition(this.job.status?.conditions, type);
    return condition?.status === 'True' ? condition.reason : undefined;
  }
}

const SUCCESS = (): Ending => ({ phase: 'Succeeded' });
const FAILURE = (): Ending => ({ phase: 'Failed' });

describe('a Job', () => {
  test('runs to its completions, as many at a time as it may', async () => {
    const cluster = new JobCluster({ completions: 5, parallelism: 2 });
    await cluster.settle();
    expect(cluster.running).toHaveLength(2);
    expect(cluster.job.status).toMatchObject({ active: 2, ready: 0 });
    await cluster.runPods(SUCCESS);
    expect(cluster.all(Pods)).toHaveLength(5);
    expect(cluster.job.status).toMatchObject({ succeeded: 5, uncountedTerminatedPods: {} });
    expect([cluster.reasonOf('SuccessCriteriaMet'), cluster.reasonOf('Complete')]).toEqual([
      'CompletionsReached',
      'CompletionsReached',
    ]);
    expect(cluster.all(Pods).flatMap(({ metadata }) => metadata.finalizers ?? [])).toEqual([]);
    expect(cluster.events).toContain('Normal pi Completed: Job completed');
  });

  test('without completions ends when one pod has succeeded and the others have ended', async () => {
    const cluster = new JobCluster({ completions: undefined as unknown as number, parallelism: 3 });
    delete cluster.job.spec.completions;
    await cluster.settle();
    cluster.end(cluster.running[0]!, { phase: 'Succeeded' });
    await cluster.settle();
    expect(cluster.running).toHaveLength(2);
    expect(cluster.reasonOf('Complete')).toBeUndefined();
    await cluster.runPods(SUCCESS);
    expect(cluster.job.status).toMatchObject({ succeeded: 3 });
    expect(cluster.reasonOf('Complete')).toBe('CompletionsReached');
  });

  test('tries again after growing pauses, and gives up at its limit', async () => {
    const cluster = new JobCluster({ backoffLimit: 3 });
    const startMs = cluster.clock.now();
    await cluster.runPods(FAILURE);
    expect(cluster.all(Pods)).toHaveLength(4);
    expect(cluster.clock.now() - startMs).toBeGreaterThanOrEqual(10_000 + 20_000 + 40_000);
    expect(cluster.job.status).toMatchObject({ failed: 4 });
    expect(cluster.reasonOf('Failed')).toBe('BackoffLimitExceeded');
    expect(cluster.events).toContain(
      'Warning pi BackoffLimitExceeded: Job has reached the specified backoff limit',
    );
  });

  test('is over at its deadline, and its pods with it', async () => {
    const cluster = new JobCluster({ activeDeadlineSeconds: 30 });
    await cluster.settle();
    expect(cluster.controllers[0]!.later.get(KEY)).toBe(30_000);
    await cluster.clock.advance(30_000);
    cluster.controllers[0]!.queued.add(KEY);
    await cluster.settle();
    expect(cluster.running).toEqual([]);
    expect(cluster.reasonOf('Failed')).toBe('DeadlineExceeded');
  });

  test('stands still while it is suspended, and starts anew', async () => {
    const cluster = new JobCluster({ completions: 4, parallelism: 2 });
    await cluster.settle();
    cluster.change(Jobs, KEY, ({ spec }) => void (spec.suspend = true));
    await cluster.settle();
    expect(cluster.running).toEqual([]);
    expect(cluster.reasonOf('Suspended')).toBe('JobSuspended');
    expect(cluster.job.status?.failed).toBeUndefined();
    await cluster.clock.advance(60_000);
    cluster.change(Jobs, KEY, ({ spec }) => void (spec.suspend = false));
    await cluster.settle();
    expect(cluster.running).toHaveLength(2);
    expect(cluster.job.status?.startTime).toBe(formatTime(cluster.clock.now()));
    expect(cluster.events.filter((each) => /Suspended|Resumed/.test(each))).toEqual([
      'Normal pi Suspended: Job suspended',
      'Normal pi Resumed: Job resumed',
    ]);
  });

  test('follows a changed parallelism', async () => {
    const cluster = new JobCluster({ completions: 10, parallelism: 4 });
    await cluster.settle();
    for (const parallelism of [1, 6, 0]) {
      cluster.change(Jobs, KEY, ({ spec }) => void (spec.parallelism = parallelism));
      await cluster.settle();
      expect(cluster.running).toHaveLength(parallelism);
    }
    expect(cluster.job.status?.failed).toBeUndefined();
  });

  test('comes to the same end however often the controller dies or answers are lost', async () => {
    for (let at = 0; at < 24; at += 1) {
      for (const when of ['before', 'after'] as const) {
        const cluster = new JobCluster({ completions: 3, parallelism: 2, backoffLimit: 2 });
        let failures = 1;
        let writes = 0;
        cluster.fault = () => (writes++ === at ? { error: connectionLost, when } : undefined);
        await cluster.settle();
        cluster.restart();
        await cluster.runPods(() => (failures-- > 0 ? FAILURE() : SUCCESS()));
        cluster.restart();
        await cluster.runPods(SUCCESS);
        expect(cluster.job.status, `write ${at}, ${when}`).toMatchObject({
          succeeded: 3,
          failed: 1,
          uncountedTerminatedPods: {},
        });
        expect(cluster.all(Pods)).toHaveLength(4);
      }
    }
  });

  test('lets go of pods whose Job is gone', async () => {
    const cluster = new JobCluster();
    await cluster.settle();
    const [pod] = cluster.running;
    expect(pod!.metadata.finalizers).toEqual([JOB_TRACKING_FINALIZER]);
    cluster.remove(Jobs, KEY);
    await cluster.settle();
    expect(cluster.get(Pods, keyOf(pod!)).metadata.finalizers ?? []).toEqual([]);
  });

  test('leaves Jobs of other controllers alone', async () => {
    const cluster = new JobCluster({ managedBy: 'example.com/queue' });
    await cluster.settle();
    expect(cluster.all(Pods)).toEqual([]);
    expect(cluster.job.status).toBeUndefined();
  });
});

describe('an Indexed Job', () => {
  const indexed = (spec: Partial<Job['spec']> = {}): JobCluster =>
    new JobCluster({ completionMode: 'Indexed', completions: 4, parallelism: 2, ...spec });
  const indexOf = ({ metadata }: Pod): string => metadata.annotations?.[JOB_INDEX] ?? '';

  test('runs each index once, the lowest first', async () => {
    const cluster = indexed();
    await cluster.settle();
    expect(cluster.indexes()).toEqual(['0', '1']);
    expect(cluster.running[0]!.spec).toMatchObject({
      hostname: expect.stringMatching(/^pi-[01]$/) as string,
    });
    expect(cluster.running[0]!.spec.containers[0]!.env).toEqual([
      {
        name: 'JOB_COMPLETION_INDEX',
        valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: `metadata.labels['${JOB_INDEX}']` } },
      },
    ]);
    cluster.end(
      cluster.running.find((pod) => indexOf(pod) === '1')!,
      { phase: 'Succeeded' },
    );
    await cluster.settle();
    expect(cluster.indexes()).toEqual(['0', '2']);
    expect(cluster.job.status).toMatchObject({ succeeded: 1, completedIndexes: '1' });
    await cluster.runPods(SUCCESS);
    expect(cluster.job.status).toMatchObject({ succeeded: 4, completedIndexes: '0-3' });
  });

  test('with a limit for each index goes on with the others, and says which failed', async () => {
    const cluster = indexed({ backoffLimitPerIndex: 1, backoffLimit: 2 ** 31 - 1 });
    await cluster.runPods((pod) => (indexOf(pod) === '2' ? FAILURE() : SUCCESS()));
    expect(cluster.job.status).toMatchObject({
      succeeded: 3,
      failed: 2,
      completedIndexes: '0,1,3',
      failedIndexes: '2',
    });
    expect(cluster.reasonOf('Failed')).toBe('FailedIndexes');
  });

  test('ends early when too many indexes have failed', async () => {
    const cluster = indexed({ backoffLimitPerIndex: 0, maxFailedIndexes: 1, backoffLimit: 2 ** 31 - 1 });
    await cluster.runPods(FAILURE);
    expect(cluster.reasonOf('Failed')).toBe('MaxFailedIndexesExceeded');
  });

  test('is done when its policy for successes says so', async () => {
    const cluster = indexed({
      parallelism: 4,
      successPolicy: { rules: [{ succeededIndexes: '0,2-3', succeededCount: 1 }] },
    });
    await cluster.settle();
    cluster.end(
      cluster.running.find((pod) => indexOf(pod) === '2')!,
      { phase: 'Succeeded' },
    );
    await cluster.settle();
    expect(cluster.running).toEqual([]);
    expect(cluster.reasonOf('Complete')).toBe('SuccessPolicy');
    expect(findCondition(cluster.job.status?.conditions, 'Complete')?.message).toBe(
      'Matched rules at index 0',
    );
  });
});

describe('the policy for failures', () => {
  const withRules = (...rules: NonNullable<Job['spec']['podFailurePolicy']>['rules']): JobCluster =>
    new JobCluster({ podFailurePolicy: { rules }, podReplacementPolicy: 'Failed' });

  test('ends the Job at an exit code', async () => {
    const cluster = withRules({ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } });
    await cluster.runPods(() => ({ phase: 'Failed', exitCode: 42 }));
    expect(cluster.reasonOf('Failed')).toBe('PodFailurePolicy');
    const { message } = findCondition(cluster.job.status?.conditions, 'Failed')!;
    expect(message).toMatch(
      /^Container web for pod default\/pi-\w+ failed with exit code 42 matching FailJob rule at index 0$/,
    );
    expect(cluster.all(Pods)).toHaveLength(1);
  });

  test('does not count what is to be ignored', async () => {
    const cluster = withRules({
      action: 'Ignore',
      onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }],
    });
    await cluster.settle();
    const [pod] = cluster.running;
    cluster.end(pod!, { phase: 'Failed' });
    cluster.change(
      Pods,
      keyOf(pod!),
      ({ status }) => void (status!.conditions = [{ type: 'DisruptionTarget', status: 'True' }]),
    );
    await cluster.settle();
    expect(cluster.running).toHaveLength(1);
    expect(cluster.job.status?.failed).toBeUndefined();
  });

  test('replaces a pod only when it has ended', async () => {
    const cluster = withRules({ action: 'Count', onExitCodes: { operator: 'In', values: [1] } });
    await cluster.settle();
    const [pod] = cluster.running;
    cluster.change(Pods, keyOf(pod!), ({ spec }) => void (spec.nodeName = 'n1'));
    await cluster.client.delete(Pods, { namespace: 'default', name: pod!.metadata.name });
    await cluster.settle();
    expect(cluster.running).toEqual([]);
    expect(cluster.job.status).toMatchObject({ terminating: 1 });
  });
});
