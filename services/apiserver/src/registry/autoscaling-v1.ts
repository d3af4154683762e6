/**
 * autoscaling/v1 of HorizontalPodAutoscalers: one target for cpu in a field of its own, and
 * all else of autoscaling/v2 in annotations (pkg/apis/autoscaling/v1/conversion.go).
 */

import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  HorizontalPodAutoscalerV1,
  KubeObject,
  MetricIdentifier,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '@orrery/api/gen/types.ts';
import type { ServedVersion } from './definition.ts';

const PREFIX = 'autoscaling.alpha.kubernetes.io/';
const METRICS = `${PREFIX}metrics`;
const CURRENT_METRICS = `${PREFIX}current-metrics`;
const CONDITIONS = `${PREFIX}conditions`;
const BEHAVIOR = `${PREFIX}behavior`;

type Json = Record<string, unknown>;

/** A metric whose only content is the utilization of cpu: the one that v1 has a field for. */
function cpuUtilization(metric: MetricSpec): number | undefined {
  const { type, resource } = metric;
  return type === 'Resource' && resource?.name === 'cpu' ? resource.target.averageUtilization : undefined;
}

/** The properties that have a value. */
function present<T extends object>(properties: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)) as T;
}

const resourceToOld = ({ averageUtilization, averageValue }: MetricTarget): Json => ({
  targetAverageUtilization: averageUtilization,
  targetAverageValue: averageValue,
});

/** A metric in the flat form of the annotations. */
function metricToOld({ type, object, pods, resource, containerResource, external }: MetricSpec): Json {
  return present({
    type,
    object:
      object &&
      present({
        target: object.describedObject,
        metricName: object.metric.name,
        selector: object.metric.selector,
        targetValue: object.target.value ?? '0',
        averageValue: object.target.averageValue,
      }),
    pods:
      pods &&
      present({
        metricName: pods.metric.name,
        selector: pods.metric.selector,
        targetAverageValue: pods.target.averageValue,
      }),
    resource: resource && present({ name: resource.name, ...resourceToOld(resource.target) }),
    containerResource:
      containerResource &&
      present({
        name: containerResource.name,
        container: containerResource.container,
        ...resourceToOld(containerResource.target),
      }),
    external:
      external &&
      present({
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        targetValue: external.target.value,
        targetAverageValue: external.target.averageValue,
      }),
  });
}

function valueToOld({ averageUtilization, averageValue }: MetricValueStatus): Json {
  return { currentAverageUtilization: averageUtilization, currentAverageValue: averageValue };
}

function statusToOld({ type, object, pods, resource, containerResource, external }: MetricStatus): Json {
  return present({
    type,
    object:
      object &&
      present({
        target: object.describedObject,
        metricName: object.metric.name,
        selector: object.metric.selector,
        currentValue: object.current.value,
        averageValue: object.current.averageValue,
      }),
    pods:
      pods &&
      present({
        metricName: pods.metric.name,
        selector: pods.metric.selector,
        currentAverageValue: pods.current.averageValue,
      }),
    resource: resource && present({ name: resource.name, ...valueToOld(resource.current) }),
    containerResource:
      containerResource &&
      present({
        name: containerResource.name,
        container: containerResource.container,
        ...valueToOld(containerResource.current),
      }),
    external:
      external &&
      present({
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        currentValue: external.current.value,
        currentAverageValue: external.current.averageValue,
      }),
  });
}

interface OldSource {
  name: string;
  container: string;
  metricName: string;
  selector?: MetricIdentifier['selector'];
  metricSelector?: MetricIdentifier['selector'];
  target: { kind: string; name: string; apiVersion?: string };
  targetValue?: string;
  averageValue?: string;
  targetAverageValue?: string;
  targetAverageUtilization?: number;
  currentValue?: string;
  currentAverageValue?: string;
  currentAverageUtilization?: number;
}

type OldMetric = { type: string } & Partial<
  Record<'object' | 'pods' | 'resource' | 'containerResource' | 'external', OldSource>
>;

function identifier({ metricName, selector, metricSelector }: OldSource): MetricIdentifier {
  return present({ name: metricName, selector: selector ?? metricSelector });
}

/** The old form has no type: it follows from what is set. */
function targetOf(value?: string, averageValue?: string, averageUtilization?: number): MetricTarget {
  let type = 'Value';
  if (averageUtilization !== undefined) type = 'Utilization';
  else if (averageValue !== undefined) type = 'AverageValue';
  return present({ type, value, averageValue, averageUtilization });
}

/** The value of an object's target cannot be absent in the old form; zero stands for none. */
function objectTarget({ targetValue = '0', averageValue }: OldSource): MetricTarget {
  return averageValue === undefined
    ? targetOf(targetValue)
    : targetOf(targetValue === '0' ? undefined : targetValue, averageValue);
}

function resourceTarget({ targetAverageUtilization, targetAverageValue }: OldSource): MetricTarget {
  return targetOf(undefined, targetAverageValue, targetAverageUtilization);
}

function metricFromOld({ type, object, pods, resource, containerResource, external }: OldMetric): MetricSpec {
  return present({
    type,
    object: object && {
      describedObject: object.target,
      metric: identifier(object),
      target: objectTarget(object),
    },
    pods: pods && { metric: identifier(pods), target: targetOf(undefined, pods.targetAverageValue ?? '0') },
    resource: resource && { name: resource.name, target: resourceTarget(resource) },
    containerResource: containerResource && {
      name: containerResource.name,
      container: containerResource.container,
      target: resourceTarget(containerResource),
    },
    external: external && {
      metric: identifier(external),
      target: targetOf(external.targetValue, external.targetAverageValue),
    },
  });
}

