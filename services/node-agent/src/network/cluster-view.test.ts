import type { Container, Node, Pod } from '@orrery/api/gen/types.ts';
import { EndpointSlices, Nodes, Pods, Services } from '@orrery/api/resources.ts';
import type { Informers } from '@orrery/client/informer.ts';
import { describe, expect, test } from 'vitest';
import { IndexedInformer, service, slice } from '../test-support/cluster-parts.ts';
import { boundPod } from '../test-support/objects.ts';
import { nodeView } from './cluster-view.ts';
import { ServiceInformers } from './service-informers.ts';

function node(name: string, address: string, range: string, agent?: string): Node {
  const annotations = agent === undefined ? {} : { 'orrery.dev/node-agent-address': agent };
  return {
    metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '', annotations },
    spec: { podCIDRs: [range] },
    status: {
      addresses: [
        { type: 'Hostname', address: name },
        { type: 'InternalIP', address },
      ],
    },
  };
}

function pod(
  name: string,
  made: string,
  { ports, ...spec }: Partial<Pod['spec']> & Pick<Container, 'ports'>,
): Pod {
  const containers = [{ name: 'web', image: 'nginx', ...(ports === undefined ? {} : { ports }) }];
  const draft = boundPod(name, { containers, ...spec }, { uid: name, creationTimestamp: made });
  return { ...draft, status: { phase: 'Running', podIP: `ip-${name}` } } as Pod;
}

describe('nodes', () => {
  const nodes = new IndexedInformer(Nodes);
  const pods = new IndexedInformer(Pods);
  const view = nodeView(nodes, pods);
  nodes.put(
    node('node-1', '10.0.0.10', '10.244.0.0/24', 'a:7444'),
    node('node-300', '10.0.1.53', '10.128.43.0/24', 'b:7444'),
    node('ghost', '10.0.0.99', '10.9.9.0/24'),
  );

  test.each([
    ['10.0.0.10', 'node-1', undefined, 'a:7444'],
    ['10.244.0.7', undefined, 'node-1', 'a:7444'],
    ['10.128.43.254', undefined, 'node-300', 'b:7444'],
    ['10.9.9.2', undefined, 'ghost', undefined],
    ['10.244.1.7', undefined, undefined, undefined],
  ])('are found by address: %s', (ip, itself, ofPods, agent) => {
    expect([view.nodeAt(ip), view.nodeOfPods(ip)]).toEqual([itself, ofPods]);
    expect(view.agentOf(itself ?? ofPods ?? '')).toBe(agent);
  });

  test('have ports that are for pods: the oldest, while it is there and has a network of its own', () => {
    const mapped = [
      { containerPort: 80, hostPort: 8080 },
      { containerPort: 53, hostPort: 53, protocol: 'UDP' },
    ];
    const young = pod('young', '2026-01-02T00:00:00Z', { ports: mapped });
    const old = pod('old', '2026-01-01T00:00:00Z', { ports: mapped });
    pods.put(young, old, pod('host', '2025-01-01T00:00:00Z', { ports: mapped, hostNetwork: true }));
    pods.put(pod('none', '2025-01-01T00:00:00Z', { ports: [{ containerPort: 8080 }] }));
    expect(view.hostPort('node-1', 8080, 'TCP')).toEqual({ podUid: 'old', ip: 'ip-old', port: 80 });
    expect(view.hostPort('node-1', 53, 'UDP')?.port).toBe(53);
    expect(view.hostPort('node-1', 53, 'TCP')).toBeUndefined();
    expect(view.hostPort('node-2', 8080, 'TCP')).toBeUndefined();
    pods.put({ ...old, status: { phase: 'Succeeded' } });
    expect(view.hostPort('node-1', 8080, 'TCP')?.podUid).toBe('young');
    pods.remove(young);
    expect(view.hostPort('node-1', 8080, 'TCP')).toBeUndefined();
  });
});

describe('endpoints', () => {
  test('are followed from the first question on', async () => {
    const services = new IndexedInformer(Services);
    const slices = new IndexedInformer(EndpointSlices);
    const started = Promise.withResolvers<void>();
    let made = 0;
    const informers = { of: () => slices, start: () => started.promise, stop: () => Promise.resolve() };
    const lookedUp = new ServiceInformers(services, () => {
      made += 1;
      return informers as unknown as Informers;
    });
    expect(made).toBe(0);
    const asked = [lookedUp.view(), lookedUp.view()].map((each) => Promise.resolve(each));
    expect(made).toBe(1);
    started.resolve();
    const [view] = await Promise.all(asked);
    expect(lookedUp.view()).toBe(view);
    const web = service('web', {
      clusterIP: '10.96.1.1',
      externalIPs: ['192.0.2.1'],
      ports: [{ port: 80, nodePort: 30_080 }],
    });
    services.put(web, service('head', { clusterIP: 'None' }));
    slices.put(slice(web, []), { ...slice(web, [], [], 'b'), addressType: 'IPv6' });
    expect(view!.service('default', 'web')).toBe(web);
    expect(['10.96.1.1', '192.0.2.1', 'None', ''].map((ip) => view!.servicesAt(ip).length)).toEqual([
      1, 1, 0, 0,
    ]);
    expect(view!.servicesOnNodePort(30_080)).toEqual([web]);
    expect(view!.servicesOnNodePort(0)).toEqual([]);
    expect(view!.slicesOf(web).map(({ metadata }) => metadata.name)).toEqual(['web-a']);
  });
});
