import { Leases, Nodes } from '@orrery/api/resources.ts';
import { serviceUnavailable } from '@orrery/api/status-error.ts';
import { createLogger } from '@orrery/kit/logger.ts';
import { ManualClock, settle } from '@orrery/kit/manual-clock.ts';
import { describe, expect, test } from 'vitest';
import { type Call, FakeApi } from '../test-support/fake-api.ts';
import { type RecordedEvent, recordersInto } from '../test-support/objects.ts';
import { NodeFleet } from './node-fleet.ts';

class FleetUnderTest {
  readonly clock = new ManualClock();
  readonly realClock = new ManualClock();
  readonly api = new FakeApi(this.clock);
  readonly events: RecordedEvent[] = [];
  fleet!: NodeFleet;

  async start(count: number, { first = 0, allNodes = 0, address = '127.0.0.1:7444' } = {}): Promise<this> {
    this.fleet?.stop();
    const { clock, realClock, api } = this;
    const logger = createLogger({ service: 'node-agent', instance: 'test', level: 'silent' });
    this.fleet = new NodeFleet({
      client: api,
      clock,
      realClock,
      logger,
      nodes: api.nodes,
      events: recordersInto(this.events),
      hosting: { agent: 'agent-0', address },
      range: { first, count },
      allNodes: Math.max(allNodes, first + count),
    });
    void this.fleet.start();
    await this.settle();
    return this;
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
  test('of a hundred nodes takes one list and one write each', async () => {
    const { api, fleet } = await new FleetUnderTest().start(100);
    expect(fleet.registered).toBe(true);
    expect(api.all(Nodes)).toHaveLength(100);
    expect(api.calls).toHaveLength(101);
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

  test('with fewer nodes than last time removes the others, but none of another agent', async () => {
    const test = await new FleetUnderTest().start(5);
    test.api.put(Nodes, {
      metadata: { name: 'foreign', labels: { 'orrery.dev/node-agent': 'agent-1' } },
      spec: {},
    });
    await test.start(3);
    expect(test.api.all(Nodes).map(({ metadata }) => metadata.name)).toEqual([
      'node-1',
      'node-2',
      'node-3',
      'foreign',
    ]);
    expect(
      ['node-1', 'node-3', 'node-4', 'node-0', 'node-01', 'x', ''].filter((each) => test.fleet.hosts(each)),
    ).toEqual(['node-1', 'node-3']);
  });

  test('says at which address the agent is, and again when it is at another', async () => {
    const test = await new FleetUnderTest().start(2);
    const addresses = () =>
      test.api.all(Nodes).map(({ metadata }) => metadata.annotations?.['orrery.dev/node-agent-address']);
    expect(addresses()).toEqual(['127.0.0.1:7444', '127.0.0.1:7444']);
    await test.start(2, { address: '127.0.0.1:9999' });
    expect(addresses()).toEqual(['127.0.0.1:9999', '127.0.0.1:9999']);
  });

  test('of an agent beside others begins where it is told to, and takes over what was of another', async () => {
    const test = await new FleetUnderTest().start(2, { first: 3, allNodes: 5 });
    const names = () => test.api.all(Nodes).map(({ metadata }) => metadata.name);
    expect(names()).toEqual(['node-4', 'node-5']);
    expect(
      ['node-1', 'node-3', 'node-4', 'node-5', 'node-6'].filter((each) => test.fleet.hosts(each)),
    ).toEqual(['node-4', 'node-5']);
    test.api.change(Nodes, { namespace: '', name: 'node-4' }, ({ metadata }) => {
      metadata.labels!['orrery.dev/node-agent'] = 'agent-1';
    });
    await test.start(2, { first: 3, allNodes: 5 });
    expect(test.api.all(Nodes).map(({ metadata }) => metadata.labels?.['orrery.dev/node-agent'])).toEqual([
      'agent-0',
      'agent-0',
    ]);
    // What the cluster still has is another's now.
    await test.start(1, { first: 3, allNodes: 5 });
    expect(names()).toEqual(['node-4', 'node-5']);
    await test.start(1, { first: 3 });
    expect(names()).toEqual(['node-4']);
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
    fleet.fleet.setMemoryPressure('node-1', true);
    fleet.fleet.setMemoryPressure('node-1', true);
    await fleet.settle();
    expect(shown()).toMatchObject({
      status: 'True',
      reason: 'KubeletHasInsufficientMemory',
      lastTransitionTime: '2026-01-01T00:01:00Z',
    });
    expect(fleet.api.calls.filter(isNodeWrite)).toHaveLength(1);
    fleet.fleet.setMemoryPressure('node-1', false);
    await fleet.settle();
    expect(shown()).toMatchObject({ status: 'False' });
    expect(fleet.events.slice(2).map(({ node, message }) => [node, message])).toEqual([
      ['node-1', 'Node node-1 status is now: NodeHasInsufficientMemory'],
      ['node-1', 'Node node-1 status is now: NodeHasSufficientMemory'],
    ]);
  });

  test('says what holds in the end when that changes while it says it', async () => {
    const fleet = await new FleetUnderTest().start(1);
    fleet.fleet.setMemoryPressure('node-1', true);
    fleet.fleet.setMemoryPressure('node-1', false);
    await fleet.settle();
    const { status } = fleet.api.find(Nodes, { namespace: '', name: 'node-1' })!;
    expect(status?.conditions?.[0]).toMatchObject({ type: 'MemoryPressure', status: 'False' });
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
