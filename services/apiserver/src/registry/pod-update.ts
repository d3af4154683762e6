/** What of a pod may change after its creation (`ValidatePodUpdate`, `ValidatePodStatusUpdate`). */

import type {
  Container,
  ContainerRestartRuleOnExitCodes,
  ContainerStatus,
  Pod,
  PodSchedulingGate,
  PodSpec,
  Toleration,
} from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkIp } from './addresses.ts';
import { checkImmutable, checkSyntax, MAX_INT32 } from './fields.ts';
import { dnsSubdomainProblems, qualifiedNameProblems, rangeText } from './names.ts';

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
  const changed = otherChanges(spec, stored);
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

/** Paths that changed and may not, with a gated pod's node selection left to its own rules. */
function otherChanges(spec: PodSpec, stored: PodSpec): string[] {
  const changed: string[] = [];
  const next = spec as unknown as Record<string, unknown>;
  const before = stored as unknown as Record<string, unknown>;
  for (const key of new Set([...Object.keys(next), ...Object.keys(before)])) {
    if (OWN_RULES.has(key) || jsonEqual(next[key], before[key])) continue;
    if (key === 'nodeSelector' && isGatedAddition(spec, stored)) continue;
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

/** While gates hold a pod back, its node selector may be narrowed (KEP-3838). */
function isGatedAddition(spec: PodSpec, stored: PodSpec): boolean {
  if ((stored.schedulingGates ?? []).length === 0) return false;
  return Object.entries(stored.nodeSelector ?? {}).every(
    ([key, value]) => spec.nodeSelector?.[key] === value,
  );
}

const SYSTEM_CONDITIONS = new Set(['PodScheduled', 'Ready', 'Initialized']);

/** Everything wrong with a change of the status. */
export function checkPodStatusUpdate(
  { spec, status = {} }: Pod,
  { status: stored = {} }: Pod,
  errors: FieldError[],
): void {
  for (const [index, { type }] of (status.conditions ?? []).entries()) {
    if (SYSTEM_CONDITIONS.has(type)) continue;
    checkSyntax(type, `metadata.conditions[${index}].Type`, qualifiedNameProblems, errors);
  }
  const nominated = status.nominatedNodeName ?? '';
  if (nominated !== '' && nominated !== stored.nominatedNodeName) {
    checkSyntax(nominated, 'status.nominatedNodeName', dnsSubdomainProblems, errors);
  }
  // A writer may leave the class out; it may not give another one.
  if (status.qosClass !== undefined)
    checkImmutable(status.qosClass, stored.qosClass, 'status.qosClass', errors);
  for (const key of STATUS_LISTS) checkTransitions(status[key], stored[key], key, spec, errors);
  for (const [index, { ip = '' }] of (status.podIPs ?? []).entries())
    checkIp(ip, `status.podIPs[${index}]`, errors);
  const [hostIp] = status.hostIPs ?? [];
  if (hostIp !== undefined && hostIp.ip !== status.hostIP) {
    errors.push(field.invalid('status.hostIPs[0].ip', hostIp.ip, 'must be equal to `hostIP`'));
  }
}

const STATUS_LISTS = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const;

type StatusList = (typeof STATUS_LISTS)[number];

/** A container that has ended and is not restarted stays ended. */
function checkTransitions(
  next: readonly ContainerStatus[] | undefined,
  stored: readonly ContainerStatus[] | undefined,
  key: StatusList,
  spec: PodSpec,
  errors: FieldError[],
): void {
  for (const [index, { name, state }] of (stored ?? []).entries()) {
    if (state?.terminated === undefined || mayRestart(name, key, spec, state.terminated.exitCode)) continue;
    if (next?.some((each) => each.name === name && each.state?.terminated === undefined) === true) {
      errors.push(
        field.forbidden(`status.${key}[${index}].state`, 'may not be transitioned to non-terminated state'),
      );
    }
  }
}

/** By the pod's policy, or by the container's own policy and rules (KEP-5307). Ephemeral containers run once. */
function mayRestart(name: string, key: StatusList, spec: PodSpec, exitCode: number): boolean {
  if (key === 'ephemeralContainerStatuses') return false;
  // Whatever a container's own policy says: in a new sandbox all of them start again.
  if (spec.restartPolicy === 'Always') return true;
  const containers = key === 'containerStatuses' ? spec.containers : spec.initContainers;
  const container = containers?.find((each) => each.name === name);
  if (container?.restartPolicyRules?.some(({ exitCodes }) => coversExit(exitCodes, exitCode)) === true) {
    return true;
  }
  const policy = container?.restartPolicy ?? spec.restartPolicy;
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

function coversExit(codes: ContainerRestartRuleOnExitCodes | undefined, exitCode: number): boolean {
  if (codes === undefined) return false;
  return (codes.values?.includes(exitCode) === true) === (codes.operator === 'In');
}
