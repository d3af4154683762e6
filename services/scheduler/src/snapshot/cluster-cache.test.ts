import type { Node, Pod } from '@orrery/api/gen/types.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeNode, makePod } from '../test-support/fake-cluster.ts';
import { ClusterCache } from './cluster-cache.ts';
import { ZONE_LABEL } from './node-info.ts';
import { podInfo } from './pod-info.ts';

const bound = (name: string, nodeName: string, cpu = '1'): Pod =>
  makePod({ name, requests: { cpu }, spec: { nodeName }, controller: 'rs' });

function milliCpuOn(cache: ClusterCache, node: string): number | undefined {
  return cache.node(node)?.requested.milliCpu;
}

describe('ClusterCache', () => {
  it('counts a pod that we have placed once, before and after its event', () => {
    const cache = new ClusterCache();
    cache.setNode(makeNode({ name: 'n1' }));
    cache.assume(podInfo(makePod({ name: 'a', requests: { cpu: '1' } })), 'n1');
    expect(cache.isAssumed('uid-a')).toBe(true);
    expect(milliCpuOn(cache, 'n1')).toBe(1_000);
    cache.setPod(podInfo(bound('a', 'n1')));
    cache.setPod(podInfo(bound('a', 'n1')));
    expect(cache.isAssumed('uid-a')).toBe(false);
    expect(cache.node('n1')).toMatchObject({ podCount: 1, requested: { milliCpu: 1_000 } });
    expect(cache.forget('uid-a')).toBeUndefined();
    expect(milliCpuOn(cache, 'n1')).toBe(1_000);
  });

  it('refuses to place a pod twice', () => {
    const cache = new ClusterCache();
    const info = podInfo(makePod({ name: 'a' }));
    cache.assume(info, 'n1');
    expect(() => cache.assume(info, 'n2')).toThrow('is on node n1 already');
  });

  it('gives the room back when an assumption is forgotten', () => {
    const cache = new ClusterCache();
    cache.setNode(makeNode({ name: 'n1' }));
    cache.assume(podInfo(makePod({ name: 'a', requests: { cpu: '1' } })), 'n1');
    expect(cache.forget('uid-a')).toBe('n1');
    expect(cache.node('n1')).toMatchObject({ podCount: 0, requested: { milliCpu: 0 } });
    expect(cache.forget('uid-a')).toBeUndefined();
  });

  it('moves a pod that turns up on another node than assumed, and says which has room now', () => {
    const cache = new ClusterCache();
    for (const name of ['n1', 'n2']) cache.setNode(makeNode({ name }));
    cache.assume(podInfo(makePod({ name: 'a', requests: { cpu: '1' } })), 'n1');
    expect(cache.setPod(podInfo(bound('a', 'n2')))).toBe('n1');
    expect([milliCpuOn(cache, 'n1'), milliCpuOn(cache, 'n2')]).toEqual([0, 1_000]);
  });

  it('says that a node has room when a pod shrinks, and not when it grows', () => {
    const cache = new ClusterCache();
    cache.setPod(podInfo(bound('a', 'n1', '2')));
    expect(cache.setPod(podInfo(bound('a', 'n1', '3')))).toBeUndefined();
    expect(cache.setPod(podInfo(bound('a', 'n1', '1')))).toBe('n1');
  });

  it('keeps the sums of a node that arrives after its pods, or comes back', () => {
    const cache = new ClusterCache();
    cache.setPod(podInfo(bound('a', 'n1')));
    expect(cache.node('n1')).toBeUndefined();
    expect(cache.nodes).toEqual([]);
    expect(cache.setNode(makeNode({ name: 'n1', labels: { [ZONE_LABEL]: 'z' } }))).toEqual(['NodeAdd']);
    expect(milliCpuOn(cache, 'n1')).toBe(1_000);
    expect(cache.podsOfGroupInZone('rs', 'z')).toBe(1);
    cache.removeNode('n1');
    expect(cache.nodes).toEqual([]);
    expect(cache.podsOfGroupInZone('rs', 'z')).toBe(0);
    cache.setNode(makeNode({ name: 'n1' }));
    expect(milliCpuOn(cache, 'n1')).toBe(1_000);
  });

  it('says what about a node has changed for the better', () => {
    const cache = new ClusterCache();
    const node = makeNode({ name: 'n1' });
    cache.setNode(node);
    const taints = [{ key: 'k', effect: 'NoSchedule' }];
    expect(cache.setNode(makeNode({ name: 'n1' }))).toEqual([]);
    expect(cache.setNode(makeNode({ name: 'n1', allocatable: { cpu: '8' } }))).toEqual(['NodeAllocatable']);
    expect(cache.setNode(makeNode({ name: 'n1', labels: { disk: 'ssd' } }))).toEqual(['NodeLabels']);
    expect(cache.setNode(makeNode({ name: 'n1', labels: { disk: 'ssd' }, spec: { taints } }))).toEqual([
      'NodeTaints',
    ]);
    expect(cache.setNode(makeNode({ name: 'n1', spec: { unschedulable: true } }))).toEqual([
      'NodeLabels',
      'NodeTaints',
    ]);
    expect(cache.setNode({ ...node, status: { ...node.status, phase: 'Running' } })).toEqual(['NodeTaints']);
  });

  it('lets zones take turns in the order of nodes', () => {
    const cache = new ClusterCache();
    for (const [name, zone] of [
      ['a1', 'a'],
      ['a2', 'a'],
      ['a3', 'a'],
      ['b1', 'b'],
      ['c1', 'c'],
      ['c2', 'c'],
    ] as const) {
      cache.setNode(makeNode({ name, labels: { [ZONE_LABEL]: zone } }));
    }
    expect(cache.nodes.map(({ name }) => name)).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3']);
  });

  it('leaves terminating pods out of the count for spreading, but not out of the sums', () => {
    const cache = new ClusterCache();
    cache.setNode(makeNode({ name: 'n1' }));
    const pod = bound('a', 'n1');
    cache.setPod(podInfo(pod));
    expect(cache.node('n1')!.podsOfGroup('rs')).toBe(1);
    cache.setPod(
      podInfo({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }),
    );
    expect(cache.node('n1')!.podsOfGroup('rs')).toBe(0);
    expect(milliCpuOn(cache, 'n1')).toBe(1_000);
  });
});

