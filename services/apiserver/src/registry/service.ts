/** Services. */

import type { Service } from '@orrery/api/gen/types.ts';
import { Services } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkIp, isIPv4, isIPv6 } from './addresses.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { define } from './definition.ts';
import { checkOptionalOneOf, checkSyntax } from './fields.ts';
import { dns1035LabelProblems, dnsSubdomainProblems } from './names.ts';
import { allocateForService, releaseForService } from './service-allocation.ts';
import {
  carryOver,
  dropForType,
  isExternallyAccessible,
  isHeadless,
  normalizeClusterIps,
} from './service-fields.ts';
import { checkAllocated, validateService, validateServiceUpdate } from './service-validation.ts';
import { mapSelectorColumn } from './workload-columns.ts';

const AFFINITY_SECONDS = 10_800;

/** pkg/apis/core/v1/defaults.go, SetDefaults_Service. */
function defaultService(service: Service): void {
  service.spec ??= {};
  const { spec } = service;
  spec.type ||= 'ClusterIP';
  spec.sessionAffinity ||= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  else if (spec.sessionAffinity === 'ClientIP') {
    spec.sessionAffinityConfig ??= {};
    spec.sessionAffinityConfig.clientIP ??= {};
    spec.sessionAffinityConfig.clientIP.timeoutSeconds ??= AFFINITY_SECONDS;
  }
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP';
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '')
      port.targetPort = port.port;
  }
  if (isExternallyAccessible(service)) spec.externalTrafficPolicy ||= 'Cluster';
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type !== 'LoadBalancer') return;
  spec.allocateLoadBalancerNodePorts ??= true;
  for (const each of service.status?.loadBalancer?.ingress ?? []) {
    if ((each.ip ?? '') !== '') each.ipMode ??= 'VIP';
  }
}

function loadBalancerIps({ status }: Service): string[] {
  const shown = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || (hostname ?? ''));
  return [...new Set(shown.filter((each) => each !== ''))].sort();
}

function externalIpCell(service: Service): string {
  const { type, externalIPs = [], externalName = '' } = service.spec;
  if (type === 'ExternalName') return externalName;
  if (type === 'LoadBalancer') return [...loadBalancerIps(service), ...externalIPs].join(',') || '<pending>';
  return externalIPs.join(',') || '<none>';
}

function portsCell({ spec: { ports = [] } }: Service): string {
  const shown = ports.map(({ port, nodePort = 0, protocol = '' }) =>
    nodePort > 0 ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  );
  return shown.join(',') || '<none>';
}

function validateStatus({ spec, status }: Service): FieldError[] {
  const errors: FieldError[] = [];
  const ingress = status?.loadBalancer?.ingress ?? [];
  const path = 'status.loadBalancer.ingress';
  if (ingress.length > 0 && spec.type !== 'LoadBalancer') {
    return [field.forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")];
  }
  for (const [index, { ip = '', hostname = '', ipMode }] of ingress.entries()) {
    const at = `${path}[${index}]`;
    if (ip !== '') checkIp(ip, `${at}.ip`, errors);
    else if (ipMode !== undefined) {
      errors.push(field.forbidden(`${at}.ipMode`, 'may not be specified when `ip` is not set'));
    }
    checkOptionalOneOf(ipMode, `${at}.ipMode`, ['Proxy', 'VIP'], errors);
    if (hostname === '') continue;
    checkSyntax(hostname, `${at}.hostname`, dnsSubdomainProblems, errors);
    if (isIPv4(hostname) || isIPv6(hostname)) {
      const why = 'must be a DNS name, not an IP address';
      errors.push(field.invalid(`${at}.hostname`, hostname, why));
    }
  }
  return errors;
}

function serviceWarnings(service: Service): string[] {
  const { type, externalName = '', sessionAffinity } = service.spec;
  const warnings: string[] = [];
  if (isHeadless(service) && sessionAffinity === 'ClientIP') {
    warnings.push('spec.SessionAffinity is ignored for headless services');
  }
  if (externalName !== '' && type !== 'ExternalName') {
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  }
  return warnings;
}

export const servicesDefinition = define<Service>({
  ref: Services,
  singular: 'service',
  shortNames: ['svc'],
  categories: ['all'],
  versions: [{ group: '', version: 'v1' }],
  columns: [
    nameColumn,
    column('Type', ({ spec }) => spec.type ?? ''),
    column('Cluster-IP', ({ spec }) => spec.clusterIP || '<none>'),
    column('External-IP', externalIpCell),
    column('Port(s)', portsCell),
    ageColumn,
    mapSelectorColumn,
  ],
  fields: {
    'spec.clusterIP': ({ spec }) => spec.clusterIP ?? '',
    'spec.type': ({ spec }) => spec.type ?? '',
  },
  subresources: ['status'],
  returnsDeleted: true,
  createsOnUpdate: true,
  nameProblems: dns1035LabelProblems,
  defaults: defaultService,
  prepareCreate: async (object, context) => {
    object.status = { loadBalancer: {} };
    normalizeClusterIps(object);
    // Nothing is taken for what will be refused.
    if (validateService(object).length === 0) await allocateForService(object, undefined, context);
  },
  // What the update lets go is freed by the repair pass: it must stay taken until the write is done.
  prepareUpdate: async (object, stored, context) => {
    normalizeClusterIps(object, stored);
    carryOver(object, stored);
    dropForType(object, stored);
    const refused = validateService(object).length > 0 || validateServiceUpdate(object, stored).length > 0;
    if (!refused) await allocateForService(object, stored, context);
  },
  validate: (object) => {
    const errors = validateService(object);
    // Its absence follows from other findings, for which nothing was allocated.
    if (errors.length === 0) checkAllocated(object, errors);
    return errors;
  },
  validateUpdate: validateServiceUpdate,
  validateStatusUpdate: validateStatus,
  warnings: serviceWarnings,
  afterDelete: releaseForService,
});
