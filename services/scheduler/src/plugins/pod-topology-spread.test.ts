import type { Pod } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { makePod } from '../test-support/fake-cluster.ts';
import { ZONE_LABEL } from '../snapshot/node-info.ts';
import { podTopologySpread } from './pod-topology-spread.ts';
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
    const { none, one, four } = scores(podTopologySpread, pod, cache)!;
    expect(none).toBe(100);
    expect(one).toBeLessThan(none!);
    expect(four).toBeLessThan(one!);
  });

  it('pays no regard to pods of other controllers', () => {
    const cache = snapshotOf([{ name: 'n1' }, { name: 'n2' }], some(9, 'n1', 'other'));
    const { n1, n2 } = scores(podTopologySpread, pod, cache)!;
    expect(n1).toBe(n2);
  });

  it('prefers the emptier zone among nodes that are equally empty', () => {
    const cache = snapshotOf(
      [inZone('a1', 'a'), inZone('a2', 'a'), inZone('b1', 'b'), inZone('b2', 'b')],
      some(3, 'a1'),
    );
    const { a1, a2, b1, b2 } = scores(podTopologySpread, pod, cache)!;
    expect(b1).toBe(100);
    expect(b2).toBe(b1);
    expect(a2).toBeLessThan(b1!);
    expect(a1).toBeLessThan(a2!);
  });

  it('has no preference for pods without a controller', () => {
    expect(scores(podTopologySpread, { name: 'p' }, snapshotOf([{ name: 'n1' }]))).toBeUndefined();
  });

  // By upstream's formula, pods x ln(domains + 2) + maxSkew - 1 for node and zone, a1 comes to
  // 2 x ln 5 + 2 + 2 x ln 4 + 4 = 12, a2 to 9 and b1 to 9; turned round, a1 is 100 x 9 / 12.
  it('scores as upstream does', () => {
    const cache = snapshotOf(
      [inZone('a1', 'a'), inZone('a2', 'a'), inZone('b1', 'b')],
      [...some(2, 'a1'), ...some(1, 'b1')],
    );
    expect(scores(podTopologySpread, pod, cache)).toEqual({ a1: 75, a2: 100, b1: 100 });
  });
});
