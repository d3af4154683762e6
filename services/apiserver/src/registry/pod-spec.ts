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
import { checkOneOf, checkOptionalOneOf, checkSyntax, MAX_INT32 } from './fields.ts';
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
import { checkPodSecurityContext } from './security-context.ts';
import { checkLabels } from './selectors.ts';
import { checkVolumes } from './volumes.ts';

const MAX_NAMESERVERS = 3;
const MAX_SEARCH_PATHS = 32;
const MAX_SEARCH_CHARACTERS = 2048;

/** Checks a spec after defaults. `isPod` is false for templates. */
export function checkPodSpec(spec: PodSpec, isPod: boolean, path: string, errors: FieldError[]): void {
  const volumes = checkVolumes(spec.volumes, `${path}.volumes`, errors);
  checkResourceClaims(spec.resourceClaims, `${path}.resourceClaims`, errors);
  const claims = new Set(spec.resourceClaims?.map((each) => each.name));
  const surroundings: ContainerSurroundings = { spec, volumes, claims };
  checkContainers(surroundings, `${path}.containers`, errors);
  checkInitContainers(surroundings, `${path}.initContainers`, errors);
  checkEphemeralContainers(surroundings, `${path}.ephemeralContainers`, errors);
  checkPodResources(spec.resources, `${path}.resources`, errors);
  if (spec.hostNetwork === true) checkHostNetworkPorts(spec, isPod, path, errors);
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
  checkHostUsers(spec, path, errors);
  checkNames(spec, path, errors);
  checkTolerations(spec.tolerations, `${path}.tolerations`, errors);
  checkHostAliases(spec.hostAliases, `${path}.hostAliases`, errors);
  checkOptionalOneOf(
    spec.preemptionPolicy,
    `${path}.preemptionPolicy`,
    ['PreemptLowerPriority', 'Never'],
    errors,
  );
  checkOverhead(spec.overhead, `${path}.overhead`, errors);
  checkOs(spec, path, errors);
}

/** Names of other objects, and limits on time. */
function checkNames(spec: PodSpec, path: string, errors: FieldError[]): void {
  for (const key of ['serviceAccountName', 'nodeName', 'priorityClassName', 'runtimeClassName'] as const) {
    const name = spec[key] ?? '';
    if (name !== '') checkSyntax(name, `${path}.${key}`, dnsSubdomainProblems, errors);
  }
  for (const key of ['hostname', 'subdomain'] as const) {
    const name = spec[key] ?? '';
    if (name !== '') checkSyntax(name, `${path}.${key}`, dnsLabelProblems, errors);
  }
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined && (deadline < 1 || deadline > MAX_INT32)) {
    errors.push(field.invalid(`${path}.activeDeadlineSeconds`, deadline, rangeText(1, MAX_INT32)));
  }
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
  }
}

function checkOs({ os, securityContext }: PodSpec, path: string, errors: FieldError[]): void {
  if (os === undefined) return;
  if ((os.name ?? '') === '') errors.push(field.required(`${path}.os.name`, 'cannot be empty'));
  else checkOptionalOneOf(os.name, `${path}.os`, ['linux', 'windows'], errors);
  if (os.name === 'linux' && securityContext?.windowsOptions !== undefined) {
    const why = 'windows options cannot be set for a linux pod';
    errors.push(field.forbidden(`${path}.securityContext.windowsOptions`, why));
  }
}
