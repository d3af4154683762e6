/** EndpointSlices. */

import type { DiscoveryV1EndpointPort, Endpoint, EndpointSlice } from '@orrery/api/gen/types.ts';
import { EndpointSlices } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkIp, checkNotSpecialIp, isIPv4, isIPv6 } from './addresses.ts';
import { ageColumn, column, listWithMore, nameColumn } from './columns.ts';
import { PROTOCOLS } from './containers.ts';
import { define } from './definition.ts';
import { checkImmutable, checkOneOf, checkPortNumber, checkSyntax } from './fields.ts';
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelValueProblems,
  qualifiedNameProblems,
} from './names.ts';
import { checkLabels } from './selectors.ts';

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];
const MAX_ENDPOINTS = 1000;
const MAX_ADDRESSES = 100;
const MAX_PORTS = 20_000;
const MAX_TOPOLOGY_LABELS = 16;
const MAX_HINTS = 8;
const SHOWN = 3;

function portsCell({ ports = [] }: EndpointSlice): string {
  return (
    listWithMore(
      ports.map(({ port, name }) => (port === undefined ? name || '*' : String(port))),
      SHOWN,
    ) || '<unset>'
  );
}

function endpointsCell({ endpoints = [] }: EndpointSlice): string {
  return (
    listWithMore(
      endpoints.flatMap((each) => each.addresses ?? []),
      SHOWN,
    ) || '<unset>'
  );
}

function validateEndpointSlice({ addressType, endpoints = [], ports = [] }: EndpointSlice): FieldError[] {
  const errors: FieldError[] = [];
  checkOneOf(addressType, 'addressType', ADDRESS_TYPES, errors);
  if (endpoints.length > MAX_ENDPOINTS)
    errors.push(field.tooMany('endpoints', endpoints.length, MAX_ENDPOINTS));
  else {
    for (const [index, endpoint] of endpoints.entries()) {
      checkEndpoint(endpoint, addressType, `endpoints[${index}]`, errors);
    }
  }
  checkPorts(ports, errors);
  return errors;
}

function checkEndpoint(
  endpoint: Partial<Endpoint>,
  addressType: string,
  path: string,
  errors: FieldError[],
): void {
  const { addresses = [], deprecatedTopology = {}, nodeName, hostname, hints } = endpoint;
  if (addresses.length === 0)
    errors.push(field.required(`${path}.addresses`, 'must contain at least 1 address'));
  else if (addresses.length > MAX_ADDRESSES) {
    errors.push(field.tooMany(`${path}.addresses`, addresses.length, MAX_ADDRESSES));
  }
  for (const [index, address] of addresses.entries()) {
    checkAddress(address, addressType, `${path}.addresses[${index}]`, errors);
  }
  if (nodeName !== undefined) checkSyntax(nodeName, `${path}.nodeName`, dnsSubdomainProblems, errors);
  const labels = Object.keys(deprecatedTopology).length;
  if (labels > MAX_TOPOLOGY_LABELS) {
    errors.push(field.tooMany(`${path}.deprecatedTopology`, labels, MAX_TOPOLOGY_LABELS));
  }
  checkLabels(deprecatedTopology, `${path}.deprecatedTopology`, errors);
  if (hostname !== undefined) checkSyntax(hostname, `${path}.hostname`, dnsLabelProblems, errors);
  checkHints(hints?.forZones, labelValueProblems, `${path}.hints.forZones`, errors);
  checkHints(hints?.forNodes, dnsSubdomainProblems, `${path}.hints.forNodes`, errors);
}

/** Whose traffic should go to an endpoint: each zone, or node, is named once. */
function checkHints(
  hints: readonly { name?: string }[] = [],
  problemsOf: (name: string) => string[],
  path: string,
  errors: FieldError[],
): void {
  if (hints.length > MAX_HINTS) {
    errors.push(field.tooMany(path, hints.length, MAX_HINTS));
    return;
  }
  const seen = new Set<string>();
  for (const [index, { name = '' }] of hints.entries()) {
    const at = `${path}[${index}].name`;
    if (seen.has(name)) errors.push(field.duplicate(at, name));
    seen.add(name);
    checkSyntax(name, at, problemsOf, errors);
  }
}

function checkAddress(address: string, type: string, path: string, errors: FieldError[]): void {
  if (type === 'FQDN') {
    const name = address.endsWith('.') ? address.slice(0, -1) : address;
    checkSyntax(name, path, dnsSubdomainProblems, errors);
    if (!name.includes('.')) {
      const why = 'should be a domain with at least two segments separated by dots';
      errors.push(field.invalid(path, address, why));
    }
    return;
  }
  if (type !== 'IPv4' && type !== 'IPv6') return;
  if (!checkIp(address, path, errors)) return;
  if (type === 'IPv4' && !isIPv4(address))
    errors.push(field.invalid(path, address, 'must be an IPv4 address'));
  if (type === 'IPv6' && !isIPv6(address))
    errors.push(field.invalid(path, address, 'must be an IPv6 address'));
  checkNotSpecialIp(address, path, errors);
}

function checkPorts(ports: readonly DiscoveryV1EndpointPort[], errors: FieldError[]): void {
  if (ports.length > MAX_PORTS) {
    errors.push(field.tooMany('ports', ports.length, MAX_PORTS));
    return;
  }
  const names = new Set<string>();
  for (const [index, { name = '', protocol, port, appProtocol }] of ports.entries()) {
    const path = `ports[${index}]`;
    if (name !== '') checkSyntax(name, `${path}.name`, dnsLabelProblems, errors);
    if (names.has(name)) errors.push(field.duplicate(`${path}.name`, name));
    names.add(name);
    checkOneOf(protocol, `${path}.protocol`, PROTOCOLS, errors);
    if (port !== undefined) checkPortNumber(port, `${path}.port`, errors);
    if (appProtocol !== undefined)
      checkSyntax(appProtocol, `${path}.appProtocol`, qualifiedNameProblems, errors);
  }
}

export const endpointSlicesDefinition = define<EndpointSlice>({
  ref: EndpointSlices,
  singular: 'endpointslice',
  versions: [{ group: 'discovery.k8s.io', version: 'v1' }],
  columns: [
    nameColumn,
    column('AddressType', ({ addressType }) => addressType),
    column('Ports', portsCell),
    column('Endpoints', endpointsCell),
    ageColumn,
  ],
  subresources: [],
  generationOf: ({ metadata, addressType, endpoints = [], ports = [] }) => [
    addressType,
    endpoints,
    ports,
    metadata.labels ?? {},
    metadata.annotations ?? {},
  ],
  nameProblems: dnsSubdomainProblems,
  defaults: ({ ports }) => {
    for (const port of ports ?? []) {
      port.name ??= '';
      port.protocol ??= 'TCP';
    }
  },
  validate: validateEndpointSlice,
  validateUpdate: ({ addressType }, stored) => {
    const errors: FieldError[] = [];
    checkImmutable(addressType, stored.addressType, 'addressType', errors);
    return errors;
  },
});
