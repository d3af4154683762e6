import type { Pod } from '@orrery/api/gen/types.ts';
import { PersistentVolumeClaims, Pods } from '@orrery/api/resources.ts';
import { beforeEach, expect, test } from 'vitest';
import { ControllerUnderTest, settle } from '../test-support/controller-under-test.ts';
import { FakeCluster } from '../test-support/fake-cluster.ts';
import { claim, pod } from '../test-support/objects.ts';
import { ephemeralVolumeController } from './index.ts';

const CLAIM = 'default/web-scratch';

let cluster: FakeCluster;
let controller: ControllerUnderTest;
beforeEach(() => {
  cluster = new FakeCluster();
  controller = new ControllerUnderTest(cluster, ephemeralVolumeController);
});

function withScratch(): Pod {
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
  const volumeClaimTemplate = { metadata: { labels: { kind: 'scratch' } }, spec };
  return pod('web', { spec: { volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate } }] } });
}

test('a pod gets the claim that it asks for, and owns it', async () => {
  const { metadata } = cluster.seed(Pods, withScratch());
  await settle([controller]);
  const made = cluster.get(PersistentVolumeClaims, CLAIM);
  expect(made.metadata.labels).toEqual({ kind: 'scratch' });
  expect(made.metadata.ownerReferences).toMatchObject([{ kind: 'Pod', uid: metadata.uid, controller: true }]);
  expect(made.spec.resources).toEqual({ requests: { storage: '1Gi' } });
});

test('a claim that is deleted is made again', async () => {
  cluster.seed(Pods, withScratch());
  await settle([controller]);
  const { uid } = cluster.get(PersistentVolumeClaims, CLAIM).metadata;
  cluster.remove(PersistentVolumeClaims, CLAIM);
  await settle([controller]);
  expect(cluster.get(PersistentVolumeClaims, CLAIM).metadata.uid).not.toBe(uid);
});

test('a claim of that name that is somebody else’s is left alone, and the pod told', async () => {
  const { metadata } = cluster.seed(PersistentVolumeClaims, claim('web-scratch'));
  cluster.seed(Pods, withScratch());
  await settle([controller]);
  expect(cluster.get(PersistentVolumeClaims, CLAIM).metadata.uid).toBe(metadata.uid);
  expect(cluster.events).toEqual([
    'Warning web FailedBinding: ephemeral volume scratch: PVC default/web-scratch was not created for pod default/web (pod is not owner)',
  ]);
});

test('a pod that is going gets nothing', async () => {
  const { metadata, spec } = withScratch();
  cluster.seed(Pods, {
    metadata: { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 },
    spec,
  });
  await settle([controller]);
  expect(cluster.writes).toEqual([]);
});
