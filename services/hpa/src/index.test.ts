import type { Pod } from '@orrery/api/gen/types.ts';
import { HorizontalPodAutoscalers, Pods } from '@orrery/api/resources.ts';
import { serviceUnavailable } from '@orrery/api/status-error.ts';
import { ALL_USAGE_SUBJECT } from '@orrery/client/subjects.ts';
import { UsageBatch } from '@orrery/proto/orrery/events.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Controller } from '@orrery/controller/controller.ts';
import { horizontalPodAutoscaler } from './index.ts';
import { FakeCluster } from './test-support/fake-cluster.ts';
import { pod } from './test-support/pods.ts';

let cluster: FakeCluster;
let controller: Controller;
let queued: string[];

beforeEach(() => {
  cluster = new FakeCluster();
  controller = horizontalPodAutoscaler(cluster.context);
  queued = [];
  controller.setup({ add: (key) => void queued.push(key), addAfter: () => undefined });
});

function sample({ metadata }: Pod, cpuMilli: number): void {
  const { name, uid } = metadata;
  const container = {
    namespace: 'default',
    pod: name,
    podUid: uid,
    container: 'web',
    cpuMilli,
    memoryBytes: 0,
  };
  const batch = { node: 'n', timeMs: cluster.clock.now(), windowMs: 60_000, containers: [container] };
  cluster.broker.publish(ALL_USAGE_SUBJECT, UsageBatch.encode(batch).finish());
}

/** A pod of the target, and a sample of its usage. */
function podUsing(cpuMilli: number): Pod {
  const each = pod();
  cluster.pods(each);
  sample(each, cpuMilli);
  return each;
}

const sync = () => controller.reconcile('default/web', cluster.reconcileContext);

