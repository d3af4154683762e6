import type { MetricSpec, Pod } from '@orrery/api/gen/types.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planScale, type PlanInput } from './plan.ts';
import { ScaleHistory } from './scale-history.ts';
import { NOW_MS, pod } from './test-support/pods.ts';
import { UsageWindow } from './usage-window.ts';

const cpuAt = (averageUtilization: number): MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});

/** Pods with so much CPU used by each; requests are one core. */
function using(...cpus: (number | undefined)[]): { pods: Pod[]; usage: UsageWindow } {
  const usage = new UsageWindow();
  const pods = cpus.map((cpu) => {
    const each = pod();
    const { uid, name } = each.metadata;
    const sample = { namespace: 'default', pod: name, podUid: uid, container: 'web', memoryBytes: 2 ** 20 };
    if (cpu !== undefined) {
      usage.record({
        node: 'n',
        timeMs: NOW_MS,
        windowMs: 60_000,
        containers: [{ ...sample, cpuMilli: cpu }],
      });
    }
    return each;
  });
  return { pods, usage };
}

function plan(cpus: (number | undefined)[], change: Partial<PlanInput> = {}) {
  const spec = {
    scaleTargetRef: { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' },
    minReplicas: 1,
    maxReplicas: 10,
    metrics: [cpuAt(50)],
    ...change.spec,
  };
  return planScale({
    currentReplicas: cpus.length,
    ...using(...cpus),
    history: new ScaleHistory(),
    nowMs: NOW_MS,
    ...change,
    spec,
  });
}

const reasons = (result: ReturnType<typeof plan>): string[] =>
  result.findings.map(({ type, status, reason }) => `${type}=${status} ${reason}`);

describe('a plan', () => {
  it('scales up by the metric that asks for most, and says why', () => {
    const memory: MetricSpec = {
      type: 'Resource',
      resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Mi' } },
    };
    const result = plan([1_000, 1_000], { spec: { metrics: [memory, cpuAt(50)] } as never });
    expect(result).toMatchObject({
      desiredReplicas: 4,
      recommendation: 4,
      rescaleReason: 'cpu resource utilization (percentage of request) above target',
      warnings: [],
      currentMetrics: [
        { type: 'Resource', resource: { name: 'memory', current: { averageValue: '1048576' } } },
        {
          type: 'Resource',
          resource: { name: 'cpu', current: { averageUtilization: 100, averageValue: '1' } },
        },
      ],
    });
    expect(reasons(result)).toEqual([
      'ScalingActive=True ValidMetricFound',
      'AbleToScale=True ReadyForNewScale',
      'ScalingLimited=False DesiredWithinRange',
    ]);
  });

  it('scales down when all metrics are below', () => {
    expect(plan([100, 100, 100, 100])).toMatchObject({
      desiredReplicas: 1,
      rescaleReason: 'All metrics below target',
    });
  });

  it('keeps within the bounds and says so', () => {
    const up = plan([1_000, 1_000, 1_000, 1_000, 1_000, 1_000]);
    expect(up.desiredReplicas).toBe(10);
    expect(reasons(up)).toContain('ScalingLimited=True TooManyReplicas');
    const down = plan([1, 1, 1], { spec: { minReplicas: 2 } as never });
    expect(down.desiredReplicas).toBe(2);
    expect(reasons(down)).toContain('ScalingLimited=True TooFewReplicas');
  });

  it.each([
    [12, {}, 10, 'Current number of replicas above Spec.MaxReplicas'],
    [1, { minReplicas: 3 }, 3, 'Current number of replicas below Spec.MinReplicas'],
  ])(
    'brings %i replicas within the bounds without asking metrics',
    (currentReplicas, spec, desired, reason) => {
      const result = plan([], { currentReplicas, spec: spec as never });
      expect(result).toMatchObject({ desiredReplicas: desired, rescaleReason: reason, warnings: [] });
    },
  );

  it('leaves a target alone that was scaled to zero', () => {
    const result = plan([], { currentReplicas: 0 });
    expect(result.desiredReplicas).toBe(0);
    expect(reasons(result)).toEqual(['ScalingActive=False ScalingDisabled']);
  });

  it('takes 80 percent of CPU when there is no metric', () => {
    expect(plan([1_600], { spec: { metrics: [] } as never }).desiredReplicas).toBe(2);
  });

  it('never scales on missing metrics', () => {
    const result = plan([undefined, undefined]);
    expect(result.desiredReplicas).toBe(2);
    expect(result.findings).toEqual([
      {
        type: 'ScalingActive',
        status: 'False',
        reason: 'FailedGetResourceMetric',
        message:
          'the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API',
      },
    ]);
    expect(result.warnings).toEqual([
      {
        reason: 'FailedGetResourceMetric',
        message:
          'failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API',
      },
      {
        reason: 'FailedComputeMetricsReplicas',
        message:
          'invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API',
      },
    ]);
  });

  const broken: MetricSpec = {
    type: 'Pods',
    pods: { metric: { name: 'qps' }, target: { type: 'AverageValue', averageValue: '1' } },
  };

  it('scales up but not down while a metric is missing', () => {
    const metrics = [broken, cpuAt(50)];
    expect(plan([1_000, 1_000], { spec: { metrics } as never }).desiredReplicas).toBe(4);
    const down = plan([10, 10], { spec: { metrics } as never });
    expect(down.desiredReplicas).toBe(2);
    expect(reasons(down)).toEqual(['ScalingActive=False FailedGetPodsMetric']);
  });

  it.each<[MetricSpec, string]>([
    [broken, 'FailedGetPodsMetric'],
    [{ type: 'Object' }, 'FailedGetObjectMetric'],
    [{ type: 'External' }, 'FailedGetExternalMetric'],
    [{ type: 'Strange' }, 'InvalidMetricSourceType'],
    [
      {
        type: 'ContainerResource',
        containerResource: {
          name: 'cpu',
          container: 'none',
          target: { type: 'Utilization', averageUtilization: 1 },
        },
      },
      'FailedGetContainerResourceMetric',
    ],
    [
      { type: 'Resource', resource: { name: 'gpu', target: { type: 'AverageValue', averageValue: '1' } } },
      'FailedGetResourceMetric',
    ],
    [
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization' } } },
      'FailedGetResourceMetric',
    ],
  ])('cannot use %j: %s', (metric, reason) => {
    const result = plan([1_000], { spec: { metrics: [metric] } as never });
    expect(reasons(result)).toEqual([`ScalingActive=False ${reason}`]);
    expect(result.desiredReplicas).toBe(1);
  });

  it('looks at one container when asked to', () => {
    const metric: MetricSpec = {
      type: 'ContainerResource',
      containerResource: {
        name: 'cpu',
        container: 'web',
        target: { type: 'Utilization', averageUtilization: 50 },
      },
    };
    const result = plan([1_000], { spec: { metrics: [metric] } as never });
    expect(result.rescaleReason).toBe(
      'cpu container resource utilization (percentage of request) above target',
    );
    expect(result.currentMetrics[0]?.containerResource).toMatchObject({ container: 'web', name: 'cpu' });
  });

  it('stays within the bounds, whatever the load', () => {
    const cpus = fc.array(fc.option(fc.integer({ min: 0, max: 4_000 }), { nil: undefined }), {
      minLength: 1,
      maxLength: 15,
    });
    fc.assert(
      fc.property(
        cpus,
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 5 }),
        (given, minReplicas, more) => {
          const maxReplicas = minReplicas + more;
          const { desiredReplicas } = plan(given, { spec: { minReplicas, maxReplicas } as never });
          expect(desiredReplicas).toBeGreaterThanOrEqual(minReplicas);
          expect(desiredReplicas).toBeLessThanOrEqual(maxReplicas);
        },
      ),
    );
  });
});
