import { UNCOUNTED } from '@orrery/api/disruption.ts';
import type { Pod, PodDisruptionBudget } from '@orrery/api/gen/types.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BoundFilter, preFilter } from '../cycle.ts';
import { defaultPlugins } from '../plugins/registry.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { makePod } from '../test-support/fake-cluster.ts';
import { NO_STORAGE, snapshotOf } from '../test-support/verdicts.ts';
import {
  type Candidate,
  candidateOf,
  leastHarmful,
  type PreemptionView,
  searchCandidates,
  victimsOn,
} from './candidates.ts';

const PROFILE = defaultPlugins(NO_STORAGE);

interface Running {
  name: string;
  node?: string;
  priority?: number;
  cpu?: string;
  startTime?: string;
  app?: string;
}

function running({ name, node = 'n1', priority = 0, cpu = '1', startTime, app = 'web' }: Running): Pod {
  const pod = makePod({ name, labels: { app }, requests: { cpu }, spec: { nodeName: node, priority } });
  return startTime === undefined ? pod : { ...pod, status: { phase: 'Running', startTime } };
}

function budget(app: string, disruptionsAllowed: number): PodDisruptionBudget {
  const metadata = { name: app, namespace: 'default', uid: app, resourceVersion: '1', creationTimestamp: '' };
  const status = { ...UNCOUNTED, disruptionsAllowed };
  return { metadata, spec: { selector: { matchLabels: { app } } }, status };
}

const viewOf = (filters: readonly BoundFilter[], budgets: PodDisruptionBudget[] = []): PreemptionView => ({
  filters,
  budgets,
  promised: () => [],
});

const incoming = (cpu: string, priority = 100): Pod =>
  makePod({ name: 'vip', requests: { cpu }, spec: { priority } });

/** Victims by node; nodes have four processors. */
function victims(
  pod: Pod,
  bound: readonly Running[],
  budgets: PodDisruptionBudget[] = [],
): Record<string, string[]> {
  const names = [...new Set(bound.map(({ node = 'n1' }) => node))];
  const cache = snapshotOf(
    names.map((name) => ({ name })),
    bound.map(running),
  );
  const info = podInfo(pod);
  const filters = preFilter(PROFILE, info, cache);
  return Object.fromEntries(
    cache.nodes.map((node) => [
      node.name,
      victimsOn(info, node, viewOf(filters, budgets))?.victims.map((each) => each.pod.metadata.name) ?? [],
    ]),
  );
}

