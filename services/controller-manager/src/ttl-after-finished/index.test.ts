import type { Job } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { Jobs } from '@orrery/api/resources.ts';
import { beforeEach, expect, test } from 'vitest';
import { ControllerUnderTest } from '../test-support/controller-under-test.ts';
import { FakeCluster } from '../test-support/fake-cluster.ts';
import { meta, TEMPLATE } from '../test-support/objects.ts';
import { expiresAtMs, ttlAfterFinishedController } from './index.ts';

const KEY = 'default/work';

let cluster: FakeCluster;
let controller: ControllerUnderTest;
beforeEach(() => {
  cluster = new FakeCluster();
  controller = new ControllerUnderTest(cluster, ttlAfterFinishedController);
});

function job(ttlSecondsAfterFinished: number | undefined, ended?: 'Complete' | 'Failed'): Job {
  const lastTransitionTime = formatTime(cluster.clock.now());
  return {
    metadata: meta('work'),
    spec: {
      template: TEMPLATE,
      ...(ttlSecondsAfterFinished === undefined ? {} : { ttlSecondsAfterFinished }),
    },
    status: ended === undefined ? {} : { conditions: [{ type: ended, status: 'True', lastTransitionTime }] },
  };
}

test.each<[number | undefined, 'Complete' | 'Failed' | undefined, number | undefined]>([
  [undefined, 'Complete', undefined],
  [60, undefined, undefined],
  [60, 'Complete', 60_000],
  [60, 'Failed', 60_000],
  [0, 'Complete', 0],
])('a Job with %s seconds that is %s goes after %s ms', (ttl, ended, expected) => {
  const atMs = expiresAtMs(job(ttl, ended));
  expect(atMs === undefined ? undefined : atMs - cluster.clock.now()).toBe(expected);
});

test('is deleted when its time has come, with its pods', async () => {
  cluster.seed(Jobs, job(60, 'Complete'));
  expect([...controller.later]).toEqual([[KEY, 60_000]]);
  expect(await controller.reconcile(KEY)).toEqual({ requeueAfterMs: 60_000 });
  await cluster.clock.advance(60_000);
  await controller.reconcile(KEY);
  expect(cluster.get(Jobs, KEY).metadata).toMatchObject({ finalizers: ['foregroundDeletion'] });
});

test('stays when somebody has given it more time since', async () => {
  cluster.seed(Jobs, job(60, 'Complete'));
  await cluster.clock.advance(60_000);
  cluster.change(Jobs, KEY, ({ spec }) => void (spec.ttlSecondsAfterFinished = 120));
  expect(await controller.reconcile(KEY)).toEqual({ requeueAfterMs: 60_000 });
  expect(cluster.writes).toEqual([]);
});
