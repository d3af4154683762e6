/** What of a pod decides where it may run: affinity, tolerations, spreading; and the taints of nodes. */

import type {
  Affinity,
  LabelSelector,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  PodSchedulingGate,
  Taint,
  Toleration,
  TopologySpreadConstraint,
} from '@orrery/api/gen/types.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkOptionalOneOf, checkSyntax } from './fields.ts';
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelValueProblems,
  qualifiedNameProblems,
} from './names.ts';
import { checkLabelSelector } from './selectors.ts';

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';

export function checkTolerations(
  tolerations: readonly Toleration[] | undefined,
  path: string,
  errors: FieldError[],
): void {
  if (tolerations === undefined) return;
  for (const [index, toleration] of tolerations.entries())
    checkToleration(toleration, `${path}[${index}]`, errors);
}

function checkToleration(
  { key = '', operator = '', value = '', effect = '', tolerationSeconds }: Toleration,
  path: string,
  errors: FieldError[],
): void {
  if (key !== '') checkSyntax(key, `${path}.key`, qualifiedNameProblems, errors);
  else if (operator !== 'Exists') {
    const why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
    errors.push(field.invalid(`${path}.operator`, operator, why));
  }
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
    const why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
    errors.push(field.invalid(`${path}.effect`, effect, why));
  }
  if (operator === 'Exists') {
    if (value !== '') {
      errors.push(
        field.invalid(`${path}.operator`, value, "value must be empty when `operator` is 'Exists'"),
      );
    }
  } else if (operator === '' || operator === 'Equal') {
    const problems = labelValueProblems(value);
    if (problems.length > 0) errors.push(field.invalid(`${path}.operator`, value, problems.join(';')));
  } else errors.push(field.notSupported(`${path}.operator`, operator, ['Equal', 'Exists']));
  if (effect !== '') checkOptionalOneOf(effect, `${path}.effect`, EFFECTS, errors);
}

/** Taints of a node: unique by key and effect. */
export function checkTaints(
  taints: readonly Partial<Taint>[] | undefined,
  path: string,
  errors: FieldError[],
): void {
  const seen = new Set<string>();
  for (const [index, taint] of (taints ?? []).entries()) {
    const { key = '', value = '', effect = '' } = taint;
    const at = `${path}[${index}]`;
    checkSyntax(key, `${at}.key`, qualifiedNameProblems, errors);
    const problems = labelValueProblems(value);
    if (problems.length > 0) errors.push(field.invalid(`${at}.value`, value, problems.join(';')));
    if (effect === '') errors.push(field.required(`${at}.effect`));
    else checkOptionalOneOf(effect, `${at}.effect`, EFFECTS, errors);
    const identity = `${effect}/${key}`;
    if (seen.has(identity)) {
      errors.push({ ...field.duplicate(at, taint), detail: 'taints must be unique by key and effect pair' });
    }
    seen.add(identity);
  }
}

export function checkAffinity(affinity: Affinity | undefined, path: string, errors: FieldError[]): void {
  if (affinity === undefined) return;
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  const required = nodeAffinity?.[REQUIRED];
  if (required !== undefined) checkNodeSelector(required, `${path}.nodeAffinity.${REQUIRED}`, errors);
  for (const [index, { weight, preference }] of (nodeAffinity?.[PREFERRED] ?? []).entries()) {
    const at = `${path}.nodeAffinity.${PREFERRED}[${index}]`;
    checkWeight(weight, at, errors);
    // Label values are not checked here: a preference that nothing meets does no harm.
    checkNodeSelectorTerm(preference, false, `${at}.preference`, errors);
  }
  checkPodAffinity(podAffinity, `${path}.podAffinity`, errors);
  checkPodAffinity(podAntiAffinity, `${path}.podAntiAffinity`, errors);
}

/** Terms of which a node has to meet one. */
export function checkNodeSelector(selector: NodeSelector, path: string, errors: FieldError[]): void {
  const terms = selector.nodeSelectorTerms ?? [];
  const at = `${path}.nodeSelectorTerms`;
  if (terms.length === 0) errors.push(field.required(at, 'must have at least one node selector term'));
  for (const [index, term] of terms.entries()) checkNodeSelectorTerm(term, true, `${at}[${index}]`, errors);
}

