/** What a Service must be (`ValidateService`). */

import type { Service, ServicePort } from '@orrery/api/gen/types.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkCidr, checkIp, checkNotSpecialIp, isIPv6 } from './addresses.ts';
import { PROTOCOLS } from './containers.ts';
import {
  checkOneOf,
  checkOptionalOneOf,
  checkPortNumber,
  checkPortNumberOrName,
  checkRequired,
  checkSyntax,
} from './fields.ts';
import { dnsLabelProblems, dnsSubdomainProblems, qualifiedNameProblems } from './names.ts';
import { checkLabels } from './selectors.ts';
import { HEADLESS, isExternallyAccessible, isHeadless, needsHealthCheckPort } from './service-fields.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const MAX_AFFINITY_SECONDS = 86_400;

/** Everything that a client can get wrong. */
export function validateService(service: Service): FieldError[] {
  const errors: FieldError[] = [];
  const { spec } = service;
  checkTopologyAnnotations(service, errors);
  checkType(service, errors);
  checkPorts(service, errors);
  checkLabels(spec.selector, 'spec.selector', errors);
  checkAffinity(service, errors);
  if (spec.type !== 'ExternalName') checkAddresses(service, errors);
  for (const [index, ip] of (spec.externalIPs ?? []).entries()) {
    const path = `spec.externalIPs[${index}]`;
    if (checkIp(ip, path, errors)) checkNotSpecialIp(ip, path, errors);
  }
  checkOneOf(spec.type, 'spec.type', TYPES, errors);
  checkLoadBalancer(service, errors);
  checkTrafficPolicies(service, errors);
  return errors;
}

const TOPOLOGY_MODE = 'service.kubernetes.io/topology-mode';
const TOPOLOGY_HINTS = 'service.kubernetes.io/topology-aware-hints';
const SOURCE_RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges';

/** The annotation and its old name say the same, where both say something. */
function checkTopologyAnnotations({ metadata }: Service, errors: FieldError[]): void {
  const { [TOPOLOGY_MODE]: mode, [TOPOLOGY_HINTS]: hints } = metadata.annotations ?? {};
  if (mode === undefined || hints === undefined || mode === hints) return;
  const why = `must match annotations[${TOPOLOGY_HINTS}] when both are specified`;
  errors.push(field.invalid(`metadata.annotations[${TOPOLOGY_MODE}]`, mode, why));
}

/** What only the server can provide: checked when allocations are done. */
export function checkAllocated(service: Service, errors: FieldError[]): void {
  if (needsHealthCheckPort(service) && (service.spec.healthCheckNodePort ?? 0) === 0) {
    errors.push(field.required('spec.healthCheckNodePort'));
  }
}

function checkType(service: Service, errors: FieldError[]): void {
  const { spec } = service;
  const { type } = spec;
  const headless = isHeadless(service);
  if ((spec.ports ?? []).length === 0 && !headless && type !== 'ExternalName')
    errors.push(field.required('spec.ports'));
  if (headless && (type === 'LoadBalancer' || type === 'NodePort')) {
    errors.push(
      field.invalid('spec.clusterIPs[0]', HEADLESS, `may not be set to 'None' for ${type} services`),
    );
  }
  if (type !== 'ExternalName') return;
  const why = 'may not be set for ExternalName services';
  if ((spec.clusterIPs ?? []).length > 0) errors.push(field.forbidden('spec.clusterIPs', why));
  if ((spec.ipFamilies ?? []).length > 0) errors.push(field.forbidden('spec.ipFamilies', why));
  if (spec.ipFamilyPolicy !== undefined) errors.push(field.forbidden('spec.ipFamilyPolicy', why));
  // A trailing dot says that the name is complete.
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  checkRequired(name, 'spec.externalName', dnsSubdomainProblems, errors);
}

function checkPorts({ spec: { type, ports = [] } }: Service, errors: FieldError[]): void {
  const names = new Set<string>();
  const nodePorts = new Set<string>();
  const numbers = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const path = `spec.ports[${index}]`;
    checkPort(port, ports.length > 1, names, path, errors);
    const { protocol = '', nodePort = 0 } = port;
    if (nodePort !== 0) {
      if (type === 'ClusterIP') {
        errors.push(field.forbidden(`${path}.nodePort`, "may not be used when `type` is 'ClusterIP'"));
      }
      if (nodePorts.has(`${protocol}/${nodePort}`))
        errors.push(field.duplicate(`${path}.nodePort`, nodePort));
      nodePorts.add(`${protocol}/${nodePort}`);
    }
    const key = `${protocol}/${port.port}`;
    if (numbers.has(key)) errors.push(field.duplicate(path, { protocol, port: port.port }));
    numbers.add(key);
  }
}