/** What the cache must show, computed from nothing but the objects. */
class Model {
  readonly nodes = new Map<string, Node>();
  readonly placed = new Map<string, { pod: Pod; nodeName: string; assumed: boolean }>();

  summary(): unknown {
    const zones = new Map<string, number>();
    const nodes = [...this.nodes.values()].map((node) => {
      const on = [...this.placed.values()].filter(({ nodeName }) => nodeName === node.metadata.name);
      const counted = on.filter(({ pod }) => pod.metadata.deletionTimestamp === undefined);
      const groups = GROUPS.map((group) => counted.filter(({ pod }) => podInfo(pod).group === group).length);
      const zone = node.metadata.labels?.[ZONE_LABEL];
      if (zone !== undefined) {
        GROUPS.forEach((group, index) => {
          zones.set(`${group}/${zone}`, (zones.get(`${group}/${zone}`) ?? 0) + groups[index]!);
        });
      }
      const requests = on.map(({ pod }) => podInfo(pod).requests);
      return {
        name: node.metadata.name,
        podCount: on.length,
        milliCpu: requests.reduce((sum, { exact }) => sum + exact.milliCpu, 0),
        gpus: requests.reduce((sum, { exact }) => sum + (exact.extended?.get(GPU) ?? 0), 0),
        scoringMemoryBytes: requests.reduce((sum, { scoring }) => sum + scoring.memoryBytes, 0),
        groups,
      };
    });
    return {
      nodes: nodes.toSorted((a, b) => a.name.localeCompare(b.name)),
      zones: GROUPS.flatMap((group) => ZONES.map((zone) => zones.get(`${group}/${zone}`) ?? 0)),
      assumed: [...this.placed.values()].filter(({ assumed }) => assumed).length,
    };
  }
}

