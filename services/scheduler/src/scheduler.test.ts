import type { Pod } from '@orrery/api/gen/types.ts';
import { conflict, StatusError } from '@orrery/api/status-error.ts';
import { Pods } from '@orrery/api/resources.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { ManualClock, settle } from '@orrery/kit/manual-clock.ts';
import { createMetrics, type Metrics } from '@orrery/kit/metrics.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, makeNode, makePod } from './fake-cluster.ts';
import { createSchedulerMetrics } from './metrics.ts';
import { Scheduler } from './scheduler.ts';
import { podRequests } from './snapshot/resources.ts';

let cluster: FakeCluster;
let clock: ManualClock;
let metrics: Metrics;
let term: AbortController;
let running: Promise<void>;

beforeEach(() => {
  cluster = new FakeCluster();
  clock = new ManualClock();
  metrics = createMetrics();
  running = Promise.resolve();
});

afterEach(async () => {
  term.abort();
  await running;
});

/** Begins a term of leadership. */
async function lead(random?: () => number): Promise<void> {
  term = new AbortController();
  const scheduler = new Scheduler({
    client: cluster.client,
    informers: cluster.informers,
    events: cluster.recorder,
    clock,
    retryClock: clock,
    logger: silentLogger(),
    metrics: createSchedulerMetrics(metrics),
    signal: term.signal,
    ...(random && { random }),
  });
  running = scheduler.run();
  await quiet();
}

