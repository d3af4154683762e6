import { parseNodeGroups, plainConfig } from '@orrery/api/node-groups.ts';
import { formatPlan, NO_NODES, NODES_OBJECT, parsePlan, planNodes } from '@orrery/api/node-plan.ts';
import { ConfigMaps, Leases, Nodes, Pods } from '@orrery/api/resources.ts';
import { notFound, serviceUnavailable, tooManyRequests } from '@orrery/api/status-error.ts';
import { createLogger } from '@orrery/kit/logger.ts';
import { ManualClock, settle } from '@orrery/kit/manual-clock.ts';
import { describe, expect, test } from 'vitest';
import { type Call, FakeApi } from '../test-support/fake-api.ts';
import { boundPod, type RecordedEvent, recordersInto } from '../test-support/objects.ts';
import type { Share } from './fleet-plan.ts';
import { NodeFleet } from './node-fleet.ts';
import { Roster } from './roster.ts';

interface Start {
  share?: Share;
  address?: string;
}

class FleetUnderTest {
  readonly clock = new ManualClock();
  readonly realClock = new ManualClock();
  readonly api = new FakeApi(this.clock);
  readonly events: RecordedEvent[] = [];
  /** What the pods' side was told. */
  readonly told: string[] = [];
  readonly images: string[] = [];
  roster = new Roster();
  fleet!: NodeFleet;

  /** An agent of a cluster with so many ordinary nodes. */
  start(count: number, more?: Start): Promise<this> {
    return this.startWith(plainConfig(count), more);
  }

  async startWith(
    config: string,
    { share = { place: 0, of: 1 }, address = '127.0.0.1:7444' }: Start = {},
  ): Promise<this> {
    this.fleet?.stop();
    this.plan(config);
    const { clock, realClock, api } = this;
    const logger = createLogger({ service: 'node-agent', instance: 'test', level: 'silent' });
    this.roster = new Roster();
    this.fleet = new NodeFleet({
      client: api,
      clock,
      realClock,
      logger,
      nodes: api.nodes,
      configMaps: api.configMaps,
      events: recordersInto(this.events),
      hosting: { agent: `agent-${share.place}`, address },
      share,
      images: {
        countOf: () => this.images.length,
        adopt: (node, image) => void this.told.push(`${node} has ${image}`),
        imagesOf: () => this.images.map((name) => ({ names: [name], sizeBytes: 1 })),
      },
      roster: this.roster,
      pods: {
        of: (node) => api.all(Pods).filter(({ spec }) => spec.nodeName === node),
        join: (node) => void this.told.push(`join ${node}`),
        leave: (node, forGood) => {
          this.told.push(forGood ? `leave ${node}` : `lose ${node}`);
          return Promise.resolve();
        },
      },
    });
    void this.fleet.start();
    await this.settle();
    return this;
  }

  /** The groups of nodes are these from now on. */
  plan(config: string): void {
    const stored = this.api.find(ConfigMaps, NODES_OBJECT)?.data;
    const before = parsePlan(stored?.['plan'] ?? '') ?? NO_NODES;
    const data = { config, plan: formatPlan(planNodes(parseNodeGroups(config).groups, before)) };
    if (stored === undefined) this.api.put(ConfigMaps, { metadata: { ...NODES_OBJECT }, data });
    else if (stored['config'] !== config)
      this.api.change(ConfigMaps, NODES_OBJECT, (configMap) => void (configMap.data = data));
  }

  names(): string[] {
    return this.api.all(Nodes).map(({ metadata }) => metadata.name);
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 3; turn += 1) await settle();
  }

  async advance(byMs: number): Promise<void> {
    await this.clock.advance(byMs);
    await this.realClock.advance(byMs);
    await this.settle();
  }

  ready(name: string) {
    return this.api
      .find(Nodes, { namespace: '', name })
      ?.status?.conditions?.find(({ type }) => type === 'Ready');
  }

  lease(name: string) {
    return this.api.find(Leases, { namespace: 'kube-node-lease', name });
  }

  /** What the node lifecycle controller does to a silent node. */
  declareDead(name: string): void {
    this.api.change(Nodes, { namespace: '', name }, ({ status }) => {
      for (const each of status!.conditions!) each.status = 'Unknown';
    });
  }

  writes(): Call[] {
    return this.api.calls.filter(({ verb }) => verb !== 'get' && verb !== 'list');
  }
}

const isNodeWrite = ({ resource, verb }: Call): boolean => resource === 'nodes' && verb === 'patch';

