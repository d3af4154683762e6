/** Metrics of HorizontalPodAutoscalers: how they are shown and what they must be. */

import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  MetricIdentifier,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '@orrery/api/gen/types.ts';
import { isQuantity, milliValue } from '@orrery/api/quantity.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { listWithMore } from './columns.ts';
import { checkRequired, checkSyntax } from './fields.ts';
import { pathSegmentProblems } from './names.ts';

const SHOWN_METRICS = 2;

const FIELD_BY_TYPE = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
} as const;

type MetricType = keyof typeof FIELD_BY_TYPE;
type Source = { target: MetricTarget; name?: string };

function isMetricType(type: string): type is MetricType {
  return Object.hasOwn(FIELD_BY_TYPE, type);
}

/** The Targets cell: `cpu: 30%/80%, 5/10 (avg) + 1 more...`. */
export function targetsCell({ spec, status }: HorizontalPodAutoscaler): string {
  const metrics = spec.metrics ?? [];
  if (metrics.length === 0) return '<none>';
  const shown = metrics.map((metric, index) => metricText(metric, status?.currentMetrics?.[index]));
  return listWithMore(shown, SHOWN_METRICS, ', ');
}

function metricText(spec: MetricSpec, status: MetricStatus | undefined): string {
  if (!isMetricType(spec.type)) return '<unknown type>';
  const key = FIELD_BY_TYPE[spec.type];
  const source = spec[key] as Source | undefined;
  if (source === undefined) return '<unknown type>';
  const current = status?.[key]?.current ?? {};
  if (spec.type === 'Resource' || spec.type === 'ContainerResource') return resourceText(source, current);
  const { averageValue, value = '' } = source.target;
  if (averageValue === undefined) return `${current.value ?? '<unknown>'}/${value}`;
  const suffix = spec.type === 'Pods' ? '' : ' (avg)';
  return `${current.averageValue ?? '<unknown>'}/${averageValue}${suffix}`;
}

function resourceText({ name = '', target }: Source, current: MetricValueStatus): string {
  if (target.averageValue !== undefined) {
    return `${name}: ${current.averageValue ?? '<unknown>'}/${target.averageValue}`;
  }
  const percent = (value: number | undefined, none: string): string =>
    value === undefined ? none : `${value}%`;
  const now = percent(current.averageUtilization, '<unknown>');
  return `${name}: ${now}/${percent(target.averageUtilization, '<auto>')}`;
}

export function checkMetrics(
  metrics: readonly MetricSpec[] | undefined,
  path: string,
  errors: FieldError[],
): void {
  for (const [index, metric] of (metrics ?? []).entries()) checkMetric(metric, `${path}[${index}]`, errors);
}

/** Exactly the source that the type names. */
function checkMetric(metric: Partial<MetricSpec>, path: string, errors: FieldError[]): void {
  const { type = '' } = metric;
  if (type === '') errors.push(field.required(`${path}.type`, 'must specify a metric source type'));
  if (!isMetricType(type)) errors.push(field.notSupported(`${path}.type`, type, Object.keys(FIELD_BY_TYPE)));
  const present = Object.values(FIELD_BY_TYPE).filter((key) => metric[key] !== undefined);
  if (present.length > 0) checkSource(metric, present[0]!, `${path}.${present[0]!}`, errors);
  const expected = isMetricType(type) ? FIELD_BY_TYPE[type] : undefined;
  if (expected !== undefined && !present.includes(expected)) {
    const why = 'must populate information for the given metric source';
    errors.push(field.required(`${path}.${expected}`, why));
  }
  if (present.length === 1) return;
  for (const key of present) {
    if (key !== expected)
      errors.push(field.forbidden(`${path}.${key}`, 'must populate the given metric source only'));
  }
}