const GPU = 'example.com/gpu';
const GROUPS = ['rs-a', 'rs-b'];
const ZONES = ['z1', 'z2'];
const NODES = ['n1', 'n2', 'n3'];

function summaryOf(cache: ClusterCache): unknown {
  const nodes = cache.nodes.map((node) => ({
    name: node.name,
    podCount: node.podCount,
    milliCpu: node.requested.milliCpu,
    gpus: node.requested.extended?.get(GPU) ?? 0,
    scoringMemoryBytes: node.scoringRequested.memoryBytes,
    groups: GROUPS.map((group) => node.podsOfGroup(group)),
  }));
  return {
    nodes: nodes.toSorted((a, b) => a.name.localeCompare(b.name)),
    zones: GROUPS.flatMap((group) => ZONES.map((zone) => cache.podsOfGroupInZone(group, zone))),
    assumed: cache.assumedCount,
  };
}

const anyNodeName = fc.constantFrom(...NODES);

const anyPod = fc
  .record({
    number: fc.integer({ min: 0, max: 6 }),
    milliCpu: fc.integer({ min: 0, max: 3_000 }),
    gpus: fc.integer({ min: 0, max: 2 }),
    controller: fc.constantFrom(undefined, ...GROUPS),
    terminating: fc.boolean(),
  })
  .map(({ number, milliCpu, gpus, controller, terminating }) => {
    const requests = { cpu: `${milliCpu}m`, ...(gpus > 0 && { [GPU]: String(gpus) }) };
    const pod = makePod({ name: `p${number}`, requests, ...(controller !== undefined && { controller }) });
    if (terminating) pod.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    return pod;
  });

interface Step {
  readonly on: (cache: ClusterCache) => void;
  readonly onModel: (model: Model) => void;
  readonly allowed: (model: Model) => boolean;
}

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ name: anyNodeName, zone: fc.constantFrom(undefined, ...ZONES) }).map(({ name, zone }): Step => {
    const node = makeNode({ name, ...(zone !== undefined && { labels: { [ZONE_LABEL]: zone } }) });
    return {
      on: (cache) => cache.setNode(node),
      onModel: (model) => model.nodes.set(name, node),
      allowed: () => true,
    };
  }),
  anyNodeName.map((name): Step => ({
    on: (cache) => cache.removeNode(name),
    onModel: (model) => model.nodes.delete(name),
    allowed: () => true,
  })),
  fc.record({ pod: anyPod, nodeName: anyNodeName }).map(({ pod, nodeName }): Step => ({
    on: (cache) => cache.assume(podInfo(pod), nodeName),
    onModel: (model) => model.placed.set(pod.metadata.uid, { pod, nodeName, assumed: true }),
    allowed: (model) => !model.placed.has(pod.metadata.uid),
  })),
  fc.record({ pod: anyPod, nodeName: anyNodeName }).map(({ pod, nodeName }): Step => {
    const seen = { ...pod, spec: { ...pod.spec, nodeName } };
    return {
      on: (cache) => cache.setPod(podInfo(seen)),
      onModel: (model) => model.placed.set(pod.metadata.uid, { pod: seen, nodeName, assumed: false }),
      allowed: () => true,
    };
  }),
  anyPod.map(({ metadata: { uid } }): Step => ({
    on: (cache) => cache.removePod(uid),
    onModel: (model) => model.placed.delete(uid),
    allowed: () => true,
  })),
  anyPod.map(({ metadata: { uid } }): Step => ({
    on: (cache) => cache.forget(uid),
    onModel: (model) => model.placed.get(uid)?.assumed === true && model.placed.delete(uid),
    allowed: () => true,
  })),
);

describe('ClusterCache, after any interleaving of changes', () => {
  it('equals what one computes from scratch', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60, size: 'max' }), (steps) => {
        const cache = new ClusterCache();
        const model = new Model();
        for (const step of steps) {
          if (!step.allowed(model)) continue;
          step.on(cache);
          step.onModel(model);
          expect(summaryOf(cache)).toEqual(model.summary());
        }
      }),
      { numRuns: 150 },
    );
  });
});
