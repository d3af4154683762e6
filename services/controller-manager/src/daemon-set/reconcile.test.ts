import type { DaemonSet, Pod } from '@orrery/api/gen/types.ts';
import { ControllerRevisions, DaemonSets, Nodes, Pods } from '@orrery/api/resources.ts';
import { forbidden } from '@orrery/api/status-error.ts';
import { describe, expect, test } from 'vitest';
import { connectionLost } from '../test-support/fake-cluster.ts';
import { meta, node, templateOf } from '../test-support/objects.ts';
import { WorkloadCluster } from '../test-support/workload-cluster.ts';
import { targetNodeOf } from './daemon-pods.ts';
import { daemonSetController } from './index.ts';

const KEY = 'default/agent';

function daemonSet(spec: Partial<DaemonSet['spec']> = {}): DaemonSet {
  return {
    metadata: meta('agent'),
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: templateOf('web:1'),
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      revisionHistoryLimit: 1,
      ...spec,
    },
  };
}

async function started(
  spec: Partial<DaemonSet['spec']> = {},
  nodes = ['a', 'b', 'c'],
): Promise<WorkloadCluster> {
  const cluster = new WorkloadCluster([daemonSetController]);
  for (const name of nodes) cluster.seed(Nodes, node(name, 'True'));
  cluster.seed(DaemonSets, daemonSet(spec));
  await cluster.runToEnd();
  return cluster;
}

const places = (cluster: WorkloadCluster): string[] =>
  cluster
    .all(Pods)
    .map((each) => targetNodeOf(each) ?? '')
    .sort();
const images = (cluster: WorkloadCluster): string[] =>
  cluster.all(Pods).map(({ spec }) => spec.containers[0]!.image ?? '');
const podOn = (cluster: WorkloadCluster, name: string): Pod =>
  cluster.all(Pods).find((each) => targetNodeOf(each) === name)!;

const revisions = (cluster: WorkloadCluster): number[] =>
  cluster
    .all(ControllerRevisions)
    .map(({ revision }) => revision)
    .sort((x, y) => x - y);

function setImage(cluster: WorkloadCluster, image: string): void {
  cluster.change(DaemonSets, KEY, ({ spec }) => void (spec.template = templateOf(image)));
}

describe('a DaemonSet', () => {
  test('has a pod on each node, made from one revision, and says so', async () => {
    const cluster = await started();
    expect(places(cluster)).toEqual(['a', 'b', 'c']);
    const [revision] = cluster.all(ControllerRevisions);
    expect(podOn(cluster, 'a').metadata.labels).toMatchObject({
      app: 'web',
      'controller-revision-hash': revision?.metadata.labels?.['controller-revision-hash'],
    });
    expect(cluster.get(DaemonSets, KEY).status).toMatchObject({
      desiredNumberScheduled: 3,
      numberReady: 3,
      numberAvailable: 3,
    });
  });

  test('follows nodes that join and leave', async () => {
    const cluster = await started();
    cluster.seed(Nodes, node('d', 'True'));
    await cluster.runToEnd();
    expect(places(cluster)).toEqual(['a', 'b', 'c', 'd']);
    cluster.remove(Nodes, 'd');
    await cluster.settle();
    expect(cluster.get(DaemonSets, KEY).status?.desiredNumberScheduled).toBe(3);
  });

  test('rolls from template to template one node at a time, and keeps its history within the limit', async () => {
    const cluster = await started();
    for (const image of ['web:2', 'web:3', 'web:4']) {
      setImage(cluster, image);
      await cluster.runToEnd();
      expect(new Set(images(cluster))).toEqual(new Set([image]));
    }
    expect(revisions(cluster)).toEqual([3, 4]);
    setImage(cluster, 'web:3');
    await cluster.runToEnd();
    expect(revisions(cluster)).toEqual([4, 5]);
  });

  test('comes to the same end however often the controller dies or answers are lost', async () => {
    for (let at = 0; at < 12; at += 1) {
      for (const when of ['before', 'after'] as const) {
        const cluster = await started();
        setImage(cluster, 'web:2');
        let writes = 0;
        cluster.fault = () => (writes++ === at ? { error: connectionLost, when } : undefined);
        await cluster.runToEnd();
        cluster.restart();
        await cluster.runToEnd();
        expect(places(cluster), `write ${at}, ${when}`).toEqual(['a', 'b', 'c']);
        expect(new Set(images(cluster))).toEqual(new Set(['web:2']));
        expect(cluster.all(ControllerRevisions)).toHaveLength(2);
      }
    }
  });

  test('replaces a failed pod at once, and one that fails again and again after growing waits', async () => {
    const cluster = await started({}, ['a']);
    const nameNow = (): string => podOn(cluster, 'a').metadata.name;
    const fail = async (): Promise<void> => {
      cluster.change(Pods, `default/${nameNow()}`, (each) => {
        each.status = { phase: 'Failed' };
      });
      await cluster.settle();
    };
    const first = nameNow();
    await fail();
    const second = nameNow();
    expect(second).not.toBe(first);
    expect(cluster.events).toContain(
      `Warning agent FailedDaemonPod: Found failed daemon pod default/${first} on node a, will try to kill it`,
    );
    await cluster.clock.advance(1_000);
    await fail();
    const third = nameNow();
    expect(third).not.toBe(second);
    await fail();
    expect(nameNow()).toBe(third);
    expect(cluster.controllers[0]!.later.get(KEY)).toBe(2_000);
    await cluster.clock.advance(2_000);
    await cluster.controllers[0]!.reconcile(KEY);
    await cluster.settle();
    expect(nameNow()).not.toBe(third);
  });

  test('goes on with the other nodes when pods are refused, and says why', async () => {
    const cluster = new WorkloadCluster([daemonSetController]);
    for (const name of ['a', 'b']) cluster.seed(Nodes, node(name, 'True'));
    cluster.seed(DaemonSets, daemonSet());
    let refusals = 2;
    cluster.fault = ({ verb, resource }) =>
      verb === 'create' && resource === 'pods' && refusals-- > 0
        ? { error: forbidden(Pods, 'agent-x', 'exceeded quota: q'), when: 'before' }
        : undefined;
    await cluster.runToEnd();
    expect(places(cluster)).toEqual(['a', 'b']);
    expect(cluster.events.join('\n')).toContain(
      'Warning agent FailedCreate: Error creating: pods "agent-x" is forbidden: exceeded quota: q',
    );
  });
});
