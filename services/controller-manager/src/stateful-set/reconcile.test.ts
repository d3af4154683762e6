import type { StatefulSet } from '@orrery/api/gen/types.ts';
import { ControllerRevisions, PersistentVolumeClaims, Pods, StatefulSets } from '@orrery/api/resources.ts';
import { describe, expect, test } from 'vitest';
import { isPodReady } from '../pods.ts';
import { connectionLost } from '../test-support/fake-cluster.ts';
import { claim, meta, pod, templateOf } from '../test-support/objects.ts';
import { WorkloadCluster } from '../test-support/workload-cluster.ts';
import { statefulSetController } from './index.ts';

const KEY = 'default/db';

function statefulSet(spec: Partial<StatefulSet['spec']> = {}): StatefulSet {
  return {
    metadata: meta('db'),
    spec: {
      replicas: 3,
      serviceName: 'db',
      selector: { matchLabels: { app: 'web' } },
      template: templateOf('web:1'),
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      volumeClaimTemplates: [claim('data')],
      revisionHistoryLimit: 1,
      ...spec,
    },
  };
}

async function started(spec: Partial<StatefulSet['spec']> = {}): Promise<WorkloadCluster> {
  const cluster = new WorkloadCluster([statefulSetController]);
  cluster.seed(StatefulSets, statefulSet(spec));
  await cluster.runToEnd();
  return cluster;
}

const names = (cluster: WorkloadCluster): string[] =>
  cluster
    .all(Pods)
    .map(({ metadata }) => metadata.name)
    .sort();
const claims = (cluster: WorkloadCluster): string[] =>
  cluster
    .all(PersistentVolumeClaims)
    .map(({ metadata }) => metadata.name)
    .sort();
const images = (cluster: WorkloadCluster): string[] =>
  cluster
    .all(Pods)
    .map(({ metadata, spec }) => `${metadata.name} ${spec.containers[0]!.image}`)
    .sort();

function setImage(cluster: WorkloadCluster, image: string): void {
  cluster.change(StatefulSets, KEY, ({ spec }) => void (spec.template = templateOf(image)));
}

describe('a StatefulSet', () => {
  test('brings its pods up one after another, each with its claim', async () => {
    const cluster = new WorkloadCluster([statefulSetController]);
    cluster.seed(StatefulSets, statefulSet());
    for (const expected of [['db-0'], ['db-0', 'db-1'], ['db-0', 'db-1', 'db-2']]) {
      await cluster.settle();
      expect(names(cluster)).toEqual(expected);
      for (const each of cluster.all(Pods).filter((one) => !isPodReady(one))) cluster.becomeReady(each);
    }
    await cluster.settle();
    expect(claims(cluster)).toEqual(['data-db-0', 'data-db-1', 'data-db-2']);
    expect(cluster.get(StatefulSets, KEY).status).toMatchObject({
      replicas: 3,
      readyReplicas: 3,
      currentReplicas: 3,
    });
    expect(cluster.events).toContain(
      'Normal db SuccessfulCreate: create Pod db-0 in StatefulSet db successful',
    );
    expect(cluster.events).toContain(
      'Normal db SuccessfulCreate: create Claim data-db-0 Pod db-0 in StatefulSet db success',
    );
  });

  test('keeps the claims when it is scaled down, and finds them again', async () => {
    const cluster = await started();
    cluster.change(StatefulSets, KEY, ({ spec }) => void (spec.replicas = 1));
    await cluster.runToEnd();
    expect(names(cluster)).toEqual(['db-0']);
    expect(claims(cluster)).toHaveLength(3);
    const before = cluster.get(PersistentVolumeClaims, 'default/data-db-2').metadata.uid;
    cluster.change(StatefulSets, KEY, ({ spec }) => void (spec.replicas = 3));
    await cluster.runToEnd();
    expect(cluster.get(PersistentVolumeClaims, 'default/data-db-2').metadata.uid).toBe(before);
  });

  test('rolls from the top, stops at the partition, and goes back', async () => {
    const cluster = await started({
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } },
    });
    setImage(cluster, 'web:2');
    await cluster.runToEnd();
    expect(images(cluster)).toEqual(['db-0 web:1', 'db-1 web:1', 'db-2 web:2']);
    const status = cluster.get(StatefulSets, KEY).status!;
    expect(status.currentRevision).not.toBe(status.updateRevision);
    setImage(cluster, 'web:1');
    await cluster.runToEnd();
    expect(images(cluster)).toEqual(['db-0 web:1', 'db-1 web:1', 'db-2 web:1']);
    expect(cluster.all(ControllerRevisions)).toHaveLength(2);
  });

  test('makes a deleted pod below the partition again from its old template', async () => {
    const cluster = await started({
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } },
    });
    setImage(cluster, 'web:2');
    await cluster.runToEnd();
    cluster.remove(Pods, 'default/db-0');
    await cluster.runToEnd();
    expect(images(cluster)).toEqual(['db-0 web:1', 'db-1 web:1', 'db-2 web:2']);
  });

  test('waits for a pod whose node is silent, and never makes a second one', async () => {
    const cluster = await started();
    cluster.change(Pods, 'default/db-1', ({ spec }) => void (spec.nodeName = 'silent'));
    await cluster.client.delete(Pods, { namespace: 'default', name: 'db-1' });
    const { uid } = cluster.get(Pods, 'default/db-1').metadata;
    await cluster.settle();
    expect(cluster.get(Pods, 'default/db-1').metadata.uid).toBe(uid);
    cluster.remove(Pods, 'default/db-1');
    await cluster.runToEnd();
    expect(cluster.get(Pods, 'default/db-1').metadata.uid).not.toBe(uid);
  });

  test('leaves a stranger with the name of one of its pods alone', async () => {
    const cluster = new WorkloadCluster([statefulSetController]);
    cluster.seed(Pods, pod('db-0', { metadata: { labels: { app: 'other' } } }));
    cluster.seed(StatefulSets, statefulSet({ replicas: 1 }));
    await cluster.controllers[0]!.step();
    expect(names(cluster)).toEqual(['db-0']);
    expect(cluster.controllers[0]!.errors).toHaveLength(1);
    cluster.remove(Pods, 'default/db-0');
    await cluster.runToEnd();
    expect(cluster.get(Pods, 'default/db-0').metadata.labels).toMatchObject({ app: 'web' });
  });

  test('comes to the same end however often the controller dies or answers are lost', async () => {
    for (let at = 0; at < 14; at += 1) {
      for (const when of ['before', 'after'] as const) {
        const cluster = new WorkloadCluster([statefulSetController]);
        cluster.seed(StatefulSets, statefulSet({ replicas: 2 }));
        let writes = 0;
        cluster.fault = () => (writes++ === at ? { error: connectionLost, when } : undefined);
        await cluster.runToEnd();
        setImage(cluster, 'web:2');
        await cluster.runToEnd();
        cluster.restart();
        await cluster.runToEnd();
        expect(images(cluster), `write ${at}, ${when}`).toEqual(['db-0 web:2', 'db-1 web:2']);
        expect(claims(cluster)).toEqual(['data-db-0', 'data-db-1']);
        expect(cluster.get(StatefulSets, KEY).status).toMatchObject({ readyReplicas: 2, updatedReplicas: 2 });
      }
    }
  });
});
