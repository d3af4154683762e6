/** How things go: namespaces in order, and owners with, before or without what they own. */

import type { ConfigMap, Namespace, Pod } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 2 });
});
afterAll(() => cluster.remove());

const kubectl = (...args: string[]): Promise<string> => cluster.kubectlOk(args);
const apply = (...items: object[]): Promise<string> =>
  cluster.kubectlOk(['apply', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
  });
const namesOf = async (...what: string[]): Promise<string[]> =>
  (await kubectl('get', ...what, '-o', 'name')).split('\n').filter((each) => each !== '');
const without = (kind: string, name: string, ...flags: string[]): Promise<string> =>
  kubectl('patch', kind, name, ...flags, '--type=merge', '-p', '{"metadata":{"finalizers":null}}');

describe('a namespace that is deleted', () => {
  const held = (kind: string, more: object = {}): object => ({
    apiVersion: 'v1',
    kind,
    metadata: { name: 'held', namespace: 'team', finalizers: ['example.com/hold'] },
    ...more,
  });
  const conditionsOf = async (): Promise<Record<string, string>> => {
    const { status } = await cluster.get<Namespace>('namespace', 'team');
    return Object.fromEntries((status?.conditions ?? []).map(({ type, message }) => [type, message ?? '']));
  };
  const isSaid = (type: string, message: string): Promise<boolean> =>
    eventually(`${type}: ${message}`, async () => (await conditionsOf())[type] === message);

  it('loses its pods first, then the rest, and says what keeps it', async () => {
    await kubectl('create', 'namespace', 'team');
    const spec = {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: 'busybox', command: ['sleep', '1000'] }],
    };
    await apply(held('Pod', { spec }), held('ConfigMap'));
    await kubectl('delete', 'namespace', 'team', '--wait=false');
    await isSaid('NamespaceContentRemaining', 'Some resources are remaining: pods. has 1 resource instances');
    const remaining = 'Some content in the namespace has finalizers remaining';
    await isSaid('NamespaceFinalizersRemaining', `${remaining}: example.com/hold in 1 resource instances`);
    expect((await cluster.get<Pod>('pod', 'held', '-n', 'team')).metadata.deletionTimestamp).toBeDefined();
    const settings = await cluster.get<ConfigMap>('configmap', 'held', '-n', 'team');
    expect(settings.metadata.deletionTimestamp).toBeUndefined();
    const refused = await cluster.kubectl(['create', 'configmap', 'late', '-n', 'team']);
    expect(refused.stderr).toContain(
      'unable to create new content in namespace team because it is being terminated',
    );
    await without('pod', 'held', '-n', 'team');
    await isSaid(
      'NamespaceContentRemaining',
      'Some resources are remaining: configmaps. has 1 resource instances',
    );
    expect((await conditionsOf())['NamespaceDeletionContentFailure']).toBe(
      'All content successfully deleted, may be waiting on finalization',
    );
    await without('configmap', 'held', '-n', 'team');
    await kubectl('wait', '--for=delete', 'namespace/team', '--timeout=20s');
  });

  it('takes every kind of thing along', async () => {
    await kubectl('create', 'namespace', 'full');
    const here = ['-n', 'full'];
    await kubectl('create', 'deployment', 'web', '--image=nginx', '--replicas=3', ...here);
    await kubectl('expose', 'deployment', 'web', '--port=80', '--type=LoadBalancer', ...here);
    await kubectl('create', 'secret', 'generic', 's', '--from-literal=a=b', ...here);
    await kubectl('create', 'serviceaccount', 'robot', ...here);
    await kubectl('autoscale', 'deployment', 'web', '--max=5', ...here);
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
    await apply({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data', namespace: 'full' },
      spec,
    });
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=60s', ...here);
    await kubectl('delete', 'namespace', 'full', '--timeout=60s');
    expect(await namesOf('all', '-A', '--field-selector=metadata.namespace=full')).toEqual([]);
    await eventually('its volume is gone', async () => (await namesOf('pv')).length === 0);
  });
});

describe('a Deployment that is deleted', () => {
  const owned = (name: string): Promise<string[]> => namesOf('replicasets,pods', '-l', `app=${name}`);
  const create = async (name: string): Promise<void> => {
    await kubectl('create', 'deployment', name, '--image=nginx', '--replicas=2');
    await kubectl('rollout', 'status', `deployment/${name}`, '--timeout=60s');
    expect(await owned(name)).toHaveLength(3);
  };

  it('goes at once in the background, and its pods follow', async () => {
    await create('background');
    await kubectl('delete', 'deployment', 'background');
    await eventually('nothing is left', async () => (await owned('background')).length === 0);
  });

  it('waits in the foreground for all that it owns', async () => {
    await create('foreground');
    const [pod] = await namesOf('pods', '-l', 'app=foreground');
    const hold = '{"metadata":{"finalizers":["example.com/hold"]}}';
    await kubectl('patch', pod!, '--type=merge', '-p', hold);
    await kubectl('delete', 'deployment', 'foreground', '--cascade=foreground', '--wait=false');
    await eventually('only the pod that is held is left', async () => {
      const left = await namesOf('pods', '-l', 'app=foreground');
      return left.length === 1 && left[0] === pod;
    });
    expect(await namesOf('deployments,replicasets', '-l', 'app=foreground')).toHaveLength(2);
    await kubectl('patch', pod!, '--type=merge', '-p', '{"metadata":{"finalizers":null}}');
    await kubectl('wait', '--for=delete', 'deployment/foreground', '--timeout=20s');
    expect(await owned('foreground')).toEqual([]);
  });

  it('leaves orphans behind where that is asked for', async () => {
    await create('orphaned');
    await kubectl('delete', 'deployment', 'orphaned', '--cascade=orphan');
    const [set] = await namesOf('replicasets', '-l', 'app=orphaned');
    await eventually('the set has no owner', async () => {
      const { metadata } = await cluster.get<ConfigMap>(set!);
      return (metadata.ownerReferences ?? []).length === 0;
    });
    expect(await owned('orphaned')).toHaveLength(3);
    await kubectl('delete', set!);
    await eventually('nothing is left', async () => (await owned('orphaned')).length === 0);
  });
});

it('a dependent stays while one of its owners does, and goes with the last', async () => {
  const settings = (name: string, ...owners: ConfigMap[]): object => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      ownerReferences: owners.map(({ metadata }) => ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        name: metadata.name,
        uid: metadata.uid,
      })),
    },
  });
  await apply(settings('first'), settings('second'));
  const owners = await Promise.all(
    ['first', 'second'].map((name) => cluster.get<ConfigMap>('configmap', name)),
  );
  await apply(settings('shared', ...owners));
  await kubectl('delete', 'configmap', 'first');
  await eventually('one owner is left', async () => {
    const { metadata } = await cluster.get<ConfigMap>('configmap', 'shared');
    return metadata.ownerReferences?.length === 1;
  });
  await kubectl('delete', 'configmap', 'second');
  await kubectl('wait', '--for=delete', 'configmap/shared', '--timeout=20s');
});
