import { EndpointSlices, Services } from '@orrery/api/resources.ts';
import { describe, expect, test } from 'vitest';
import { IndexedInformer, service, slice } from '../test-support/cluster-parts.ts';
import { answerFromCluster } from './cluster-dns.ts';
import { indexServices, serviceView } from './cluster-view.ts';

const services = new IndexedInformer(Services);
const slices = new IndexedInformer(EndpointSlices);
indexServices(services);
const view = serviceView(services, slices);

const ports = [
  { name: 'http', port: 80, protocol: 'TCP' },
  { name: 'metrics', port: 9090, protocol: 'TCP' },
];
const web = service('web', { clusterIP: '10.96.1.1', clusterIPs: ['10.96.1.1'], ports });
const db = service('db', { clusterIP: 'None', clusterIPs: ['None'], ports: [{ name: 'sql', port: 5432 }] });
const bare = service('bare', { clusterIP: 'None' });
const early = service('early', { clusterIP: 'None', publishNotReadyAddresses: true });
services.put(
  web,
  db,
  bare,
  early,
  service('nobody', { clusterIP: 'None' }),
  service('outside', { type: 'ExternalName', externalName: 'Example.com' }),
  service('inside', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' }),
  service('loop', { type: 'ExternalName', externalName: 'loop.default.svc.cluster.local' }),
  service('api', { clusterIP: '10.96.2.2', ports: [{ port: 80 }] }, { namespace: 'shop' }),
);
slices.put(
  slice(web, [{ addresses: ['10.244.0.5'] }]),
  slice(
    db,
    [
      { addresses: ['10.244.0.7'], hostname: 'db-0', conditions: { ready: true } },
      { addresses: ['10.244.1.7'], hostname: 'db-1', conditions: { ready: false } },
      { addresses: ['10.244.1.9'] },
    ],
    [{ name: 'sql', port: 5432, protocol: 'TCP' }],
  ),
  slice(db, [{ addresses: ['10.244.0.7'], hostname: 'db-0' }], [{ name: 'sql', port: 5432 }], 'b'),
  slice(bare, [{ addresses: ['10.244.0.8'] }], []),
  // The controller says ready of all pods where not-ready ones are published.
  slice(early, [{ addresses: ['10.244.0.9'], conditions: { ready: true, serving: false } }], []),
);

describe('the addresses of', () => {
  test.each<[string, string[] | undefined]>([
    ['web.default.svc.cluster.local', ['10.96.1.1']],
    ['api.shop.svc.cluster.local', ['10.96.2.2']],
    ['_http._tcp.web.default.svc.cluster.local', ['10.96.1.1']],
    ['_http._udp.web.default.svc.cluster.local', undefined],
    ['_ftp._tcp.web.default.svc.cluster.local', undefined],
    // An endpoint of any Service has a name.
    ['10-244-0-5.web.default.svc.cluster.local', ['10.244.0.5']],
    ['10-244-0-6.web.default.svc.cluster.local', undefined],
    // Headless.
    ['db.default.svc.cluster.local', ['10.244.0.7', '10.244.1.9']],
    ['db-0.db.default.svc.cluster.local', ['10.244.0.7']],
    ['db-1.db.default.svc.cluster.local', undefined],
    ['10-244-1-9.db.default.svc.cluster.local', ['10.244.1.9']],
    ['bare.default.svc.cluster.local', ['10.244.0.8']],
    ['early.default.svc.cluster.local', ['10.244.0.9']],
    ['nobody.default.svc.cluster.local', undefined],
    // Pods.
    ['10-244-0-5.default.pod.cluster.local', ['10.244.0.5']],
    ['10-244-0.default.pod.cluster.local', undefined],
    ['web.default.pod.cluster.local', undefined],
    ['a.10-244-0-5.default.pod.cluster.local', undefined],
    // Nothing.
    ['api.default.svc.cluster.local', undefined],
    ['a.b.c.web.default.svc.cluster.local', undefined],
    ['default.svc.cluster.local', undefined],
    ['svc.cluster.local', undefined],
    ['cluster.local', undefined],
    ['web.default.svc', undefined],
    ['example.com', undefined],
    ['__proto__', undefined],
    ['', undefined],
  ])('%s', (name, addresses) => {
    expect(answerFromCluster(view, name, 'A')?.addresses).toEqual(addresses);
    if (addresses !== undefined) expect(answerFromCluster(view, name, 'A')?.name).toBe(`${name}.`);
  });
});

describe('an alias', () => {
  test('of a Service has its addresses', () => {
    expect(answerFromCluster(view, 'inside.default.svc.cluster.local', 'A')).toEqual({
      name: 'inside.default.svc.cluster.local.',
      canonicalName: 'web.default.svc.cluster.local.',
      addresses: ['10.96.1.1'],
    });
  });

  test('of what is outside is told, without addresses', () => {
    expect(answerFromCluster(view, 'outside.default.svc.cluster.local', 'A')).toEqual({
      name: 'outside.default.svc.cluster.local.',
      canonicalName: 'example.com.',
      addresses: [],
    });
    expect(answerFromCluster(view, 'a.outside.default.svc.cluster.local', 'A')).toBeUndefined();
  });

  test('of itself comes to an end', () => {
    expect(answerFromCluster(view, 'loop.default.svc.cluster.local', 'A')?.addresses).toEqual([]);
  });
});

describe('the ports of', () => {
  const record = (port: number, target: string, weight = 100) => ({ priority: 0, weight, port, target });
  test.each([
    ['_http._tcp.web.default.svc.cluster.local', [record(80, 'web.default.svc.cluster.local.')]],
    [
      'web.default.svc.cluster.local',
      [record(80, 'web.default.svc.cluster.local.', 50), record(9090, 'web.default.svc.cluster.local.', 50)],
    ],
    [
      '_sql._tcp.db.default.svc.cluster.local',
      [
        record(5432, 'db-0.db.default.svc.cluster.local.', 50),
        record(5432, '10-244-1-9.db.default.svc.cluster.local.', 50),
      ],
    ],
    ['bare.default.svc.cluster.local', undefined],
    ['_ftp._tcp.web.default.svc.cluster.local', undefined],
    ['10-244-0-5.default.pod.cluster.local', undefined],
  ])('%s', (name, expected) => {
    expect(answerFromCluster(view, name, 'SRV')?.services).toEqual(expected);
  });
});

describe('the names of the address', () => {
  test.each<[string, string[] | undefined]>([
    ['1.1.96.10.in-addr.arpa', ['web.default.svc.cluster.local.']],
    ['7.0.244.10.in-addr.arpa', ['db-0.db.default.svc.cluster.local.']],
    ['5.0.244.10.in-addr.arpa', ['10-244-0-5.web.default.svc.cluster.local.']],
    ['7.1.244.10.in-addr.arpa', undefined],
    ['9.9.9.9.in-addr.arpa', undefined],
    ['9.in-addr.arpa', undefined],
  ])('%s', (name, names) => {
    expect(answerFromCluster(view, name, 'PTR')?.names).toEqual(names);
  });
});