function checkSource(
  metric: Partial<MetricSpec>,
  key: (typeof FIELD_BY_TYPE)[MetricType],
  path: string,
  errors: FieldError[],
): void {
  const target = `${path}.target`;
  switch (key) {
    case 'object': {
      const source = metric.object!;
      checkObjectReference(source.describedObject, `${path}.describedObject`, errors);
      checkIdentifier(source.metric, `${path}.metric`, errors);
      checkTarget(source.target, target, errors);
      if (source.target.value === undefined && source.target.averageValue === undefined) {
        errors.push(
          field.required(`${target}.averageValue`, 'must set either a target value or averageValue'),
        );
      }
      break;
    }
    case 'external':
      checkIdentifier(metric.external!.metric, `${path}.metric`, errors);
      checkTarget(metric.external!.target, target, errors);
      checkExternalTarget(metric.external!.target, target, errors);
      break;
    case 'pods':
      checkIdentifier(metric.pods!.metric, `${path}.metric`, errors);
      checkTarget(metric.pods!.target, target, errors);
      if (metric.pods!.target.averageValue === undefined) {
        errors.push(field.required(`${target}.averageValue`, 'must specify a positive target averageValue'));
      }
      break;
    case 'containerResource':
      if ((metric.containerResource!.container ?? '') === '') {
        errors.push(field.required(`${path}.container`, 'must specify a container'));
      }
      checkResourceSource(metric.containerResource!, path, errors);
      break;
    case 'resource':
      checkResourceSource(metric.resource!, path, errors);
      break;
  }
}

function checkExternalTarget(
  { value, averageValue }: MetricTarget,
  path: string,
  errors: FieldError[],
): void {
  if (value === undefined && averageValue === undefined) {
    const why = 'must set either a target value for metric or a per-pod target';
    errors.push(field.required(`${path}.averageValue`, why));
  } else if (value !== undefined && averageValue !== undefined) {
    const why = 'may not set both a target value for metric and a per-pod target';
    errors.push(field.forbidden(`${path}.value`, why));
  }
}

function checkResourceSource({ name = '', target }: Source, path: string, errors: FieldError[]): void {
  if (name === '') errors.push(field.required(`${path}.name`, 'must specify a resource name'));
  checkTarget(target, `${path}.target`, errors);
  if (target.averageUtilization === undefined && target.averageValue === undefined) {
    const why = 'must set either a target raw value or a target utilization';
    errors.push(field.required(`${path}.target.averageUtilization`, why));
  } else if (target.averageUtilization !== undefined && target.averageValue !== undefined) {
    const why = 'may not set both a target raw value and a target utilization';
    errors.push(field.forbidden(`${path}.target.averageValue`, why));
  }
}

function checkTarget(target: Partial<MetricTarget>, path: string, errors: FieldError[]): void {
  const { type = '', averageUtilization } = target;
  if (type === '') errors.push(field.required(`${path}.type`, 'must specify a metric target type'));
  else if (!['Utilization', 'Value', 'AverageValue'].includes(type)) {
    errors.push(field.invalid(`${path}.type`, type, 'must be either Utilization, Value, or AverageValue'));
  }
  for (const key of ['value', 'averageValue'] as const) {
    const value = target[key];
    if (value !== undefined && !(isQuantity(value) && milliValue(value) > 0)) {
      errors.push(field.invalid(`${path}.${key}`, value, 'must be positive'));
    }
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    errors.push(field.invalid(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0'));
  }
}

function checkIdentifier({ name = '' }: Partial<MetricIdentifier>, path: string, errors: FieldError[]): void {
  if (name === '') errors.push(field.required(`${path}.name`, 'must specify a metric name'));
  else checkSyntax(name, `${path}.name`, pathSegmentProblems, errors);
}

export function checkObjectReference(
  { kind = '', name = '' }: Partial<CrossVersionObjectReference>,
  path: string,
  errors: FieldError[],
): void {
  checkRequired(kind, `${path}.kind`, pathSegmentProblems, errors);
  checkRequired(name, `${path}.name`, pathSegmentProblems, errors);
}
