import { EndpointsRef, Services } from '@orrery/api/resources.ts';
import { describe, expect, test } from 'vitest';
import { connectionLost } from '../test-support/fake-cluster.ts';
import { service } from '../test-support/objects.ts';
import { WorkloadCluster } from '../test-support/workload-cluster.ts';
import { endpointsController } from './index.ts';

const KEY = 'default/web';

/** With Endpoints that somebody made by hand, and a Service without selector if asked for. */
function clusterWith(options: { service: boolean }): WorkloadCluster {
  const cluster = new WorkloadCluster([endpointsController]);
  if (options.service) cluster.seed(Services, service({ selector: {} }));
  cluster.seed(EndpointsRef, {
    metadata: { name: 'web', namespace: 'default' },
    subsets: [{ addresses: [{ ip: '192.0.2.1' }] }],
  });
  return cluster;
}

describe('Endpoints made by hand', () => {
  test('are left alone, with a Service and without', async () => {
    for (const options of [{ service: true }, { service: false }]) {
      const cluster = clusterWith(options);
      await cluster.settle();
      cluster.restart();
      await cluster.settle();
      expect(cluster.writes).toEqual([]);
    }
  });

  test('go with their Service, also when the first try fails', async () => {
    const cluster = clusterWith({ service: true });
    await cluster.settle();
    cluster.fault = (_write, index) => (index === 0 ? { error: connectionLost, when: 'before' } : undefined);
    cluster.remove(Services, KEY);
    await cluster.settle();
    expect(cluster.all(EndpointsRef)).toEqual([]);
  });

  test('that come after their Service has gone stay', async () => {
    const cluster = clusterWith({ service: true });
    await cluster.settle();
    cluster.remove(Services, KEY);
    await cluster.settle();
    cluster.seed(EndpointsRef, { metadata: { name: 'web', namespace: 'default' }, subsets: [] });
    await cluster.settle();
    expect(cluster.all(EndpointsRef)).toHaveLength(1);
  });
});