describe('the victims on a node', () => {
  it('are as few and as unimportant as make room', () => {
    const bound = [
      { name: 'low', priority: 1 },
      { name: 'mid', priority: 50 },
      { name: 'lowest', priority: 0 },
      { name: 'equal', priority: 100 },
    ];
    expect(victims(incoming('1'), bound)).toEqual({ n1: ['lowest'] });
    expect(victims(incoming('2'), bound)).toEqual({ n1: ['low', 'lowest'] });
    expect(victims(incoming('3'), bound)).toEqual({ n1: ['mid', 'low', 'lowest'] });
    expect(victims(incoming('4'), bound)).toEqual({ n1: [] });
  });

  it('are those that began last among equals', () => {
    const bound = [
      { name: 'first', startTime: '2026-01-01T00:00:00Z', cpu: '2' },
      { name: 'last', startTime: '2026-01-02T00:00:00Z', cpu: '2' },
    ];
    expect(victims(incoming('2'), bound)).toEqual({ n1: ['last'] });
  });

  it('are spared by their budget where others will do', () => {
    const bound = [
      { name: 'guarded', app: 'db', cpu: '2', priority: 0 },
      { name: 'free', app: 'web', cpu: '2', priority: 10 },
    ];
    expect(victims(incoming('2'), bound)).toEqual({ n1: ['guarded'] });
    expect(victims(incoming('2'), bound, [budget('db', 0)])).toEqual({ n1: ['free'] });
    expect(victims(incoming('4'), bound, [budget('db', 0)])).toEqual({ n1: ['free', 'guarded'] });
  });

  it('leave the filters as they were', () => {
    const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'web' } } };
    const shy = makePod({
      name: 'shy',
      requests: { cpu: '1' },
      spec: {
        priority: 9,
        affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } },
      },
    });
    const cache = snapshotOf([{ name: 'n1' }], [running({ name: 'web' })]);
    const info = podInfo(shy);
    const filters = preFilter(PROFILE, info, cache);
    const node = cache.node('n1')!;
    const verdict = (): unknown => filters.map(({ podFilter }) => podFilter.filter(node)?.reasons);
    const before = verdict();
    expect(victimsOn(info, node, viewOf(filters))?.victims).toHaveLength(1);
    expect(verdict()).toEqual(before);
  });

  it('always make room, and not one of them could have stayed', () => {
    const pods = fc.array(fc.record({ priority: fc.nat(200), cpu: fc.integer({ min: 1, max: 3 }) }), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(pods, fc.integer({ min: 1, max: 4 }), (drafts, cpu) => {
        let left = 4;
        const bound = drafts
          .filter((each) => (left -= each.cpu) >= 0)
          .map((each, index) =>
            running({ name: `p${index}`, priority: each.priority, cpu: String(each.cpu) }),
          );
        const cache = snapshotOf([{ name: 'n1' }], bound);
        const info = podInfo(incoming(String(cpu)));
        const node = cache.node('n1')!;
        const found = victimsOn(info, node, viewOf(preFilter(PROFILE, info, cache)));
        if (found === undefined) return;
        const needs = info.requests.exact.milliCpu;
        const free = node.allocatable.milliCpu - node.requested.milliCpu;
        const gained = found.victims.reduce((sum, each) => sum + each.requests.exact.milliCpu, 0);
        expect(free + gained).toBeGreaterThanOrEqual(needs);
        for (const each of found.victims) {
          expect(each.priority).toBeLessThan(100);
          expect(free + gained - each.requests.exact.milliCpu).toBeLessThan(needs);
        }
      }),
    );
  });
});

describe('the node where preemption hurts least', () => {
  const candidate = (name: string, violations: number, ...pods: Running[]): Candidate => {
    const victims = pods.map((each) => podInfo(running(each)));
    return candidateOf(snapshotOf([{ name }]).node(name)!, victims, violations);
  };
  const one = (priority: number, startTime = '2026-01-01T00:00:00Z'): Running => ({
    name: 'v',
    priority,
    startTime,
  });

  it.each<[string, Candidate[], string]>([
    ['breaks the fewest budgets', [candidate('a', 1, one(0)), candidate('b', 0, one(9))], 'b'],
    ['loses the least important pod', [candidate('a', 0, one(5)), candidate('b', 0, one(4), one(4))], 'b'],
    [
      'loses less importance in all',
      [candidate('a', 0, one(5), one(3)), candidate('b', 0, one(5), one(2))],
      'b',
    ],
    ['loses fewer pods', [candidate('a', 0, one(5), one(-(2 ** 31))), candidate('b', 0, one(5))], 'b'],
    [
      'loses what has run for the shortest time',
      [candidate('a', 0, one(5, '2026-01-01T00:00:00Z')), candidate('b', 0, one(5, '2026-01-02T00:00:00Z'))],
      'b',
    ],
    ['is the first of equals', [candidate('a', 0, one(5)), candidate('b', 0, one(5))], 'a'],
  ])('%s', (_case, candidates, expected) => {
    expect(leastHarmful(candidates)?.node.name).toBe(expected);
  });
});

describe('the search', () => {
  it('says on how many nodes nobody could be sent away', () => {
    const cache = snapshotOf(
      [{ name: 'n1' }, { name: 'n2' }],
      [
        running({ name: 'a', node: 'n1', priority: 500, cpu: '4' }),
        running({ name: 'b', node: 'n2', priority: 500, cpu: '4' }),
      ],
    );
    const info = podInfo(incoming('1'));
    const filters = preFilter(PROFILE, info, cache);
    const options = { random: () => 0.7, nodeCount: 2 };
    const candidateOn = (node: NodeInfo): Candidate | undefined => victimsOn(info, node, viewOf(filters));
    expect(searchCandidates(cache.nodes, candidateOn, options)).toEqual({
      best: undefined,
      withoutVictims: 2,
    });
  });
});
