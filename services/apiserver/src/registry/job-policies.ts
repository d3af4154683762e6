/** What failures and successes of pods mean to a Job (pkg/apis/batch/validation, KEP-3329, KEP-3998). */

import type {
  JobSpec,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from '@orrery/api/gen/types.ts';
import { indexesOf, parseIndexes } from '@orrery/api/index-set.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkNotNegative, checkOneOf } from './fields.ts';
import { qualifiedNameProblems } from './names.ts';

const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const OPERATORS = ['In', 'NotIn'];
const CONDITION_STATUSES = ['False', 'True', 'Unknown'];
const MAX_RULES = 20;
const MAX_EXIT_CODES = 255;
const MAX_PATTERNS = 20;
const MAX_INDEX_TEXT = 64 * 1024;

export function checkPodFailurePolicy(spec: JobSpec, path: string, errors: FieldError[]): void {
  const rules = spec.podFailurePolicy?.rules ?? [];
  const at = `${path}.podFailurePolicy.rules`;
  if (rules.length > MAX_RULES) errors.push(field.tooMany(at, rules.length, MAX_RULES));
  const containers = new Set(
    [...(spec.template.spec?.containers ?? []), ...(spec.template.spec?.initContainers ?? [])].map(
      ({ name }) => name,
    ),
  );
  for (const [index, rule] of rules.entries()) {
    checkFailureRule(rule, spec, containers, `${at}[${index}]`, errors);
  }
}

function checkFailureRule(
  { action, onExitCodes, onPodConditions = [] }: PodFailurePolicyRule,
  spec: JobSpec,
  containers: ReadonlySet<string>,
  path: string,
  errors: FieldError[],
): void {
  if (action === undefined || action === '') {
    errors.push(
      field.required(
        `${path}.action`,
        `valid values: ${ACTIONS.map((each) => JSON.stringify(each)).join(', ')}`,
      ),
    );
  } else if (!ACTIONS.includes(action)) errors.push(field.notSupported(`${path}.action`, action, ACTIONS));
  else if (action === 'FailIndex' && spec.backoffLimitPerIndex === undefined) {
    const why = 'requires the backoffLimitPerIndex to be set';
    errors.push(field.invalid(`${path}.action`, action, why));
  }
  if (onExitCodes !== undefined) checkExitCodes(onExitCodes, containers, `${path}.onExitCodes`, errors);
  if (onPodConditions.length > MAX_PATTERNS) {
    errors.push(field.tooMany(`${path}.onPodConditions`, onPodConditions.length, MAX_PATTERNS));
  }
  for (const [index, { type, status }] of onPodConditions.entries()) {
    const at = `${path}.onPodConditions[${index}]`;
    for (const problem of qualifiedNameProblems(type))
      errors.push(field.invalid(`${at}.type`, type, problem));
    checkOneOf(status, `${at}.status`, CONDITION_STATUSES, errors);
  }
  if (onExitCodes !== undefined && onPodConditions.length > 0) {
    const why = 'specifying both OnExitCodes and OnPodConditions is not supported';
    errors.push(field.invalid(path, { action, onExitCodes, onPodConditions }, why));
  } else if (onExitCodes === undefined && onPodConditions.length === 0) {
    const why = 'specifying one of OnExitCodes and OnPodConditions is required';
    errors.push(field.invalid(path, { action }, why));
  }
}

function checkExitCodes(
  { containerName, operator, values = [] }: PodFailurePolicyOnExitCodesRequirement,
  containers: ReadonlySet<string>,
  path: string,
  errors: FieldError[],
): void {
  checkOneOf(operator, `${path}.operator`, OPERATORS, errors);
  if (containerName !== undefined && !containers.has(containerName)) {
    const why = 'must be one of the container or initContainer names in the pod template';
    errors.push(field.invalid(`${path}.containerName`, containerName, why));
  }
  const at = `${path}.values`;
  if (values.length === 0) errors.push(field.invalid(at, values, 'at least one value is required'));
  else if (values.length > MAX_EXIT_CODES) errors.push(field.tooMany(at, values.length, MAX_EXIT_CODES));
  let isOrdered = true;
  const seen = new Set<number>();
  for (const [index, value] of values.entries()) {
    if (value === 0 && operator === 'In') {
      errors.push(field.invalid(`${at}[${index}]`, value, 'must not be 0 for the In operator'));
    }
    if (seen.has(value)) errors.push(field.duplicate(`${at}[${index}]`, value));
    else if (index > 0 && values[index - 1]! > value) isOrdered = false;
    seen.add(value);
  }
  if (!isOrdered) errors.push(field.invalid(at, values, 'must be ordered'));
}

export function checkSuccessPolicy(spec: JobSpec, path: string, errors: FieldError[]): void {
  const rules = spec.successPolicy?.rules ?? [];
  const at = `${path}.successPolicy.rules`;
  if (rules.length === 0)
    errors.push(
      field.required(at, 'at least one rules must be specified when the successPolicy is specified'),
    );
  if (rules.length > MAX_RULES) errors.push(field.tooMany(at, rules.length, MAX_RULES));
  for (const [index, rule] of rules.entries()) {
    checkSuccessRule(rule, spec.completions ?? 0, `${at}[${index}]`, errors);
  }
}

function checkSuccessRule(
  rule: SuccessPolicyRule,
  completions: number,
  path: string,
  errors: FieldError[],
): void {
  const { succeededIndexes, succeededCount } = rule;
  if (succeededCount === undefined && succeededIndexes === undefined) {
    errors.push(field.required(path, 'at least one of succeededCount or succeededIndexes must be specified'));
  }
  let total = completions;
  if (succeededIndexes !== undefined) {
    const at = `${path}.succeededIndexes`;
    if (succeededIndexes.length > MAX_INDEX_TEXT) errors.push(field.tooLong(at, MAX_INDEX_TEXT));
    const ranges = parseIndexes(succeededIndexes);
    if (ranges === undefined) {
      errors.push(field.invalid(at, succeededIndexes, 'error parsing succeededIndexes'));
    } else {
      total = indexesOf(ranges, completions).size;
      if ((ranges.at(-1)?.[1] ?? 0) >= completions) {
        errors.push(field.invalid(at, succeededIndexes, 'too large index'));
      }
    }
  }
  if (succeededCount === undefined) return;
  const at = `${path}.succeededCount`;
  checkNotNegative(succeededCount, at, errors);
  if (succeededCount > completions) {
    errors.push(
      field.invalid(
        at,
        succeededCount,
        `must be less than or equal to ${completions} (the number of specified completions)`,
      ),
    );
  }
  if (succeededIndexes !== undefined && succeededCount > total) {
    errors.push(
      field.invalid(
        at,
        succeededCount,
        `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`,
      ),
    );
  }
}
