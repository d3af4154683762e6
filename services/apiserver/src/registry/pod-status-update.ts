/** What a write of a pod's status may say (`ValidatePodStatusUpdate`). */

import type {
  Container,
  ContainerRestartRuleOnExitCodes,
  ContainerStatus,
  Pod,
  PodIP,
  PodSpec,
  PodStatus,
  ResourceStatus,
} from '@orrery/api/gen/types.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkIp, isIPv6 } from './addresses.ts';
import { checkImmutable, checkOptionalOneOf, checkSyntax } from './fields.ts';
import { dnsSubdomainProblems, qualifiedNameProblems } from './names.ts';
import { checkId } from './security-context.ts';

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
  checkClaimStatuses(status, spec, errors);
  const { podIPs = [], hostIPs = [] } = status;
  checkAddresses(podIPs, 'status.podIPs', errors);
  const [hostIp] = hostIPs;
  if (hostIp !== undefined && hostIp.ip !== status.hostIP) {
    errors.push(field.invalid('status.hostIPs[0].ip', hostIp.ip, 'must be equal to `hostIP`'));
  }
  checkAddresses(hostIPs, 'status.hostIPs', errors);
  for (const key of STATUS_LISTS) checkUsers(status[key], `status.${key}`, spec.os?.name, errors);
  for (const key of STATUS_LISTS) checkDevices(status[key], key, spec, errors);
}

/** At most one address of each family. */
function checkAddresses(addresses: readonly Partial<PodIP>[], path: string, errors: FieldError[]): void {
  const ips = addresses.map(({ ip = '' }) => ip);
  const wellFormed = ips.map((ip, index) => checkIp(ip, `${path}[${index}]`, errors));
  if (ips.length < 2) return;
  const families = new Set(ips.map((ip) => isIPv6(ip)));
  if (wellFormed.every(Boolean) && (families.size < 2 || ips.length > 2)) {
    errors.push(field.invalid(path, addresses, 'may specify no more than one IP for each IP family'));
  }
  const seen = new Set<string>();
  for (const [index, ip] of ips.entries()) {
    if (seen.has(ip)) errors.push(field.duplicate(`${path}[${index}]`, addresses[index]));
    seen.add(ip);
  }
}

/** Claims made for the pod are those that its spec names (`validatePodResourceClaimStatuses`). */
function checkClaimStatuses(
  { resourceClaimStatuses = [] }: PodStatus,
  { resourceClaims = [] }: PodSpec,
  errors: FieldError[],
): void {
  const claimed = new Set(resourceClaims.map(({ name }) => name));
  const seen = new Set<string>();
  for (const [index, { name = '', resourceClaimName }] of resourceClaimStatuses.entries()) {
    const path = `status.resourceClaimStatuses[${index}].name`;
    if (!claimed.has(name)) {
      errors.push(field.invalid(path, name, 'must match the name of an entry in `spec.resourceClaims`'));
    }
    if (seen.has(name)) errors.push(field.duplicate(path, name));
    seen.add(name);
    if (resourceClaimName !== undefined) checkSyntax(resourceClaimName, path, dnsSubdomainProblems, errors);
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
  const container = containersOf(spec, key)?.find((each) => each.name === name);
  if (container?.restartPolicyRules?.some(({ exitCodes }) => coversExit(exitCodes, exitCode)) === true) {
    return true;
  }
  const policy = container?.restartPolicy ?? spec.restartPolicy;
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

function containersOf(spec: PodSpec, key: StatusList): readonly Container[] | undefined {
  return key === 'containerStatuses' ? spec.containers : spec.initContainers;
}

function coversExit(codes: ContainerRestartRuleOnExitCodes | undefined, exitCode: number): boolean {
  if (codes === undefined) return false;
  return (codes.values?.includes(exitCode) === true) === (codes.operator === 'In');
}

/** As whom containers run. */
function checkUsers(
  statuses: readonly ContainerStatus[] | undefined,
  path: string,
  os: string | undefined,
  errors: FieldError[],
): void {
  for (const [index, { user }] of (statuses ?? []).entries()) {
    const linux = user?.linux;
    if (linux === undefined) continue;
    const at = `${path}[${index}].linux`;
    if (os === 'windows') errors.push(field.forbidden(at, 'cannot be set for a windows pod'));
    else {
      checkId(linux.uid, `${at}.uid`, errors);
      checkId(linux.gid, `${at}.gid`, errors);
      for (const [place, gid] of (linux.supplementalGroups ?? []).entries()) {
        checkId(gid, `${at}.supplementalGroups[${place}]`, errors);
      }
    }
  }
}

const HEALTHS = ['Healthy', 'Unhealthy', 'Unknown'];

/** The health of devices that containers have got (KEP-4680); ephemeral containers get none. */
function checkDevices(
  statuses: readonly ContainerStatus[] | undefined,
  key: StatusList,
  spec: PodSpec,
  errors: FieldError[],
): void {
  for (const [index, { name, allocatedResourcesStatus: devices = [] }] of (statuses ?? []).entries()) {
    const path = `status.${key}[${index}].allocatedResourcesStatus`;
    if (key === 'ephemeralContainerStatuses') {
      if (devices.length > 0) errors.push(field.forbidden(path, 'must not be specified in container status'));
      continue;
    }
    const container = containersOf(spec, key)?.find((each) => each.name === name);
    for (const [place, device] of devices.entries()) {
      const at = `${path}[${place}]`;
      if (container !== undefined) checkDeviceName(device.name, container, `${at}.name`, errors);
      checkHealths(device, at, errors);
    }
  }
}

/** A resource that the container asks for, or `claim:NAME` and `claim:NAME/REQUEST` for one of its claims. */
function checkDeviceName(
  name: string,
  { resources: { requests = {}, claims = [] } = {} }: Container,
  path: string,
  errors: FieldError[],
): void {
  if (!name.startsWith('claim:')) {
    if (requests[name] !== undefined) return;
    errors.push(field.invalid(path, name, "must match one of the container's resource requests"));
    return;
  }
  const known = claims.map((each) => `claim:${each.name}${(each.request ?? '') && `/${each.request}`}`);
  if (known.includes(name)) return;
  const why =
    "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty";
  errors.push(field.invalid(path, name, why));
}

function checkHealths({ resources = [] }: ResourceStatus, path: string, errors: FieldError[]): void {
  const seen = new Set<string>();
  for (const [index, { resourceID, health = '' }] of resources.entries()) {
    const at = `${path}.resources[${index}]`;
    checkOptionalOneOf(health, `${at}.health`, HEALTHS, errors);
    if (seen.has(resourceID)) errors.push(field.duplicate(`${at}.resourceID`, resourceID));
    seen.add(resourceID);
  }
}
