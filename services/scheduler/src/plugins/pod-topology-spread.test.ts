import type { Pod, PodSpec, TopologySpreadConstraint } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { makePod } from '../test-support/fake-cluster.ts';
import { ZONE_LABEL } from '../snapshot/node-info.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { podTopologySpreadFilter, podTopologySpreadScore } from './pod-topology-spread.ts';
import { scores, snapshotOf } from '../test-support/verdicts.ts';

const inZone = (name: string, zone: string) => ({ name, labels: { [ZONE_LABEL]: zone } });

/** So many pods of a controller on a node. */
function some(count: number, nodeName: string, controller = 'web'): Pod[] {
  return Array.from({ length: count }, (_, index) =>
    makePod({ name: `${controller}-${nodeName}-${index}`, controller, spec: { nodeName } }),
  );
}

const pod = { name: 'p', controller: 'web' };

describe('PodTopologySpread', () => {
  it('prefers nodes with fewer pods of the same controller', () => {
    const cache = snapshotOf(
      [{ name: 'none' }, { name: 'one' }, { name: 'four' }],
      [...some(1, 'one'), ...some(4, 'four')],
    );
    const { none, one, four } = scores(podTopologySpreadScore, pod, cache)!;
    expect(none).toBe(100);
    expect(one).toBeLessThan(none!);
    expect(four).toBeLessThan(one!);
  });

  it('pays no regard to pods of other controllers', () => {
    const cache = snapshotOf([{ name: 'n1' }, { name: 'n2' }], some(9, 'n1', 'other'));
    const { n1, n2 } = scores(podTopologySpreadScore, pod, cache)!;
    expect(n1).toBe(n2);
  });

  it('prefers the emptier zone among nodes that are equally empty', () => {
    const cache = snapshotOf(
      [inZone('a1', 'a'), inZone('a2', 'a'), inZone('b1', 'b'), inZone('b2', 'b')],
      some(3, 'a1'),
    );
    const { a1, a2, b1, b2 } = scores(podTopologySpreadScore, pod, cache)!;
    expect(b1).toBe(100);
    expect(b2).toBe(b1);
    expect(a2).toBeLessThan(b1!);
    expect(a1).toBeLessThan(a2!);
  });

  it('has no preference for pods without a controller', () => {
    expect(scores(podTopologySpreadScore, { name: 'p' }, snapshotOf([{ name: 'n1' }]))).toBeUndefined();
  });

  // By upstream's formula, pods x ln(domains + 2) + maxSkew - 1 for node and zone, a1 comes to
  // 2 x ln 5 + 2 + 2 x ln 4 + 4 = 12, a2 to 9 and b1 to 9; turned round, a1 is 100 x 9 / 12.
  it('scores as upstream does', () => {
    const cache = snapshotOf(
      [inZone('a1', 'a'), inZone('a2', 'a'), inZone('b1', 'b')],
      [...some(2, 'a1'), ...some(1, 'b1')],
    );
    expect(scores(podTopologySpreadScore, pod, cache)).toEqual({ a1: 75, a2: 100, b1: 100 });
  });
});

describe('constraints that must be met', () => {
  const TOO_MANY = "node(s) didn't match pod topology spread constraints";
  const NO_LABEL = `${TOO_MANY} (missing required label)`;
  const NODES = [
    { name: 'a1', labels: { zone: 'a' } },
    { name: 'a2', labels: { zone: 'a', disk: 'ssd' } },
    { name: 'b1', labels: { zone: 'b' } },
    { name: 'nowhere' },
  ];
  const constraint = (more: Partial<TopologySpreadConstraint> = {}): TopologySpreadConstraint => ({
    maxSkew: 1,
    topologyKey: 'zone',
    whenUnsatisfiable: 'DoNotSchedule',
    labelSelector: { matchLabels: { app: 'web' } },
    ...more,
  });
  const web = (name: string, spec: Partial<PodSpec> = {}, labels = {}): Pod =>
    makePod({ name, labels: { app: 'web', ...labels }, spec });

  function verdicts(incoming: Pod, bound: readonly Pod[]): Record<string, string> {
    const cache = snapshotOf(NODES, bound);
    const filter = podTopologySpreadFilter.preFilter(podInfo(incoming), cache);
    if (filter !== undefined && 'unfit' in filter) throw new Error(filter.unfit);
    return Object.fromEntries(
      cache.nodes.map((node) => [node.name, filter?.filter(node)?.reasons.join() ?? '']),
    );
  }
  const spread = (constraints: TopologySpreadConstraint[], spec: Partial<PodSpec> = {}, labels = {}): Pod =>
    web('new', { topologySpreadConstraints: constraints, ...spec }, labels);

  it('keep domains from growing too far apart', () => {
    expect(verdicts(spread([constraint()]), [web('w1', { nodeName: 'a1' })])).toEqual({
      a1: TOO_MANY,
      a2: TOO_MANY,
      b1: '',
      nowhere: NO_LABEL,
    });
    expect(verdicts(spread([constraint({ maxSkew: 2 })]), [web('w1', { nodeName: 'a1' })])['a1']).toBe('');
  });

  it('count pods of the namespace and selector that are not on their way out', () => {
    const other = web('w1', { nodeName: 'a1' });
    const elsewhere = { ...other, metadata: { ...other.metadata, namespace: 'prod' } };
    const leaving = { ...other, metadata: { ...other.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    for (const bound of [elsewhere, leaving])
      expect(verdicts(spread([constraint()]), [bound])['a1']).toBe('');
  });

  it('wait for as many domains as they ask for', () => {
    const asking = spread([constraint({ minDomains: 3 })]);
    expect(verdicts(asking, [web('w1', { nodeName: 'a1' }), web('w2', { nodeName: 'b1' })])).toMatchObject({
      a1: TOO_MANY,
      b1: TOO_MANY,
    });
  });

  it('look only at nodes that the pod may go to, unless told otherwise', () => {
    const bound = [web('w1', { nodeName: 'a2' })];
    const picky = { nodeSelector: { disk: 'ssd' } };
    expect(verdicts(spread([constraint()], picky), bound)['a2']).toBe('');
    expect(verdicts(spread([constraint({ nodeAffinityPolicy: 'Ignore' })], picky), bound)['a2']).toBe(
      TOO_MANY,
    );
  });

  it('judge as if other pods had gone', () => {
    const present = web('w1', { nodeName: 'a1' });
    const cache = snapshotOf(NODES, [present]);
    const filter = podTopologySpreadFilter.preFilter(podInfo(spread([constraint()])), cache);
    if (filter === undefined || 'unfit' in filter) throw new Error('no filter');
    filter.count!(podInfo(present), cache.node('a1')!, -1);
    expect(filter.filter(cache.node('a1')!)).toBeUndefined();
  });

  it('are preferences when they may be broken', () => {
    const soft = { topologySpreadConstraints: [constraint({ whenUnsatisfiable: 'ScheduleAnyway' })] };
    const cache = snapshotOf(NODES, [web('w1', { nodeName: 'a1' }), web('w2', { nodeName: 'a1' })]);
    const result = scores(
      podTopologySpreadScore,
      { name: 'new', labels: { app: 'web' }, spec: soft },
      cache,
    )!;
    expect(result['b1']).toBe(100);
    expect(result['a1']).toBeLessThan(100);
    expect(result['a2']).toBe(result['a1']);
    expect(result['nowhere']).toBe(0);
  });
});
