/** What of a pod may change after its creation (`ValidatePodUpdate`). */

import type {
  Affinity,
  Container,
  NodeSelectorTerm,
  Pod,
  PodSchedulingGate,
  PodSpec,
  Toleration,
} from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { MAX_INT32 } from './fields.ts';
import { rangeText } from './names.ts';

const MAY_CHANGE = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

/** Fields with rules of their own. */
const OWN_RULES = new Set<string>([
  'containers',
  'initContainers',
  'activeDeadlineSeconds',
  'tolerations',
  'schedulingGates',
  'terminationGracePeriodSeconds',
]);

/** Everything wrong with a change of the spec. */
export function checkPodUpdate({ spec }: Pod, { spec: stored }: Pod, errors: FieldError[]): void {
  if (jsonEqual(spec, stored)) return;
  for (const key of ['containers', 'initContainers'] as const) {
    if ((spec[key] ?? []).length !== (stored[key] ?? []).length) {
      errors.push(field.forbidden(`spec.${key}`, 'pod updates may not add or remove containers'));
      return;
    }
  }
  if (!checkDeadline(spec.activeDeadlineSeconds, stored.activeDeadlineSeconds, errors)) return;
  checkTolerationsKept(spec.tolerations ?? [], stored.tolerations ?? [], errors);
  checkGatesOnlyRemoved(spec.schedulingGates ?? [], stored.schedulingGates ?? [], errors);
  const gated = (stored.schedulingGates ?? []).length > 0;
  if (gated) checkGatedUpdate(spec, stored, errors);
  const changed = otherChanges(spec, stored, gated);
  if (changed.length > 0) {
    const why = `pod updates may not change fields other than ${MAY_CHANGE}\n${changed.join('\n')}`;
    errors.push(field.forbidden('spec', why));
  }
}

/** A deadline may be set or brought forward, never removed or put off. Reports whether to go on. */
function checkDeadline(
  deadline: number | undefined,
  stored: number | undefined,
  errors: FieldError[],
): boolean {
  const path = 'spec.activeDeadlineSeconds';
  if (deadline === undefined) {
    if (stored !== undefined) {
      errors.push(field.invalid(path, null, 'must not update from a positive integer to nil value'));
    }
    return true;
  }
  if (deadline < 0 || deadline > MAX_INT32)
    errors.push(field.invalid(path, deadline, rangeText(0, MAX_INT32)));
  else if (stored !== undefined && stored < deadline) {
    errors.push(field.invalid(path, deadline, 'must be less than or equal to previous value'));
  } else return true;
  return false;
}

function checkTolerationsKept(
  next: readonly Toleration[],
  stored: readonly Toleration[],
  errors: FieldError[],
): void {
  const kept = stored.every((old) =>
    next.some(
      (each) =>
        each.key === old.key &&
        each.operator === old.operator &&
        each.value === old.value &&
        each.effect === old.effect,
    ),
  );
  if (kept) return;
  const why = 'existing toleration can not be modified except its tolerationSeconds';
  errors.push(field.forbidden('spec.tolerations', why));
}

function checkGatesOnlyRemoved(
  next: readonly PodSchedulingGate[],
  stored: readonly PodSchedulingGate[],
  errors: FieldError[],
): void {
  for (const [index, { name }] of next.entries()) {
    if (stored.some((each) => each.name === name)) continue;
    const why = `only deletion is allowed, but found new scheduling gate '${name}'`;
    errors.push(field.forbidden(`spec.schedulingGates[${index}].name`, why));
  }
}

function sameButImage(a: Container, b: Container): boolean {
  return jsonEqual({ ...a, image: '' }, { ...b, image: '' });
}

/** Paths that changed and may not, with a gated pod's choice of nodes left to rules of its own. */
function otherChanges(spec: PodSpec, stored: PodSpec, gated: boolean): string[] {
  const changed: string[] = [];
  const next = spec as unknown as Record<string, unknown>;
  const before = stored as unknown as Record<string, unknown>;
  for (const key of new Set([...Object.keys(next), ...Object.keys(before)])) {
    if (OWN_RULES.has(key) || jsonEqual(next[key], before[key])) continue;
    if (gated && key === 'nodeSelector') continue;
    if (gated && key === 'affinity' && jsonEqual(podAffinities(spec), podAffinities(stored))) continue;
    changed.push(`spec.${key}`);
  }
  for (const key of ['containers', 'initContainers'] as const) {
    for (const [index, container] of (spec[key] ?? []).entries()) {
      if (!sameButImage(container, stored[key]![index]!)) changed.push(`spec.${key}[${index}]`);
    }
  }
  const grace = stored.terminationGracePeriodSeconds;
  const sameGrace = spec.terminationGracePeriodSeconds === grace;
  const repaired = (grace ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1;
  if (!sameGrace && !repaired) changed.push('spec.terminationGracePeriodSeconds');
  return changed;
}

/** What of the affinity is not about nodes; none at all is the same as an empty one. */
function podAffinities({ affinity = {} }: PodSpec): Affinity {
  const { nodeAffinity: _free, ...rest } = affinity;
  return rest;
}

/** While gates hold a pod back, the nodes that it may run on may become fewer, not others (KEP-3838). */
function checkGatedUpdate(spec: PodSpec, stored: PodSpec, errors: FieldError[]): void {
  const { nodeSelector = {} } = spec;
  const keptAll = Object.entries(stored.nodeSelector ?? {}).every(
    ([key, value]) => nodeSelector[key] === value,
  );
  if (!keptAll) {
    const why = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)';
    errors.push(field.invalid('spec.nodeSelector', nodeSelector, why));
  }
  const before = requiredTerms(stored);
  if (before.length === 0) return;
  const terms = requiredTerms(spec);
  const path = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
  if (terms.length !== before.length) {
    const why = 'no additions/deletions to non-empty NodeSelectorTerms list are allowed';
    errors.push(field.invalid(path, terms, why));
    return;
  }
  for (const [index, term] of terms.entries()) {
    if (isNarrower(term, before[index]!)) continue;
    const why = 'only additions are allowed (no mutations or deletions)';
    errors.push(field.invalid(`${path}[${index}]`, term, why));
  }
}

function requiredTerms({ affinity }: PodSpec): readonly NodeSelectorTerm[] {
  return affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
}

/** Whether a term demands all that it demanded before. One that selected nothing may not start to select. */
function isNarrower(term: NodeSelectorTerm, before: NodeSelectorTerm): boolean {
  const lists = ['matchExpressions', 'matchFields'] as const;
  const wasEmpty = lists.every((key) => (before[key] ?? []).length === 0);
  if (wasEmpty && lists.some((key) => (term[key] ?? []).length > 0)) return false;
  return lists.every((key) => {
    const kept = before[key] ?? [];
    return jsonEqual((term[key] ?? []).slice(0, kept.length), kept);
  });
}