function checkPort(
  { name = '', port = 0, protocol, targetPort, appProtocol }: Partial<ServicePort>,
  needsName: boolean,
  names: Set<string>,
  path: string,
  errors: FieldError[],
): void {
  if (name !== '') {
    checkSyntax(name, `${path}.name`, dnsLabelProblems, errors);
    if (names.has(name)) errors.push(field.duplicate(`${path}.name`, name));
    names.add(name);
  } else if (needsName) errors.push(field.required(`${path}.name`));
  checkPortNumber(port, `${path}.port`, errors);
  checkOneOf(protocol, `${path}.protocol`, PROTOCOLS, errors);
  checkPortNumberOrName(targetPort, `${path}.targetPort`, errors);
  if (appProtocol !== undefined)
    checkSyntax(appProtocol, `${path}.appProtocol`, qualifiedNameProblems, errors);
}

function checkAffinity({ spec }: Service, errors: FieldError[]): void {
  const { sessionAffinity, sessionAffinityConfig: config } = spec;
  const path = 'spec.sessionAffinityConfig';
  checkOneOf(sessionAffinity, 'spec.sessionAffinity', ['ClientIP', 'None'], errors);
  if (sessionAffinity === 'None' && config !== undefined) {
    errors.push(field.forbidden(path, 'must not be set when session affinity is None'));
  }
  if (sessionAffinity !== 'ClientIP') return;
  const seconds = config?.clientIP?.timeoutSeconds;
  const at = `${path}.clientIP.timeoutSeconds`;
  if (seconds === undefined) errors.push(field.required(at, 'when session affinity type is ClientIP'));
  else if (seconds <= 0 || seconds > MAX_AFFINITY_SECONDS) {
    errors.push(field.invalid(at, seconds, `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`));
  }
}

