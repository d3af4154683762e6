/** The spec of pods and of pod templates (`ValidatePodSpec`). */

import type { HostAlias, PodDNSConfig, PodResourceClaim, PodSpec } from '@orrery/api/gen/types.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkIp } from './addresses.ts';
import {
  checkContainers,
  checkEphemeralContainers,
  checkInitContainers,
  type ContainerSurroundings,
} from './containers.ts';
import { checkOneOf, checkSyntax, MAX_INT32 } from './fields.ts';
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  qualifiedNameProblems,
  rangeText,
  underscoreSubdomainProblems,
} from './names.ts';
import { checkOverhead, checkPodResources } from './resources.ts';
import {
  checkAffinity,
  checkSchedulingGates,
  checkSpreadConstraints,
  checkTolerations,
} from './scheduling.ts';
import { checkOs } from './pod-os.ts';
import { checkPodSecurityContext } from './security-context.ts';
import { checkHostProcess } from './windows-options.ts';
import { checkLabels } from './selectors.ts';
import { checkVolumes } from './volumes.ts';

const MAX_NAMESERVERS = 3;
const MAX_SEARCH_PATHS = 32;
const MAX_SEARCH_CHARACTERS = 2048;

/** Checks a spec after defaults. `podName` is absent for templates: their pods have no names yet. */
export function checkPodSpec(
  spec: PodSpec,
  podName: string | undefined,
  path: string,
  errors: FieldError[],
): void {
  const volumes = checkVolumes(spec.volumes, podName, `${path}.volumes`, errors);
  checkResourceClaims(spec.resourceClaims, `${path}.resourceClaims`, errors);
  const claims = new Set(spec.resourceClaims?.map((each) => each.name));
  const surroundings: ContainerSurroundings = { spec, volumes, claims };
  checkContainers(surroundings, `${path}.containers`, errors);
  checkInitContainers(surroundings, `${path}.initContainers`, errors);
  checkEphemeralContainers(surroundings, `${path}.ephemeralContainers`, errors);
  checkPodResources(spec, `${path}.resources`, errors);
  if (spec.hostNetwork === true) checkHostNetworkPorts(spec, podName !== undefined, path, errors);
  checkOneOf(spec.restartPolicy, `${path}.restartPolicy`, ['Always', 'OnFailure', 'Never'], errors);
  checkOneOf(
    spec.dnsPolicy,
    `${path}.dnsPolicy`,
    ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'],
    errors,
  );
  checkLabels(spec.nodeSelector, `${path}.nodeSelector`, errors);
  checkPodSecurityContext(spec.securityContext, spec, `${path}.securityContext`, errors);
  checkAffinity(spec.affinity, `${path}.affinity`, errors);
  checkDnsConfig(spec.dnsConfig, spec.dnsPolicy, `${path}.dnsConfig`, errors);
  for (const [index, { conditionType }] of (spec.readinessGates ?? []).entries()) {
    checkSyntax(
      conditionType,
      `${path}.readinessGates[${index}].conditionType`,
      qualifiedNameProblems,
      errors,
    );
  }
  checkSchedulingGates(spec.schedulingGates, `${path}.schedulingGates`, errors);
  checkSpreadConstraints(spec.topologySpreadConstraints, `${path}.topologySpreadConstraints`, errors);
  checkHostProcess(spec, path, errors);
  checkHostUsers(spec, path, errors);
  checkName(spec, 'serviceAccountName', dnsSubdomainProblems, path, errors);
  checkName(spec, 'nodeName', dnsSubdomainProblems, path, errors);
  checkDeadline(spec.activeDeadlineSeconds, `${path}.activeDeadlineSeconds`, errors);
  checkName(spec, 'hostname', dnsLabelProblems, path, errors);
  checkName(spec, 'subdomain', dnsLabelProblems, path, errors);
  checkTolerations(spec.tolerations, `${path}.tolerations`, errors);
  checkHostAliases(spec.hostAliases, `${path}.hostAliases`, errors);
  checkName(spec, 'priorityClassName', dnsSubdomainProblems, path, errors);
  if (spec.runtimeClassName !== undefined) {
    checkSyntax(spec.runtimeClassName, `${path}.runtimeClassName`, dnsSubdomainProblems, errors);
  }
  if (spec.preemptionPolicy !== undefined) {
    const policies = ['PreemptLowerPriority', 'Never'];
    checkOneOf(spec.preemptionPolicy, `${path}.preemptionPolicy`, policies, errors);
  }
  checkOverhead(spec.overhead, `${path}.overhead`, errors);
  checkOs(spec, path, errors);
}

/** A name in the spec, which may be empty. */
function checkName(
  spec: PodSpec,
  key: 'serviceAccountName' | 'nodeName' | 'hostname' | 'subdomain' | 'priorityClassName',
  problemsOf: (name: string) => string[],
  path: string,
  errors: FieldError[],
): void {
  const name = spec[key] ?? '';
  if (name !== '') checkSyntax(name, `${path}.${key}`, problemsOf, errors);
}

