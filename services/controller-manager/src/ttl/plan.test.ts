import { Nodes } from '@orrery/api/resources.ts';
import { describe, expect, it, test } from 'vitest';
import { ControllerUnderTest, settle } from '../test-support/controller-under-test.ts';
import { FakeCluster } from '../test-support/fake-cluster.ts';
import { node } from '../test-support/objects.ts';
import { ttlController } from './index.ts';
import { nextStep, ttlSecondsOf } from './plan.ts';

describe('the time for which kubelets keep what they fetched', () => {
  test.each([
    ['a small cluster', [100], 0],
    ['one node too many for the first step', [101], 15],
    ['a cluster that shrank by a few', [101, 90], 15],
    ['a cluster that shrank by more', [101, 89], 0],
    ['a thousand', [1_000], 30],
    ['a large cluster at once', [5_000], 300],
    ['a large cluster that lost most of its nodes', [5_000, 450], 30],
    ['a large cluster that lost all', [5_000, 0], 0],
  ])('of %s', (_what, counts, seconds) => {
    expect(ttlSecondsOf(counts.reduce(nextStep, 0))).toBe(seconds);
  });

  it('stands at every node, and follows the size of the cluster', async () => {
    const cluster = new FakeCluster();
    const controllers = [new ControllerUnderTest(cluster, ttlController)];
    const ttls = (): Set<string | undefined> =>
      new Set(
        cluster.all(Nodes).map(({ metadata }) => metadata.annotations?.['node.alpha.kubernetes.io/ttl']),
      );
    for (let index = 0; index < 100; index += 1) cluster.seed(Nodes, node(`node-${index}`));
    await settle(controllers);
    expect(ttls()).toEqual(new Set(['0']));
    cluster.seed(Nodes, node('node-100'));
    await settle(controllers);
    expect(ttls()).toEqual(new Set(['15']));
    const writes = cluster.writes.length;
    await controllers[0]!.reconcile('node-1');
    expect(cluster.writes).toHaveLength(writes);
  });
});