function checkWeight(weight: number, path: string, errors: FieldError[]): void {
  if (!(weight >= 1 && weight <= 100)) {
    errors.push(field.invalid(`${path}.weight`, weight, 'must be in the range 1-100'));
  }
}

function checkNodeSelectorTerm(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  withValues: boolean,
  path: string,
  errors: FieldError[],
): void {
  for (const [index, requirement] of matchExpressions.entries()) {
    checkNodeLabelRequirement(requirement, withValues, `${path}.matchExpressions[${index}]`, errors);
  }
  for (const [index, requirement] of matchFields.entries()) {
    checkNodeFieldRequirement(requirement, `${path}.matchFields[${index}]`, errors);
  }
}

function checkNodeLabelRequirement(
  { key, operator, values = [] }: NodeSelectorRequirement,
  withValues: boolean,
  path: string,
  errors: FieldError[],
): void {
  const at = `${path}.values`;
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0)
        errors.push(field.required(at, "must be specified when `operator` is 'In' or 'NotIn'"));
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        errors.push(
          field.forbidden(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
        );
      }
      break;
    case 'Gt':
    case 'Lt':
      if (values.length !== 1) {
        errors.push(field.required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
      }
      break;
    default:
      errors.push(field.invalid(`${path}.operator`, operator, 'not a valid selector operator'));
  }
  checkSyntax(key ?? '', `${path}.key`, qualifiedNameProblems, errors);
  if (!withValues) return;
  for (const [index, value] of values.entries())
    checkSyntax(value, `${at}[${index}]`, labelValueProblems, errors);
}

/** The only field is the name, and it is compared with one value. */
function checkNodeFieldRequirement(
  { key, operator, values = [] }: NodeSelectorRequirement,
  path: string,
  errors: FieldError[],
): void {
  if (operator !== 'In' && operator !== 'NotIn') {
    errors.push(field.invalid(`${path}.operator`, operator, 'not a valid selector operator'));
  } else if (values.length !== 1) {
    const why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    errors.push(field.required(`${path}.values`, why));
  }
  if (key !== 'metadata.name') {
    errors.push(field.invalid(`${path}.key`, key, 'not a valid field selector key'));
    return;
  }
  for (const [index, value] of values.entries()) {
    checkSyntax(value, `${path}.values[${index}]`, dnsSubdomainProblems, errors);
  }
}

function checkPodAffinity(affinity: PodAffinity | undefined, path: string, errors: FieldError[]): void {
  for (const [index, term] of (affinity?.[REQUIRED] ?? []).entries()) {
    checkPodAffinityTerm(term, `${path}.${REQUIRED}[${index}]`, errors);
  }
  for (const [index, { weight, podAffinityTerm }] of (affinity?.[PREFERRED] ?? []).entries()) {
    const at = `${path}.${PREFERRED}[${index}]`;
    checkWeight(weight, at, errors);
    checkPodAffinityTerm(podAffinityTerm, `${at}.podAffinityTerm`, errors);
  }
}

function checkPodAffinityTerm(term: Partial<PodAffinityTerm>, path: string, errors: FieldError[]): void {
  const { labelSelector, namespaceSelector, namespaces = [], topologyKey = '' } = term;
  checkLabelSelector(labelSelector, `${path}.labelSelector`, errors);
  checkLabelSelector(namespaceSelector, `${path}.namespaceSelector`, errors);
  for (const name of namespaces) checkSyntax(name, `${path}.namespace`, dnsLabelProblems, errors);
  checkLabelKeys(term, path, errors);
  if (topologyKey === '') errors.push(field.required(`${path}.topologyKey`, 'can not be empty'));
  checkSyntax(topologyKey, `${path}.topologyKey`, qualifiedNameProblems, errors);
}

/** What follows the labels of the pod itself: in terms of affinity, and in constraints of spreading. */
interface LabelKeys {
  labelSelector?: LabelSelector;
  matchLabelKeys?: string[];
  mismatchLabelKeys?: string[];
}

