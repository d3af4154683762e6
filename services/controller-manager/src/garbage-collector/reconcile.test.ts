import type { ConfigMap, OwnerReference } from '@orrery/api/gen/types.ts';
import { ConfigMaps, Nodes, Pods } from '@orrery/api/resources.ts';
import { describe, expect, test } from 'vitest';
import { pod } from '../test-support/objects.ts';
import { WorkloadCluster } from '../test-support/workload-cluster.ts';
import { garbageCollectorController } from './index.ts';

function clusterUnderTest(): WorkloadCluster {
  return new WorkloadCluster([garbageCollectorController]);
}

function ownedBy(parent: ConfigMap, blockOwnerDeletion = true): OwnerReference {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: parent.metadata.name,
    uid: parent.metadata.uid,
    blockOwnerDeletion,
  };
}

function add(cluster: WorkloadCluster, name: string, ...owners: OwnerReference[]): ConfigMap {
  return cluster.seed(ConfigMaps, {
    metadata: { name, namespace: 'default', uid: name, ownerReferences: owners },
  });
}

function names(cluster: WorkloadCluster): string[] {
  return cluster.all(ConfigMaps).map(({ metadata }) => metadata.name);
}

const at = (name: string): { namespace: string; name: string } => ({ namespace: 'default', name });

