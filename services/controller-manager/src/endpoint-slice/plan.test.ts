import type { Endpoint, EndpointSlice } from '@orrery/api/gen/types.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { meta, pod, ready, service } from '../test-support/objects.ts';
import {
  desiredGroups,
  type EndpointGroup,
  MAX_ENDPOINTS_PER_SLICE,
  planSlices,
  sliceLabels,
} from './plan.ts';

const HTTP = [{ name: '', port: 80, protocol: 'TCP' }];
const KEY = '/TCP/80/';

function endpoint(index: number, isReady = true): Endpoint {
  return {
    addresses: [`10.1.${Math.floor(index / 250)}.${index % 250}`],
    conditions: { ready: isReady, serving: isReady, terminating: false },
    targetRef: { kind: 'Pod', namespace: 'default', name: `pod-${index}`, uid: `uid-${index}` },
  };
}

function slice(name: string, endpoints: Endpoint[], ports = HTTP): EndpointSlice {
  return { metadata: meta(name), addressType: 'IPv4', ports, endpoints };
}

function wanted(...endpoints: Endpoint[]): Map<string, EndpointGroup> {
  return endpoints.length === 0 ? new Map() : new Map([[KEY, { ports: HTTP, endpoints }]]);
}

const range = (from: number, to: number): Endpoint[] =>
  Array.from({ length: to - from }, (_, index) => endpoint(from + index));

/** The slices after a plan was carried out. */
function applied(existing: EndpointSlice[], desired: Map<string, EndpointGroup>): EndpointSlice[] {
  const plan = planSlices(existing, desired);
  const updates = new Map(plan.update.map((each) => [each.slice, each.endpoints]));
  const kept = existing.filter((each) => !plan.remove.includes(each));
  return [
    ...kept.map((each) => ({ ...each, endpoints: updates.get(each) ?? each.endpoints ?? [] })),
    ...plan.create.map((group, index) => ({
      ...slice(`new-${index}`, group.endpoints),
      ports: group.ports as typeof HTTP,
    })),
  ];
}

function writes(existing: EndpointSlice[], desired: Map<string, EndpointGroup>): [number, number, number] {
  const { create, update, remove } = planSlices(existing, desired);
  return [create.length, update.length, remove.length];
}

describe('packing endpoints into slices', () => {
  test.each<[string, EndpointSlice[], Map<string, EndpointGroup>, [number, number, number]]>([
    ['nothing to do', [slice('a', range(0, 3))], wanted(...range(0, 3)), [0, 0, 0]],
    ['a service without endpoints gets one empty slice', [], wanted(), [1, 0, 0]],
    ['and keeps it', [slice('a', [], [])], wanted(), [0, 0, 0]],
    [
      'the first endpoints replace the empty slice, whose ports differ',
      [slice('a', [], [])],
      wanted(...range(0, 2)),
      [1, 0, 1],
    ],
    [
      'one more goes where there is room',
      [slice('a', range(0, 99)), slice('b', range(100, 150))],
      wanted(...range(0, 99), ...range(100, 151)),
      [0, 1, 0],
    ],
    [
      'a slice that loses one takes the new one',
      [slice('a', range(0, 100)), slice('b', range(100, 150))],
      wanted(...range(1, 151)),
      [0, 1, 0],
    ],
    ['full slices need a new one', [slice('a', range(0, 100))], wanted(...range(0, 101)), [1, 0, 0]],
    [
      'a slice that loses all goes',
      [slice('a', range(0, 100)), slice('b', range(100, 101))],
      wanted(...range(0, 100)),
      [0, 0, 1],
    ],
    [
      'a changed endpoint is written where it is',
      [slice('a', range(0, 50)), slice('b', range(50, 60))],
      wanted(endpoint(0, false), ...range(1, 60)),
      [0, 1, 0],
    ],
    [
      'other ports are other slices',
      [slice('a', range(0, 5), [{ name: '', port: 8080, protocol: 'TCP' }])],
      wanted(...range(0, 5)),
      [1, 0, 1],
    ],
  ])('%s', (_name, existing, desired, expected) => {
    expect(writes(existing, desired)).toEqual(expected);
  });

  test('is complete, never overfull, and then stays as it is', () => {
    const uids = fc.uniqueArray(fc.nat(400), { maxLength: 320 });
    fc.assert(
      fc.property(uids, uids, fc.integer({ min: 1, max: 130 }), (before, after, size) => {
        const existing: EndpointSlice[] = [];
        for (let at = 0; at < before.length; at += size) {
          existing.push(
            slice(
              `s-${at}`,
              before.slice(at, at + size).map((each) => endpoint(each)),
            ),
          );
        }
        const desired = wanted(...after.map((each) => endpoint(each, each % 2 === 0)));
        const result = applied(existing, desired);
        const held = result.flatMap(({ endpoints = [] }) => endpoints);
        const names = (list: Endpoint[]): string[] => list.map((each) => JSON.stringify(each)).sort();
        expect(names(held)).toEqual(names(desired.get(KEY)?.endpoints ?? []));
        expect(Math.max(0, ...result.map(({ endpoints = [] }) => endpoints.length))).toBeLessThanOrEqual(
          MAX_ENDPOINTS_PER_SLICE,
        );
        expect(writes(result, desired)).toEqual([0, 0, 0]);
      }),
    );
  });

  test('touches no slice whose endpoints stay, when others leave', () => {
    const existing = [slice('a', range(0, 100)), slice('b', range(100, 200)), slice('c', range(200, 300))];
    const plan = planSlices(existing, wanted(...range(0, 100), ...range(150, 300)));
    expect(plan.update.map((each) => each.slice.metadata.name)).toEqual(['b']);
  });
});

