import type { Endpoints, EndpointSubset, Service } from '@orrery/api/gen/types.ts';
import { EndpointSlices, EndpointsRef, Services } from '@orrery/api/resources.ts';
import { describe, expect, test } from 'vitest';
import { endpointSliceController } from '../endpoint-slice/index.ts';
import { connectionLost } from '../test-support/fake-cluster.ts';
import { WorkloadCluster } from '../test-support/workload-cluster.ts';
import { endpointSliceMirroringController } from './index.ts';

const KEY = 'default/db';
const SUBSET: EndpointSubset = {
  addresses: [{ ip: '192.0.2.1' }, { ip: '2001:db8::1' }],
  notReadyAddresses: [{ ip: '192.0.2.2', nodeName: 'n1', hostname: 'two' }],
  ports: [{ name: 'pg', port: 5432, protocol: 'TCP' }],
};

function clusterWith({
  subsets = [SUBSET],
  metadata = {},
  spec = {},
}: {
  subsets?: EndpointSubset[];
  metadata?: Partial<Endpoints['metadata']>;
  spec?: Partial<Service['spec']>;
} = {}): WorkloadCluster {
  const cluster = new WorkloadCluster([endpointSliceMirroringController, endpointSliceController]);
  cluster.seed(Services, {
    metadata: { name: 'db', namespace: 'default' },
    spec: { ports: [{ port: 5432 }], ...spec },
  });
  cluster.seed(EndpointsRef, { metadata: { name: 'db', namespace: 'default', ...metadata }, subsets });
  return cluster;
}

function addresses(cluster: WorkloadCluster): string[] {
  return cluster
    .all(EndpointSlices)
    .map(({ endpoints = [] }) => endpoints.flatMap((each) => each.addresses).join(' '))
    .sort();
}

describe('Endpoints of a Service without selector', () => {
  test('are mirrored, one slice for each family and set of ports', async () => {
    const cluster = clusterWith({
      metadata: {
        labels: { team: 'a' },
        annotations: { note: 'b', 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
      },
    });
    await cluster.settle();
    const [four, six, ...more] = cluster
      .all(EndpointSlices)
      .sort((a, b) => (a.addressType < b.addressType ? -1 : 1));
    expect(more).toEqual([]);
    expect(four).toMatchObject({
      metadata: {
        labels: {
          team: 'a',
          'kubernetes.io/service-name': 'db',
          'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
        },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Endpoints', name: 'db', controller: true }],
      },
      addressType: 'IPv4',
      ports: [{ name: 'pg', port: 5432, protocol: 'TCP' }],
      endpoints: [
        { addresses: ['192.0.2.1'], conditions: { ready: true } },
        { addresses: ['192.0.2.2'], conditions: { ready: false }, nodeName: 'n1', hostname: 'two' },
      ],
    });
    expect(four?.metadata.annotations).toEqual({ note: 'b' });
    expect(six).toMatchObject({ addressType: 'IPv6', endpoints: [{ addresses: ['2001:db8::1'] }] });
  });

  test('are followed when they change, with no more writes than needed', async () => {
    const cluster = clusterWith({ subsets: [{ ...SUBSET, addresses: [{ ip: '192.0.2.1' }] }] });
    await cluster.settle();
    cluster.writes.length = 0;
    cluster.change(EndpointsRef, KEY, (copy) => void (copy.subsets![0]!.addresses = [{ ip: '192.0.2.7' }]));
    await cluster.settle();
    expect(addresses(cluster)).toEqual(['192.0.2.7 192.0.2.2']);
    cluster.change(EndpointsRef, KEY, ({ metadata }) => void (metadata.labels = { team: 'b' }));
    await cluster.settle();
    expect(cluster.all(EndpointSlices)[0]?.metadata.labels?.['team']).toBe('b');
    expect(cluster.writes.map(({ verb }) => verb)).toEqual(['update', 'update']);
    cluster.change(EndpointsRef, KEY, (copy) => void (copy.subsets = []));
    await cluster.settle();
    expect(addresses(cluster)).toEqual([]);
  });

  test('are mirrored again when somebody deletes a slice, and once when the answer to a write is lost', async () => {
    const cluster = clusterWith({ subsets: [{ ...SUBSET, addresses: [] }] });
    cluster.fault = (_write, index) => (index === 0 ? { error: connectionLost, when: 'after' } : undefined);
    await cluster.settle();
    expect(addresses(cluster)).toEqual(['192.0.2.2']);
    cluster.remove(EndpointSlices, `default/${cluster.all(EndpointSlices)[0]!.metadata.name}`);
    await cluster.settle();
    expect(addresses(cluster)).toEqual(['192.0.2.2']);
  });

  test.each<[string, Parameters<typeof clusterWith>[0]]>([
    [
      'say that they must not',
      { metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } } },
    ],
    [
      'are the lock of a leader',
      { metadata: { annotations: { 'control-plane.alpha.kubernetes.io/leader': '' } } },
    ],
    ['belong to no Service', { metadata: { name: 'other' } }],
  ])('are not mirrored when they %s', async (_, options) => {
    const cluster = clusterWith(options);
    await cluster.settle();
    expect(addresses(cluster)).toEqual([]);
  });

  test('are mirrored up to a thousand, and the rest is told of', async () => {
    const many = Array.from({ length: 1002 }, (_, index) => ({ ip: `192.0.${index >> 8}.${index & 255}` }));
    const cluster = clusterWith({ subsets: [{ addresses: many, ports: [{ port: 80 }] }] });
    await cluster.settle();
    expect(cluster.all(EndpointSlices).map(({ endpoints }) => endpoints?.length)).toEqual([1000]);
    expect(cluster.events[0]).toContain('TooManyAddressesToMirror');
    expect(cluster.events[0]).toContain('. 2 addresses were skipped');
  });

  test('are no longer mirrored when the Service selects pods, or is gone', async () => {
    const cluster = clusterWith();
    await cluster.settle();
    cluster.change(Services, KEY, ({ spec }) => void (spec.selector = { app: 'db' }));
    await cluster.settle();
    expect(addresses(cluster)).toEqual(['']);
    cluster.remove(Services, KEY);
    await cluster.settle();
    expect(addresses(cluster)).toEqual([]);
  });
});