describe('registration', () => {
  test('of a hundred nodes takes two reads and one write each', async () => {
    const { api, fleet } = await new FleetUnderTest().start(100);
    expect(fleet.registered).toBe(true);
    expect(api.all(Nodes)).toHaveLength(100);
    expect(api.calls).toHaveLength(102);
  });

  test('of nodes that are there already says that they are back, and keeps what they are', async () => {
    const test = await new FleetUnderTest().start(3);
    const uids = test.api.all(Nodes).map(({ metadata }) => metadata.uid);
    await test.advance(60_000);
    test.declareDead('node-2');
    test.fleet.stop();
    test.api.calls.length = 0;
    await test.start(3);
    expect(test.api.all(Nodes).map(({ metadata }) => metadata.uid)).toEqual(uids);
    expect(test.ready('node-1')).toMatchObject({
      status: 'True',
      lastTransitionTime: '2026-01-01T00:00:00Z',
      lastHeartbeatTime: '2026-01-01T00:01:00Z',
    });
    expect(test.ready('node-2')).toMatchObject({
      status: 'True',
      lastTransitionTime: '2026-01-01T00:01:00Z',
    });
    expect(test.writes()).toHaveLength(3);
  });

  test('with fewer nodes than last time lets the others leave, but none of another agent', async () => {
    const test = await new FleetUnderTest().start(5);
    test.api.put(Nodes, {
      metadata: { name: 'foreign', labels: { 'orrery.dev/node-agent': 'agent-1' } },
      spec: {},
    });
    await test.start(3, { share: { place: 0, of: 2 } });
    await test.advance(2_000);
    expect(test.names()).toEqual(['node-1', 'node-2', 'node-3', 'foreign']);
    await test.start(3);
    await test.advance(2_000);
    // Nobody else is there to do it.
    expect(test.names()).toEqual(['node-1', 'node-2', 'node-3']);
    expect(test.roster.hosted.map(({ name }) => name)).toEqual(['node-1', 'node-2', 'node-3']);
  });

  test('says at which address the agent is, and again when it is at another', async () => {
    const test = await new FleetUnderTest().start(2);
    const addresses = () =>
      test.api.all(Nodes).map(({ metadata }) => metadata.annotations?.['orrery.dev/node-agent-address']);
    expect(addresses()).toEqual(['127.0.0.1:7444', '127.0.0.1:7444']);
    await test.start(2, { address: '127.0.0.1:9999' });
    expect(addresses()).toEqual(['127.0.0.1:9999', '127.0.0.1:9999']);
  });

  test('of an agent beside others is of every other node, also of those that were of another', async () => {
    const test = await new FleetUnderTest().start(5, { share: { place: 1, of: 2 } });
    expect(test.names()).toEqual(['node-2', 'node-4']);
    expect(['node-1', 'node-2', 'node-4', 'node-6'].filter((each) => test.roster.hosts(each))).toEqual([
      'node-2',
      'node-4',
    ]);
    test.api.change(Nodes, { namespace: '', name: 'node-4' }, ({ metadata }) => {
      metadata.labels!['orrery.dev/node-agent'] = 'agent-0';
    });
    await test.start(5, { share: { place: 1, of: 2 } });
    expect(test.api.all(Nodes).map(({ metadata }) => metadata.labels?.['orrery.dev/node-agent'])).toEqual([
      'agent-1',
      'agent-1',
    ]);
    // What this agent has kept of the one that was another's in between is out of date.
    expect(['node-2', 'node-4', 'node-5'].map((each) => test.roster.ranHere(each))).toEqual([
      true,
      false,
      false,
    ]);
  });

  test('is tried until the apiserver is there', async () => {
    const test = new FleetUnderTest();
    test.api.fault = () => serviceUnavailable('away');
    await test.start(3);
    await test.advance(30_000);
    expect(test.fleet.registered).toBe(false);
    test.api.fault = undefined;
    await test.advance(5_000);
    expect(test.fleet.registered).toBe(true);
    expect(test.api.all(Nodes)).toHaveLength(3);
  });

  test('goes through when the answer to it was lost', async () => {
    const test = new FleetUnderTest();
    test.api.losesAnswer = ({ verb }) => verb === 'create';
    await test.start(3);
    test.api.losesAnswer = undefined;
    await test.advance(1_000);
    expect([test.fleet.registered, test.api.all(Nodes).length]).toEqual([true, 3]);
  });

  test('waits for a plan', async () => {
    const test = await new FleetUnderTest().start(2);
    test.api.fault = ({ resource }) => (resource === 'configmaps' ? notFound(ConfigMaps, 'x') : undefined);
    await test.start(2);
    expect(test.fleet.registered).toBe(false);
    test.api.fault = undefined;
    await test.advance(5_000);
    expect(test.fleet.registered).toBe(true);
  });

  test('takes over a node that somebody made by hand', async () => {
    const test = new FleetUnderTest();
    test.api.put(Nodes, { metadata: { name: 'node-1' }, spec: {} });
    await test.start(1);
    expect(test.ready('node-1')?.status).toBe('True');
  });
});