describe('an autoscaler', () => {
  it('scales its target, tells of it, and looks again in 15 seconds', async () => {
    cluster.deployment('web', 2);
    cluster.autoscaler('web');
    podUsing(1_000);
    podUsing(1_000);
    expect(await sync()).toEqual({ requeueAfterMs: 15_000 });
    expect(cluster.scaled).toEqual([{ resource: 'deployments', name: 'web', replicas: 4 }]);
    expect(cluster.events).toEqual([
      'SuccessfulRescale: New size: 4; reason: cpu resource utilization (percentage of request) above target',
    ]);
    expect(cluster.status('web')).toMatchObject({
      currentReplicas: 2,
      desiredReplicas: 4,
      lastScaleTime: '2026-03-01T12:00:00Z',
      currentMetrics: [{ resource: { current: { averageUtilization: 100, averageValue: '1' } } }],
    });
    expect(cluster.condition('web', 'AbleToScale')).toBe('True SucceededRescale');
    expect(cluster.condition('web', 'ScalingActive')).toBe('True ValidMetricFound');
    expect(cluster.condition('web', 'ScalingLimited')).toBe('False DesiredWithinRange');
  });

  it('scales down only after five minutes of less', async () => {
    cluster.deployment('web', 4);
    cluster.autoscaler('web');
    const pods = [podUsing(10), podUsing(10), podUsing(10), podUsing(10)];
    await sync();
    expect(cluster.scaled).toEqual([]);
    expect(cluster.condition('web', 'AbleToScale')).toBe('True ScaleDownStabilized');
    for (let elapsedMs = 0; elapsedMs < 300_000; elapsedMs += 15_000) {
      await cluster.clock.advance(15_000);
      for (const each of pods) sample(each, 10);
      await sync();
      expect(cluster.scaled.length).toBe(elapsedMs < 285_000 ? 0 : 1);
    }
    expect(cluster.scaled[0]?.replicas).toBe(1);
  });

  it('scales a ReplicationController, and a Deployment by its old name', async () => {
    cluster.replicationController('old', 1, { app: 'web' });
    cluster.autoscaler('web', {
      scaleTargetRef: { apiVersion: 'v1', kind: 'ReplicationController', name: 'old' },
    });
    podUsing(1_000);
    await sync();
    expect(cluster.scaled).toEqual([{ resource: 'replicationcontrollers', name: 'old', replicas: 2 }]);
    cluster.deployment('web', 1);
    cluster.autoscaler('web', {
      scaleTargetRef: { apiVersion: 'extensions/v1beta1', kind: 'Deployment', name: 'web' },
    });
    await sync();
    expect(cluster.scaled[1]).toEqual({ resource: 'deployments', name: 'web', replicas: 2 });
  });

  it('finds a target without apiVersion by its kind alone, as old manifests leave it', async () => {
    cluster.deployment('web', 1);
    cluster.autoscaler('web', { scaleTargetRef: { kind: 'Deployment', name: 'web' } });
    podUsing(1_000);
    await sync();
    expect(cluster.scaled).toEqual([{ resource: 'deployments', name: 'web', replicas: 2 }]);
    cluster.replicationController('old', 1, { app: 'web' });
    cluster.autoscaler('web', { scaleTargetRef: { kind: 'ReplicationController', name: 'old' } });
    await sync();
    expect(cluster.scaled[1]).toEqual({ resource: 'replicationcontrollers', name: 'old', replicas: 2 });
  });

  it('writes no status when nothing changed', async () => {
    cluster.deployment('web', 1);
    cluster.autoscaler('web');
    podUsing(500);
    await sync();
    await cluster.clock.advance(15_000);
    await sync();
    expect(cluster.statusWrites).toBe(1);
  });

  it.each([
    [{ kind: 'Deployment', apiVersion: 'apps/v1', name: 'web' }, 'deployments.apps "web" not found'],
    [
      { kind: 'Deployment', apiVersion: 'v1', name: 'web' },
      'unable to determine resource for scale target reference: no matches for kind "Deployment" in group ""',
    ],
    [
      { kind: 'Widget', apiVersion: 'shop/v1', name: 'web' },
      'unable to determine resource for scale target reference: no matches for kind "Widget" in group "shop"',
    ],
  ])('says that it cannot get the scale of %j', async (scaleTargetRef, message) => {
    cluster.autoscaler('web', { scaleTargetRef });
    await sync();
    expect(cluster.events).toEqual([`FailedGetScale: ${message}`]);
    expect(cluster.status('web').conditions).toEqual([
      {
        type: 'AbleToScale',
        status: 'False',
        reason: 'FailedGetScale',
        message: `the HPA controller was unable to get the target's current scale: ${message}`,
        lastTransitionTime: '2026-03-01T12:00:00Z',
      },
    ]);
  });

  it('tells of metrics that are missing, and drops those shown before', async () => {
    cluster.deployment('web', 1);
    cluster.autoscaler('web');
    podUsing(500);
    await sync();
    expect(cluster.status('web').currentMetrics).toHaveLength(1);
    await cluster.clock.advance(120_000);
    await sync();
    expect(cluster.status('web').currentMetrics).toBeUndefined();
    expect(cluster.condition('web', 'ScalingActive')).toBe('False FailedGetResourceMetric');
    expect(cluster.condition('web', 'AbleToScale')).toBe('True SucceededGetScale');
    expect(cluster.events.map((event) => event.split(':')[0])).toEqual([
      'FailedGetResourceMetric',
      'FailedComputeMetricsReplicas',
    ]);
  });

  it('says when the target could not be scaled, fails, and counts nothing as scaled', async () => {
    cluster.deployment('web', 1);
    cluster.autoscaler('web');
    podUsing(1_000);
    cluster.scaleError = serviceUnavailable('away');
    await expect(sync()).rejects.toThrow('away');
    expect(cluster.condition('web', 'AbleToScale')).toBe('False FailedUpdateScale');
    expect(cluster.status('web')).not.toHaveProperty('lastScaleTime');
    expect(cluster.events).toEqual([
      'FailedRescale: New size: 2; reason: cpu resource utilization (percentage of request) above target; error: away',
    ]);
    cluster.scaleError = undefined;
    await sync();
    expect(cluster.scaled).toHaveLength(1);
  });

  it('refuses a target without selector', async () => {
    cluster.replicationController('web', 1, {});
    cluster.autoscaler('web', {
      scaleTargetRef: { apiVersion: 'v1', kind: 'ReplicationController', name: 'web' },
    });
    await sync();
    expect(cluster.condition('web', 'ScalingActive')).toBe('False InvalidSelector');
  });

  it('refuses pods that another autoscaler scales too', async () => {
    cluster.deployment('web', 1);
    cluster.deployment('rival', 1);
    cluster.autoscaler('web');
    cluster.autoscaler('rival', {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'rival' },
    });
    podUsing(1_000);
    await sync();
    expect(cluster.scaled).toEqual([]);
    expect(cluster.condition('web', 'ScalingActive')).toBe('False AmbiguousSelector');
    expect(cluster.events).toEqual([
      'AmbiguousSelector: pods by selector app=web are controlled by multiple HPAs: [default/rival default/web]',
    ]);
    cluster.deployment('rival', 1, 'other');
    await sync();
    expect(cluster.scaled).toHaveLength(1);
  });

  it('is left alone once it is gone', async () => {
    cluster.deployment('web', 1);
    cluster.autoscaler('web');
    cluster.remove(HorizontalPodAutoscalers, 'default/web');
    expect(await sync()).toBeUndefined();
    expect(cluster.statusWrites).toBe(0);
  });
});

describe('what wakes it', () => {
  it('is its own spec, not its status, nor its target', async () => {
    cluster.deployment('web', 1);
    cluster.autoscaler('web');
    podUsing(500);
    await sync();
    cluster.deployment('web', 2);
    expect(queued).toEqual(['default/web']);
    cluster.autoscaler('web', { maxReplicas: 3 });
    cluster.remove(HorizontalPodAutoscalers, 'default/web');
    expect(queued).toEqual(['default/web', 'default/web', 'default/web']);
  });

  it('forgets the usage of pods that are gone', async () => {
    cluster.deployment('web', 1);
    cluster.autoscaler('web');
    const each = podUsing(1_000);
    cluster.remove(Pods, `default/${each.metadata.name}`);
    cluster.pods(each);
    await sync();
    expect(cluster.condition('web', 'ScalingActive')).toBe('False FailedGetResourceMetric');
  });
});
