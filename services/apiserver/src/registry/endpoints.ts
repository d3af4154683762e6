/** Endpoints, the older sister of EndpointSlices. */

import type { EndpointAddress, EndpointPort, EndpointSubset, Endpoints } from '@orrery/api/gen/types.ts';
import { EndpointsRef } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkIp, checkNotSpecialIp } from './addresses.ts';
import { ageColumn, column, listWithMore, nameColumn } from './columns.ts';
import { PROTOCOLS } from './containers.ts';
import { define } from './definition.ts';
import { checkOneOf, checkPortNumber, checkSyntax } from './fields.ts';
import { dnsLabelProblems, dnsSubdomainProblems, qualifiedNameProblems } from './names.ts';

const SHOWN_ENDPOINTS = 3;

const hostPort = (ip: string, port: number): string =>
  ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;

function endpointsCell({ subsets = [] }: Endpoints): string {
  if (subsets.length === 0) return '<none>';
  const all: string[] = [];
  for (const { addresses = [], ports = [] } of subsets) {
    if (ports.length === 0) for (const { ip } of addresses) all.push(ip);
    for (const { port } of ports) for (const { ip } of addresses) all.push(hostPort(ip, port));
  }
  return listWithMore(all, SHOWN_ENDPOINTS);
}

function validateEndpoints({ subsets = [] }: Endpoints): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, subset] of subsets.entries()) checkSubset(subset, `subsets[${index}]`, errors);
  return errors;
}

function checkSubset(
  { addresses = [], notReadyAddresses = [], ports = [] }: EndpointSubset,
  path: string,
  errors: FieldError[],
): void {
  if (addresses.length === 0 && notReadyAddresses.length === 0) {
    errors.push(field.required(path, 'must specify `addresses` or `notReadyAddresses`'));
  }
  for (const [index, address] of addresses.entries())
    checkAddress(address, `${path}.addresses[${index}]`, errors);
  for (const [index, address] of notReadyAddresses.entries()) {
    checkAddress(address, `${path}.notReadyAddresses[${index}]`, errors);
  }
  for (const [index, port] of ports.entries())
    checkPort(port, ports.length > 1, `${path}.ports[${index}]`, errors);
}

function checkAddress(
  { ip = '', hostname = '', nodeName }: Partial<EndpointAddress>,
  path: string,
  errors: FieldError[],
): void {
  const wellFormed = checkIp(ip, `${path}.ip`, errors);
  if (hostname !== '') checkSyntax(hostname, `${path}.hostname`, dnsLabelProblems, errors);
  if (nodeName !== undefined) checkSyntax(nodeName, `${path}.nodeName`, dnsSubdomainProblems, errors);
  if (wellFormed) checkNotSpecialIp(ip, `${path}.ip`, errors);
  else errors.push(field.invalid(`${path}.ip`, ip, 'must be a valid IP address'));
}

function checkPort(
  { name = '', port = 0, protocol, appProtocol }: Partial<EndpointPort>,
  needsName: boolean,
  path: string,
  errors: FieldError[],
): void {
  if (name !== '') checkSyntax(name, `${path}.name`, dnsLabelProblems, errors);
  else if (needsName) errors.push(field.required(`${path}.name`));
  checkPortNumber(port, `${path}.port`, errors);
  checkOneOf(protocol, `${path}.protocol`, PROTOCOLS, errors);
  if (appProtocol !== undefined)
    checkSyntax(appProtocol, `${path}.appProtocol`, qualifiedNameProblems, errors);
}

export const endpointsDefinition = define<Endpoints>({
  ref: EndpointsRef,
  singular: 'endpoints',
  shortNames: ['ep'],
  versions: [
    {
      group: '',
      version: 'v1',
      deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
    },
  ],
  columns: [nameColumn, column('Endpoints', endpointsCell), ageColumn],
  subresources: [],
  createsOnUpdate: true,
  nameProblems: dnsSubdomainProblems,
  defaults: ({ subsets }) => {
    for (const { ports } of subsets ?? []) for (const port of ports ?? []) port.protocol ||= 'TCP';
  },
  validate: validateEndpoints,
});
