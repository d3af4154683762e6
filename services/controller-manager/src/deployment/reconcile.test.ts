import type { Deployment, Pod, ReplicaSet } from '@orrery/api/gen/types.ts';
import { controllerOf } from '@orrery/api/meta.ts';
import { Deployments, Pods, ReplicaSets } from '@orrery/api/resources.ts';
import { forbidden } from '@orrery/api/status-error.ts';
import { describe, expect, test } from 'vitest';
import { findCondition } from '../conditions.ts';
import { connectionLost } from '../test-support/fake-cluster.ts';
import { deployment, meta, pod, replicaSet, templateOf } from '../test-support/objects.ts';
import { WorkloadCluster } from '../test-support/workload-cluster.ts';
import { REVISION, ROLLBACK_TO } from './annotations.ts';

const KEY = 'default/web';

function setOf(cluster: WorkloadCluster, image: string): ReplicaSet {
  const found = cluster
    .all(ReplicaSets)
    .find(({ spec }) => spec.template?.spec?.containers[0]?.image === image);
  if (found === undefined) throw new Error(`no ReplicaSet for ${image}`);
  return found;
}

function images(cluster: WorkloadCluster): string[] {
  return cluster.all(Pods).map(({ spec }) => spec.containers[0]?.image ?? '');
}

function reasonOf(cluster: WorkloadCluster, type: string): string | undefined {
  return findCondition(cluster.get(Deployments, KEY).status?.conditions, type)?.reason;
}

async function started(replicas: number, spec: Partial<Deployment['spec']> = {}): Promise<WorkloadCluster> {
  const cluster = new WorkloadCluster();
  cluster.seed(Deployments, deployment(replicas, { template: templateOf('web:1'), ...spec }));
  await cluster.runToEnd();
  return cluster;
}

function setImage(cluster: WorkloadCluster, image: string): void {
  cluster.change(Deployments, KEY, ({ spec }) => void (spec.template = templateOf(image)));
}

