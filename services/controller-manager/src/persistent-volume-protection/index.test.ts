import { PersistentVolumes } from '@orrery/api/resources.ts';
import { expect, test } from 'vitest';
import { ControllerUnderTest, settle } from '../test-support/controller-under-test.ts';
import { FakeCluster } from '../test-support/fake-cluster.ts';
import { volume } from '../test-support/objects.ts';
import { persistentVolumeProtection } from './index.ts';

test.each([
  ['Bound', true],
  ['Released', false],
  ['Available', false],
])('a deleted volume that is %s stays: %s', async (phase, stays) => {
  const cluster = new FakeCluster();
  const controller = new ControllerUnderTest(cluster, persistentVolumeProtection);
  const metadata = {
    finalizers: ['kubernetes.io/pv-protection'],
    deletionTimestamp: '2026-01-01T00:00:00Z',
  };
  cluster.seed(PersistentVolumes, volume('disk', { metadata, status: { phase } }));
  await settle([controller]);
  expect(cluster.find(PersistentVolumes, 'disk') !== undefined).toBe(stays);
});

test('a volume goes once its claim has let go of it', async () => {
  const cluster = new FakeCluster();
  const controller = new ControllerUnderTest(cluster, persistentVolumeProtection);
  const metadata = {
    finalizers: ['kubernetes.io/pv-protection'],
    deletionTimestamp: '2026-01-01T00:00:00Z',
  };
  cluster.seed(PersistentVolumes, volume('disk', { metadata, status: { phase: 'Bound' } }));
  await settle([controller]);
  cluster.change(PersistentVolumes, 'disk', (each) => void (each.status = { phase: 'Released' }));
  await settle([controller]);
  expect(cluster.find(PersistentVolumes, 'disk')).toBeUndefined();
});
