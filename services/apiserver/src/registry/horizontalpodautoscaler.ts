/** HorizontalPodAutoscalers. */

import type { HorizontalPodAutoscaler, HPAScalingPolicy, HPAScalingRules } from '@orrery/api/gen/types.ts';
import { isQuantity, milliValue } from '@orrery/api/quantity.ts';
import { HorizontalPodAutoscalers } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { autoscalingV1 } from './autoscaling-v1.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { define } from './definition.ts';
import { checkNotNegative, checkOneOf, checkOptionalOneOf } from './fields.ts';
import { checkMetrics, checkObjectReference, targetsCell } from './horizontalpodautoscaler-metrics.ts';
import { dnsSubdomainProblems } from './names.ts';

const DEFAULT_CPU_UTILIZATION_PERCENT = 80;
const MAX_WINDOW_SECONDS = 3600;
const MAX_PERIOD_SECONDS = 1800;
const POLICY_PERIOD_SECONDS = 15;

/** Fills in what a client that sets some of the behaviour leaves out (pkg/apis/autoscaling/v2/defaults.go). */
function defaultRules(rules: HPAScalingRules | undefined, up: boolean): HPAScalingRules {
  const result = rules ?? {};
  result.selectPolicy ??= 'Max';
  if (up) result.stabilizationWindowSeconds ??= 0;
  result.policies ??= [
    ...(up ? [{ type: 'Pods', value: 4, periodSeconds: POLICY_PERIOD_SECONDS }] : []),
    { type: 'Percent', value: 100, periodSeconds: POLICY_PERIOD_SECONDS },
  ];
  return result;
}

function defaultAutoscaler(autoscaler: HorizontalPodAutoscaler): void {
  autoscaler.spec ??= {} as HorizontalPodAutoscaler['spec'];
  const { spec } = autoscaler;
  spec.scaleTargetRef ??= { kind: '', name: '' };
  spec.maxReplicas ??= 0;
  spec.minReplicas ??= 1;
  if ((spec.metrics ?? []).length === 0) {
    const target = { type: 'Utilization', averageUtilization: DEFAULT_CPU_UTILIZATION_PERCENT };
    spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }];
  }
  if (spec.behavior === undefined) return;
  spec.behavior.scaleUp = defaultRules(spec.behavior.scaleUp, true);
  spec.behavior.scaleDown = defaultRules(spec.behavior.scaleDown, false);
}

function validateAutoscaler({ spec }: HorizontalPodAutoscaler): FieldError[] {
  const errors: FieldError[] = [];
  const { minReplicas = 1, maxReplicas, behavior } = spec;
  if (minReplicas < 1)
    errors.push(field.invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1'));
  if (maxReplicas < 1) errors.push(field.invalid('spec.maxReplicas', maxReplicas, 'must be greater than 0'));
  if (maxReplicas < minReplicas) {
    errors.push(
      field.invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'),
    );
  }
  checkObjectReference(spec.scaleTargetRef, 'spec.scaleTargetRef', errors);
  checkMetrics(spec.metrics, 'spec.metrics', errors);
  checkRules(behavior?.scaleUp, 'spec.behavior.scaleUp', errors);
  checkRules(behavior?.scaleDown, 'spec.behavior.scaleDown', errors);
  return errors;
}

function checkRules(rules: HPAScalingRules | undefined, path: string, errors: FieldError[]): void {
  if (rules === undefined) return;
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rules;
  const at = `${path}.stabilizationWindowSeconds`;
  if (window !== undefined && window < 0) {
    errors.push(field.invalid(at, window, 'must be greater than or equal to zero'));
  }
  if (window !== undefined && window > MAX_WINDOW_SECONDS) {
    errors.push(field.invalid(at, window, `must be less than or equal to ${MAX_WINDOW_SECONDS}`));
  }
  checkOptionalOneOf(selectPolicy, `${path}.selectPolicy`, ['Disabled', 'Max', 'Min'], errors);
  if (policies.length === 0)
    errors.push(field.required(`${path}.policies`, 'must specify at least one Policy'));
  for (const [index, policy] of policies.entries()) checkPolicy(policy, `${path}.policies[${index}]`, errors);
  if (tolerance !== undefined && !(isQuantity(tolerance) && milliValue(tolerance) >= 0)) {
    errors.push(field.invalid(`${path}.tolerance`, tolerance, 'must be greater or equal to 0'));
  }
}

function checkPolicy(
  { type, value, periodSeconds }: HPAScalingPolicy,
  path: string,
  errors: FieldError[],
): void {
  checkOneOf(type, `${path}.type`, ['Percent', 'Pods'], errors);
  const notPositive = 'must be greater than zero';
  if (!(value > 0)) errors.push(field.invalid(`${path}.value`, value ?? 0, notPositive));
  if (!(periodSeconds > 0))
    errors.push(field.invalid(`${path}.periodSeconds`, periodSeconds ?? 0, notPositive));
  else if (periodSeconds > MAX_PERIOD_SECONDS) {
    const why = `must be less than or equal to ${MAX_PERIOD_SECONDS}`;
    errors.push(field.invalid(`${path}.periodSeconds`, periodSeconds, why));
  }
}

export const horizontalPodAutoscalersDefinition = define<HorizontalPodAutoscaler>({
  ref: HorizontalPodAutoscalers,
  singular: 'horizontalpodautoscaler',
  shortNames: ['hpa'],
  categories: ['all'],
  versions: [{ group: 'autoscaling', version: 'v2' }, autoscalingV1],
  columns: [
    nameColumn,
    column('Reference', ({ spec: { scaleTargetRef } }) => `${scaleTargetRef.kind}/${scaleTargetRef.name}`),
    column('Targets', targetsCell),
    column('MinPods', ({ spec }) => String(spec.minReplicas ?? '<unset>')),
    column('MaxPods', ({ spec }) => spec.maxReplicas),
    column('Replicas', ({ status }) => status?.currentReplicas ?? 0),
    ageColumn,
  ],
  subresources: ['status'],
  nameProblems: dnsSubdomainProblems,
  defaults: defaultAutoscaler,
  prepareCreate: (object) => {
    object.status = { currentReplicas: 0, desiredReplicas: 0 };
  },
  validate: validateAutoscaler,
  validateStatusUpdate: ({ status }) => {
    const errors: FieldError[] = [];
    checkNotNegative(status?.currentReplicas, 'status.currentReplicas', errors);
    checkNotNegative(status?.desiredReplicas, 'status.desiredReplicas', errors);
    return errors;
  },
});
