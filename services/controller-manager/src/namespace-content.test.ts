/** What every namespace is given: a service account and the cluster's CA. */

import type { Namespace } from '@orrery/api/gen/types.ts';
import { ConfigMaps, Namespaces, ServiceAccounts } from '@orrery/api/resources.ts';
import { beforeEach, expect, test } from 'vitest';
import { ROOT_CA_NAME, rootCaCertificatePublisher } from './root-ca-certificate-publisher/index.ts';
import { serviceAccountController } from './service-account/index.ts';
import { ControllerUnderTest, settle } from './test-support/controller-under-test.ts';
import { FakeCluster } from './test-support/fake-cluster.ts';
import { clusterMeta, meta } from './test-support/objects.ts';

let cluster: FakeCluster;
let controllers: ControllerUnderTest[];
beforeEach(() => {
  cluster = new FakeCluster();
  controllers = [serviceAccountController, rootCaCertificatePublisher].map(
    (factory) => new ControllerUnderTest(cluster, factory),
  );
  publish('first');
});

/** The apiserver's CA. */
function publish(certificate: string): void {
  const key = 'kube-system/extension-apiserver-authentication';
  const data = { 'client-ca-file': certificate };
  if (cluster.find(ConfigMaps, key) === undefined) {
    const metadata = meta('extension-apiserver-authentication', { namespace: 'kube-system' });
    cluster.seed(ConfigMaps, { metadata, data });
  } else cluster.change(ConfigMaps, key, (each) => void (each.data = data));
}

function namespace(name: string, more: object = {}): Namespace {
  return { metadata: clusterMeta(name, more), spec: { finalizers: ['kubernetes'] } };
}

const certificateIn = (name: string): string | undefined =>
  cluster.find(ConfigMaps, `${name}/${ROOT_CA_NAME}`)?.data?.['ca.crt'];

test('a new namespace gets both', async () => {
  cluster.seed(Namespaces, namespace('team'));
  await settle(controllers);
  expect(cluster.find(ServiceAccounts, 'team/default')).toBeDefined();
  expect(certificateIn('team')).toBe('first');
});

test('what is deleted or changed by hand comes back', async () => {
  cluster.seed(Namespaces, namespace('team'));
  await settle(controllers);
  cluster.remove(ServiceAccounts, 'team/default');
  cluster.change(ConfigMaps, `team/${ROOT_CA_NAME}`, (each) => void (each.data = { 'ca.crt': 'mine' }));
  await settle(controllers);
  expect(cluster.find(ServiceAccounts, 'team/default')).toBeDefined();
  expect(certificateIn('team')).toBe('first');
  cluster.remove(ConfigMaps, `team/${ROOT_CA_NAME}`);
  await settle(controllers);
  expect(certificateIn('team')).toBe('first');
});

test('another CA reaches all namespaces', async () => {
  for (const name of ['a', 'b']) cluster.seed(Namespaces, namespace(name));
  await settle(controllers);
  publish('second');
  await settle(controllers);
  expect([certificateIn('a'), certificateIn('b')]).toEqual(['second', 'second']);
});

test('a namespace that is going gets nothing', async () => {
  cluster.seed(Namespaces, namespace('team', { deletionTimestamp: '2026-01-01T00:00:00Z' }));
  await settle(controllers);
  expect(cluster.writes).toEqual([]);
});
