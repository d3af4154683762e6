/** ResourceQuotas (pkg/apis/core/validation, ValidateResourceQuota). */

import type { ResourceQuota, ResourceQuotaSpec, ScopeSelector } from '@orrery/api/gen/types.ts';
import { ResourceQuotas } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { define } from './definition.ts';
import { checkImmutable } from './fields.ts';
import { dnsSubdomainProblems } from './names.ts';
import { checkQuantity, checkQuotaResourceName, isForQuotas } from './resources.ts';

const POD_AMOUNTS = [
  'pods',
  'cpu',
  'memory',
  'requests.cpu',
  'requests.memory',
  'limits.cpu',
  'limits.memory',
];
/** The scopes, and what a quota with them may limit. */
const LIMITABLE: Readonly<Record<string, readonly string[]>> = {
  BestEffort: ['pods'],
  CrossNamespacePodAffinity: POD_AMOUNTS,
  NotBestEffort: POD_AMOUNTS,
  NotTerminating: POD_AMOUNTS,
  PriorityClass: POD_AMOUNTS,
  Terminating: POD_AMOUNTS,
};
const OPPOSITES = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
];

function validateQuota({ spec = {} }: ResourceQuota): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, quantity] of Object.entries(spec.hard ?? {})) {
    const path = `spec.hard[${name}]`;
    checkQuotaResourceName(name, path, errors);
    checkQuantity(name, quantity, path, errors);
  }
  const { scopes = [], scopeSelector } = spec;
  checkScopes(spec, scopes, 'spec.scopes', 'spec.scopes', scopes, errors);
  if (scopeSelector !== undefined) checkScopeSelector(spec, scopeSelector, errors);
  return errors;
}

/** Upstream's errors name the list and not its entry; `value` is what they show of it. */
function checkScopes(
  { hard = {} }: ResourceQuotaSpec,
  scopes: readonly string[],
  path: string,
  scopePath: string,
  value: unknown,
  errors: FieldError[],
): void {
  for (const scope of scopes) {
    const limitable = LIMITABLE[scope];
    if (limitable === undefined) {
      errors.push(field.invalid(scopePath, scopePath === path ? value : scope, 'unsupported scope'));
      continue;
    }
    for (const name of Object.keys(hard).sort()) {
      if (isForQuotas(name) && !limitable.includes(name)) {
        errors.push(field.invalid(path, value, 'unsupported scope applied to resource'));
      }
    }
  }
  for (const pair of OPPOSITES) {
    if (pair.every((each) => scopes.includes(each))) {
      errors.push(field.invalid(path, value, 'conflicting scopes'));
    }
  }
}

function checkScopeSelector(spec: ResourceQuotaSpec, selector: ScopeSelector, errors: FieldError[]): void {
  const path = 'spec.scopeSelector.matchExpressions';
  const requirements = selector.matchExpressions ?? [];
  const names = requirements.map(({ scopeName }) => scopeName);
  checkScopes(spec, names, path, `${path}.scopeName`, selector, errors);
  for (const { scopeName, operator, values = [] } of requirements) {
    if (scopeName !== 'PriorityClass' && Object.hasOwn(LIMITABLE, scopeName) && operator !== 'Exists') {
      const why =
        "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
      errors.push(field.invalid(`${path}.operator`, operator, why));
    }
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length > 0) continue;
      const why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
      errors.push(field.required(`${path}.values`, why));
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length === 0) continue;
      const why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
      errors.push(field.invalid(`${path}.values`, values, why));
    } else errors.push(field.invalid(`${path}.operator`, operator, 'not a valid selector operator'));
  }
}

function validateStatus({ status = {} }: ResourceQuota): FieldError[] {
  const errors: FieldError[] = [];
  for (const key of ['hard', 'used'] as const) {
    for (const [name, quantity] of Object.entries(status[key] ?? {})) {
      checkQuotaResourceName(name, `status.${key}[${name}]`, errors);
      checkQuantity(name, quantity, `status.${key}[${name}]`, errors);
    }
  }
  return errors;
}

/** `cpu: 1/2, memory: 1Gi/2Gi` of what is or is not about limits. */
function amounts({ status }: ResourceQuota, areLimits: boolean): string {
  const { hard = {}, used = {} } = status ?? {};
  return Object.keys(hard)
    .filter((name) => name.startsWith('limits.') === areLimits)
    .sort()
    .map((name) => `${name}: ${used[name] ?? '0'}/${hard[name]}`)
    .join(', ');
}

export const resourceQuotasDefinition = define<ResourceQuota>({
  ref: ResourceQuotas,
  singular: 'resourcequota',
  shortNames: ['quota'],
  versions: [{ group: '', version: 'v1' }],
  columns: [
    nameColumn,
    column('Request', (quota) => amounts(quota, false)),
    column('Limit', (quota) => amounts(quota, true)),
    ageColumn,
  ],
  subresources: ['status'],
  returnsDeleted: true,
  nameProblems: dnsSubdomainProblems,
  prepareCreate: (object) => {
    object.status = {};
  },
  validate: validateQuota,
  validateUpdate: ({ spec = {} }, { spec: stored = {} }) => {
    const errors: FieldError[] = [];
    const ordered = ({ scopes = [] }: ResourceQuotaSpec): string[] => [...scopes].sort();
    checkImmutable(ordered(spec), ordered(stored), 'spec.scopes', errors);
    return errors;
  },
  validateStatusUpdate: validateStatus,
});
