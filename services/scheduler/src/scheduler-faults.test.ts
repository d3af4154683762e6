import type { Pod } from '@orrery/api/gen/types.ts';
import { Pods } from '@orrery/api/resources.ts';
import { conflict, StatusError } from '@orrery/api/status-error.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeNode, makePod } from './test-support/fake-cluster.ts';
import { podRequests } from './snapshot/resources.ts';
import { quiet, seededRandom, TestRun } from './test-support/test-run.ts';

let run: TestRun;
let cluster: TestRun['cluster'];
let clock: TestRun['clock'];

beforeEach(() => {
  run = new TestRun();
  ({ cluster, clock } = run);
});

afterEach(() => run.end());

const wholeNode = { cpu: '4' };

describe('Scheduler, when bindings go wrong', () => {
  it('gives the room back after a Conflict and tries again with the pod as it is then', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    let refuse = true;
    cluster.fate = ({ name }) => {
      if (refuse && name === 'a') throw conflict(Pods, name, 'it has changed');
      return 'answered';
    };
    await run.lead();
    cluster.setPod(makePod({ name: 'a', requests: wholeNode }));
    await quiet();
    refuse = false;
    cluster.setPod(makePod({ name: 'b', requests: wholeNode }));
    await quiet();
    expect(run.nodeOf('b')).toBe('n1');
    cluster.deletePod('b');
    await clock.advance(2_000);
    await quiet();
    expect(run.nodeOf('a')).toBe('n1');
    expect(cluster.events.filter(({ reason }) => reason === 'Scheduled')).toHaveLength(2);
    expect(cluster.events.filter(({ message }) => message.startsWith('binding rejected'))).toEqual([]);
  });

  it('leaves a pod to the scheduler that was quicker', async () => {
    for (const name of ['n1', 'n2']) cluster.setNode(makeNode({ name }));
    await run.lead();
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
    expect(run.nodeOf('a')).toBe('n2');
  });

  it('tells of a refusal that is no Conflict', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    cluster.fate = () => {
      throw new StatusError(403, 'Forbidden', 'the namespace is terminating');
    };
    await run.lead();
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
    await run.lead();
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
    await run.lead(() => 0.99);
    cluster.setPod(makePod({ name: 'a', requests: wholeNode }));
    await quiet();
    for (const name of ['b', 'c']) cluster.setPod(makePod({ name, requests: wholeNode }));
    await quiet();
    expect(run.nodeOf('a')).toBeUndefined();
    expect(cluster.binds).toHaveLength(1);
    await clock.advance(10_000);
    await quiet();
    expect(new Set(offers).size).toBe(1);
    expect(offers).toHaveLength(4);
    expect(run.nodeOf('a')).toBe(offers[0]);
    expect(cluster.binds).toHaveLength(2);
  });

  it('holds on to an unknown outcome for as long as the apiserver is away', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    cluster.fate = () => 'done but answer lost';
    cluster.readsFail = false;
    await run.lead();
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
    await run.lead();
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
    await run.lead();
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
    await run.lead();
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
    await run.lead();
    cluster.setPod(makePod({ name: 'a', requests: wholeNode }));
    cluster.hold();
    await quiet();
    expect(run.nodeOf('a')).toBe('n1');
    cluster.skipPending();
    cluster.release();
    cluster.setPod(makePod({ name: 'b', requests: wholeNode }));
    await clock.advance(60_000);
    await quiet();
    expect(run.nodeOf('b')).toBeUndefined();
    cluster.pods.delete('default/a');
    await clock.advance(40_000);
    await quiet();
    expect(run.nodeOf('b')).toBe('n1');
  });

  it('binds a pod again when the store has lost its binding', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    await run.lead();
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
    expect(run.nodeOf('a')).toBe('n1');
  });

  it('lets a binding under way end before the term is over', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    const gate = Promise.withResolvers<'answered'>();
    cluster.fate = () => gate.promise;
    await run.lead();
    cluster.setPod(makePod({ name: 'a' }));
    await quiet();
    run.term.abort();
    cluster.setPod(makePod({ name: 'b' }));
    await quiet();
    gate.resolve('answered');
    await run.running;
    expect(cluster.binds).toEqual(['uid-a -> n1']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not wait for ever for a binding when the term ends', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    cluster.fate = () => new Promise(() => {});
    await run.lead();
    cluster.setPod(makePod({ name: 'a' }));
    await quiet();
    run.term.abort();
    await clock.advance(5_000);
    await run.running;
    expect(cluster.binds).toEqual([]);
  });
});

describe('Scheduler, at the beginning of a term', () => {
  it('counts what the leader before has bound, though informers do not show it yet', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    for (const name of ['a', 'b']) cluster.setPod(makePod({ name, requests: wholeNode }));
    cluster.hold();
    cluster.setPod(makePod({ name: 'a', requests: wholeNode, spec: { nodeName: 'n1' } }));
    await run.lead();
    await clock.advance(20_000);
    await quiet();
    expect(cluster.binds).toEqual([]);
    expect(cluster.events).toMatchObject([
      {
        name: 'b',
        message:
          '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
      },
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
    await run.lead();
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
    const random = seededRandom(42);
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
    await run.lead(random);
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
