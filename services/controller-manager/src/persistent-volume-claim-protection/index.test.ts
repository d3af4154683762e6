import { PersistentVolumeClaims, Pods } from '@orrery/api/resources.ts';
import { beforeEach, expect, test } from 'vitest';
import { ControllerUnderTest, settle } from '../test-support/controller-under-test.ts';
import { FakeCluster } from '../test-support/fake-cluster.ts';
import { claim, pod } from '../test-support/objects.ts';
import { persistentVolumeClaimProtection } from './index.ts';

const KEY = 'default/data';

let cluster: FakeCluster;
let controller: ControllerUnderTest;
beforeEach(() => {
  cluster = new FakeCluster();
  controller = new ControllerUnderTest(cluster, persistentVolumeClaimProtection);
});

/** A claim that somebody has deleted. */
function seedGoing(): void {
  const finalizers = ['kubernetes.io/pvc-protection'];
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  cluster.seed(PersistentVolumeClaims, claim('data', { metadata: { finalizers, deletionTimestamp } }));
}

function seedUser(nodeName?: string): void {
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
  cluster.seed(Pods, pod('web', { spec: { volumes, ...(nodeName === undefined ? {} : { nodeName }) } }));
}

const isThere = (): boolean => cluster.find(PersistentVolumeClaims, KEY) !== undefined;

test('a claim that nobody uses goes at once', async () => {
  seedGoing();
  await settle([controller]);
  expect(isThere()).toBe(false);
});

test('a claim stays as long as a pod on a node uses it', async () => {
  seedUser('node-1');
  seedGoing();
  await settle([controller]);
  expect(isThere()).toBe(true);
  cluster.remove(Pods, 'default/web');
  await settle([controller]);
  expect(isThere()).toBe(false);
});

test('a pod that has no node yet does not use its claim', async () => {
  seedUser();
  seedGoing();
  await settle([controller]);
  expect(isThere()).toBe(false);
});

test('a user that the cache does not show yet counts', async () => {
  seedGoing();
  cluster.informers.held = true;
  seedUser('node-1');
  await settle([controller]);
  expect(isThere()).toBe(true);
});

test('a claim that is not deleted keeps its finalizer', async () => {
  const finalizers = ['kubernetes.io/pvc-protection'];
  cluster.seed(PersistentVolumeClaims, claim('data', { metadata: { finalizers } }));
  await settle([controller]);
  expect(cluster.writes).toEqual([]);
});
