import type { EndpointConditions, EndpointHints, Service } from '@orrery/api/gen/types.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { describe, expect, test } from 'vitest';
import { service, slice } from '../test-support/cluster-parts.ts';
import { bodyOf, NetworkUnderTest, says } from '../test-support/network-under-test.ts';
import { candidates, ServiceProxy } from './service-proxy.ts';

const READY: EndpointConditions = { ready: true, serving: true, terminating: false };
const UNREADY: EndpointConditions = { ready: false, serving: false, terminating: false };
const LEAVING: EndpointConditions = { ready: false, serving: true, terminating: true };
const LEFT: EndpointConditions = { ready: false, serving: false, terminating: true };

const port = { name: 'http', port: 80, targetPort: 'web' };
const plain = service('web', { clusterIP: '10.96.1.1', ports: [port] });
const local = service('web', { ...plain.spec, internalTrafficPolicy: 'Local' });

describe('who may answer', () => {
  test.each<[string, Service, [EndpointConditions | undefined, string][], string[] | string]>([
    [
      'the ready',
      plain,
      [
        [READY, 'node-1'],
        [UNREADY, 'node-1'],
        [READY, 'node-2'],
      ],
      ['0', '2'],
    ],
    ['one of whom nothing is said', plain, [[undefined, 'node-1']], ['0']],
    ['nobody', plain, [], 'refused'],
    [
      'nobody that is ready',
      plain,
      [
        [UNREADY, 'node-1'],
        [LEFT, 'node-1'],
      ],
      'refused',
    ],
    [
      'who leaves, when there is no other',
      plain,
      [
        [LEAVING, 'node-1'],
        [LEFT, 'node-1'],
      ],
      ['0'],
    ],
    [
      'who leaves, but not while there are others',
      plain,
      [
        [LEAVING, 'node-1'],
        [READY, 'node-2'],
      ],
      ['1'],
    ],
    [
      'those of the node',
      local,
      [
        [READY, 'node-2'],
        [READY, 'node-1'],
      ],
      ['1'],
    ],
    [
      'those of the node that leave',
      local,
      [
        [READY, 'node-2'],
        [LEAVING, 'node-1'],
      ],
      ['1'],
    ],
    ['none on the node', local, [[READY, 'node-2']], 'dropped'],
    ['none anywhere', local, [[UNREADY, 'node-2']], 'refused'],
  ])('%s', (_what, of, endpoints, expected) => {
    const slices = [
      slice(
        of,
        endpoints.map(([conditions, nodeName], index) => ({
          addresses: [`10.244.0.${index}`],
          nodeName,
          ...(conditions === undefined ? {} : { conditions }),
        })),
        [
          { name: 'other', port: 1 },
          { name: 'http', port: 8080, protocol: 'TCP' },
        ],
      ),
    ];
    const found = candidates(of, slices, port, { node: 'node-1' });
    if (typeof expected === 'string') expect(found).toBe(expected);
    else
      expect(found).toEqual(
        expected.map((last) => expect.objectContaining({ ip: `10.244.0.${last}`, port: 8080 })),
      );
  });

  test.each<[string, EndpointHints[], string[]]>([
    ['all, without hints', [{}, {}, {}], ['0', '1', '2']],
    [
      'those hinted for the zone',
      [
        { forZones: [{ name: 'a' }] },
        { forZones: [{ name: 'b' }] },
        { forZones: [{ name: 'b' }, { name: 'a' }] },
      ],
      ['0', '2'],
    ],
    ['all, when one has no hint', [{ forZones: [{ name: 'a' }] }, {}, {}], ['0', '1', '2']],
    [
      'all, when none is for the zone',
      [{ forZones: [{ name: 'b' }] }, { forZones: [{ name: 'c' }] }, { forZones: [{ name: 'c' }] }],
      ['0', '1', '2'],
    ],
    [
      'those hinted for the node, before those for the zone',
      ['node-1', 'node-2', 'node-3'].map((name) => ({ forNodes: [{ name }], forZones: [{ name: 'a' }] })),
      ['0'],
    ],
    [
      'those hinted for the zone, when none is for the node',
      ['node-2', 'node-2', 'node-3'].map((name, index) => ({
        forNodes: [{ name }],
        forZones: [{ name: index === 2 ? 'a' : 'b' }],
      })),
      ['2'],
    ],
  ])('%s', (_what, hints, expected) => {
    const endpoints = hints.map((each, index) => ({ addresses: [`10.244.0.${index}`], hints: each }));
    // One that is not ready says nothing.
    const unready = { addresses: ['10.244.0.9'], conditions: UNREADY };
    const found = candidates(
      plain,
      [slice(plain, [...endpoints, unready], [{ name: 'http', port: 8080 }])],
      port,
      {
        node: 'node-1',
        zone: 'a',
      },
    );
    expect(found).toEqual(expected.map((last) => expect.objectContaining({ ip: `10.244.0.${last}` })));
  });

  test('on the port that each slice has for the name', () => {
    const slices = [
      slice(plain, [{ addresses: ['10.244.0.1'] }], [{ name: 'http', port: 8080 }]),
      slice(plain, [{ addresses: ['10.244.0.2'] }], [{ name: 'http', port: 9090 }], 'b'),
      slice(plain, [{ addresses: ['10.244.0.3'] }], [{ name: 'http', port: 53, protocol: 'UDP' }], 'c'),
    ];
    expect(candidates(plain, slices, port, { node: 'node-1' })).toMatchObject([
      { ip: '10.244.0.1', port: 8080 },
      { ip: '10.244.0.2', port: 9090 },
    ]);
  });
});

