/** PodDisruptionBudgets (pkg/apis/policy/validation). */

import { UNCOUNTED } from '@orrery/api/disruption.ts';
import type { PodDisruptionBudget } from '@orrery/api/gen/types.ts';
import { PodDisruptionBudgets } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { define } from './definition.ts';
import { checkAtMostAll, checkCountOrPercent, checkNotNegative, checkOptionalOneOf } from './fields.ts';
import { dnsSubdomainProblems } from './names.ts';
import { checkLabelSelector } from './selectors.ts';

function validateBudget({ spec }: PodDisruptionBudget): FieldError[] {
  const errors: FieldError[] = [];
  const { minAvailable, maxUnavailable, selector } = spec ?? {};
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    const why = 'minAvailable and maxUnavailable cannot be both set';
    errors.push(field.invalid('spec', spec, why));
  }
  for (const [value, path] of [
    [minAvailable, 'spec.minAvailable'],
    [maxUnavailable, 'spec.maxUnavailable'],
  ] as const) {
    if (value === undefined) continue;
    checkCountOrPercent(value, path, errors);
    checkAtMostAll(value, path, errors);
  }
  if (selector !== undefined) checkLabelSelector(selector, 'spec.selector', errors);
  const policy = spec?.unhealthyPodEvictionPolicy;
  checkOptionalOneOf(policy, 'spec.unhealthyPodEvictionPolicy', ['AlwaysAllow', 'IfHealthyBudget'], errors);
  return errors;
}

const COUNTS = ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const;

export const podDisruptionBudgetsDefinition = define<PodDisruptionBudget>({
  ref: PodDisruptionBudgets,
  singular: 'poddisruptionbudget',
  shortNames: ['pdb'],
  versions: [{ group: 'policy', version: 'v1' }],
  columns: [
    nameColumn,
    column('Min Available', ({ spec }) => String(spec?.minAvailable ?? 'N/A')),
    column('Max Unavailable', ({ spec }) => String(spec?.maxUnavailable ?? 'N/A')),
    column('Allowed Disruptions', ({ status }) => status?.disruptionsAllowed ?? 0, 'integer'),
    ageColumn,
  ],
  subresources: ['status'],
  generationOf: ({ spec }) => spec,
  nameProblems: dnsSubdomainProblems,
  prepareCreate: (object) => {
    object.status = { ...UNCOUNTED };
  },
  validate: validateBudget,
  validateStatusUpdate: ({ status = UNCOUNTED }) => {
    const errors: FieldError[] = [];
    for (const key of COUNTS) checkNotNegative(status[key], `status.${key}`, errors);
    return errors;
  },
});