describe('events about nodes', () => {
  test('tell of every start, also when registration takes several tries', async () => {
    const test = new FleetUnderTest();
    test.api.losesAnswer = ({ verb }) => verb === 'create';
    await test.start(1);
    test.api.losesAnswer = undefined;
    await test.advance(1_000);
    expect(test.events.map(({ reason, message }) => [reason, message])).toEqual([
      ['Starting', 'Starting kubelet.'],
    ]);
    await test.start(1);
    expect(test.events).toHaveLength(2);
  });

  test('tell once that a node is ready again', async () => {
    const test = await new FleetUnderTest().start(2);
    await test.advance(310_000);
    test.events.length = 0;
    test.declareDead('node-2');
    await test.settle();
    expect(test.events.map(({ reason, message }) => [reason, message])).toEqual([
      ['NodeReady', 'Node node-2 status is now: NodeReady'],
    ]);
  });
});

describe('leases', () => {
  test('are made and renewed every ten seconds, owned by their node', async () => {
    const test = await new FleetUnderTest().start(3);
    await test.advance(10_000);
    const { uid } = test.api.find(Nodes, { namespace: '', name: 'node-2' })!.metadata;
    expect(test.lease('node-2')).toMatchObject({
      metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'node-2', uid }] },
      spec: { holderIdentity: 'node-2', leaseDurationSeconds: 40 },
    });
    const first = test.lease('node-2')?.spec.renewTime;
    expect(first).toBe('2026-01-01T00:00:06.800000Z');
    await test.advance(10_000);
    expect(test.lease('node-2')?.spec.renewTime).toBe('2026-01-01T00:00:16.800000Z');
    expect(test.api.callsOf('create', Leases)).toHaveLength(3);
    expect(test.api.callsOf('patch', Leases)).toHaveLength(3);
  });

  test('of a thousand nodes are renewed in small portions', async () => {
    const test = await new FleetUnderTest().start(1_000);
    await test.advance(10_000);
    test.api.calls.length = 0;
    await test.advance(200);
    expect(test.writes()).toHaveLength(20);
    await test.advance(9_800);
    expect(test.writes()).toHaveLength(1_000);
  });

  test('go on when the apiserver is back, without a heap of renewals', async () => {
    const test = await new FleetUnderTest().start(3);
    await test.advance(10_000);
    test.api.fault = () => serviceUnavailable('away');
    await test.advance(120_000);
    test.api.fault = undefined;
    test.api.calls.length = 0;
    await test.advance(10_000);
    expect(test.api.callsOf('patch', Leases)).toHaveLength(3);
  });

  test('that somebody deleted are made again', async () => {
    const test = await new FleetUnderTest().start(1);
    await test.advance(10_000);
    test.api.erase(Leases, { namespace: 'kube-node-lease', name: 'node-1' });
    await test.advance(10_000);
    expect(test.lease('node-1')).toBeDefined();
  });
});

