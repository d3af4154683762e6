import type { Pod } from '@orrery/api/gen/types.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeNode, makePod } from './test-support/fake-cluster.ts';
import { quiet, TestRun } from './test-support/test-run.ts';

let run: TestRun;
let cluster: TestRun['cluster'];

beforeEach(() => {
  run = new TestRun();
  ({ cluster } = run);
  cluster.setNode(makeNode({ name: 'n1' }));
});
afterEach(() => run.end());

const low = (name: string, cpu = '2'): Pod =>
  makePod({ name, requests: { cpu }, spec: { nodeName: 'n1', priority: 1 } });
const vip = (spec: Partial<Pod['spec']> = {}): Pod =>
  makePod({ name: 'vip', requests: { cpu: '3' }, spec: { priority: 1_000, ...spec } });

describe('a pod that is more important than others', () => {
  it('sends them away, is promised the node, and gets it when they are gone', async () => {
    for (const name of ['a', 'b']) cluster.setPod(low(name));
    await run.lead();
    cluster.setPod(vip());
    await quiet();
    expect(cluster.deletions.toSorted()).toEqual(['default/a', 'default/b']);
    expect(cluster.pod('vip')?.status?.nominatedNodeName).toBe('n1');
    expect(cluster.pod('a')?.status?.conditions).toMatchObject([
      {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'PreemptionByScheduler',
        message: 'default-scheduler: preempting to accommodate a higher priority pod',
      },
    ]);
    expect(cluster.events.filter(({ reason }) => reason === 'Preempted')).toMatchObject([
      { name: 'a', message: 'Preempted by pod uid-vip on node n1' },
      { name: 'b', message: 'Preempted by pod uid-vip on node n1' },
    ]);
    expect(run.conditionOf('vip')).toMatchObject({ message: '0/1 nodes are available: 1 Insufficient cpu.' });
    for (const name of ['a', 'b']) cluster.deletePod(name);
    await run.clock.advance(1_000);
    await quiet();
    expect(run.nodeOf('vip')).toBe('n1');
  });

  it('keeps its promised room from less important ones that come meanwhile', async () => {
    cluster.setPod(low('a', '4'));
    await run.lead();
    cluster.setPod(vip());
    await quiet();
    cluster.setPod(makePod({ name: 'late', requests: { cpu: '2' }, spec: { priority: 1 } }));
    cluster.deletePod('a');
    await quiet();
    await run.clock.advance(2_000);
    await quiet();
    expect(run.nodeOf('late')).toBeUndefined();
    expect(run.nodeOf('vip')).toBe('n1');
  });

  it('sends nobody away twice while it waits', async () => {
    cluster.setPod(low('a', '4'));
    await run.lead();
    cluster.setPod(vip());
    await quiet();
    const marked = {
      ...cluster.pod('a')!,
      metadata: { ...cluster.pod('a')!.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
    };
    cluster.setPod(marked);
    cluster.setNode(makeNode({ name: 'n2', allocatable: { cpu: '1' } }));
    await run.clock.advance(10 * 60_000);
    await quiet();
    expect(cluster.deletions).toEqual(['default/a']);
    expect(cluster.pod('vip')?.status?.nominatedNodeName).toBe('n1');
  });

  it('takes back what a less important one was promised, who goes elsewhere', async () => {
    cluster.setPod(low('a', '4'));
    await run.lead();
    cluster.setPod(makePod({ name: 'mid', requests: { cpu: '3' }, spec: { priority: 500 } }));
    await quiet();
    expect(cluster.pod('mid')?.status?.nominatedNodeName).toBe('n1');
    cluster.setPod(vip());
    await quiet();
    expect(cluster.pod('vip')?.status?.nominatedNodeName).toBe('n1');
    await run.clock.advance(2_000);
    await quiet();
    expect(cluster.pod('mid')?.status?.nominatedNodeName ?? '').toBe('');
    cluster.deletePod('a');
    cluster.setNode(makeNode({ name: 'n2' }));
    await run.clock.advance(10_000);
    await quiet();
    expect([run.nodeOf('vip'), run.nodeOf('mid')]).toEqual(['n1', 'n2']);
  });

  it('waits when it is not to preempt', async () => {
    cluster.setPod(low('a', '4'));
    await run.lead();
    cluster.setPod(vip({ preemptionPolicy: 'Never' }));
    await quiet();
    expect(cluster.deletions).toEqual([]);
    expect(run.conditionOf('vip')).toMatchObject({
      message:
        '0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.',
    });
  });

  it('is remembered by the next scheduler', async () => {
    cluster.setPod({ ...vip(), status: { phase: 'Pending', nominatedNodeName: 'n1' } });
    cluster.setPod(low('a', '4'));
    cluster.setPod(makePod({ name: 'late', requests: { cpu: '2' }, spec: { priority: 1 } }));
    await run.lead();
    await quiet();
    cluster.deletePod('a');
    await run.clock.advance(2_000);
    await quiet();
    expect(run.nodeOf('vip')).toBe('n1');
    expect(run.nodeOf('late')).toBeUndefined();
  });
});
