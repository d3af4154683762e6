import { controllerOf } from '@orrery/api/meta.ts';
import { EndpointSlices, EndpointsRef, Pods, Services } from '@orrery/api/resources.ts';
import { describe, expect, test } from 'vitest';
import { endpointsController } from '../endpoints/index.ts';
import { connectionLost } from '../test-support/fake-cluster.ts';
import { pod, ready, service } from '../test-support/objects.ts';
import { WorkloadCluster } from '../test-support/workload-cluster.ts';
import { endpointSliceController } from './index.ts';

const KEY = 'default/web';

async function started(pods: number): Promise<WorkloadCluster> {
  const cluster = new WorkloadCluster([endpointSliceController, endpointsController]);
  cluster.seed(Services, service({}, { labels: { team: 'a' } }));
  for (let index = 0; index < pods; index += 1) addPod(cluster, index);
  await cluster.settle();
  return cluster;
}

function addPod(cluster: WorkloadCluster, index: number): void {
  const ip = `10.1.${Math.floor(index / 250)}.${(index % 250) + 1}`;
  cluster.seed(Pods, pod(`pod-${index}`, { status: { ...ready('True'), podIP: ip, podIPs: [{ ip }] } }));
}

function addresses(cluster: WorkloadCluster): number {
  return cluster.all(EndpointSlices).reduce((sum, { endpoints = [] }) => sum + endpoints.length, 0);
}

describe('slices and Endpoints of a service', () => {
  test('follow its pods', async () => {
    const cluster = await started(2);
    const [slice] = cluster.all(EndpointSlices);
    expect(slice?.metadata.labels).toEqual({
      team: 'a',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    });
    expect(controllerOf(slice!)?.name).toBe('web');
    expect(slice?.metadata.annotations).toHaveProperty('endpoints.kubernetes.io/last-change-trigger-time');
    expect(cluster.get(EndpointsRef, KEY).subsets).toMatchObject([
      { addresses: [{ ip: '10.1.0.1' }, { ip: '10.1.0.2' }], ports: [{ port: 80 }] },
    ]);
    cluster.change(
      Pods,
      'default/pod-1',
      (copy) => void (copy.status!.conditions = [{ type: 'Ready', status: 'False' }]),
    );
    await cluster.settle();
    expect(cluster.get(EndpointsRef, KEY).subsets?.[0]?.notReadyAddresses).toMatchObject([
      { ip: '10.1.0.2' },
    ]);
    cluster.remove(Pods, 'default/pod-0');
    await cluster.settle();
    expect(addresses(cluster)).toBe(1);
  });

  test('are not written when nothing has changed', async () => {
    const cluster = await started(3);
    const before = cluster.writes.length;
    cluster.change(Pods, 'default/pod-0', ({ metadata }) => void (metadata.annotations = { note: 'x' }));
    cluster.restart();
    await cluster.settle();
    expect(cluster.writes.slice(before)).toEqual([]);
  });

  test('take many pods in few writes', async () => {
    const cluster = await started(1);
    const before = cluster.writes.length;
    for (let index = 1; index < 250; index += 1) addPod(cluster, index);
    await cluster.settle();
    expect(addresses(cluster)).toBe(250);
    expect(cluster.writes.length - before).toBeLessThanOrEqual(6);
  });

  test('are not made twice while the cache does not show the first', async () => {
    const cluster = await started(0);
    cluster.informers.held = true;
    addPod(cluster, 0);
    cluster.informers.deliver();
    for (let look = 0; look < 3; look += 1) await cluster.controllers[0]?.reconcile(KEY);
    cluster.informers.held = false;
    cluster.informers.deliver();
    await cluster.settle();
    expect(cluster.all(EndpointSlices)).toHaveLength(1);
  });

  test('go with the service', async () => {
    const cluster = await started(2);
    cluster.remove(Services, KEY);
    await cluster.settle();
    expect([cluster.all(EndpointSlices), cluster.all(EndpointsRef)]).toEqual([[], []]);
  });

  test('that were left behind while nobody looked go too, those made by hand stay', async () => {
    const cluster = await started(2);
    cluster.seed(EndpointsRef, { metadata: { name: 'by-hand', namespace: 'default' } });
    cluster.controllers = [];
    cluster.remove(Services, KEY);
    cluster.restart();
    await cluster.settle();
    expect(cluster.all(EndpointSlices)).toEqual([]);
    expect(cluster.all(EndpointsRef).map(({ metadata }) => metadata.name)).toEqual(['by-hand']);
  });

  test('are right in the end when answers are lost', async () => {
    const cluster = await started(0);
    let lost = 0;
    cluster.fault = () => ((lost += 1) <= 3 ? { error: connectionLost, when: 'after' } : undefined);
    for (let index = 0; index < 120; index += 1) addPod(cluster, index);
    await cluster.settle();
    expect(addresses(cluster)).toBe(120);
    expect(cluster.get(EndpointsRef, KEY).subsets?.[0]?.addresses).toHaveLength(120);
  });

  test('a service without selector is left alone', async () => {
    const cluster = new WorkloadCluster([endpointSliceController, endpointsController]);
    const { selector: _, ...spec } = service().spec;
    cluster.seed(Services, { metadata: { name: 'web', namespace: 'default' }, spec });
    await cluster.settle();
    expect(cluster.writes).toEqual([]);
  });
});