/** Lets everything run that need not wait for time. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await settle();
}

function nodeOf(name: string): string | undefined {
  return cluster.pod(name)?.spec.nodeName;
}

function conditionOf(name: string): unknown {
  return cluster.pod(name)?.status?.conditions?.find(({ type }) => type === 'PodScheduled');
}

const wholeNode = { cpu: '4' };

describe('Scheduler', () => {
  it('binds a pod once and tells of it', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    await lead();
    cluster.setPod(makePod({ name: 'a' }));
    await quiet();
    expect(cluster.binds).toEqual(['uid-a -> n1']);
    expect(cluster.events).toEqual([
      { type: 'Normal', reason: 'Scheduled', message: 'Successfully assigned default/a to n1', name: 'a' },
    ]);
  });

  it.each([
    { what: 'pods of other schedulers', pod: makePod({ name: 'a', spec: { schedulerName: 'other' } }) },
    { what: 'gated pods', pod: makePod({ name: 'a', spec: { schedulingGates: [{ name: 'g' }] } }) },
    { what: 'finished pods', pod: { ...makePod({ name: 'a' }), status: { phase: 'Failed' } } },
    { what: 'pods on their way out', pod: terminating(makePod({ name: 'a' })) },
    { what: 'pods that have a node', pod: makePod({ name: 'a', spec: { nodeName: 'n2' } }) },
  ])('leaves alone $what', async ({ pod }) => {
    cluster.setNode(makeNode({ name: 'n1' }));
    cluster.setPod(pod);
    await lead();
    expect(cluster.binds).toEqual([]);
    expect(cluster.events).toEqual([]);
  });

  it('says why a pod waits, in an event and in a condition, and binds it when there is room', async () => {
    for (const name of ['n1', 'n2', 'n3']) cluster.setNode(makeNode({ name }));
    await lead();
    cluster.setPod(makePod({ name: 'big', requests: { cpu: '6' } }));
    await quiet();
    const message = '0/3 nodes are available: 3 Insufficient cpu.';
    expect(cluster.events).toEqual([{ type: 'Warning', reason: 'FailedScheduling', message, name: 'big' }]);
    expect(conditionOf('big')).toMatchObject({ status: 'False', reason: 'Unschedulable', message });
    cluster.setNode(makeNode({ name: 'n4', allocatable: { cpu: '8' } }));
    await clock.advance(1_000);
    await quiet();
    expect(nodeOf('big')).toBe('n4');
  });

  it('writes the condition only when its text changes', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    await lead();
    cluster.setPod(makePod({ name: 'big', requests: { cpu: '6' } }));
    await quiet();
    await clock.advance(10 * 60_000);
    await quiet();
    expect(cluster.events.length).toBeGreaterThan(1);
    expect(cluster.patches).toHaveLength(1);
    cluster.setNode(makeNode({ name: 'n2', allocatable: { cpu: '1' } }));
    await clock.advance(10 * 60_000);
    await quiet();
    expect(cluster.patches).toHaveLength(2);
    expect(conditionOf('big')).toMatchObject({ message: '0/2 nodes are available: 2 Insufficient cpu.' });
  });

  it('does not write the condition again while it waits to see what it wrote', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    await lead();
    cluster.setPod(makePod({ name: 'big', requests: { cpu: '6' } }));
    cluster.hold();
    await clock.advance(10 * 60_000);
    await quiet();
    expect(cluster.events.length).toBeGreaterThan(1);
    expect(cluster.patchesSent).toBe(1);
  });

  it('does not write a condition that the leader before has written', async () => {
    const message = '0/1 nodes are available: 1 Insufficient cpu.';
    const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message };
    cluster.setNode(makeNode({ name: 'n1' }));
    cluster.setPod({
      ...makePod({ name: 'big', requests: { cpu: '6' } }),
      status: { conditions: [condition] },
    });
    await lead();
    expect(cluster.events).toHaveLength(1);
    expect(cluster.patchesSent).toBe(0);
  });

  it('writes the condition at a later attempt when it could not be written', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    cluster.beforePatch = () => Promise.reject(new StatusError(403, 'Forbidden', 'no'));
    await lead();
    cluster.setPod(makePod({ name: 'big', requests: { cpu: '6' } }));
    await quiet();
    expect(conditionOf('big')).toBeUndefined();
    cluster.beforePatch = () => Promise.resolve();
    await clock.advance(10 * 60_000);
    await quiet();
    expect(conditionOf('big')).toMatchObject({ reason: 'Unschedulable' });
  });

  it('writes many conditions at once, with a limit', async () => {
    const gate = Promise.withResolvers<void>();
    cluster.beforePatch = () => gate.promise;
    await lead();
    for (let index = 0; index < 100; index += 1) cluster.setPod(makePod({ name: `p${index}` }));
    await quiet();
    expect(cluster.patchesSent).toBe(32);
    gate.resolve();
    await quiet();
    expect(cluster.patches).toHaveLength(100);
    expect(conditionOf('p99')).toMatchObject({ message: 'no nodes available to schedule pods' });
  });

  it('reports on the latest version of a pod when it changed meanwhile', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    await lead();
    const pod = makePod({ name: 'big', requests: { cpu: '6' } });
    cluster.setPod(pod);
    cluster.hold();
    cluster.setPod({ ...pod, metadata: { ...pod.metadata, annotations: { note: 'new' } } });
    await quiet();
    expect(cluster.patches).toEqual([]);
    cluster.release();
    await clock.advance(1_000);
    await quiet();
    expect(cluster.patches).toHaveLength(1);
  });

  it.each([
    { what: 'a pod is deleted', help: () => cluster.deletePod('there') },
    {
      what: 'a pod finishes',
      help: () => cluster.setPod({ ...cluster.pod('there')!, status: { phase: 'Succeeded' } }),
    },
    {
      what: 'a node grows',
      help: () => cluster.setNode(makeNode({ name: 'n1', allocatable: { cpu: '8' } })),
    },
    { what: 'a node joins', help: () => cluster.setNode(makeNode({ name: 'n2' })) },
  ])('tries a waiting pod again when $what', async ({ help }) => {
    cluster.setNode(makeNode({ name: 'n1' }));
    cluster.setPod(makePod({ name: 'there', requests: wholeNode, spec: { nodeName: 'n1' } }));
    await lead();
    cluster.setPod(makePod({ name: 'a', requests: wholeNode }));
    await quiet();
    expect(nodeOf('a')).toBeUndefined();
    help();
    await clock.advance(1_000);
    await quiet();
    expect(nodeOf('a')).toMatch(/^n[12]$/);
  });

  it.each([
    { what: 'is uncordoned', before: { spec: { unschedulable: true } }, pod: {} },
    { what: 'loses a taint', before: { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } }, pod: {} },
    {
      what: 'gets a label',
      before: {},
      after: { labels: { disk: 'ssd' } },
      pod: { nodeSelector: { disk: 'ssd' } },
    },
  ])('tries a waiting pod again when a node $what', async ({ before, after = {}, pod }) => {
    cluster.setNode(makeNode({ name: 'n1', ...before }));
    await lead();
    cluster.setPod(makePod({ name: 'a', spec: pod }));
    await quiet();
    expect(nodeOf('a')).toBeUndefined();
    cluster.setNode(makeNode({ name: 'n1', ...after }));
    await clock.advance(1_000);
    await quiet();
    expect(nodeOf('a')).toBe('n1');
  });

  it('does not try a waiting pod again for an event that cannot help it', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    cluster.setPod(makePod({ name: 'there', spec: { nodeName: 'n1' } }));
    cluster.setPod(makePod({ name: 'nowhere', spec: { nodeName: 'never-seen' } }));
    await lead();
    cluster.setPod(makePod({ name: 'big', requests: { cpu: '6' } }));
    await quiet();
    cluster.deletePod('there');
    cluster.deletePod('nowhere');
    cluster.setNode(makeNode({ name: 'n2', labels: { disk: 'ssd' } }));
    await clock.advance(60_000);
    await quiet();
    expect(cluster.events).toHaveLength(1);
  });

  it('takes no event from before a binding for a pod that waits', async () => {
    for (const name of ['n1', 'n2']) cluster.setNode(makeNode({ name }));
    await lead();
    cluster.setPod(makePod({ name: 'a' }));
    cluster.hold();
    cluster.setPod(makePod({ name: 'a', labels: { tier: 'web' } }));
    await quiet();
    expect(cluster.binds).toHaveLength(1);
    cluster.showNext();
    await clock.advance(10_000);
    await quiet();
    cluster.release();
    expect(cluster.binds).toHaveLength(1);
    expect(cluster.events.map(({ reason }) => reason)).toEqual(['Scheduled']);
  });

  it('gives away the room of a pod when informers show only its successor of the same name', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    cluster.setPod(makePod({ name: 'a', uid: 'old', requests: wholeNode, spec: { nodeName: 'n1' } }));
    await lead();
    cluster.setPod(makePod({ name: 'a', uid: 'new', requests: wholeNode }));
    await quiet();
    expect(cluster.binds).toEqual(['new -> n1']);
  });

  it('counts pods that others have placed', async () => {
    cluster.setPod(
      makePod({ name: 'there', requests: { cpu: '3' }, spec: { nodeName: 'n1', schedulerName: 'other' } }),
    );
    cluster.setNode(makeNode({ name: 'n1' }));
    await lead();
    cluster.setPod(makePod({ name: 'a', requests: { cpu: '2' } }));
    await quiet();
    expect(nodeOf('a')).toBeUndefined();
  });

  it('keeps many bindings under way at once, with a limit', async () => {
    cluster.setNode(makeNode({ name: 'n1', allocatable: { pods: '1000' } }));
    const gate = Promise.withResolvers<'answered'>();
    let underWay = 0;
    cluster.fate = () => {
      underWay += 1;
      return gate.promise;
    };
    await lead();
    for (let index = 0; index < 600; index += 1) cluster.setPod(makePod({ name: `p${index}` }));
    await quiet();
    expect(underWay).toBe(512);
    gate.resolve('answered');
    await quiet();
    expect(cluster.binds).toHaveLength(600);
  });

  it('counts attempts and waiting pods', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    await lead();
    cluster.setPod(makePod({ name: 'a' }));
    cluster.setPod(makePod({ name: 'big', requests: { cpu: '6' } }));
    cluster.setPod(makePod({ name: 'gated', spec: { schedulingGates: [{ name: 'g' }] } }));
    await quiet();
    const text = await metrics.registry.metrics();
    expect(text).toContain(
      'scheduler_schedule_attempts_total{result="scheduled",profile="default-scheduler"} 1',
    );
    expect(text).toContain(
      'scheduler_schedule_attempts_total{result="unschedulable",profile="default-scheduler"} 1',
    );
    expect(text).toContain(
      'scheduler_scheduling_attempt_duration_seconds_count{result="scheduled",profile="default-scheduler"} 1',
    );
    for (const [queue, size] of [
      ['active', 0],
      ['backoff', 0],
      ['unschedulable', 1],
      ['gated', 1],
    ] as const) {
      expect(text).toContain(`scheduler_pending_pods{queue="${queue}"} ${size}`);
    }
  });
});

describe('Scheduler, when bindings go wrong', () => {
  it('gives the room back after a Conflict and tries again with the pod as it is then', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    let refuse = true;
    cluster.fate = ({ name }) => {
      if (refuse && name === 'a') throw conflict(Pods, name, 'it has changed');
      return 'answered';
    };
    await lead();
    cluster.setPod(makePod({ name: 'a', requests: wholeNode }));
    await quiet();
    refuse = false;
    cluster.setPod(makePod({ name: 'b', requests: wholeNode }));
    await quiet();
    expect(nodeOf('b')).toBe('n1');
    cluster.deletePod('b');
    await clock.advance(2_000);
    await quiet();
    expect(nodeOf('a')).toBe('n1');
    expect(cluster.events.filter(({ reason }) => reason === 'Scheduled')).toHaveLength(2);
    expect(cluster.events.filter(({ message }) => message.startsWith('binding rejected'))).toEqual([]);
  });

  it('leaves a pod to the scheduler that was quicker', async () => {
    for (const name of ['n1', 'n2']) cluster.setNode(makeNode({ name }));
    await lead();
    cluster.hold();
    cluster.setPod(makePod({ name: 'a' }));
    cluster.release();
    cluster.hold();
    const elsewhere: Pod = { ...cluster.pod('a')!, spec: { ...cluster.pod('a')!.spec, nodeName: 'n2' } };
    cluster.setPod(elsewhere);
    await quiet();
    cluster.release();
    await clock.advance(60_000);
    await quiet();
    expect(cluster.binds).toEqual([]);
    expect(nodeOf('a')).toBe('n2');
  });

  it('tells of a refusal that is no Conflict', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    cluster.fate = () => {
      throw new StatusError(403, 'Forbidden', 'the namespace is terminating');
    };
    await lead();
    cluster.setPod(makePod({ name: 'a' }));
    await quiet();
    expect(cluster.events).toEqual([
      {
        type: 'Warning',
        reason: 'FailedScheduling',
        message: 'binding rejected: the namespace is terminating',
        name: 'a',
      },
    ]);
  });

  it('does not bind again when a binding succeeded but its answer was lost', async () => {
    for (const name of ['n1', 'n2']) cluster.setNode(makeNode({ name }));
    cluster.fate = () => 'done but answer lost';
    await lead();
    cluster.hold();
    cluster.setPod(makePod({ name: 'a', requests: wholeNode }));
    cluster.release();
    cluster.hold();
    await quiet();
    await clock.advance(1_000);
    await quiet();
    expect(cluster.binds).toHaveLength(1);
    expect(cluster.events.map(({ reason }) => reason)).toEqual(['Scheduled']);
    cluster.fate = () => 'answered';
    cluster.release();
    for (const name of ['b', 'c']) cluster.setPod(makePod({ name, requests: wholeNode }));
    await quiet();
    expect([...cluster.boundTo('n1'), ...cluster.boundTo('n2')]).toHaveLength(2);
  });

  it('offers the pod to the same node again while the outcome is unknown, and keeps its room there', async () => {
    for (const name of ['n1', 'n2']) cluster.setNode(makeNode({ name }));
    const offers: string[] = [];
    let lost = 3;
    cluster.fate = ({ name }, nodeName) => {
      if (name !== 'a') return 'answered';
      offers.push(nodeName);
      lost -= 1;
      return lost >= 0 ? 'lost' : 'answered';
    };
    await lead(() => 0.99);
    cluster.setPod(makePod({ name: 'a', requests: wholeNode }));
    await quiet();
    for (const name of ['b', 'c']) cluster.setPod(makePod({ name, requests: wholeNode }));
    await quiet();
    expect(nodeOf('a')).toBeUndefined();
    expect(cluster.binds).toHaveLength(1);
    await clock.advance(10_000);
    await quiet();
    expect(new Set(offers).size).toBe(1);
    expect(offers).toHaveLength(4);
    expect(nodeOf('a')).toBe(offers[0]);
    expect(cluster.binds).toHaveLength(2);
  });

  it('holds on to an unknown outcome for as long as the apiserver is away', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    cluster.fate = () => 'done but answer lost';
    cluster.readsFail = false;
    await lead();
    cluster.readsFail = true;
    cluster.hold();
    cluster.setPod(makePod({ name: 'a', requests: wholeNode }));
    cluster.setPod(makePod({ name: 'b', requests: wholeNode }));
    cluster.release();
    cluster.hold();
    await quiet();
    await clock.advance(5 * 60_000);
    await quiet();
    expect(cluster.binds).toEqual(['uid-a -> n1']);
    cluster.readsFail = false;
    await clock.advance(5_000);
    await quiet();
    expect(cluster.events.filter(({ reason }) => reason === 'Scheduled')).toHaveLength(1);
    expect(cluster.binds).toEqual(['uid-a -> n1']);
  });

  it('chooses another node when the node of an unknown outcome is gone', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    let first = true;
    cluster.fate = () => {
      const fate = first ? 'lost' : 'answered';
      first = false;
      return fate;
    };
    await lead();
    cluster.setPod(makePod({ name: 'a' }));
    await quiet();
    cluster.deleteNode('n1');
    cluster.setNode(makeNode({ name: 'n2' }));
    await clock.advance(5_000);
    await quiet();
    expect(cluster.binds).toEqual(['uid-a -> n2']);
  });

  it('forgets a pod that was deleted while its binding was under way', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    const gate = Promise.withResolvers<'answered'>();
    cluster.fate = ({ name }) => (name === 'a' ? gate.promise : 'answered');
    await lead();
    cluster.setPod(makePod({ name: 'a', requests: wholeNode }));
    await quiet();
    cluster.deletePod('a');
    cluster.setPod(makePod({ name: 'b', requests: wholeNode }));
    await quiet();
    gate.resolve('answered');
    await clock.advance(10_000);
    await quiet();
    expect(cluster.binds).toEqual(['uid-b -> n1']);
  });

  it('tells a pod from its successor of the same name', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    const gate = Promise.withResolvers<'answered'>();
    let first = true;
    cluster.fate = () => {
      if (!first) return 'answered';
      first = false;
      return gate.promise;
    };
    await lead();
    cluster.setPod(makePod({ name: 'a', uid: 'old', requests: wholeNode }));
    await quiet();
    cluster.setPod(makePod({ name: 'a', uid: 'new', requests: wholeNode }));
    gate.resolve('answered');
    await quiet();
    await clock.advance(2_000);
    await quiet();
    expect(cluster.binds).toEqual(['new -> n1']);
  });

  it('asks about a pod whose binding never comes back as an event, and gives its room to others when it is gone', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    await lead();
    cluster.setPod(makePod({ name: 'a', requests: wholeNode }));
    cluster.hold();
    await quiet();
    expect(nodeOf('a')).toBe('n1');
    cluster.skipPending();
    cluster.release();
    cluster.setPod(makePod({ name: 'b', requests: wholeNode }));
    await clock.advance(60_000);
    await quiet();
    expect(nodeOf('b')).toBeUndefined();
    cluster.pods.delete('default/a');
    await clock.advance(40_000);
    await quiet();
    expect(nodeOf('b')).toBe('n1');
  });

  it('binds a pod again when the store has lost its binding', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    await lead();
    cluster.setPod(makePod({ name: 'a' }));
    const unbound = cluster.pod('a')!;
    cluster.hold();
    await quiet();
    cluster.skipPending();
    cluster.pods.set('default/a', unbound);
    cluster.release();
    await clock.advance(40_000);
    await quiet();
    expect(cluster.binds).toEqual(['uid-a -> n1', 'uid-a -> n1']);
    expect(nodeOf('a')).toBe('n1');
  });

  it('lets a binding under way end before the term is over', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    const gate = Promise.withResolvers<'answered'>();
    cluster.fate = () => gate.promise;
    await lead();
    cluster.setPod(makePod({ name: 'a' }));
    await quiet();
    term.abort();
    cluster.setPod(makePod({ name: 'b' }));
    await quiet();
    gate.resolve('answered');
    await running;
    expect(cluster.binds).toEqual(['uid-a -> n1']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not wait for ever for a binding when the term ends', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    cluster.fate = () => new Promise(() => {});
    await lead();
    cluster.setPod(makePod({ name: 'a' }));
    await quiet();
    term.abort();
    await clock.advance(5_000);
    await running;
    expect(cluster.binds).toEqual([]);
  });
});

describe('Scheduler, at the beginning of a term', () => {
  it('counts what the leader before has bound, though informers do not show it yet', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    for (const name of ['a', 'b']) cluster.setPod(makePod({ name, requests: wholeNode }));
    cluster.hold();
    cluster.setPod(makePod({ name: 'a', requests: wholeNode, spec: { nodeName: 'n1' } }));
    await lead();
    await clock.advance(20_000);
    await quiet();
    expect(cluster.binds).toEqual([]);
    expect(cluster.events).toMatchObject([
      { name: 'b', message: '0/1 nodes are available: 1 Insufficient cpu.' },
    ]);
    cluster.release();
    cluster.deletePod('a');
    await clock.advance(1_000);
    await quiet();
    expect(cluster.binds).toEqual(['uid-b -> n1']);
  });

  it('takes no decision before it knows that', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    cluster.setPod(makePod({ name: 'a' }));
    cluster.readsFail = true;
    await lead();
    await clock.advance(5_000);
    await quiet();
    expect(cluster.binds).toEqual([]);
    cluster.readsFail = false;
    await clock.advance(1_000);
    await quiet();
    expect(cluster.binds).toEqual(['uid-a -> n1']);
  });
});

describe('Scheduler, with ten thousand random pods and an unreliable apiserver', () => {
  it('never puts more on a node than it holds, and never binds a pod twice', async () => {
    let seed = 42;
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    const below = (limit: number): number => Math.floor(random() * limit);
    cluster.fate = () => {
      const draw = random();
      return draw < 0.02 ? 'lost' : draw < 0.04 ? 'done but answer lost' : 'answered';
    };
    const allocatable = () => ({
      cpu: String(1 + below(16)),
      memory: `${1 + below(64)}Gi`,
      pods: String(5 + below(100)),
    });
    for (let index = 0; index < 60; index += 1)
      cluster.setNode(makeNode({ name: `n${index}`, allocatable: allocatable() }));
    await lead(random);
    for (let index = 0; index < 10_000; index += 1) {
      const requests = { cpu: `${below(2_000)}m`, memory: `${below(4_096)}Mi` };
      cluster.setPod(makePod({ name: `p${index}`, requests, controller: `rs-${below(20)}` }));
      if (random() < 0.3) cluster.deletePod(`p${below(index + 1)}`);
      if (random() < 0.01) (random() < 0.5 ? () => cluster.hold() : () => cluster.release())();
      if (index % 50 === 0) {
        await clock.advance(below(1_500));
        expectNoOvercommit();
      }
    }
    cluster.release();
    await clock.advance(60_000);
    await quiet();
    expectNoOvercommit();
    expect(cluster.binds.length).toBeGreaterThan(500);
    expect(new Set(cluster.binds.map((bind) => bind.split(' ')[0])).size).toBe(cluster.binds.length);
  }, 60_000);
});

function expectNoOvercommit(): void {
  const byNode = Map.groupBy(cluster.pods.values(), ({ spec }) => spec.nodeName);
  for (const [name, node] of cluster.nodes) {
    const requests = (byNode.get(name) ?? []).map((pod) => podRequests(pod).exact);
    const { cpu, memory, pods } = node.status!.allocatable!;
    const milliCpu = requests.reduce((sum, each) => sum + each.milliCpu, 0);
    const memoryBytes = requests.reduce((sum, each) => sum + each.memoryBytes, 0);
    if (
      requests.length > Number(pods) ||
      milliCpu > Number(cpu) * 1_000 ||
      memoryBytes > Number.parseInt(memory!, 10) * 2 ** 30
    ) {
      expect.fail(
        `node ${name} holds ${requests.length} pods, ${milliCpu}m, ${memoryBytes} bytes of ${pods}, ${cpu}, ${memory}`,
      );
    }
  }
}

function terminating(pod: Pod): Pod {
  return { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
}
