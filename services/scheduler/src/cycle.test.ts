import type { PodSpec } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { type Decision, feasibleNodesToFind, SchedulingCycle } from './cycle.ts';
import { makeNode, makePod, type NodeDraft, type PodDraft } from './test-support/fake-cluster.ts';
import { fitErrorMessage } from './fit-error.ts';
import { defaultPlugins } from './plugins/registry.ts';
import { ClusterCache } from './snapshot/cluster-cache.ts';
import { podInfo } from './snapshot/pod-info.ts';
import { NO_STORAGE } from './test-support/verdicts.ts';
import { seededRandom } from './test-support/test-run.ts';

function clusterOf(nodes: readonly NodeDraft[]): ClusterCache {
  const cache = new ClusterCache();
  for (const draft of nodes) cache.setNode(makeNode(draft));
  return cache;
}

function numbered(count: number, more: Partial<NodeDraft> = {}): NodeDraft[] {
  return Array.from({ length: count }, (_, index) => ({ name: `n${index}`, ...more }));
}

function cycleOn(snapshot: ClusterCache, random = () => 0.99): SchedulingCycle {
  return new SchedulingCycle({ profile: defaultPlugins(NO_STORAGE), snapshot, random });
}

function messageOf(decision: Decision): string | undefined {
  return decision.nodeName === undefined ? fitErrorMessage(decision.diagnosis) : undefined;
}

function decide(nodes: readonly NodeDraft[], pod: PodDraft): Decision {
  return cycleOn(clusterOf(nodes)).decide(podInfo(makePod(pod)));
}

const pinnedTo = (name: string): Partial<PodSpec> => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }] }],
      },
    },
  },
});

describe('feasibleNodesToFind', () => {
  it.each([
    [1, 1],
    [99, 99],
    [100, 100],
    [200, 100],
    [250, 120],
    [1_000, 420],
    [5_000, 500],
    [6_000, 300],
    [20_000, 1_000],
  ])('of %i nodes is %i', (nodeCount, expected) => {
    expect(feasibleNodesToFind(nodeCount)).toBe(expected);
  });
});