describe('the endpoints of a service', () => {
  const named = service({ ports: [{ name: 'http', port: 80, targetPort: 'web' }] });
  const container = (
    port: number,
  ): { containers: { name: string; ports: { name: string; containerPort: number }[] }[] } => ({
    containers: [{ name: 'web', ports: [{ name: 'web', containerPort: port }] }],
  });
  const at = (ip: string, status = ready('True')): typeof status => ({
    ...status,
    podIP: ip,
    podIPs: [{ ip }],
  });
  const groupsOf = (svc: typeof named, ...pods: ReturnType<typeof pod>[]): [string, EndpointGroup][] => [
    ...desiredGroups({
      service: svc,
      pods,
      addressType: 'IPv4',
      node: (name) => (name === 'gone' ? undefined : name === 'nowhere' ? {} : { zone: `zone-of-${name}` }),
    }),
  ];

  test('named ports are looked up in each pod, and pods that differ are kept apart', () => {
    const groups = groupsOf(
      named,
      pod('a', { spec: container(8080), status: at('10.1.0.1') }),
      pod('b', { spec: container(9090), status: at('10.1.0.2') }),
      pod('c', { spec: container(8080), status: at('10.1.0.3') }),
    );
    expect(groups.map(([, { ports, endpoints }]) => [ports[0]?.port, endpoints.length])).toEqual([
      [8080, 2],
      [9090, 1],
    ]);
  });

  test.each([
    ['ready', ready('True'), {}, { ready: true, serving: true, terminating: false }],
    ['not ready', ready('False'), {}, { ready: false, serving: false, terminating: false }],
    [
      'terminating and still serving',
      ready('True'),
      { deletionTimestamp: 'x' },
      { ready: false, serving: true, terminating: true },
    ],
  ])('%s', (_name, status, metadata, conditions) => {
    const [[, group]] = groupsOf(service(), pod('a', { metadata, status: at('10.1.0.1', status) })) as [
      [string, EndpointGroup],
    ];
    expect(group.endpoints[0]?.conditions).toEqual(conditions);
  });

  test('all count as ready if the service wants it so', () => {
    const [[, group]] = groupsOf(
      service({ publishNotReadyAddresses: true }),
      pod('a', { status: at('10.1.0.1', ready('False')) }),
    ) as [[string, EndpointGroup]];
    expect(group.endpoints[0]?.conditions).toEqual({ ready: true, serving: false, terminating: false });
  });

  test.each([
    [undefined, 'n1', undefined],
    ['PreferClose', 'n1', { forZones: [{ name: 'zone-of-n1' }] }],
    ['PreferSameZone', 'n1', { forZones: [{ name: 'zone-of-n1' }] }],
    ['PreferSameZone', 'nowhere', undefined],
    ['PreferSameNode', 'n1', { forZones: [{ name: 'zone-of-n1' }], forNodes: [{ name: 'n1' }] }],
    ['PreferSameNode', 'nowhere', { forNodes: [{ name: 'nowhere' }] }],
  ])('a distribution of %s hints at who is near to %s', (trafficDistribution, nodeName, hints) => {
    const close = service(trafficDistribution === undefined ? {} : { trafficDistribution });
    const [group] = groupsOf(
      close,
      pod('a', { spec: { nodeName }, status: at('10.1.0.1') }),
      pod('b', { spec: { nodeName }, status: at('10.1.0.2', ready('False')) }),
    );
    expect(group?.[1].endpoints.map((each) => each.hints)).toEqual([hints, undefined]);
  });

  test('pods of a node that is not there are none, unless all are published', () => {
    const stranded = pod('a', { spec: { nodeName: 'gone' }, status: at('10.1.0.1') });
    expect(groupsOf(service(), stranded)).toEqual([]);
    expect(groupsOf(service({ publishNotReadyAddresses: true }), stranded)).toHaveLength(1);
  });

  test('pods that ended or have no address are no endpoints; node, zone and host name come along', () => {
    const headless = service({ clusterIP: 'None' });
    const groups = groupsOf(
      headless,
      pod('ended', { status: { phase: 'Succeeded', podIP: '10.1.0.9' } }),
      pod('starting', { status: { phase: 'Pending' } }),
      pod('a', { spec: { nodeName: 'n1', hostname: 'a', subdomain: 'web' }, status: at('10.1.0.1') }),
    );
    expect(groups[0]?.[1].endpoints).toMatchObject([
      { addresses: ['10.1.0.1'], nodeName: 'n1', zone: 'zone-of-n1', hostname: 'a' },
    ]);
    expect(sliceLabels(headless)).toMatchObject({
      'kubernetes.io/service-name': 'web',
      'service.kubernetes.io/headless': '',
    });
  });
});