function currentOf({
  currentValue,
  currentAverageValue,
  currentAverageUtilization,
  averageValue,
}: OldSource): Json {
  return present({
    value: currentValue,
    averageValue: currentAverageValue ?? averageValue,
    averageUtilization: currentAverageUtilization,
  });
}

function statusFromOld({
  type,
  object,
  pods,
  resource,
  containerResource,
  external,
}: OldMetric): MetricStatus {
  return present({
    type,
    object: object && {
      describedObject: object.target,
      metric: identifier(object),
      current: currentOf(object),
    },
    pods: pods && { metric: identifier(pods), current: currentOf(pods) },
    resource: resource && { name: resource.name, current: currentOf(resource) },
    containerResource: containerResource && {
      name: containerResource.name,
      container: containerResource.container,
      current: currentOf(containerResource),
    },
    external: external && { metric: identifier(external), current: currentOf(external) },
  });
}

/** What a client wrote into an annotation; anything but JSON of the kind expected counts as absent. */
function parsed<T>(text: string | undefined, isExpected: (value: unknown) => value is T): T | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isExpected(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isList = (value: unknown): boolean => Array.isArray(value) && value.every(isObject);
const isMetricList = (value: unknown): value is OldMetric[] => isList(value);
const isConditionList = (value: unknown): value is HorizontalPodAutoscalerCondition[] => isList(value);

function withAnnotations<T extends KubeObject>(
  object: T,
  annotations: Record<string, string>,
): T['metadata'] {
  const { annotations: _before, ...metadata } = object.metadata;
  return Object.keys(annotations).length === 0 ? metadata : { ...metadata, annotations };
}

/** autoscaling/v2 to v1. */
function fromStored(object: KubeObject): KubeObject {
  const autoscaler = object as HorizontalPodAutoscaler;
  const { metrics = [], behavior, ...spec } = autoscaler.spec;
  const annotations = { ...autoscaler.metadata.annotations };
  const others = metrics.filter((each) => cpuUtilization(each) === undefined);
  const { currentMetrics = [], conditions = [], ...status } = autoscaler.status ?? {};
  if (others.length > 0) annotations[METRICS] = JSON.stringify(others.map(metricToOld));
  if (behavior !== undefined) annotations[BEHAVIOR] = JSON.stringify(behavior);
  if (currentMetrics.length > 0)
    annotations[CURRENT_METRICS] = JSON.stringify(currentMetrics.map(statusToOld));
  if (conditions.length > 0) annotations[CONDITIONS] = JSON.stringify(conditions);
  const cpu = metrics.map(cpuUtilization).findLast((each) => each !== undefined);
  const current = currentMetrics.find(
    ({ type, resource }) => type === 'Resource' && resource?.name === 'cpu',
  );
  return {
    ...object,
    metadata: withAnnotations(object, annotations),
    spec: present({ ...spec, targetCPUUtilizationPercentage: cpu }),
    ...(autoscaler.status === undefined
      ? {}
      : {
          status: present({
            ...status,
            currentCPUUtilizationPercentage: current?.resource?.current.averageUtilization,
          }),
        }),
  } as KubeObject;
}

/** autoscaling/v1 to v2: what the annotations hold first, then the target for cpu. */
function toStored(object: KubeObject): KubeObject {
  const autoscaler = object as HorizontalPodAutoscalerV1;
  const {
    [METRICS]: metricsText,
    [BEHAVIOR]: behaviorText,
    [CURRENT_METRICS]: currentText,
    [CONDITIONS]: conditionsText,
    ...annotations
  } = autoscaler.metadata.annotations ?? {};
  const { targetCPUUtilizationPercentage: percent, ...spec } = autoscaler.spec ?? {};
  const metrics = (parsed(metricsText, isMetricList) ?? []).map(metricFromOld);
  if (percent !== undefined) {
    const target = { type: 'Utilization', averageUtilization: percent };
    metrics.push({ type: 'Resource', resource: { name: 'cpu', target } });
  }
  return {
    ...object,
    metadata: withAnnotations(object, annotations),
    spec: present({
      ...spec,
      metrics: metrics.length === 0 ? undefined : metrics,
      behavior: parsed(behaviorText, isObject),
    }),
    ...(autoscaler.status === undefined
      ? {}
      : { status: statusToStored(autoscaler, currentText, conditionsText) }),
  } as KubeObject;
}

function statusToStored(
  { status }: HorizontalPodAutoscalerV1,
  currentText: string | undefined,
  conditionsText: string | undefined,
): HorizontalPodAutoscalerStatus {
  const { currentCPUUtilizationPercentage: percent, ...rest } = status!;
  let currentMetrics = parsed(currentText, isMetricList)?.map(statusFromOld);
  if (currentMetrics === undefined && percent !== undefined) {
    const resource = { name: 'cpu', current: { averageUtilization: percent } };
    currentMetrics = [{ type: 'Resource', resource }];
  }
  const conditions = parsed(conditionsText, isConditionList);
  return present({ ...rest, currentMetrics, conditions });
}

export const autoscalingV1: ServedVersion = { group: 'autoscaling', version: 'v1', toStored, fromStored };
