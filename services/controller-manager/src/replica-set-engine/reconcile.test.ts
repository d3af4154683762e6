import type { Pod, ReplicaSet } from '@orrery/api/gen/types.ts';
import { controllerOf, controllerReference, keyOf } from '@orrery/api/meta.ts';
import { Pods, ReplicaSets, ReplicationControllers } from '@orrery/api/resources.ts';
import { forbidden, StatusError } from '@orrery/api/status-error.ts';
import { describe, expect, test } from 'vitest';
import { replicaSetController } from '../replica-set/index.ts';
import { replicationController } from '../replication-controller/index.ts';
import { connectionLost, type Write } from '../test-support/fake-cluster.ts';
import { pod, ready, replicaSet, TEMPLATE } from '../test-support/objects.ts';
import { WorkloadCluster } from '../test-support/workload-cluster.ts';

const KEY = 'default/web';

function clusterWith(replicas: number): { cluster: WorkloadCluster; owner: ReplicaSet } {
  const cluster = new WorkloadCluster([replicaSetController]);
  const owner = cluster.seed(ReplicaSets, replicaSet('web', replicas));
  return { cluster, owner };
}

const podWrites = ({ resource }: Write): boolean => resource === 'pods';

describe('a ReplicaSet', () => {
  test('creates its pods, says so, and follows their readiness', async () => {
    const { cluster } = clusterWith(3);
    await cluster.runToEnd();
    expect(cluster.all(Pods)).toHaveLength(3);
    expect(cluster.get(ReplicaSets, KEY).status).toMatchObject({
      replicas: 3,
      readyReplicas: 3,
      observedGeneration: 1,
    });
    expect(cluster.events.filter((each) => each.includes('SuccessfulCreate'))).toHaveLength(3);
  });

  test.each([
    ['x'.repeat(56), `${'x'.repeat(56)}-`],
    [`${'x'.repeat(56)}.b`, `${'x'.repeat(56)}.b`],
    [`${'x'.repeat(57)}.b`, `${'x'.repeat(57)}.`],
    ['x'.repeat(253), 'x'.repeat(58)],
  ])('named %s makes pods whose names are valid', async (name, base) => {
    const cluster = new WorkloadCluster([replicaSetController]);
    cluster.seed(ReplicaSets, replicaSet(name, 1));
    await cluster.settle();
    const [{ metadata }] = cluster.all(Pods) as [Pod];
    expect(metadata.name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
    expect(metadata.name.slice(0, -5)).toBe(base);
    expect(metadata.generateName).toBe(name.length < 253 ? `${name}-` : name);
  });

  test('makes no pod twice while the cache does not show the first', async () => {
    const { cluster } = clusterWith(3);
    cluster.informers.held = true;
    for (let look = 0; look < 5; look += 1) await cluster.controllers[0]?.reconcile(KEY);
    expect(cluster.writes.filter(podWrites)).toHaveLength(3);
    cluster.informers.held = false;
    cluster.informers.deliver();
    await cluster.runToEnd();
    expect(cluster.all(Pods)).toHaveLength(3);
  });

  test('deletes no more than needed while the cache does not show the deletions', async () => {
    const { cluster } = clusterWith(4);
    await cluster.runToEnd();
    cluster.change(ReplicaSets, KEY, ({ spec }) => void (spec.replicas = 2));
    cluster.informers.held = true;
    for (let look = 0; look < 5; look += 1) await cluster.controllers[0]?.reconcile(KEY);
    cluster.informers.held = false;
    cluster.informers.deliver();
    await cluster.runToEnd();
    expect(cluster.all(Pods)).toHaveLength(2);
    expect(cluster.writes.filter(({ verb }) => verb === 'delete')).toHaveLength(2);
  });

  test('never reports its last generation with counts from before', async () => {
    const { cluster } = clusterWith(2);
    await cluster.runToEnd();
    cluster.change(ReplicaSets, KEY, ({ spec }) => void (spec.replicas = 1));
    cluster.informers.held = true;
    await cluster.controllers[0]?.reconcile(KEY);
    expect(cluster.get(ReplicaSets, KEY).status).toMatchObject({ replicas: 2, observedGeneration: 1 });
    cluster.informers.held = false;
    cluster.informers.deliver();
    await cluster.settle();
    expect(cluster.get(ReplicaSets, KEY).status).toMatchObject({ replicas: 1, observedGeneration: 2 });
  });

  test('adopts orphans that match, and lets go of its own that no longer do', async () => {
    const { cluster, owner } = clusterWith(2);
    cluster.seed(Pods, pod('orphan', { status: ready('True') }));
    cluster.seed(
      Pods,
      pod('stray', {
        metadata: { labels: { app: 'other' }, ownerReferences: [controllerReference(owner, ReplicaSets)] },
      }),
    );
    await cluster.runToEnd();
    expect(controllerOf(cluster.get(Pods, 'default/orphan'))?.uid).toBe(owner.metadata.uid);
    expect(controllerOf(cluster.get(Pods, 'default/stray'))).toBeUndefined();
    expect(cluster.writes.filter(({ verb }) => verb === 'create')).toHaveLength(1);
  });

  test('adopts nothing once it is being deleted, even if the cache does not know yet', async () => {
    const { cluster } = clusterWith(1);
    cluster.seed(Pods, pod('orphan'));
    cluster.informers.held = true;
    cluster.change(ReplicaSets, KEY, ({ metadata }) => {
      metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
      metadata.finalizers = ['foregroundDeletion'];
    });
    await cluster.controllers[0]?.reconcile(KEY);
    expect(controllerOf(cluster.get(Pods, 'default/orphan'))).toBeUndefined();
  });

  test('replaces pods that ended or are on their way out', async () => {
    const { cluster } = clusterWith(2);
    await cluster.runToEnd();
    const [first] = cluster.all(Pods);
    cluster.change(Pods, keyOf(first!), (copy) => void (copy.status = { phase: 'Failed' }));
    await cluster.runToEnd();
    expect(cluster.all(Pods)).toHaveLength(3);
    expect(cluster.get(ReplicaSets, KEY).status?.replicas).toBe(2);
  });

  test('stops after the first refusal, reports it, and recovers', async () => {
    const { cluster } = clusterWith(100);
    cluster.fault = ({ verb }) =>
      verb === 'create' ? { error: forbidden(Pods, 'web-', 'exceeded quota'), when: 'before' } : undefined;
    await cluster.controllers[0]?.step();
    expect(cluster.writes.filter(podWrites)).toHaveLength(1);
    expect(cluster.get(ReplicaSets, KEY).status?.conditions).toMatchObject([
      { type: 'ReplicaFailure', reason: 'FailedCreate' },
    ]);
    cluster.fault = undefined;
    await cluster.runToEnd();
    expect(cluster.all(Pods)).toHaveLength(100);
    expect(cluster.get(ReplicaSets, KEY).status?.conditions).toBeUndefined();
  });

  test('says the same at every refusal, whatever name it had chosen, so that events can be counted', async () => {
    const { cluster } = clusterWith(1);
    cluster.fault = ({ verb, key }) =>
      verb === 'create'
        ? { error: forbidden(Pods, key.slice('default/'.length), 'no service account'), when: 'before' }
        : undefined;
    for (let attempt = 0; attempt < 3; attempt += 1) await cluster.controllers[0]?.step();
    expect(cluster.events).toEqual(
      Array(3).fill('Warning web FailedCreate: Error creating: pods "web-" is forbidden: no service account'),
    );
    expect(cluster.get(ReplicaSets, KEY).status?.conditions).toMatchObject([
      { message: 'pods "web-" is forbidden: no service account' },
    ]);
  });

  test('an outage is no failure of the ReplicaSet, and answers that were lost leave no pod too many', async () => {
    const { cluster } = clusterWith(5);
    let lost = 0;
    cluster.fault = ({ verb }) =>
      verb === 'create' && (lost += 1) <= 2 ? { error: connectionLost, when: 'after' } : undefined;
    await cluster.runToEnd();
    expect(cluster.all(Pods)).toHaveLength(5);
    expect(cluster.get(ReplicaSets, KEY).status?.conditions).toBeUndefined();
  });

  test.each(['before', 'after'] as const)(
    'makes no pod twice when the answers are lost %s the creation and the cache is behind',
    async (when) => {
      const { cluster } = clusterWith(20);
      let lost = 0;
      cluster.fault = ({ verb }) =>
        verb === 'create' && (lost += 1) % 3 === 0 ? { error: connectionLost, when } : undefined;
      cluster.informers.held = true;
      for (let look = 0; look < 20; look += 1) {
        await cluster.controllers[0]?.reconcile(KEY).catch(() => undefined);
        // What is shown in between is half of the truth at most.
        if (look % 2 === 0) cluster.informers.deliver(1);
      }
      cluster.informers.held = false;
      cluster.informers.deliver();
      await cluster.runToEnd();
      expect(cluster.all(Pods)).toHaveLength(20);
      expect(cluster.writes.filter(({ verb }) => verb === 'delete')).toEqual([]);
    },
  );

  test('repeats a creation without an answer under its name, as long as no cache shows what came of it', async () => {
    const { cluster } = clusterWith(1);
    cluster.informers.held = true;
    cluster.fault = ({ verb }) => (verb === 'create' ? { error: connectionLost, when: 'after' } : undefined);
    for (let look = 0; look < 3; look += 1) {
      await cluster.controllers[0]?.reconcile(KEY).catch(() => undefined);
      cluster.fault = undefined;
    }
    const created = cluster.writes.filter(({ verb }) => verb === 'create').map(({ key }) => key);
    expect(created).toHaveLength(2);
    expect(new Set(created).size).toBe(1);
    cluster.informers.held = false;
    cluster.informers.deliver();
    await cluster.runToEnd();
    expect(cluster.all(Pods)).toHaveLength(1);
  });

  test('takes no pod whose creation went without an answer for another one that is yet to appear', async () => {
    const { cluster } = clusterWith(7);
    let creations = 0;
    cluster.fault = ({ verb }) =>
      verb === 'create' && (creations += 1) === 2 ? { error: connectionLost, when: 'after' } : undefined;
    cluster.informers.held = true;
    await expect(cluster.controllers[0]?.reconcile(KEY)).rejects.toThrow(connectionLost.message);
    expect(cluster.all(Pods)).toHaveLength(3);
    // The third was answered and has not appeared yet.
    cluster.informers.deliver(2);
    await cluster.controllers[0]?.reconcile(KEY);
    cluster.informers.held = false;
    cluster.informers.deliver();
    await cluster.runToEnd();
    expect(cluster.all(Pods)).toHaveLength(7);
    expect(cluster.writes.filter(({ verb }) => verb === 'delete')).toEqual([]);
  });

  test('gives up quietly in a namespace that is going away', async () => {
    const { cluster } = clusterWith(3);
    const error = new StatusError(403, 'Forbidden', 'no', { causes: [{ reason: 'NamespaceTerminating' }] });
    cluster.fault = ({ verb }) => (verb === 'create' ? { error, when: 'before' } : undefined);
    await cluster.settle();
    expect(cluster.controllers[0]?.errors).toEqual([]);
    expect(cluster.events).toEqual([]);
  });

  test('looks again when a ready pod becomes available', async () => {
    const { cluster } = clusterWith(1);
    cluster.change(ReplicaSets, KEY, ({ spec }) => void (spec.minReadySeconds = 30));
    await cluster.runToEnd();
    expect(cluster.controllers[0]?.later.get(KEY)).toBe(30_000);
    await cluster.clock.advance(30_000);
    await cluster.controllers[0]?.reconcile(KEY);
    expect(cluster.get(ReplicaSets, KEY).status?.availableReplicas).toBe(1);
  });
});

test('a ReplicationController works alike, with its plain selector', async () => {
  const cluster = new WorkloadCluster([replicationController]);
  cluster.seed(ReplicationControllers, {
    metadata: { name: 'web', namespace: 'default' },
    spec: { replicas: 2, selector: { app: 'web' }, template: TEMPLATE },
  });
  await cluster.runToEnd();
  expect(cluster.get(ReplicationControllers, KEY).status).toMatchObject({ replicas: 2, readyReplicas: 2 });
  expect(cluster.all(Pods).map((each) => controllerOf(each)?.kind)).toEqual([
    'ReplicationController',
    'ReplicationController',
  ]);
});