/** A new pod's selectors have requirements for these keys already (pod-label-keys.ts); templates' have not. */
function checkLabelKeys(
  { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] }: LabelKeys,
  path: string,
  errors: FieldError[],
): void {
  checkKeyNames(matchLabelKeys, labelSelector, `${path}.matchLabelKeys`, errors);
  checkKeyNames(mismatchLabelKeys, labelSelector, `${path}.mismatchLabelKeys`, errors);
  if (matchLabelKeys.length === 0) return;
  const lastIndexes = new Map(matchLabelKeys.map((key, index) => [key, index]));
  const selected = new Set(Object.keys(labelSelector?.matchLabels ?? {}));
  for (const { key } of labelSelector?.matchExpressions ?? []) {
    const index = lastIndexes.get(key);
    if (index !== undefined && selected.has(key)) {
      const why = 'exists in both matchLabelKeys and labelSelector';
      errors.push(field.invalid(`${path}[${index}]`, key, why));
    }
    selected.add(key);
  }
  const mismatched = new Set(mismatchLabelKeys);
  for (const [index, key] of matchLabelKeys.entries()) {
    if (!mismatched.has(key)) continue;
    const why = 'exists in both matchLabelKeys and mismatchLabelKeys';
    errors.push(field.invalid(`${path}.matchLabelKeys[${index}]`, key, why));
  }
}

function checkKeyNames(
  keys: readonly string[],
  selector: LabelSelector | undefined,
  path: string,
  errors: FieldError[],
): void {
  if (keys.length === 0) return;
  if (selector === undefined) {
    errors.push(field.forbidden(path, 'must not be specified when labelSelector is not set'));
    return;
  }
  for (const [index, key] of keys.entries())
    checkSyntax(key, `${path}[${index}]`, qualifiedNameProblems, errors);
}

const SPREAD_ACTIONS = ['DoNotSchedule', 'ScheduleAnyway'];
const INCLUSION_POLICIES = ['Honor', 'Ignore'];
const NOT_POSITIVE = 'must be greater than zero';

/** Each pair of topology key and action may stand once. */
export function checkSpreadConstraints(
  constraints: readonly TopologySpreadConstraint[] | undefined,
  path: string,
  errors: FieldError[],
): void {
  if (constraints === undefined) return;
  const pairs = constraints.map(
    ({ topologyKey, whenUnsatisfiable }) => `{${topologyKey}, ${whenUnsatisfiable}}`,
  );
  const lastIndexes = new Map(pairs.map((pair, index) => [pair, index]));
  for (const [index, constraint] of constraints.entries()) {
    const at = `${path}[${index}]`;
    checkSpreadConstraint(constraint, at, errors);
    const pair = pairs[index]!;
    if (lastIndexes.get(pair) !== index) {
      errors.push(field.duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, pair));
    }
  }
}

function checkSpreadConstraint(
  constraint: Partial<TopologySpreadConstraint>,
  path: string,
  errors: FieldError[],
): void {
  const { maxSkew = 0, topologyKey = '', whenUnsatisfiable = '', minDomains, labelSelector } = constraint;
  if (maxSkew <= 0) errors.push(field.invalid(`${path}.maxSkew`, maxSkew, NOT_POSITIVE));
  if (topologyKey === '') errors.push(field.required(`${path}.topologyKey`, 'can not be empty'));
  checkOptionalOneOf(whenUnsatisfiable, `${path}.whenUnsatisfiable`, SPREAD_ACTIONS, errors);
  if (minDomains !== undefined) {
    if (minDomains <= 0) errors.push(field.invalid(`${path}.minDomains`, minDomains, NOT_POSITIVE));
    if (whenUnsatisfiable !== 'DoNotSchedule') {
      const why = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
      errors.push(field.invalid(`${path}.minDomains`, minDomains, why));
    }
  }
  checkOptionalOneOf(constraint.nodeAffinityPolicy, `${path}.nodeAffinityPolicy`, INCLUSION_POLICIES, errors);
  checkOptionalOneOf(constraint.nodeTaintsPolicy, `${path}.nodeTaintsPolicy`, INCLUSION_POLICIES, errors);
  checkLabelKeys(constraint, path, errors);
  checkLabelSelector(labelSelector, `${path}.labelSelector`, errors);
}

export function checkSchedulingGates(
  gates: readonly PodSchedulingGate[] | undefined,
  path: string,
  errors: FieldError[],
): void {
  const seen = new Set<string>();
  for (const [index, { name }] of (gates ?? []).entries()) {
    const at = `${path}[${index}]`;
    checkSyntax(name, at, qualifiedNameProblems, errors);
    if (seen.has(name)) errors.push(field.duplicate(at, name));
    seen.add(name);
  }
}