function checkDeadline(seconds: number | undefined, path: string, errors: FieldError[]): void {
  if (seconds === undefined || (seconds >= 1 && seconds <= MAX_INT32)) return;
  errors.push(field.invalid(path, seconds, rangeText(1, MAX_INT32)));
}

/** With the host's network a container's port is the host's. Templates may leave it open. */
function checkHostNetworkPorts(spec: PodSpec, isPod: boolean, path: string, errors: FieldError[]): void {
  for (const [index, { ports = [] }] of (spec.containers ?? []).entries()) {
    for (const [at, { hostPort = 0, containerPort }] of ports.entries()) {
      if (hostPort === containerPort || (!isPod && hostPort === 0)) continue;
      const why = 'must match `containerPort` when `hostNetwork` is true';
      errors.push(field.invalid(`${path}.containers[${index}].ports[${at}].hostPort`, hostPort, why));
    }
  }
}

function checkHostUsers(spec: PodSpec, path: string, errors: FieldError[]): void {
  if (spec.hostUsers !== false) return;
  const why = 'when `pod.Spec.HostUsers` is false';
  if (spec.hostNetwork === true) errors.push(field.forbidden(`${path}.hostNetwork`, why));
  if (spec.hostPID === true) errors.push(field.forbidden(`${path}.HostPID`, why));
  if (spec.hostIPC === true) errors.push(field.forbidden(`${path}.HostIPC`, why));
}

function checkHostAliases(
  aliases: readonly HostAlias[] | undefined,
  path: string,
  errors: FieldError[],
): void {
  for (const [index, { ip = '', hostnames = [] }] of (aliases ?? []).entries()) {
    checkIp(ip, `${path}[${index}].ip`, errors);
    for (const [at, name] of hostnames.entries()) {
      checkSyntax(name, `${path}[${index}].hostnames[${at}]`, dnsSubdomainProblems, errors);
    }
  }
}

function checkDnsConfig(
  config: PodDNSConfig | undefined,
  policy: string | undefined,
  path: string,
  errors: FieldError[],
): void {
  if (config === undefined) {
    if (policy === 'None')
      errors.push(field.required(path, 'must provide `dnsConfig` when `dnsPolicy` is None'));
    return;
  }
  const { nameservers = [], searches = [], options = [] } = config;
  if (policy === 'None' && nameservers.length === 0) {
    const why = 'must provide at least one DNS nameserver when `dnsPolicy` is None';
    errors.push(field.required(`${path}.nameservers`, why));
    return;
  }
  if (nameservers.length > MAX_NAMESERVERS) {
    const why = `must not have more than ${MAX_NAMESERVERS} nameservers`;
    errors.push(field.invalid(`${path}.nameservers`, nameservers, why));
  }
  for (const [index, server] of nameservers.entries())
    checkIp(server, `${path}.nameservers[${index}]`, errors);
  if (searches.length > MAX_SEARCH_PATHS) {
    const why = `must not have more than ${MAX_SEARCH_PATHS} search paths`;
    errors.push(field.invalid(`${path}.searches`, searches, why));
  }
  if (searches.join(' ').length > MAX_SEARCH_CHARACTERS) {
    const why = `must not have more than ${MAX_SEARCH_CHARACTERS} characters (including spaces) in the search list`;
    errors.push(field.invalid(`${path}.searches`, searches, why));
  }
  for (const [index, search] of searches.entries()) {
    if (search === '.') continue;
    const name = search.endsWith('.') ? search.slice(0, -1) : search;
    checkSyntax(name, `${path}.searches[${index}]`, underscoreSubdomainProblems, errors);
  }
  for (const [index, { name = '' }] of options.entries()) {
    if (name === '') errors.push(field.required(`${path}.options[${index}]`, 'must not be empty'));
  }
}

function checkResourceClaims(
  claims: readonly Partial<PodResourceClaim>[] | undefined,
  path: string,
  errors: FieldError[],
): void {
  const names = new Set<string>();
  for (const [index, claim] of (claims ?? []).entries()) {
    const { name = '', resourceClaimName, resourceClaimTemplateName } = claim;
    const at = `${path}[${index}]`;
    if (name === '') errors.push(field.required(`${at}.name`));
    else if (names.has(name)) errors.push(field.duplicate(`${at}.name`, name));
    else checkSyntax(name, `${at}.name`, dnsLabelProblems, errors);
    names.add(name);
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
      const why = 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified';
      errors.push(field.invalid(at, claim, why));
    } else if (resourceClaimName === undefined && resourceClaimTemplateName === undefined) {
      const why = 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`';
      errors.push(field.invalid(at, claim, why));
    }
    for (const [key, value] of Object.entries({ resourceClaimName, resourceClaimTemplateName })) {
      if (value !== undefined) checkSyntax(value, `${at}.${key}`, dnsSubdomainProblems, errors);
    }
  }
}
