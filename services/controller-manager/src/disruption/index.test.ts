import type { PodDisruptionBudget, PodDisruptionBudgetSpec } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { Deployments, PodDisruptionBudgets, Pods } from '@orrery/api/resources.ts';
import { describe, expect, test } from 'vitest';
import { deploymentController } from '../deployment/index.ts';
import { replicaSetController } from '../replica-set/index.ts';
import { deployment, meta, pod, ready } from '../test-support/objects.ts';
import { WorkloadCluster } from '../test-support/workload-cluster.ts';
import { disruptionController } from './index.ts';

const KEY = 'default/budget';

function budget(spec: Partial<PodDisruptionBudgetSpec>): PodDisruptionBudget {
  return { metadata: meta('budget'), spec: { selector: { matchLabels: { app: 'web' } }, ...spec } };
}

async function clusterWith(spec: Partial<PodDisruptionBudgetSpec>, replicas = 4): Promise<WorkloadCluster> {
  const cluster = new WorkloadCluster([deploymentController, replicaSetController, disruptionController]);
  cluster.seed(PodDisruptionBudgets, budget(spec));
  cluster.seed(Deployments, deployment(replicas));
  await cluster.runToEnd();
  return cluster;
}

const statusOf = (cluster: WorkloadCluster) => cluster.get(PodDisruptionBudgets, KEY).status;

describe('a disruption budget', () => {
  test.each<[Partial<PodDisruptionBudgetSpec>, number, number]>([
    [{ minAvailable: 3 }, 3, 1],
    [{ minAvailable: '60%' }, 3, 1],
    [{ maxUnavailable: 1 }, 3, 1],
    [{ maxUnavailable: '30%' }, 2, 2],
    [{ minAvailable: 9 }, 9, 0],
    [{ maxUnavailable: 0 }, 4, 0],
  ])('of %j wants %i of four pods and can spare %i', async (spec, desiredHealthy, disruptionsAllowed) => {
    const cluster = await clusterWith(spec);
    expect(statusOf(cluster)).toMatchObject({
      desiredHealthy,
      disruptionsAllowed,
      currentHealthy: 4,
      expectedPods: 4,
      observedGeneration: 1,
      conditions: [
        {
          type: 'DisruptionAllowed',
          ...(disruptionsAllowed > 0
            ? { status: 'True', reason: 'SufficientPods' }
            : { status: 'False', reason: 'InsufficientPods' }),
        },
      ],
    });
  });

  test('says so when a share of bare pods is to stay', async () => {
    const cluster = new WorkloadCluster([disruptionController]);
    cluster.seed(PodDisruptionBudgets, budget({ maxUnavailable: 1 }));
    cluster.seed(Pods, pod('bare'));
    await cluster.runToEnd();
    expect(cluster.events[0]).toContain(
      'UnmanagedPods: Pods selected by this PodDisruptionBudget (selector: &LabelSelector{MatchLabels:map[string]string{app: web,},MatchExpressions:[]LabelSelectorRequirement{},}) were found to be unmanaged.',
    );
  });

  test('does not count a pod whose eviction was granted, until it has gone or was forgotten', async () => {
    const cluster = await clusterWith({ maxUnavailable: 1 });
    const [first] = cluster.all(Pods);
    const { name } = first!.metadata;
    cluster.change(PodDisruptionBudgets, KEY, ({ status }) => {
      status!.disruptedPods = { [name]: formatTime(cluster.clock.now()) };
      status!.disruptionsAllowed = 0;
    });
    await cluster.settle();
    expect(statusOf(cluster)).toMatchObject({ currentHealthy: 3, disruptionsAllowed: 0 });
    await cluster.clock.advance(2 * 60_000);
    cluster.controllers[2]!.queued.add(KEY);
    await cluster.settle();
    expect(statusOf(cluster)).toMatchObject({ currentHealthy: 4, disruptionsAllowed: 1 });
    expect(statusOf(cluster)?.disruptedPods).toBeUndefined();
  });

  test('grants nothing when it cannot know how many pods there should be', async () => {
    const cluster = new WorkloadCluster([disruptionController]);
    const ownerReferences = [
      { apiVersion: 'example.com/v1', kind: 'Thing', name: 't', uid: 't', controller: true },
    ];
    cluster.seed(Pods, pod('odd', { metadata: { ownerReferences }, status: ready('True') }));
    cluster.seed(PodDisruptionBudgets, budget({ maxUnavailable: 1 }));
    await cluster.settle();
    expect(statusOf(cluster)).toMatchObject({
      disruptionsAllowed: 0,
      conditions: [{ reason: 'SyncFailed', message: 'found no controllers for pod "odd"' }],
    });
    expect(cluster.events[0]).toContain('CalculateExpectedPodCountFailed');
  });
});
