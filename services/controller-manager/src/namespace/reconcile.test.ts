import { formatTime } from '@orrery/api/meta.ts';
import { ConfigMaps, EndpointSlices, Namespaces, Pods, ServiceAccounts } from '@orrery/api/resources.ts';
import { describe, expect, test } from 'vitest';
import { findCondition } from '../conditions.ts';
import { rootCaCertificatePublisher } from '../root-ca-certificate-publisher/index.ts';
import { serviceAccountController } from '../service-account/index.ts';
import { connectionLost } from '../test-support/fake-cluster.ts';
import { pod } from '../test-support/objects.ts';
import { WorkloadCluster } from '../test-support/workload-cluster.ts';
import { namespaceController } from './index.ts';

function clusterWithNamespace(): WorkloadCluster {
  const cluster = new WorkloadCluster([namespaceController]);
  cluster.seed(Namespaces, { metadata: { name: 'team' }, spec: { finalizers: ['kubernetes'] } });
  for (const name of ['a', 'b', 'c']) cluster.seed(ConfigMaps, { metadata: { name, namespace: 'team' } });
  cluster.seed(EndpointSlices, { metadata: { name: 's', namespace: 'team' }, addressType: 'IPv4' });
  cluster.seed(ConfigMaps, { metadata: { name: 'stranger', namespace: 'other' } });
  return cluster;
}

function terminate(cluster: WorkloadCluster): void {
  cluster.change(
    Namespaces,
    'team',
    ({ metadata }) => void (metadata.deletionTimestamp = formatTime(cluster.clock.now())),
  );
}