describe('SchedulingCycle', () => {
  it('says per reason how many nodes cannot take the pod, each node by the first filter that rejects it', () => {
    const nodes = [
      { name: 'cordoned', spec: { unschedulable: true, taints: [{ key: 'k', effect: 'NoSchedule' }] } },
      { name: 'tainted', spec: { taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] } },
      { name: 'small', labels: { disk: 'ssd' }, allocatable: { cpu: '1', memory: '1Gi' } },
      { name: 'tiny', labels: { disk: 'ssd' }, allocatable: { cpu: '1' } },
      { name: 'wrong' },
    ];
    const decision = decide(nodes, {
      name: 'p',
      requests: { cpu: '2', memory: '2Gi' },
      spec: { nodeSelector: { disk: 'ssd' } },
    });
    expect(messageOf(decision)).toBe(
      "0/5 nodes are available: 1 Insufficient memory, 1 node(s) didn't match Pod's node affinity/selector, " +
        '1 node(s) had untolerated taint {dedicated: db}, 1 node(s) were unschedulable, 2 Insufficient cpu.',
    );
  });

  it('names the plugins that stand in the way', () => {
    const decision = decide(numbered(2), { name: 'p', requests: { cpu: '64' } });
    expect(decision).toMatchObject({ diagnosis: { plugins: new Set(['NodeResourcesFit']) } });
  });

  it('looks only at the node that a pod is pinned to', () => {
    expect(decide(numbered(50), { name: 'p', spec: pinnedTo('n7') })).toMatchObject({
      nodeName: 'n7',
      evaluatedNodes: 1,
      feasibleNodes: 1,
    });
  });

  it('counts the nodes that it need not look at', () => {
    const decision = decide(numbered(4), { name: 'p', spec: pinnedTo('n2'), requests: { cpu: '64' } });
    expect(messageOf(decision)).toBe(
      "0/4 nodes are available: 1 Insufficient cpu, 3 node(s) didn't satisfy plugin(s) [NodeAffinity].",
    );
  });

  it('says that there are no nodes', () => {
    expect(messageOf(decide([], { name: 'p', spec: pinnedTo('n2') }))).toBe(
      'no nodes available to schedule pods',
    );
  });

  it('stops once enough nodes fit and goes on from there with the next pod', () => {
    const cache = clusterOf(numbered(250));
    const cycle = cycleOn(cache);
    const chosen = Array.from({ length: 5 }, (_, index) => {
      const decision = cycle.decide(podInfo(makePod({ name: `p${index}` })));
      expect(decision).toMatchObject({ evaluatedNodes: 120, feasibleNodes: 120 });
      return decision.nodeName;
    });
    expect(chosen).toEqual(['n0', 'n120', 'n240', 'n110', 'n230']);
  });

  it('passes over nodes that do not fit until it has enough', () => {
    const cordoned = Array.from({ length: 30 }, (_, index) => ({
      name: `c${index}`,
      spec: { unschedulable: true },
    }));
    expect(decide([...cordoned, ...numbered(170)], { name: 'p' })).toMatchObject({
      evaluatedNodes: 130,
      feasibleNodes: 100,
    });
  });

  it('goes through all nodes in turn even when nodes leave between two decisions', () => {
    const cache = clusterOf(numbered(150));
    const cycle = cycleOn(cache);
    cycle.decide(podInfo(makePod({ name: 'p1' })));
    for (let index = 10; index < 150; index += 1) cache.removeNode(`n${index}`);
    expect(cycle.decide(podInfo(makePod({ name: 'p2' })))).toMatchObject({
      evaluatedNodes: 10,
      feasibleNodes: 10,
    });
  });

  it('decides between equal nodes by the random numbers it is given', () => {
    const chosen = (random: () => number) =>
      cycleOn(clusterOf(numbered(4)), random).decide(podInfo(makePod({ name: 'p' }))).nodeName;
    expect(chosen(() => 0.99)).toBe('n0');
    expect(chosen(() => 0)).toBe('n3');
    expect(chosen(() => 0.4)).toBe('n1');
  });

  it('chooses each of several equal nodes about equally often', () => {
    const cycle = cycleOn(clusterOf(numbered(4)), seededRandom(1));
    const counts = new Map<string, number>();
    for (let index = 0; index < 4_000; index += 1) {
      const { nodeName } = cycle.decide(podInfo(makePod({ name: 'p' })));
      counts.set(nodeName!, (counts.get(nodeName!) ?? 0) + 1);
    }
    for (const name of ['n0', 'n1', 'n2', 'n3']) expect(counts.get(name)).toBeGreaterThan(900);
  });

  it('lets the weights decide between plugins that disagree', () => {
    const tainted = (...keys: string[]) => ({
      taints: keys.map((key) => ({ key, effect: 'PreferNoSchedule' })),
    });
    // Half of the points for taints weigh more than nearly all of those for room.
    const nodes = [
      { name: 'roomy', spec: tainted('a', 'b'), allocatable: { cpu: '64', memory: '256Gi' } },
      { name: 'small', spec: tainted('a'), allocatable: { cpu: '1', memory: '1Gi' } },
    ];
    expect(decide(nodes, { name: 'p', requests: { cpu: '1', memory: '1Gi' } }).nodeName).toBe('small');
  });

  it('draws only among the best, not among equals that were worse', () => {
    const nodes = ['small', 'small', 'big', 'big'].map((size, index) => ({
      name: `n${index}`,
      allocatable: size === 'big' ? { cpu: '64', memory: '256Gi' } : {},
    }));
    expect(cycleOn(clusterOf(nodes), () => 0.4).decide(podInfo(makePod({ name: 'p' }))).nodeName).toBe('n3');
  });

  it('spreads the replicas of a controller evenly over equal nodes', () => {
    const cache = clusterOf(numbered(10));
    const cycle = cycleOn(cache);
    for (let index = 0; index < 50; index += 1) {
      const info = podInfo(makePod({ name: `p${index}`, controller: 'web', requests: { cpu: '100m' } }));
      cache.assume(info, cycle.decide(info).nodeName!);
    }
    expect(cache.nodes.map((node) => node.podsOfGroup('web'))).toEqual(Array.from({ length: 10 }, () => 5));
  });
});