describe('a node', () => {
  test('that was declared dead says at once that it lives', async () => {
    const test = await new FleetUnderTest().start(3);
    await test.advance(60_000);
    test.api.calls.length = 0;
    test.declareDead('node-2');
    await test.settle();
    expect(test.ready('node-2')?.status).toBe('True');
    expect(
      test
        .writes()
        .map(({ verb, resource, name }) => `${verb} ${resource} ${name}`)
        .toSorted(),
    ).toEqual(['patch leases node-2', 'patch nodes node-2']);
  });

  test('says so until it is heard', async () => {
    const test = await new FleetUnderTest().start(1);
    await test.advance(60_000);
    test.api.fault = (call) => (isNodeWrite(call) ? serviceUnavailable('away') : undefined);
    test.declareDead('node-1');
    await test.advance(60_000);
    expect(test.ready('node-1')?.status).toBe('Unknown');
    test.api.fault = undefined;
    await test.advance(5_000);
    expect(test.ready('node-1')?.status).toBe('True');
    expect(test.realClock.pendingTimers).toBe(0);
  });

  test('says at once that it is short of memory, and that it is so no longer', async () => {
    const fleet = await new FleetUnderTest().start(2);
    const shown = () =>
      fleet.api
        .find(Nodes, { namespace: '', name: 'node-1' })
        ?.status?.conditions?.find(({ type }) => type === 'MemoryPressure');
    expect(shown()).toMatchObject({ status: 'False', reason: 'KubeletHasSufficientMemory' });
    await fleet.advance(60_000);
    fleet.fleet.setPressure('node-1', 'MemoryPressure', true);
    fleet.fleet.setPressure('node-1', 'MemoryPressure', true);
    await fleet.settle();
    expect(shown()).toMatchObject({
      status: 'True',
      reason: 'KubeletHasInsufficientMemory',
      lastTransitionTime: '2026-01-01T00:01:00Z',
    });
    expect(fleet.api.calls.filter(isNodeWrite)).toHaveLength(1);
    fleet.fleet.setPressure('node-1', 'MemoryPressure', false);
    await fleet.settle();
    expect(shown()).toMatchObject({ status: 'False' });
    expect(fleet.events.slice(2).map(({ node, message }) => [node, message])).toEqual([
      ['node-1', 'Node node-1 status is now: NodeHasInsufficientMemory'],
      ['node-1', 'Node node-1 status is now: NodeHasSufficientMemory'],
    ]);
  });

  test('says what holds in the end when that changes while it says it', async () => {
    const fleet = await new FleetUnderTest().start(1);
    fleet.fleet.setPressure('node-1', 'MemoryPressure', true);
    fleet.fleet.setPressure('node-1', 'MemoryPressure', false);
    await fleet.settle();
    const { status } = fleet.api.find(Nodes, { namespace: '', name: 'node-1' })!;
    expect(status?.conditions?.[0]).toMatchObject({ type: 'MemoryPressure', status: 'False' });
  });

  test('shows its images within ten seconds', async () => {
    const test = await new FleetUnderTest().start(1);
    await test.advance(20_000);
    test.images.push('nginx');
    await test.advance(10_000);
    const shown = () => test.api.find(Nodes, { namespace: '', name: 'node-1' })?.status?.images;
    expect(shown()).toEqual([{ names: ['nginx'], sizeBytes: 1 }]);
    await test.advance(60_000);
    expect(test.api.callsOf('patch', Nodes)).toHaveLength(1);
  });

  test('repeats its status every five minutes', async () => {
    const test = await new FleetUnderTest().start(3);
    await test.advance(290_000);
    expect(test.api.callsOf('patch', Nodes)).toHaveLength(0);
    await test.advance(20_000);
    expect(test.api.callsOf('patch', Nodes)).toHaveLength(3);
  });

  test('that somebody deleted stays deleted until the agent starts again', async () => {
    const test = await new FleetUnderTest().start(2);
    await test.advance(60_000);
    test.api.erase(Nodes, { namespace: '', name: 'node-1' });
    test.api.erase(Leases, { namespace: 'kube-node-lease', name: 'node-1' });
    test.api.calls.length = 0;
    await test.advance(600_000);
    expect([test.api.find(Nodes, { namespace: '', name: 'node-1' }), test.lease('node-1')]).toEqual([
      undefined,
      undefined,
    ]);
    expect(test.api.calls.every(({ name }) => name === 'node-2')).toBe(true);
    await test.start(2);
    expect(test.ready('node-1')?.status).toBe('True');
  });

  test('that somebody made again beats again, with a lease of its own', async () => {
    const test = await new FleetUnderTest().start(1);
    await test.advance(60_000);
    test.api.erase(Nodes, { namespace: '', name: 'node-1' });
    test.api.erase(Leases, { namespace: 'kube-node-lease', name: 'node-1' });
    const { uid } = test.api.put(Nodes, { metadata: { name: 'node-1' }, spec: {} }).metadata;
    await test.advance(10_000);
    expect(test.ready('node-1')?.status).toBe('True');
    expect(test.lease('node-1')?.metadata.ownerReferences?.[0]?.uid).toBe(uid);
  });
});

