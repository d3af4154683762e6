import { describe, expect, test } from 'vitest';
import { NO_SERVICES, service } from '../test-support/cluster-parts.ts';
import type { ServiceView } from './cluster-view.ts';
import { type Names, resolve, searchNames } from './resolver.ts';

const dns = {
  nameservers: ['10.96.0.10'],
  searches: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
  options: ['ndots:5'],
};
const names: Names = {
  ip: '10.244.0.5',
  hostname: 'web-0',
  fqdn: 'web-0.web.default.svc.cluster.local',
  hostAliases: [
    { ip: '1.2.3.4', hostnames: ['Foo.local', 'bar.local'] },
    { ip: '1.2.3.5', hostnames: ['bar.local'] },
  ],
  dns,
};
const view: ServiceView = {
  ...NO_SERVICES,
  service: (namespace, name) =>
    name === 'kubernetes' && namespace === 'default'
      ? service('kubernetes', { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443 }] })
      : undefined,
  servicesAt: (ip) => (ip === '10.96.0.1' ? [service('kubernetes', { clusterIP: ip })] : []),
};

describe('the names that are asked for', () => {
  test.each([
    ['web', [], ['ndots:5'], ['web']],
    ['web', ['a.', 'b'], ['ndots:5'], ['web.a', 'web.b', 'web']],
    ['web.shop', ['a'], ['ndots:5'], ['web.shop.a', 'web.shop']],
    ['web.shop', ['a'], [], ['web.shop', 'web.shop.a']],
    ['web', ['a'], [], ['web.a', 'web']],
    ['web', ['a'], ['ndots:0'], ['web', 'web.a']],
    ['a.b.c.d.e.f', ['x'], ['ndots:5'], ['a.b.c.d.e.f', 'a.b.c.d.e.f.x']],
    ['web.', ['a'], ['ndots:5'], ['web']],
    ['web', ['a'], ['ndots:nonsense'], ['web', 'web.a']],
    ['web', ['a'], ['timeout:1', 'ndots:1', 'ndots:2'], ['web.a', 'web']],
  ])('for %s with %j and %j', (name, searches, options, expected) => {
    expect(searchNames(name, { nameservers: [], searches, options })).toEqual(expected);
  });
});

describe('a program finds', () => {
  test.each<[string, string[]]>([
    ['localhost', ['127.0.0.1']],
    ['web-0', ['10.244.0.5']],
    ['WEB-0', ['10.244.0.5']],
    ['web-0.web.default.svc.cluster.local', ['10.244.0.5']],
    ['foo.local', ['1.2.3.4']],
    ['bar.local', ['1.2.3.4', '1.2.3.5']],
    ['10.1.2.3', ['10.1.2.3']],
    ['kubernetes', ['10.96.0.1']],
    ['kubernetes.default', ['10.96.0.1']],
    ['kubernetes.default.svc', ['10.96.0.1']],
    ['Kubernetes.Default.svc.cluster.local', ['10.96.0.1']],
    ['kubernetes.default.svc.cluster.local.', ['10.96.0.1']],
  ])('%s', async (name, addresses) => {
    expect((await resolve(names, name, 'A', () => view)).addresses).toEqual(addresses);
  });

  test.each(['other', 'kubernetes.default.', 'example.com', 'web-1', '', '.', 'a'.repeat(300), '300.1.1.1'])(
    'nothing for %j',
    async (name) => {
      await expect(resolve(names, name, 'A', () => view)).rejects.toMatchObject({ code: 'ENOTFOUND' });
    },
  );

  test('ports and names too', async () => {
    const { services } = await resolve(names, '_https._tcp.kubernetes.default', 'SRV', () => view);
    expect(services).toEqual([
      { priority: 0, weight: 100, port: 443, target: 'kubernetes.default.svc.cluster.local.' },
    ]);
    for (const name of ['10.96.0.1', '1.0.96.10.in-addr.arpa']) {
      const answer = await resolve(names, name, 'PTR', () => view);
      expect(answer.names).toEqual(['kubernetes.default.svc.cluster.local.']);
    }
  });

  test('what is outside of the cluster, whichever server it asks; never without one', async () => {
    const asking = (...nameservers: string[]): Names => ({ ...names, dns: { ...dns, nameservers } });
    for (const server of ['10.96.0.10', '10.0.0.2']) {
      const answer = await resolve(asking(server), 'Info.CERN.ch', 'A', () => view);
      expect(answer).toEqual({ name: 'info.cern.ch.', addresses: ['192.0.2.80'] });
    }
    await expect(resolve(asking(), 'info.cern.ch', 'A', () => view)).rejects.toMatchObject({
      code: 'ENOTFOUND',
    });
  });

  test('what is outside, by the name of a Service that is an alias of it', async () => {
    const far = service('far', { type: 'ExternalName', externalName: 'info.cern.ch' });
    const aliased = {
      ...view,
      service: (_namespace: string, name: string) => (name === 'far' ? far : undefined),
    };
    const answer = await resolve(names, 'far.default', 'A', () => aliased);
    expect(answer).toMatchObject({ canonicalName: 'info.cern.ch.', addresses: ['192.0.2.80'] });
  });

  test('only what its hosts file has when it is not told of the cluster’s DNS', async () => {
    const alone = { ...names, dns: { ...dns, nameservers: ['8.8.8.8'] } };
    const unasked = (): never => expect.unreachable();
    expect((await resolve(alone, 'bar.local', 'A', unasked)).addresses).toHaveLength(2);
    await expect(resolve(alone, 'kubernetes.default', 'A', unasked)).rejects.toMatchObject({
      code: 'ENOTFOUND',
    });
  });
});
