/** Nodes. */

import type { Node, NodeConfigSource } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { Nodes } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkCidr, isIPv4 } from './addresses.ts';
import { ageColumn, column, nameColumn, wideColumn } from './columns.ts';
import { define } from './definition.ts';
import { checkSyntax } from './fields.ts';
import { configMapKeyProblems, dnsLabelProblems, dnsSubdomainProblems } from './names.ts';
import { checkNodeAnnotations } from './node-annotations.ts';
import { checkQuantity } from './resources.ts';
import { checkTaints } from './scheduling.ts';

const ROLE_PREFIX = 'node-role.kubernetes.io/';
const ROLE_LABEL = 'kubernetes.io/role';

function statusCell({ spec, status }: Node): string {
  const ready = status?.conditions?.find((each) => each.type === 'Ready');
  const words = [ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'];
  if (spec.unschedulable === true) words.push('SchedulingDisabled');
  return words.join(',');
}

function rolesCell({ metadata }: Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length)
      roles.add(key.slice(ROLE_PREFIX.length));
    else if (key === ROLE_LABEL && value !== '') roles.add(value);
  }
  return roles.size === 0 ? '<none>' : [...roles].sort().join(',');
}

function addressCell(type: 'InternalIP' | 'ExternalIP'): (node: Node) => string {
  return ({ status }) => status?.addresses?.find((each) => each.type === type)?.address ?? '<none>';
}

/** The one CIDR of the old field is the first of the new one. */
function defaultNode(node: Node): void {
  node.spec ??= {};
  const { spec } = node;
  const { podCIDR = '', podCIDRs = [] } = spec;
  const [first] = podCIDRs;
  // A writer that knows only the old field means the whole.
  if (podCIDR !== '' && podCIDR !== first) spec.podCIDRs = [podCIDR];
  else if (first !== undefined) spec.podCIDR = first;
}

function validateNode({ metadata, spec, status }: Node): FieldError[] {
  const errors: FieldError[] = [];
  checkNodeAnnotations(metadata.annotations, 'metadata.annotations', errors);
  checkTaints(spec.taints, 'metadata.taints', errors);
  checkAmounts(status, errors);
  const cidrs = spec.podCIDRs ?? [];
  for (const [index, cidr] of cidrs.entries()) checkCidr(cidr, `spec.podCIDRs[${index}]`, errors);
  if (cidrs.length > 1) {
    const families = new Set(cidrs.map((each) => isIPv4(each.slice(0, each.indexOf('/')))));
    if (families.size !== cidrs.length) {
      errors.push(
        field.invalid('spec.podCIDRs', cidrs, 'may specify no more than one CIDR for each IP family'),
      );
    }
  }
  const seen = new Set<string>();
  for (const [index, cidr] of cidrs.entries()) {
    if (seen.has(cidr)) errors.push(field.duplicate(`spec.podCIDRs[${index}]`, cidr));
    seen.add(cidr);
  }
  return errors;
}

function checkAmounts(status: Node['status'], errors: FieldError[]): void {
  for (const key of ['capacity', 'allocatable'] as const) {
    const amounts = status?.[key];
    for (const name in amounts) checkQuantity(name, amounts[name]!, `status.${key}.${name}`, errors);
  }
}

function validateStatus({ status }: Node): FieldError[] {
  const errors: FieldError[] = [];
  checkAmounts(status, errors);
  const seen = new Set<string>();
  for (const [index, address] of (status?.addresses ?? []).entries()) {
    const key = `${address.type}/${address.address}`;
    if (seen.has(key)) errors.push(field.duplicate(`status.addresses[${index}]`, address));
    seen.add(key);
  }
  return errors;
}

/** Nothing configures nodes this way any more, but upstream still checks it. */
function checkConfigSource(source: NodeConfigSource | undefined, errors: FieldError[]): void {
  if (source === undefined) return;
  const { configMap } = source;
  const path = 'spec.configSource';
  if (configMap === undefined) {
    errors.push(field.invalid(path, source, 'exactly one reference subfield must be non-nil'));
    return;
  }
  const at = `${path}.configMap`;
  for (const key of ['uid', 'resourceVersion'] as const) {
    if ((configMap[key] ?? '') === '') continue;
    errors.push(field.forbidden(`${at}.${key}`, `${key} must not be set in spec`));
  }
  for (const [key, problemsOf] of CONFIG_MAP_FIELDS) {
    const value = configMap[key] ?? '';
    if (value === '') errors.push(field.required(`${at}.${key}`, `${key} must be set`));
    else checkSyntax(value, `${at}.${key}`, problemsOf, errors);
  }
}

const CONFIG_MAP_FIELDS = [
  ['namespace', dnsLabelProblems],
  ['name', dnsSubdomainProblems],
  ['kubeletConfigKey', configMapKeyProblems],
] as const;

/** Where a node is and which addresses its pods get is settled once. */
function validateUpdate({ spec }: Node, { spec: stored }: Node): FieldError[] {
  const errors: FieldError[] = [];
  if ((stored.podCIDRs ?? []).length > 0 && !jsonEqual(spec.podCIDRs, stored.podCIDRs)) {
    const why = 'node updates may not change podCIDR except from "" to valid';
    errors.push(field.forbidden('spec.podCIDRs', why));
  }
  if ((stored.providerID ?? '') !== '' && spec.providerID !== stored.providerID) {
    const why = 'node updates may not change providerID except from "" to valid';
    errors.push(field.forbidden('spec.providerID', why));
  }
  checkConfigSource(spec.configSource, errors);
  if ((spec.externalID ?? '') !== (stored.externalID ?? '')) {
    errors.push(field.forbidden('spec.externalID', 'may not be updated'));
  }
  return errors;
}

export const nodesDefinition = define<Node>({
  ref: Nodes,
  singular: 'node',
  shortNames: ['no'],
  versions: [{ group: '', version: 'v1' }],
  columns: [
    nameColumn,
    column('Status', statusCell),
    column('Roles', rolesCell),
    ageColumn,
    column('Version', ({ status }) => status?.nodeInfo?.kubeletVersion ?? ''),
    wideColumn('Internal-IP', addressCell('InternalIP')),
    wideColumn('External-IP', addressCell('ExternalIP')),
    wideColumn('OS-Image', ({ status }) => status?.nodeInfo?.osImage || '<unknown>'),
    wideColumn('Kernel-Version', ({ status }) => status?.nodeInfo?.kernelVersion || '<unknown>'),
    wideColumn('Container-Runtime', ({ status }) => status?.nodeInfo?.containerRuntimeVersion || '<unknown>'),
  ],
  fields: { 'spec.unschedulable': ({ spec }) => String(spec.unschedulable === true) },
  subresources: ['status'],
  keepsStatusOnCreate: true,
  nameProblems: dnsSubdomainProblems,
  defaults: defaultNode,
  validate: validateNode,
  validateUpdate,
  validateStatusUpdate: validateStatus,
  warnings: ({ spec }) =>
    (spec.externalID ?? '') === ''
      ? []
      : ['spec.externalID: this field is deprecated, and is unused by Kubernetes'],
});
