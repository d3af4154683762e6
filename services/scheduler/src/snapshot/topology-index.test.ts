import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeNode, makePod } from '../test-support/fake-cluster.ts';
import { ClusterCache } from './cluster-cache.ts';
import { DomainCounts } from './domain-counts.ts';
import { podInfo, type PodInfo } from './pod-info.ts';
import { type DomainQuery, labelOf } from './topology-index.ts';

const ZONE = 'zone';

const QUERIES: DomainQuery[] = ['a', 'b'].flatMap((app): DomainQuery[] => {
  const matchesPod = ({ pod }: PodInfo): boolean => pod.metadata.labels?.['app'] === app;
  return [
    { key: `zone ${app}`, topologyKey: ZONE, matchesPod },
    {
      key: `ssd ${app}`,
      topologyKey: ZONE,
      matchesPod,
      matchesNode: ({ labels }) => labels['disk'] === 'ssd',
    },
  ];
});

/** What a look at everything says. */
function scan(
  cache: ClusterCache,
  { topologyKey, matchesPod, matchesNode }: DomainQuery,
): Map<string, number> {
  const result = new Map<string, number>();
  for (const node of cache.nodes) {
    const domain = labelOf(node, topologyKey);
    if (domain === undefined || matchesNode?.(node as never) === false) continue;
    const pods = [...node.pods.values()].filter(matchesPod).length;
    result.set(domain, (result.get(domain) ?? 0) + pods);
  }
  return result;
}

describe('the topology index', () => {
  it('always says what a look at every node and pod would say', () => {
    const nodeName = fc.constantFrom('n1', 'n2', 'n3', 'n4');
    const change = fc.oneof(
      fc.record({
        kind: fc.constant('node' as const),
        name: nodeName,
        zone: fc.constantFrom('x', 'y', undefined),
        disk: fc.constantFrom('ssd', 'hdd'),
      }),
      fc.record({ kind: fc.constant('removeNode' as const), name: nodeName }),
      fc.record({
        kind: fc.constant('pod' as const),
        uid: fc.integer({ min: 0, max: 7 }).map((n) => `p${n}`),
        node: nodeName,
        app: fc.constantFrom('a', 'b', 'c'),
      }),
      fc.record({
        kind: fc.constant('removePod' as const),
        uid: fc.integer({ min: 0, max: 7 }).map((n) => `p${n}`),
      }),
      fc.record({ kind: fc.constant('ask' as const), query: fc.constantFrom(...QUERIES) }),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const cache = new ClusterCache();
        for (const each of changes) {
          if (each.kind === 'node') {
            const labels = { disk: each.disk, ...(each.zone === undefined ? {} : { [ZONE]: each.zone }) };
            cache.setNode(makeNode({ name: each.name, labels }));
          } else if (each.kind === 'removeNode') cache.removeNode(each.name);
          else if (each.kind === 'removePod') cache.removePod(each.uid);
          else if (each.kind === 'ask') cache.topology.domains(each.query);
          else {
            const draft = {
              name: each.uid,
              uid: each.uid,
              labels: { app: each.app },
              spec: { nodeName: each.node },
            };
            cache.setPod(podInfo(makePod(draft)));
          }
        }
        for (const query of QUERIES) {
          const expected = scan(cache, query);
          const counts = cache.topology.domains(query);
          expect(new Map([...expected.keys()].map((name) => [name, counts.of(name)]))).toEqual(expected);
          expect(counts.domainCount).toBe(expected.size);
          expect(counts.fewest).toBe(expected.size === 0 ? 0 : Math.min(...expected.values()));
          expect(counts.total).toBe([...expected.values()].reduce((sum, each) => sum + each, 0));
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('counts by domain', () => {
  it('know what the fewest would be', () => {
    const counts = new DomainCounts();
    counts.addNode('a', 3, 1);
    counts.addNode('b', 1, 1);
    expect(counts.fewest).toBe(1);
    expect(counts.fewestWith('b', 5)).toBe(3);
    expect(counts.fewestWith('a', 0)).toBe(0);
  });
});