test('a fleet that stops writes nothing more, registered or not', async () => {
  const test = await new FleetUnderTest().start(3);
  await test.advance(10_000);
  test.fleet.stop();
  const { length } = test.api.calls;
  await test.advance(600_000);
  expect([test.api.calls.length, test.clock.pendingTimers]).toEqual([length, 0]);
  const early = new FleetUnderTest();
  early.api.fault = () => serviceUnavailable('away');
  await early.start(3);
  early.fleet.stop();
  await early.advance(60_000);
  expect([early.clock.pendingTimers, early.realClock.pendingTimers]).toEqual([0, 0]);
});

const GROUPS = (small: string, big: string): string => `
groups:
- {name: small, ${small}, zones: [a], capacity: {cpu: 2}}
- {name: big, ${big}, taints: [{key: big, effect: NoSchedule}], labels: {size: big}}
`;

describe('a plan that changes', () => {
  test('lets nodes join, as their group says', async () => {
    const test = await new FleetUnderTest().startWith(GROUPS('count: 1', 'count: 1'));
    test.plan(GROUPS('count: 2', 'count: 3'));
    await test.settle();
    expect(test.names().toSorted()).toEqual(['big-1', 'big-2', 'big-3', 'small-1', 'small-2']);
    expect(test.told).toEqual(['join small-2', 'join big-2', 'join big-3']);
    const node = (name: string) => test.api.find(Nodes, { namespace: '', name })!;
    expect(node('big-3')).toMatchObject({
      metadata: {
        labels: { size: 'big', 'orrery.dev/node-group': 'big', 'topology.kubernetes.io/zone': 'zone-c' },
      },
      spec: { taints: [{ key: 'big', effect: 'NoSchedule' }], podCIDR: '10.128.2.0/24' },
      status: { capacity: { cpu: '4', pods: '110' } },
    });
    expect(node('small-2')).toMatchObject({
      metadata: { labels: { 'topology.kubernetes.io/zone': 'a' } },
      status: { capacity: { cpu: '2', memory: '16Gi' }, allocatable: { cpu: '2' } },
    });
    await test.advance(10_000);
    expect(test.lease('big-3')).toBeDefined();
  });

  test('gives nodes that join the images of their group', async () => {
    const test = await new FleetUnderTest().startWith(GROUPS('count: 0', 'count: 1, images: [nginx, web:1]'));
    expect(test.told).toEqual(['big-1 has nginx', 'big-1 has web:1']);
  });

  test('lets nodes leave when their pods have, those of DaemonSets last', async () => {
    const test = await new FleetUnderTest().start(2);
    const { api } = test;
    api.put(Pods, boundPod('web', { node: 'node-2' }));
    const owner = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'd', uid: 'd', controller: true };
    api.put(Pods, boundPod('daemon', { node: 'node-2' }, { ownerReferences: [owner] }));
    api.put(Pods, boundPod('other', { node: 'node-1' }));
    test.plan(plainConfig(1));
    await test.settle();
    const pods = () => api.all(Pods).map(({ metadata }) => metadata.name);
    expect(api.all(Nodes).map(({ spec }) => spec.unschedulable)).toEqual([undefined, true]);
    expect(pods()).toEqual(['daemon', 'other']);
    expect(test.names()).toEqual(['node-1', 'node-2']);
    await test.advance(500);
    expect([test.names(), pods()]).toEqual([['node-1'], ['other']]);
    await test.advance(500);
    expect(test.told).toEqual(['leave node-2']);
    expect(test.roster.hosted.map(({ name }) => name)).toEqual(['node-1']);
    expect(test.events.at(-1)?.message).toBe('Node node-2 status is now: NodeNotSchedulable');
  });

  test('waits for pods that take long, but not for ever, and not for what is over', async () => {
    const test = await new FleetUnderTest().start(1);
    const { api } = test;
    const pod = api.put(Pods, boundPod('web', {}));
    // As the real apiserver: only the node agent can end it.
    api.fault = ({ verb, resource }) => {
      if (verb !== 'evict' || resource !== 'pods' || pod.metadata.deletionTimestamp !== undefined)
        return undefined;
      api.change(Pods, { namespace: 'default', name: 'web' }, ({ metadata }) => {
        metadata.deletionTimestamp = '2026-01-01T00:00:30Z';
        metadata.deletionGracePeriodSeconds = 30;
      });
      return notFound(Pods, 'web');
    };
    test.plan(plainConfig(0));
    await test.advance(599_000);
    expect(test.names()).toEqual(['node-1']);
    expect(test.ready('node-1')?.status).toBe('True');
    await test.advance(2_000);
    expect(test.names()).toEqual([]);
    await test.advance(130_000);
    expect(test.told).toEqual(['leave node-1']);
  });

  test('asks again for pods that a disruption budget wants to stay', async () => {
    const test = await new FleetUnderTest().start(1);
    test.api.put(Pods, boundPod('web', {}));
    let refusals = 0;
    test.api.fault = ({ verb }) => {
      if (verb !== 'evict' || refusals === 3) return undefined;
      refusals += 1;
      return tooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 0);
    };
    test.plan(plainConfig(0));
    await test.advance(1_000);
    expect([refusals, test.names()]).toEqual([3, ['node-1']]);
    await test.advance(1_500);
    expect(test.names()).toEqual([]);
  });

  test('can change back: the node stays, and takes pods again', async () => {
    const test = await new FleetUnderTest().start(2);
    test.api.put(Pods, boundPod('web', { node: 'node-2' }));
    test.api.fault = ({ verb, resource }) =>
      verb === 'evict' && resource === 'pods' ? serviceUnavailable('away') : undefined;
    test.plan(plainConfig(1));
    await test.advance(5_000);
    const uids = test.api.all(Nodes).map(({ metadata }) => metadata.uid);
    test.plan(plainConfig(2));
    await test.advance(20_000);
    expect(test.api.all(Nodes).map(({ metadata }) => metadata.uid)).toEqual(uids);
    expect(test.api.all(Nodes).map(({ spec }) => spec.unschedulable)).toEqual([undefined, undefined]);
    expect(test.told).toEqual([]);
    // A node that has left and is wanted again is a new one.
    test.api.fault = undefined;
    test.plan(plainConfig(1));
    await test.advance(5_000);
    test.plan(plainConfig(2));
    await test.advance(5_000);
    expect(test.told).toEqual(['leave node-2', 'join node-2']);
    expect(test.ready('node-2')?.status).toBe('True');
  });

  test('lets machines vanish: their nodes say nothing any more, and are there', async () => {
    const test = await new FleetUnderTest().startWith(GROUPS('count: 2', 'count: 1'));
    await test.advance(10_000);
    test.api.calls.length = 0;
    test.plan(GROUPS('count: 1, leave: vanish', 'count: 1'));
    await test.advance(600_000);
    expect(test.names()).toEqual(['small-1', 'small-2', 'big-1']);
    expect(test.told).toEqual(['lose small-2']);
    expect(test.api.calls.filter(({ name }) => name === 'small-2')).toEqual([]);
    // A restart does not change that, and a machine that is there again says so.
    await test.startWith(GROUPS('count: 1, leave: vanish', 'count: 1'));
    expect(test.roster.hosts('small-2')).toBe(false);
    test.declareDead('small-2');
    test.plan(GROUPS('count: 2, leave: vanish', 'count: 1'));
    await test.settle();
    expect(test.ready('small-2')?.status).toBe('True');
    expect(test.told.slice(1)).toEqual(['join small-2']);
    // What vanished is taken away when its group is to leave gently after all.
    test.plan(GROUPS('count: 1, leave: vanish', 'count: 1'));
    await test.settle();
    test.plan(GROUPS('count: 1', 'count: 1'));
    await test.settle();
    expect(test.names()).toEqual(['small-1', 'big-1']);
  });

  test('of the size of machines shows at once, of nothing else in their nodes', async () => {
    const test = await new FleetUnderTest().startWith(GROUPS('count: 1', 'count: 1'));
    test.api.calls.length = 0;
    test.plan(
      GROUPS('count: 1', 'count: 1, capacity: {cpu: 8, example.com/gpu: 2}').replace(
        'size: big',
        'size: huge',
      ),
    );
    await test.settle();
    expect(test.writes().map(({ name }) => name)).toEqual(['big-1']);
    expect(test.api.find(Nodes, { namespace: '', name: 'big-1' })).toMatchObject({
      metadata: { labels: { size: 'big' } },
      status: { capacity: { cpu: '8', 'example.com/gpu': '2' }, allocatable: { 'example.com/gpu': '2' } },
    });
  });

  test('that makes no sense changes nothing', async () => {
    const test = await new FleetUnderTest().start(2);
    test.api.change(ConfigMaps, NODES_OBJECT, ({ data }) => void (data!['plan'] = '{}'));
    await test.advance(60_000);
    test.api.erase(ConfigMaps, NODES_OBJECT);
    await test.advance(60_000);
    expect(test.roster.hosted).toHaveLength(2);
  });
});