describe('a Deployment', () => {
  test('comes up through one ReplicaSet named by the hash of its template', async () => {
    const cluster = await started(3);
    const [set] = cluster.all(ReplicaSets);
    const hash = set?.metadata.labels?.['pod-template-hash'];
    expect(set?.metadata.name).toBe(`web-${hash}`);
    expect(set?.spec.selector.matchLabels).toEqual({ app: 'web', 'pod-template-hash': hash });
    expect(cluster.all(Pods)).toHaveLength(3);
    expect(cluster.get(Deployments, KEY).status).toMatchObject({
      replicas: 3,
      updatedReplicas: 3,
      availableReplicas: 3,
    });
    expect(cluster.get(Deployments, KEY).metadata.annotations).toEqual({ [REVISION]: '1' });
    expect([reasonOf(cluster, 'Available'), reasonOf(cluster, 'Progressing')]).toEqual([
      'MinimumReplicasAvailable',
      'NewReplicaSetAvailable',
    ]);
    expect(cluster.events).toContain(
      `Normal web ScalingReplicaSet: Scaled up replica set web-${hash} from 0 to 3`,
    );
  });

  test('writes nothing more once it is complete', async () => {
    const cluster = await started(3);
    const before = cluster.writes.length;
    cluster.restart();
    await cluster.settle();
    expect(cluster.writes.slice(before)).toEqual([]);
  });

  test('rolls to a new template and back, with revisions counted on', async () => {
    const cluster = await started(4);
    setImage(cluster, 'web:2');
    await cluster.runToEnd();
    expect(images(cluster)).toEqual(Array.from({ length: 4 }, () => 'web:2'));
    setImage(cluster, 'web:1');
    await cluster.runToEnd();
    expect(images(cluster)).toEqual(Array.from({ length: 4 }, () => 'web:1'));
    expect(cluster.all(ReplicaSets)).toHaveLength(2);
    expect(setOf(cluster, 'web:1').metadata.annotations).toMatchObject({
      [REVISION]: '3',
      'deployment.kubernetes.io/revision-history': '1',
    });
    expect(cluster.get(Deployments, KEY).metadata.annotations?.[REVISION]).toBe('3');
  });

  test('Recreate starts no new pod before the last old one is gone', async () => {
    const cluster = await started(2, { strategy: { type: 'Recreate' } });
    for (const each of cluster.all(Pods)) {
      cluster.change(Pods, `default/${each.metadata.name}`, ({ spec }) => void (spec.nodeName = 'node-1'));
    }
    setImage(cluster, 'web:2');
    await cluster.settle();
    expect(images(cluster)).toEqual(['web:1', 'web:1']);
    const [first, second] = cluster.all(Pods) as [Pod, Pod];
    cluster.remove(Pods, `default/${first.metadata.name}`);
    await cluster.settle();
    expect(images(cluster)).toEqual(['web:1']);
    cluster.remove(Pods, `default/${second.metadata.name}`);
    await cluster.runToEnd();
    expect(images(cluster)).toEqual(['web:2', 'web:2']);
  });

  test('paused, it scales but rolls nothing out; resumed, it does', async () => {
    const cluster = await started(2);
    cluster.change(
      Deployments,
      KEY,
      ({ spec }) => void Object.assign(spec, { paused: true, replicas: 3, template: templateOf('web:2') }),
    );
    await cluster.runToEnd();
    expect(images(cluster)).toEqual(['web:1', 'web:1', 'web:1']);
    expect(reasonOf(cluster, 'Progressing')).toBe('DeploymentPaused');
    cluster.change(Deployments, KEY, ({ spec }) => void delete spec.paused);
    await cluster.runToEnd();
    expect(images(cluster)).toEqual(['web:2', 'web:2', 'web:2']);
    expect(reasonOf(cluster, 'Progressing')).toBe('NewReplicaSetAvailable');
  });

  test('says so when it makes no progress before its deadline', async () => {
    const cluster = await started(2, { progressDeadlineSeconds: 60 });
    setImage(cluster, 'web:broken');
    await cluster.settle();
    expect(cluster.controllers[0]?.later.get(KEY)).toBe(61_000);
    await cluster.clock.advance(61_000);
    await cluster.controllers[0]?.reconcile(KEY);
    expect(reasonOf(cluster, 'Progressing')).toBe('ProgressDeadlineExceeded');
  });

  test('keeps as many old sets as its history allows', async () => {
    const cluster = await started(1, { revisionHistoryLimit: 1 });
    for (const image of ['web:2', 'web:3', 'web:4']) {
      setImage(cluster, image);
      await cluster.runToEnd();
    }
    const kept = cluster.all(ReplicaSets).map(({ metadata }) => metadata.annotations?.[REVISION]);
    expect(new Set(kept)).toEqual(new Set(['3', '4']));
  });

  test('adopts a ReplicaSet that fits and belongs to nobody', async () => {
    const cluster = new WorkloadCluster();
    const template = templateOf('web:1');
    cluster.seed(ReplicaSets, {
      ...replicaSet('by-hand', 2, { template }),
      metadata: meta('by-hand', { labels: { app: 'web' } }),
    });
    const { metadata } = cluster.seed(Deployments, deployment(2, { template }));
    await cluster.runToEnd();
    expect(cluster.all(ReplicaSets).map((each) => [each.metadata.name, controllerOf(each)?.uid])).toEqual([
      ['by-hand', metadata.uid],
    ]);
  });

  test('takes another hash when a stranger has its name', async () => {
    const taken = (await started(1)).all(ReplicaSets)[0]?.metadata.name ?? '';
    const cluster = new WorkloadCluster();
    cluster.seed(
      ReplicaSets,
      replicaSet(taken, 0, { metadata: { labels: { other: 'one' } }, template: templateOf('other') }),
    );
    cluster.seed(Deployments, deployment(1, { template: templateOf('web:1') }));
    await cluster.runToEnd();
    expect(cluster.get(Deployments, KEY).status?.collisionCount).toBe(1);
    expect(images(cluster)).toEqual(['web:1']);
    expect(cluster.controllers[0]?.errors, 'failures, after which the queue waits').toHaveLength(1);
  });

  test('reports that it cannot create its ReplicaSet', async () => {
    const cluster = new WorkloadCluster();
    cluster.fault = ({ verb, resource }) =>
      verb === 'create' && resource === 'replicasets'
        ? { error: forbidden(ReplicaSets, 'web', 'no'), when: 'before' }
        : undefined;
    cluster.seed(Deployments, deployment(1));
    await cluster.controllers[0]?.step();
    expect(reasonOf(cluster, 'Progressing')).toBe('ReplicaSetCreateError');
  });

  test('says nothing of failures while it is paused', async () => {
    const cluster = new WorkloadCluster();
    cluster.seed(Deployments, deployment(1, { paused: true }));
    const failed = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'no' };
    const { metadata } = cluster.get(Deployments, KEY);
    const ownerReferences = [
      { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: metadata.uid, controller: true },
    ];
    cluster.seed(
      ReplicaSets,
      replicaSet('web-1', 1, {
        metadata: { labels: { app: 'web' }, ownerReferences },
        status: { replicas: 0, conditions: [failed] },
      }),
    );
    await cluster.controllers[0]?.step();
    expect(reasonOf(cluster, 'ReplicaFailure')).toBeUndefined();
    cluster.change(Deployments, KEY, ({ spec }) => void (spec.paused = false));
    await cluster.controllers[0]?.step();
    expect(reasonOf(cluster, 'ReplicaFailure')).toBe('FailedCreate');
  });

  describe('that is asked for an earlier revision', () => {
    async function asked(revision: string): Promise<WorkloadCluster> {
      const cluster = await started(2);
      setImage(cluster, 'web:2');
      await cluster.runToEnd();
      cluster.change(Deployments, KEY, ({ metadata }) => {
        metadata.annotations = { ...metadata.annotations, [ROLLBACK_TO]: revision };
      });
      await cluster.runToEnd();
      expect(cluster.get(Deployments, KEY).metadata.annotations).not.toHaveProperty([ROLLBACK_TO]);
      return cluster;
    }

    test.each(['0', '1'])('goes back to it: %s', async (revision) => {
      const cluster = await asked(revision);
      expect(images(cluster)).toEqual(['web:1', 'web:1']);
      expect(cluster.events).toContain(
        'Normal web DeploymentRollback: Rolled back deployment "web" to revision 1',
      );
      expect(cluster.get(Deployments, KEY).metadata.annotations?.[REVISION]).toBe('3');
      expect(cluster.get(Deployments, KEY).spec.template).toEqual(templateOf('web:1'));
    });

    test.each([
      ['7', 'DeploymentRollbackRevisionNotFound: Unable to find the revision to rollback to.'],
      [
        '2',
        'DeploymentRollbackTemplateUnchanged: The rollback revision contains the same template as current deployment "web"',
      ],
    ])('stays as it is when there is nothing to go back to: %s', async (revision, event) => {
      const cluster = await asked(revision);
      expect(images(cluster)).toEqual(['web:2', 'web:2']);
      expect(cluster.events).toContain(`Warning web ${event}`);
    });

    test('has nothing before its first', async () => {
      const cluster = await started(1);
      cluster.change(Deployments, KEY, ({ metadata }) => {
        metadata.annotations = { ...metadata.annotations, [ROLLBACK_TO]: '0' };
      });
      await cluster.settle();
      expect(cluster.events).toContain(
        'Warning web DeploymentRollbackRevisionNotFound: Unable to find last revision.',
      );
    });
  });

  test('a selector that is empty takes nothing', async () => {
    const cluster = new WorkloadCluster();
    cluster.seed(Deployments, deployment(1, { selector: {} }));
    await cluster.settle();
    expect(cluster.all(ReplicaSets)).toEqual([]);
    expect(cluster.events[0]).toContain('SelectingAll');
  });
});