describe('a namespace that is deleted', () => {
  test('is emptied, then finalized; others are left alone', async () => {
    const cluster = clusterWithNamespace();
    await cluster.settle();
    expect(cluster.writes).toEqual([]);
    terminate(cluster);
    await cluster.settle();
    expect(cluster.all(Namespaces)).toEqual([]);
    expect(cluster.all(ConfigMaps).map(({ metadata }) => metadata.name)).toEqual(['stranger']);
    expect(cluster.writes.at(-1)?.verb).toBe('finalize');
  });

  test('lets its pods stop first, and says what remains', async () => {
    const cluster = clusterWithNamespace();
    cluster.seed(Pods, pod('slow', { metadata: { namespace: 'team' }, spec: { nodeName: 'n1' } }));
    terminate(cluster);
    await cluster.settle();
    expect(cluster.all(ConfigMaps)).toHaveLength(4);
    expect(cluster.controllers[0]?.later.get('team')).toBe(5_000);
    const { conditions } = cluster.get(Namespaces, 'team').status ?? {};
    expect(findCondition(conditions, 'NamespaceContentRemaining')).toMatchObject({
      status: 'True',
      reason: 'SomeResourcesRemain',
      message: 'Some resources are remaining: pods. has 1 resource instances',
    });
    expect(findCondition(conditions, 'NamespaceFinalizersRemaining')?.status).toBe('False');
    cluster.remove(Pods, 'team/slow');
    await cluster.settle();
    expect(cluster.all(Namespaces)).toEqual([]);
  });

  test('says that its pods should be gone when their time is over', async () => {
    const cluster = clusterWithNamespace();
    const spec = { nodeName: 'silent', terminationGracePeriodSeconds: 30 };
    cluster.seed(Pods, pod('stuck', { metadata: { namespace: 'team' }, spec }));
    const failure = (): object | undefined =>
      findCondition(cluster.get(Namespaces, 'team').status?.conditions, 'NamespaceDeletionContentFailure');
    terminate(cluster);
    await cluster.controllers[0]?.reconcile('team');
    expect(failure()).toMatchObject({ status: 'False' });
    await cluster.clock.advance(30_000);
    await cluster.controllers[0]?.reconcile('team');
    expect(failure()).toMatchObject({
      status: 'True',
      reason: 'ContentDeletionFailed',
      message:
        'Failed to delete all resource types, 1 remaining: unexpected items still remain in namespace: team for gvr: /v1, Resource=pods',
    });
    cluster.change(Pods, 'team/stuck', ({ metadata }) => void (metadata.finalizers = ['example.com/hold']));
    await cluster.controllers[0]?.reconcile('team');
    expect(failure()).toMatchObject({ status: 'False' });
  });

  test('waits for finalizers of its content', async () => {
    const cluster = clusterWithNamespace();
    cluster.change(ConfigMaps, 'team/a', ({ metadata }) => void (metadata.finalizers = ['example.com/hold']));
    terminate(cluster);
    await cluster.controllers[0]?.reconcile('team');
    expect(
      findCondition(cluster.get(Namespaces, 'team').status?.conditions, 'NamespaceFinalizersRemaining'),
    ).toMatchObject({
      status: 'True',
      message:
        'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
    });
    cluster.change(ConfigMaps, 'team/a', ({ metadata }) => void (metadata.finalizers = []));
    await cluster.settle();
    expect(cluster.all(Namespaces)).toEqual([]);
  });

  test('is left in peace while something holds it up, and goes as soon as that is gone', async () => {
    const cluster = clusterWithNamespace();
    cluster.change(ConfigMaps, 'team/a', ({ metadata }) => void (metadata.finalizers = ['example.com/hold']));
    terminate(cluster);
    await cluster.settle();
    expect(cluster.controllers[0]?.later.get('team')).toBe(5_000);
    cluster.remove(ConfigMaps, 'team/a');
    await cluster.settle();
    expect(cluster.all(Namespaces)).toEqual([]);
  });

  test('is looked at when its last pod has gone, not at every one', async () => {
    const cluster = clusterWithNamespace();
    for (const name of ['p1', 'p2']) {
      cluster.seed(Pods, pod(name, { metadata: { namespace: 'team' }, spec: { nodeName: 'n1' } }));
    }
    terminate(cluster);
    await cluster.settle();
    cluster.remove(Pods, 'team/p1');
    expect([...cluster.controllers[0]!.queued]).toEqual([]);
    cluster.remove(Pods, 'team/p2');
    expect([...cluster.controllers[0]!.queued]).toEqual(['team']);
  });

  test('goes in the end, wherever a crash stops the work', async () => {
    for (let at = 0; at < 8; at += 1) {
      for (const when of ['before', 'after'] as const) {
        const cluster = clusterWithNamespace();
        terminate(cluster);
        cluster.fault = (_write, index) => (index === at ? { error: connectionLost, when } : undefined);
        await cluster.controllers[0]?.step();
        cluster.restart();
        await cluster.settle();
        expect(cluster.all(Namespaces), `write ${at}, ${when}`).toEqual([]);
      }
    }
  });
});

describe('what every namespace is given', () => {
  function givers(): WorkloadCluster {
    const cluster = new WorkloadCluster([serviceAccountController, rootCaCertificatePublisher]);
    cluster.seed(ConfigMaps, {
      metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
      data: { 'client-ca-file': 'PEM' },
    });
    cluster.seed(Namespaces, { metadata: { name: 'team' }, spec: {} });
    return cluster;
  }

  test('a service account and the certificate of the cluster', async () => {
    const cluster = givers();
    await cluster.settle();
    expect(cluster.get(ServiceAccounts, 'team/default')).toBeDefined();
    expect(cluster.get(ConfigMaps, 'team/kube-root-ca.crt').data).toEqual({ 'ca.crt': 'PEM' });
  });

  test('both come back when they are deleted, and what was changed is put right', async () => {
    const cluster = givers();
    await cluster.settle();
    cluster.remove(ServiceAccounts, 'team/default');
    cluster.change(ConfigMaps, 'team/kube-root-ca.crt', (copy) => void (copy.data = { 'ca.crt': 'forged' }));
    await cluster.settle();
    expect(cluster.get(ServiceAccounts, 'team/default')).toBeDefined();
    expect(cluster.get(ConfigMaps, 'team/kube-root-ca.crt').data).toEqual({ 'ca.crt': 'PEM' });
  });

  test('nothing is put into a namespace that is going away', async () => {
    const cluster = givers();
    terminate(cluster);
    await cluster.settle();
    expect(cluster.writes).toEqual([]);
  });
});