/** The address and its families (`ValidateServiceClusterIPsRelatedFields`). */
function checkAddresses(service: Service, errors: FieldError[]): void {
  const { clusterIP = '', clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = service.spec;
  const path = 'spec.clusterIPs';
  if (clusterIP === '') {
    if (clusterIPs.length > 0) {
      errors.push(field.invalid(path, clusterIPs, 'must be empty when `clusterIP` is not specified'));
    }
  } else if (clusterIPs.length === 0) errors.push(field.required(path));
  else if (clusterIPs[0] !== clusterIP) {
    errors.push(field.invalid(path, clusterIPs, 'first value must match `clusterIP`'));
  }
  checkFamilies(ipFamilies, ipFamilyPolicy, errors);
  let wellFormed = true;
  for (const [index, ip] of clusterIPs.entries()) {
    if (index === 0 && ip === HEADLESS) {
      if (clusterIPs.length === 1) continue;
      errors.push(field.invalid(path, clusterIPs, "'None' must be the first and only value"));
      wellFormed = false;
    } else if (!checkIp(ip, `${path}[${index}]`, errors)) wellFormed = false;
  }
  if (clusterIPs.length > 2) errors.push(field.invalid(path, clusterIPs, 'may only hold up to 2 values'));
  if (!wellFormed || isHeadless(service)) return;
  if (clusterIPs.length > 1 && new Set(clusterIPs.map(isIPv6)).size !== clusterIPs.length) {
    errors.push(field.invalid(path, clusterIPs, 'may specify no more than one IP for each IP family'));
  }
  for (const [index, ip] of clusterIPs.entries()) {
    const family = ipFamilies[index];
    if (family === undefined || (family === 'IPv6') === isIPv6(ip)) continue;
    const why = `expected an ${family} value as indicated by \`ipFamilies[${index}]\``;
    errors.push(field.invalid(`${path}[${index}]`, ip, why));
  }
}

function checkFamilies(families: readonly string[], policy: string | undefined, errors: FieldError[]): void {
  for (const [index, family] of families.entries()) {
    const path = `spec.ipFamilies[${index}]`;
    checkOptionalOneOf(family, path, ['IPv4', 'IPv6'], errors);
    if (families.indexOf(family) < index) errors.push(field.duplicate(path, family));
  }
  checkOptionalOneOf(
    policy,
    'spec.ipFamilyPolicy',
    ['PreferDualStack', 'RequireDualStack', 'SingleStack'],
    errors,
  );
}

function checkLoadBalancer({ metadata, spec }: Service, errors: FieldError[]): void {
  const isLoadBalancer = spec.type === 'LoadBalancer';
  const why = "may only be used when `type` is 'LoadBalancer'";
  const ranges = spec.loadBalancerSourceRanges ?? [];
  if (ranges.length > 0 && !isLoadBalancer)
    errors.push(field.forbidden('spec.LoadBalancerSourceRanges', why));
  for (const [index, range] of ranges.entries()) {
    checkCidr(range.trim(), `spec.LoadBalancerSourceRanges[${index}]`, errors);
  }
  const annotation = metadata.annotations?.[SOURCE_RANGES];
  if (ranges.length === 0 && annotation !== undefined) {
    const path = `metadata.annotations[${SOURCE_RANGES}]`;
    if (!isLoadBalancer) errors.push(field.forbidden(path, why));
    const listed = annotation.trim() === '' ? [] : annotation.split(',');
    for (const range of listed) checkCidr(range.trim(), path, errors);
  }
  if (spec.allocateLoadBalancerNodePorts !== undefined && !isLoadBalancer) {
    errors.push(field.forbidden('spec.allocateLoadBalancerNodePorts', why));
  }
  if (spec.loadBalancerClass === undefined) return;
  if (isLoadBalancer)
    checkSyntax(spec.loadBalancerClass, 'spec.loadBalancerClass', qualifiedNameProblems, errors);
  else errors.push(field.forbidden('spec.loadBalancerClass', why));
}

function checkTrafficPolicies(service: Service, errors: FieldError[]): void {
  const { externalTrafficPolicy: external, internalTrafficPolicy, healthCheckNodePort = 0 } = service.spec;
  const { trafficDistribution } = service.spec;
  const policies = ['Cluster', 'Local'];
  if (isExternallyAccessible(service)) checkOneOf(external, 'spec.externalTrafficPolicy', policies, errors);
  else if (external !== undefined) {
    const why = 'may only be set for externally-accessible services';
    errors.push(field.invalid('spec.externalTrafficPolicy', external, why));
  }
  if (healthCheckNodePort !== 0) {
    const path = 'spec.healthCheckNodePort';
    if (needsHealthCheckPort(service)) checkPortNumber(healthCheckNodePort, path, errors);
    else {
      const why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
      errors.push(field.invalid(path, healthCheckNodePort, why));
    }
  }
  checkOptionalOneOf(internalTrafficPolicy, 'spec.internalTrafficPolicy', policies, errors);
  checkOptionalOneOf(
    trafficDistribution,
    'spec.trafficDistribution',
    ['PreferClose', 'PreferSameNode', 'PreferSameZone'],
    errors,
  );
}

/** The address of a Service stays what it is while it has one. */
export function validateServiceUpdate(service: Service, stored: Service): FieldError[] {
  const errors: FieldError[] = [];
  const { spec } = service;
  const { spec: before } = stored;
  if (spec.type !== 'ExternalName' && before.type !== 'ExternalName')
    checkSameAddress(service, stored, errors);
  if (spec.type === 'LoadBalancer' && before.type === 'LoadBalancer') {
    if (spec.loadBalancerClass !== before.loadBalancerClass) {
      errors.push(
        field.invalid('spec.loadBalancerClass', spec.loadBalancerClass ?? null, 'may not change once set'),
      );
    }
  }
  const bothChecked = needsHealthCheckPort(service) && needsHealthCheckPort(stored);
  if (bothChecked && spec.healthCheckNodePort !== before.healthCheckNodePort) {
    errors.push(field.forbidden('spec.healthCheckNodePort', 'field is immutable'));
  }
  return errors;
}

function checkSameAddress(service: Service, stored: Service, errors: FieldError[]): void {
  if (isHeadless(service) && isHeadless(stored)) return;
  const ips = service.spec.clusterIPs ?? [];
  const [first] = stored.spec.clusterIPs ?? [];
  if (first === undefined) return;
  if (ips.length === 0) {
    errors.push(field.invalid('spec.clusterIPs[0]', ips, 'primary clusterIP can not be unset'));
  } else if (ips[0] !== first)
    errors.push(field.invalid('spec.clusterIPs[0]', ips, 'may not change once set'));
  const family = stored.spec.ipFamilies?.[0];
  if (family !== undefined && !isHeadless(service) && service.spec.ipFamilies?.[0] !== family) {
    errors.push(
      field.invalid('spec.ipFamilies[0]', service.spec.ipFamilies ?? [], 'may not change once set'),
    );
  }
  checkSecond('clusterIPs', 'clusterIP', service, stored, errors);
  if (!isHeadless(service)) checkSecond('ipFamilies', 'ipFamily', service, stored, errors);
}

/** The second address and family may come and go; to give them up the policy must say so. */
function checkSecond(
  key: 'clusterIPs' | 'ipFamilies',
  what: string,
  { spec }: Service,
  { spec: before }: Service,
  errors: FieldError[],
): void {
  const [values, old] = [spec[key] ?? [], before[key] ?? []];
  if (values.length === 2 && old.length === 2 && values[1] !== old[1]) {
    errors.push(field.invalid(`spec.${key}[1]`, values, 'may not change once set'));
  }
  if (values.length === 1 && old.length === 2 && spec.ipFamilyPolicy !== 'SingleStack') {
    const why = `must be set to 'SingleStack' when releasing the secondary ${what}`;
    errors.push(field.invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy ?? null, why));
  }
}
