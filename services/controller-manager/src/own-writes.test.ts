import type { ConfigMap } from '@orrery/api/gen/types.ts';
import { ConfigMaps } from '@orrery/api/resources.ts';
import { expect, test } from 'vitest';
import { OwnWrites } from './own-writes.ts';
import { FakeCluster } from './test-support/fake-cluster.ts';

function underTest(): { cluster: FakeCluster; writes: OwnWrites<ConfigMap> } {
  const cluster = new FakeCluster();
  return { cluster, writes: new OwnWrites(cluster.informers.of(ConfigMaps), cluster.clock) };
}

const NAME = { namespace: 'default', name: 'a' };
const KEY = 'default/a';

test('an own write is seen before its event comes, and forgotten after', async () => {
  const { cluster, writes } = underTest();
  cluster.seed(ConfigMaps, { metadata: NAME, data: { v: '1' } });
  cluster.informers.held = true;
  writes.wrote(await cluster.client.patch(ConfigMaps, NAME, 'merge', { data: { v: '2' } }));
  expect(writes.get(KEY)?.data).toEqual({ v: '2' });
  cluster.change(ConfigMaps, KEY, (copy) => void (copy.data = { v: '3' }));
  cluster.informers.deliver(1);
  expect(writes.get(KEY)?.data).toEqual({ v: '2' });
  cluster.informers.deliver();
  expect(writes.get(KEY)?.data).toEqual({ v: '3' });
});

test('an answer that comes after its event changes nothing', async () => {
  const { cluster, writes } = underTest();
  const created = await cluster.client.create(ConfigMaps, { metadata: NAME });
  cluster.change(ConfigMaps, KEY, (copy) => void (copy.data = { v: 'newer' }));
  writes.wrote(created);
  expect(writes.get(KEY)?.data).toEqual({ v: 'newer' });
});

test('own creations are listed and own deletions are not, until the cache shows both', async () => {
  const { cluster, writes } = underTest();
  const old = cluster.seed(ConfigMaps, { metadata: NAME });
  cluster.informers.held = true;
  writes.wrote(await cluster.client.create(ConfigMaps, { metadata: { namespace: 'default', name: 'b' } }));
  await cluster.client.delete(ConfigMaps, NAME);
  writes.removed(old);
  const names = (): string[] =>
    writes
      .over(cluster.informers.of(ConfigMaps).lister.list(), () => true)
      .map(({ metadata }) => metadata.name);
  expect(names()).toEqual(['b']);
  expect(writes.over([], () => false)).toEqual([]);
  cluster.informers.deliver();
  expect(names()).toEqual(['b']);
});

test('a write whose event never comes is forgotten in time', async () => {
  const { cluster, writes } = underTest();
  cluster.informers.held = true;
  writes.wrote(await cluster.client.create(ConfigMaps, { metadata: NAME }));
  expect(writes.get(KEY)).toBeDefined();
  await cluster.clock.advance(60_000);
  expect(writes.get(KEY)).toBeUndefined();
});
