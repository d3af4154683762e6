import type { ResourceQuota, ResourceQuotaSpec } from '@orrery/api/gen/types.ts';
import { ConfigMaps, Pods, ResourceQuotas, Services } from '@orrery/api/resources.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { beforeEach, expect, test } from 'vitest';
import { ControllerUnderTest } from '../test-support/controller-under-test.ts';
import { FakeCluster } from '../test-support/fake-cluster.ts';
import { meta } from '../test-support/objects.ts';
import { LAG_MS, resourceQuotaController } from './index.ts';

const KEY = 'default/quota';

let cluster: FakeCluster;
let realClock: ManualClock;
let controller: ControllerUnderTest;
beforeEach(() => {
  cluster = new FakeCluster();
  realClock = new ManualClock();
  controller = new ControllerUnderTest(cluster, (context) => resourceQuotaController(context, realClock));
});

function seedQuota(spec: ResourceQuotaSpec): ResourceQuota {
  return cluster.seed(ResourceQuotas, { metadata: meta('quota'), spec });
}

function seedPod(name: string, cpu: string, phase = 'Running', namespace = 'default'): void {
  const container = { name: 'main', image: 'i', resources: { requests: { cpu } } };
  cluster.seed(Pods, {
    metadata: { ...meta(name), namespace },
    spec: { containers: [container] },
    status: { phase },
  });
}

const status = (): ResourceQuota['status'] => cluster.get(ResourceQuotas, KEY).status;

/** Until nothing is queued; waits for the lag where it has to. */
async function settle(): Promise<void> {
  while (controller.queued.size > 0) {
    const step = controller.step();
    await realClock.advance(LAG_MS);
    await step;
  }
}

test('counts what there is, but not pods that have ended', async () => {
  seedPod('a', '500m');
  seedPod('b', '250m', 'Succeeded');
  seedPod('elsewhere', '1', 'Running', 'other');
  seedQuota({ hard: { pods: '10', 'requests.cpu': '1', configmaps: '5', 'count/pods': '20' } });
  await settle();
  expect(status()).toEqual({
    hard: { pods: '10', 'requests.cpu': '1', configmaps: '5', 'count/pods': '20' },
    used: { pods: '1', 'requests.cpu': '500m', configmaps: '0', 'count/pods': '2' },
  });
  expect([...controller.later]).toEqual([[KEY, 300_000]]);
});

test('counts at once a quota that nobody has counted', async () => {
  seedQuota({ hard: { pods: '1' } });
  await controller.step();
  expect(status()?.used).toEqual({ pods: '0' });
});

test('counts again when objects go, end, or use less', async () => {
  seedPod('a', '500m');
  seedPod('b', '500m');
  cluster.seed(Services, { metadata: meta('web'), spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } });
  seedQuota({ hard: { 'requests.cpu': '2', 'services.loadbalancers': '1' } });
  await settle();
  expect(status()?.used).toEqual({ 'requests.cpu': '1', 'services.loadbalancers': '1' });
  cluster.remove(Pods, 'default/a');
  await settle();
  expect(status()?.used).toEqual({ 'requests.cpu': '500m', 'services.loadbalancers': '1' });
  cluster.change(Pods, 'default/b', (pod) => {
    pod.status = { phase: 'Failed' };
  });
  cluster.change(Services, 'default/web', ({ spec }) => {
    spec.type = 'ClusterIP';
  });
  await settle();
  expect(status()?.used).toEqual({ 'requests.cpu': '0', 'services.loadbalancers': '0' });
});

test('does not look again at what changes nothing', async () => {
  seedPod('a', '500m', 'Pending');
  seedQuota({ hard: { pods: '2' } });
  await settle();
  cluster.change(Pods, 'default/a', (pod) => {
    pod.status = { phase: 'Running' };
  });
  expect([...controller.queued]).toEqual([]);
});

test('gives back what was charged and never written, but not before that could be known', async () => {
  seedQuota({ hard: { configmaps: '2' } });
  await settle();
  cluster.change(ResourceQuotas, KEY, (quota) => {
    quota.status!.used = { configmaps: '1' };
  });
  const step = controller.step();
  await realClock.advance(LAG_MS - 1);
  expect(status()?.used).toEqual({ configmaps: '1' });
  await realClock.advance(1);
  await step;
  expect(status()?.used).toEqual({ configmaps: '0' });
});

test('loses to a charge that comes meanwhile', async () => {
  seedQuota({ hard: { configmaps: '2' } });
  await settle();
  const charge = (configmaps: string): void => {
    cluster.change(ResourceQuotas, KEY, (quota) => {
      quota.status!.used = { configmaps };
    });
  };
  charge('1');
  const step = controller.step();
  cluster.seed(ConfigMaps, { metadata: meta('a') });
  cluster.seed(ConfigMaps, { metadata: meta('b') });
  charge('2');
  await realClock.advance(LAG_MS);
  await step;
  await settle();
  expect(controller.errors).toEqual([]);
  expect(status()?.used).toEqual({ configmaps: '2' });
});

test('takes over new limits', async () => {
  seedQuota({ hard: { pods: '2' } });
  await settle();
  cluster.change(ResourceQuotas, KEY, ({ spec }) => {
    spec.hard = { configmaps: '3' };
  });
  await settle();
  expect(status()).toEqual({ hard: { configmaps: '3' }, used: { configmaps: '0' } });
});
