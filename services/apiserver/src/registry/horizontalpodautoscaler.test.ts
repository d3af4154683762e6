import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerV1,
  KubeObject,
} from '@orrery/api/gen/types.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cells, defaulted, definitionOf, findings, type Json, sample } from './sample-objects.ts';

const HPA = 'horizontalpodautoscalers';
const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const v1 = definitionOf(HPA).versions[1]!;

const cpu = (averageUtilization: number): Json => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});
const pods = {
  type: 'Pods',
  pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '10' } },
};

const refused = (spec: Json): string[] =>
  findings(HPA, sample(HPA, { spec: { maxReplicas: 5, scaleTargetRef, ...spec } }));

describe('a HorizontalPodAutoscaler', () => {
  it.each<[string, Json, string[]]>([
    [
      'no bounds',
      { minReplicas: 0, maxReplicas: 0 },
      [
        'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
        'spec.maxReplicas: Invalid value: 0: must be greater than 0',
      ],
    ],
    [
      'bounds that cross',
      { minReplicas: 6 },
      ['spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`'],
    ],
    [
      'no target',
      { scaleTargetRef: {} },
      ['spec.scaleTargetRef.kind: Required value', 'spec.scaleTargetRef.name: Required value'],
    ],
    [
      'a metric without its source',
      { metrics: [{ type: 'Pods' }] },
      ['spec.metrics[0].pods: Required value: must populate information for the given metric source'],
    ],
    [
      'a metric with two sources',
      { metrics: [{ ...pods, ...cpu(50), type: 'Pods' }] },
      ['spec.metrics[0].resource: Forbidden: must populate the given metric source only'],
    ],
    [
      'a utilization of nothing',
      { metrics: [cpu(0)] },
      ['spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0'],
    ],
    [
      'a target without a value',
      { metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization' } } }] },
      [
        'spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization',
      ],
    ],
    [
      'behaviour that cannot be',
      {
        behavior: {
          scaleUp: {
            stabilizationWindowSeconds: 4000,
            policies: [{ type: 'X', value: 0, periodSeconds: 2000 }],
          },
        },
      },
      [
        'spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 4000: must be less than or equal to 3600',
        'spec.behavior.scaleUp.policies[0].type: Unsupported value: "X": supported values: "Percent", "Pods"',
        'spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero',
        'spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 2000: must be less than or equal to 1800',
      ],
    ],
  ])('is refused for %s', (_case, spec, expected) => {
    expect(refused(spec)).toEqual(expected);
  });

  it('aims at 80 % of cpu by default', () => {
    expect(defaulted(HPA, sample<HorizontalPodAutoscaler>(HPA)).spec).toMatchObject({
      minReplicas: 1,
      metrics: [cpu(80)],
    });
  });

  it('completes behaviour that is given in part', () => {
    const spec = {
      maxReplicas: 5,
      scaleTargetRef,
      behavior: { scaleDown: { stabilizationWindowSeconds: 60 } },
    };
    expect(defaulted(HPA, sample<HorizontalPodAutoscaler>(HPA, { spec })).spec.behavior).toEqual({
      scaleUp: {
        stabilizationWindowSeconds: 0,
        selectPolicy: 'Max',
        policies: [
          { type: 'Pods', value: 4, periodSeconds: 15 },
          { type: 'Percent', value: 100, periodSeconds: 15 },
        ],
      },
      scaleDown: {
        stabilizationWindowSeconds: 60,
        selectPolicy: 'Max',
        policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
      },
    });
  });

  it('shows its row', () => {
    const row = (metrics: Json[], currentMetrics: Json[] = []): Record<string, unknown> =>
      cells(
        HPA,
        sample(HPA, {
          spec: { minReplicas: 1, maxReplicas: 5, scaleTargetRef, metrics },
          status: { currentReplicas: 2, currentMetrics },
        }),
      );
    expect(row([cpu(80)])).toMatchObject({
      Reference: 'Deployment/web',
      Targets: 'cpu: <unknown>/80%',
      MinPods: '1',
      MaxPods: 5,
      Replicas: 2,
    });
    const current = [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 30 } } }];
    expect(row([cpu(80), pods], current)['Targets']).toBe('cpu: 30%/80%, <unknown>/10');
    expect(row([cpu(80), pods, pods], current)['Targets']).toBe('cpu: 30%/80%, <unknown>/10 + 1 more...');
    const external = {
      type: 'External',
      external: { metric: { name: 'q' }, target: { type: 'AverageValue', averageValue: '3' } },
    };
    expect(row([external])['Targets']).toBe('<unknown>/3 (avg)');
    expect(row([])['Targets']).toBe('<none>');
  });
});