describe('the garbage collector', () => {
  test('in the background: deletes what nobody owns any more, level by level', async () => {
    const cluster = clusterUnderTest();
    const parent = add(cluster, 'parent');
    const child = add(cluster, 'child', ownedBy(parent));
    add(cluster, 'grandchild', ownedBy(child));
    add(cluster, 'stranger');
    await cluster.settle();
    expect(cluster.writes).toEqual([]);
    await cluster.client.delete(ConfigMaps, at('parent'), { propagationPolicy: 'Background' });
    await cluster.settle();
    expect(names(cluster)).toEqual(['stranger']);
  });

  test('in the foreground: the owner goes last', async () => {
    const cluster = clusterUnderTest();
    const parent = add(cluster, 'parent');
    const child = add(cluster, 'child', ownedBy(parent));
    add(cluster, 'grandchild', ownedBy(child));
    await cluster.client.delete(ConfigMaps, at('parent'), { propagationPolicy: 'Foreground' });
    const gone: string[] = [];
    cluster.informers.of(ConfigMaps).addHandler({ delete: ({ metadata }) => void gone.push(metadata.name) });
    await cluster.settle();
    expect(gone).toEqual(['grandchild', 'child', 'parent']);
  });

  test('in the foreground: waits for pods that stop in their own time', async () => {
    const cluster = clusterUnderTest();
    const parent = add(cluster, 'parent');
    cluster.seed(
      Pods,
      pod('worker', { metadata: { ownerReferences: [ownedBy(parent)] }, spec: { nodeName: 'n1' } }),
    );
    await cluster.client.delete(ConfigMaps, at('parent'), { propagationPolicy: 'Foreground' });
    await cluster.settle();
    expect(names(cluster)).toEqual(['parent']);
    cluster.remove(Pods, 'default/worker');
    await cluster.settle();
    expect(names(cluster)).toEqual([]);
  });

  test('orphans: dependents stay and forget their owner, even those that the cache does not show', async () => {
    const cluster = clusterUnderTest();
    const parent = add(cluster, 'parent');
    add(cluster, 'child', ownedBy(parent));
    await cluster.client.delete(ConfigMaps, at('parent'), { propagationPolicy: 'Orphan' });
    cluster.informers.held = true;
    add(cluster, 'late', ownedBy(parent));
    await cluster.settle();
    cluster.informers.held = false;
    cluster.informers.deliver();
    await cluster.settle();
    expect(cluster.all(ConfigMaps).map(({ metadata }) => [metadata.name, metadata.ownerReferences])).toEqual([
      ['child', []],
      ['late', []],
    ]);
  });

  test('asks the apiserver before it believes that an owner does not exist', async () => {
    const cluster = clusterUnderTest();
    cluster.informers.held = true;
    const parent = add(cluster, 'parent');
    cluster.informers.held = false;
    const child = cluster.seed(Pods, pod('child', { metadata: { ownerReferences: [ownedBy(parent)] } }));
    expect(child.metadata.name).toBe('child');
    await cluster.settle();
    expect(cluster.writes).toEqual([]);
  });

  test('an owner of the same name and another uid is another owner', async () => {
    const cluster = clusterUnderTest();
    const parent = add(cluster, 'parent');
    add(cluster, 'child', { ...ownedBy(parent), uid: 'a former life' });
    await cluster.settle();
    expect(names(cluster)).toEqual(['parent']);
  });

  test('with one owner left, only the references to others go', async () => {
    const cluster = clusterUnderTest();
    const parent = add(cluster, 'parent');
    add(cluster, 'child', ownedBy(parent), { ...ownedBy(parent), name: 'gone', uid: 'gone' });
    await cluster.settle();
    expect(cluster.get(ConfigMaps, 'default/child').metadata.ownerReferences).toEqual([ownedBy(parent)]);
  });

  test('does not delete what has found another owner meanwhile', async () => {
    const cluster = clusterUnderTest();
    const saviour = add(cluster, 'saviour');
    const parent = add(cluster, 'parent');
    add(cluster, 'child', ownedBy(parent));
    await cluster.settle();
    cluster.remove(ConfigMaps, 'default/parent');
    cluster.informers.held = true;
    cluster.change(
      ConfigMaps,
      'default/child',
      ({ metadata }) => void (metadata.ownerReferences = [ownedBy(saviour)]),
    );
    await cluster.settle();
    cluster.informers.held = false;
    cluster.informers.deliver();
    await cluster.settle();
    expect(names(cluster)).toEqual(['saviour', 'child']);
  });

  test('a status that changed meanwhile saves nobody', async () => {
    const cluster = clusterUnderTest();
    const parent = add(cluster, 'parent');
    add(cluster, 'child', ownedBy(parent));
    await cluster.settle();
    cluster.remove(ConfigMaps, 'default/parent');
    cluster.informers.held = true;
    cluster.change(ConfigMaps, 'default/child', (copy) => void (copy.data = { a: 'b' }));
    await cluster.settle();
    expect(names(cluster)).toEqual([]);
  });

  test('owners that cannot be looked up keep what they own', async () => {
    const cluster = clusterUnderTest();
    add(cluster, 'of-unknown-kind', { apiVersion: 'example.com/v1', kind: 'Gadget', name: 'g', uid: 'g' });
    cluster.seed(Nodes, {
      metadata: {
        name: 'node',
        ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'x' }],
      },
      spec: {},
    });
    await cluster.settle();
    expect([names(cluster), cluster.all(Nodes)]).toEqual([['of-unknown-kind'], [expect.anything()]]);
    expect(cluster.events[0]).toContain('OwnerRefInvalidNamespace');
  });

  test('an owner in another namespace, or under another name, does not exist: its dependents go', async () => {
    const cluster = clusterUnderTest();
    const parent = add(cluster, 'parent');
    add(cluster, 'child', ownedBy(parent));
    add(cluster, 'misnamed', { ...ownedBy(parent), name: 'nobody' });
    add(cluster, 'kept-by-another', { ...ownedBy(parent), name: 'nobody' }, ownedBy(add(cluster, 'keeper')));
    cluster.seed(ConfigMaps, {
      metadata: { name: 'elsewhere', namespace: 'far', uid: 'far', ownerReferences: [ownedBy(parent)] },
    });
    await cluster.settle();
    expect(names(cluster)).toEqual(['parent', 'child', 'keeper', 'kept-by-another']);
    expect(cluster.events).toEqual([
      'Warning elsewhere OwnerRefInvalidNamespace: ownerRef [v1/ConfigMap, namespace: far, name: parent, uid: parent] does not exist in namespace "far"',
    ]);
  });

  test('a cluster-scoped object with a namespaced owner that exists is told of as well', async () => {
    const cluster = clusterUnderTest();
    const parent = add(cluster, 'parent');
    cluster.seed(Nodes, { metadata: { name: 'node', ownerReferences: [ownedBy(parent)] }, spec: {} });
    await cluster.settle();
    expect(cluster.all(Nodes)).toHaveLength(1);
    expect(cluster.events[0]).toContain('OwnerRefInvalidNamespace');
  });

  test('two that wait for each other in the foreground both go', async () => {
    const cluster = clusterUnderTest();
    const first = add(cluster, 'first', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: 'second',
      uid: 'second',
      blockOwnerDeletion: true,
    });
    add(cluster, 'second', ownedBy(first));
    await cluster.client.delete(ConfigMaps, at('first'), { propagationPolicy: 'Foreground' });
    await cluster.settle();
    expect(names(cluster)).toEqual([]);
  });
});