describe('session affinity', () => {
  const sticky = service('web', {
    ...plain.spec,
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
  });

  test('keeps a client at its endpoint until it stays away too long or the endpoint goes', async () => {
    const net = new NetworkUnderTest();
    net.services.put(sticky);
    const endpoints = [1, 2, 3].map((last) => ({ addresses: [`10.244.0.${last}`] }));
    net.slices.put(slice(sticky, endpoints, [{ name: 'http', port: 80 }]));
    const clock = new ManualClock();
    let chance = 0;
    const proxy = new ServiceProxy(clock, () => chance);
    const choose = (ip: string) =>
      proxy.byAddress(
        {
          service: () => undefined,
          servicesAt: () => net.services.lister.list(),
          servicesOnNodePort: () => [],
          slicesOf: () => net.slices.lister.list(),
          allSlices: () => [],
        },
        { ip, node: 'node-1' },
        '10.96.1.1',
        80,
      );
    expect(choose('10.244.1.1')).toMatchObject({ ip: '10.244.0.1' });
    chance = 0.99;
    expect(choose('10.244.1.1')).toMatchObject({ ip: '10.244.0.1' });
    expect(choose('10.244.1.2')).toMatchObject({ ip: '10.244.0.3' });
    await clock.advance(59_000);
    expect(choose('10.244.1.1')).toMatchObject({ ip: '10.244.0.1' });
    await clock.advance(59_000);
    expect(choose('10.244.1.1')).toMatchObject({ ip: '10.244.0.1' });
    await clock.advance(60_000);
    expect(choose('10.244.1.1')).toMatchObject({ ip: '10.244.0.3' });
    net.slices.put(slice(sticky, endpoints.slice(0, 2), [{ name: 'http', port: 80 }]));
    expect(choose('10.244.1.1')).toMatchObject({ ip: '10.244.0.2' });
  });
});

describe('a Service', () => {
  const web = service('web', {
    type: 'NodePort',
    clusterIP: '10.96.1.1',
    clusterIPs: ['10.96.1.1'],
    externalIPs: ['192.0.2.1'],
    ports: [{ name: 'http', port: 80, nodePort: 30_080 }],
  });

  function cluster(): { net: NetworkUnderTest; ask: (host: string, port?: number) => Promise<string> } {
    const net = new NetworkUnderTest({ 'agent-0': ['node-1', 'node-2'], 'agent-1': ['node-3'] });
    net.services.put(web);
    const endpoints = [
      { addresses: ['10.244.0.2'], conditions: READY },
      { addresses: ['10.244.2.2'], conditions: READY },
      { addresses: ['10.244.0.3'], conditions: UNREADY },
    ];
    net.slices.put(slice(web, endpoints, [{ name: 'http', port: 8080 }]));
    net.attach('a', '10.244.0.2').listen(8080, says('a'));
    net.attach('b', '10.244.2.2', { node: 'node-3' }).listen(8080, says('b'));
    net.attach('c', '10.244.0.3').listen(8080, says('c'));
    const client = net.attach('client', '10.244.1.2', { node: 'node-2' });
    return { net, ask: (host, to = 80) => bodyOf(client.request(host, to, { target: '/' })) };
  }

  test.each([
    ['its address', '10.96.1.1', 80],
    ['its name', 'web', 80],
    ['its full name', 'web.default.svc.cluster.local', 80],
    ['an external address', '192.0.2.1', 80],
    ['a port of a node without its pods', '10.0.0.11', 30_080],
    ['a port of a node of another agent', '10.0.0.12', 30_080],
  ])('is reached by %s, at any of its ready pods, on whichever agent', async (_what, host, to) => {
    const { ask } = cluster();
    const answers = new Set<string>();
    for (let count = 0; count < 64; count += 1) answers.add(await ask(host, to));
    expect(answers).toEqual(new Set(['a', 'b']));
  });

  test('refuses on other ports, and when nobody is ready', async () => {
    const { net, ask } = cluster();
    await expect(ask('web', 81)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    net.slices.put(
      slice(web, [{ addresses: ['10.244.0.3'], conditions: UNREADY }], [{ name: 'http', port: 8080 }]),
    );
    await expect(ask('web')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(ask('10.0.0.10', 30_080)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('that is local to nodes loses what comes from others', async () => {
    const { net, ask } = cluster();
    net.services.put({ ...web, spec: { ...web.spec, internalTrafficPolicy: 'Local' } });
    net.slices.put(
      slice(web, [{ addresses: ['10.244.0.2'], nodeName: 'node-1' }], [{ name: 'http', port: 8080 }]),
    );
    const lost = ask('web');
    void net.clock.advance(900_000);
    await expect(lost).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  });

  test('with a load balancer for some sources loses what others send to its address', async () => {
    const { net, ask } = cluster();
    const ip = '198.18.1.1';
    const allow = (...loadBalancerSourceRanges: string[]): void =>
      net.services.put({
        ...web,
        spec: { ...web.spec, type: 'LoadBalancer', loadBalancerSourceRanges },
        status: { loadBalancer: { ingress: [{ ip }] } },
      });
    allow('10.0.0.0/8');
    expect(await ask(ip)).toMatch(/^[ab]$/);
    allow('10.244.0.0/24', '192.0.2.0/24');
    expect(await ask('10.96.1.1')).toMatch(/^[ab]$/);
    const lost = ask(ip);
    void net.clock.advance(900_000);
    await expect(lost).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  });

  test('without endpoints of its own name an outside that is not there', async () => {
    const { net, ask } = cluster();
    net.services.put(service('outside', { type: 'ExternalName', externalName: 'example.com' }));
    await expect(ask('outside')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});