describe('autoscaling/v1', () => {
  const toV1 = (object: KubeObject): HorizontalPodAutoscalerV1 =>
    v1.fromStored!(object) as HorizontalPodAutoscalerV1;

  it('has a field for cpu', () => {
    const old = sample(HPA, {
      spec: { scaleTargetRef, minReplicas: 2, maxReplicas: 10, targetCPUUtilizationPercentage: 90 },
    });
    const stored = defaulted(HPA, old, v1) as HorizontalPodAutoscaler;
    expect(stored.spec).toEqual({ scaleTargetRef, minReplicas: 2, maxReplicas: 10, metrics: [cpu(90)] });
    expect(toV1(stored)).toEqual(old);
  });

  it('keeps all else in annotations', () => {
    const stored = sample<HorizontalPodAutoscaler>(HPA, {
      spec: {
        scaleTargetRef,
        maxReplicas: 5,
        metrics: [pods, cpu(50)],
        behavior: { scaleUp: { selectPolicy: 'Min' } },
      },
      status: {
        desiredReplicas: 2,
        currentMetrics: [
          {
            type: 'Resource',
            resource: { name: 'cpu', current: { averageUtilization: 30, averageValue: '3m' } },
          },
        ],
        conditions: [{ type: 'AbleToScale', status: 'True' }],
      },
    });
    const old = toV1(stored);
    expect(old.spec.targetCPUUtilizationPercentage).toBe(50);
    expect(old.status?.currentCPUUtilizationPercentage).toBe(30);
    expect(old.metadata.annotations).toEqual({
      'autoscaling.alpha.kubernetes.io/metrics':
        '[{"type":"Pods","pods":{"metricName":"rps","targetAverageValue":"10"}}]',
      'autoscaling.alpha.kubernetes.io/behavior': '{"scaleUp":{"selectPolicy":"Min"}}',
      'autoscaling.alpha.kubernetes.io/current-metrics':
        '[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":30,"currentAverageValue":"3m"}}]',
      'autoscaling.alpha.kubernetes.io/conditions': '[{"type":"AbleToScale","status":"True"}]',
    });
    expect(v1.toStored?.(old)).toEqual(stored);
  });

  it('ignores annotations that are no JSON', () => {
    const annotations = { 'autoscaling.alpha.kubernetes.io/metrics': '{', a: 'b' };
    const old = sample(HPA, { spec: { scaleTargetRef, maxReplicas: 5 } }, { annotations });
    expect(v1.toStored?.(old)).toMatchObject({
      metadata: { annotations: { a: 'b' } },
      spec: { scaleTargetRef, maxReplicas: 5 },
    });
  });

  it('brings every metric back', () => {
    const quantity = fc.constantFrom('1', '5m', '2Gi');
    const metric = { name: 'rps', selector: { matchLabels: { a: 'b' } } };
    const target = fc.oneof(
      quantity.map((value) => ({ type: 'Value', value })),
      quantity.map((averageValue) => ({ type: 'AverageValue', averageValue })),
    );
    const raw = quantity.map((averageValue) => ({ type: 'AverageValue', averageValue }));
    const percent = fc
      .integer({ min: 1, max: 99 })
      .map((averageUtilization) => ({ type: 'Utilization', averageUtilization }));
    const resource = fc.oneof(raw, percent);
    const any = fc.oneof(
      target.map((each) => ({
        type: 'Object',
        object: { describedObject: scaleTargetRef, metric, target: each },
      })),
      target.map((each) => ({ type: 'External', external: { metric, target: each } })),
      raw.map((each) => ({ type: 'Pods', pods: { metric, target: each } })),
      resource.map((each) => ({ type: 'Resource', resource: { name: 'memory', target: each } })),
      resource.map((each) => ({
        type: 'ContainerResource',
        containerResource: { name: 'cpu', container: 'c', target: each },
      })),
    );
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 4 }), (metrics) => {
        const stored = sample(HPA, {
          spec: { scaleTargetRef, maxReplicas: 5, metrics: [...metrics, cpu(50)] },
        });
        expect(v1.toStored?.(toV1(stored))).toEqual(stored);
      }),
    );
  });
});