describe('a crash at any write', () => {
  async function rolledOver(faultAt: number, when: 'before' | 'after' | 'never'): Promise<WorkloadCluster> {
    const cluster = await started(3, { strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } });
    const from = cluster.writes.length;
    setImage(cluster, 'web:2');
    let crash: string | undefined;
    cluster.fault = (_write, index) => {
      if (when === 'never' || index !== from + faultAt) return undefined;
      crash = `at write ${index}`;
      return { error: connectionLost, when };
    };
    for (let round = 0; round < 40; round += 1) {
      for (const each of cluster.controllers) if (crash === undefined) await each.step();
    }
    if (crash !== undefined) cluster.restart();
    await cluster.runToEnd();
    return cluster;
  }

  test('leads to the same end', async () => {
    const calm = await rolledOver(0, 'never');
    const shape = (cluster: WorkloadCluster): unknown => ({
      sets: cluster
        .all(ReplicaSets)
        .map(({ metadata, spec }) => [metadata.name, spec.replicas, metadata.annotations]),
      images: images(cluster),
      owned: cluster.all(Pods).every((each) => controllerOf(each) !== undefined),
      counts: {
        ...cluster.get(Deployments, KEY).status,
        conditions: undefined,
        observedGeneration: undefined,
      },
    });
    for (let at = 0; at < 14; at += 1) {
      for (const when of ['before', 'after'] as const) {
        expect(shape(await rolledOver(at, when)), `write ${at}, ${when}`).toEqual(shape(calm));
      }
    }
  });
});

test('a Deployment being deleted is left to the garbage collector', async () => {
  const cluster = await started(1);
  cluster.change(Deployments, KEY, ({ metadata, spec }) => {
    metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    metadata.finalizers = ['foregroundDeletion'];
    spec.replicas = 5;
  });
  await cluster.settle();
  expect(cluster.all(ReplicaSets)[0]?.spec.replicas).toBe(1);
});

test('pods of a stranger are not counted', async () => {
  const cluster = new WorkloadCluster();
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'other', uid: 'other', controller: true };
  cluster.seed(Pods, pod('stranger', { metadata: { ownerReferences: [owner] } }));
  cluster.seed(Deployments, deployment(1));
  await cluster.runToEnd();
  expect(cluster.get(Deployments, KEY).status?.replicas).toBe(1);
  expect(cluster.all(Pods)).toHaveLength(2);
});
