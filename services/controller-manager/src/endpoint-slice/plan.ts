/** Which EndpointSlices a Service should have: pure (k8s.io/endpointslice/reconciler.go). */

import type {
  DiscoveryV1EndpointPort,
  Endpoint,
  EndpointHints,
  EndpointSlice,
  Pod,
  Service,
} from '@orrery/api/gen/types.ts';
import { isBeingDeleted } from '@orrery/api/meta.ts';
import { isPodReady } from '../pods.ts';
import { semanticallyEqual } from '../semantic-equality.ts';
import {
  belongsInEndpoints,
  HEADLESS_LABEL,
  hostnameIn,
  isHeadless,
  portsKey,
  type ResolvedPort,
  resolvePorts,
} from '../service-endpoints/pod-endpoints.ts';
import { MANAGED_BY_LABEL, SERVICE_NAME_LABEL } from '../service-endpoints/service-slices.ts';

/** What the controller does not write beyond in one slice. */
export const MAX_ENDPOINTS_PER_SLICE = 100;

export const MANAGED_BY = 'endpointslice-controller.k8s.io';

export type AddressType = 'IPv4' | 'IPv6';

/** Endpoints that share their ports, and so may share slices. */
export interface EndpointGroup {
  ports: DiscoveryV1EndpointPort[];
  endpoints: Endpoint[];
}

/** Changes to the slices of one service and address type. */
export interface SlicePlan {
  create: EndpointGroup[];
  update: { slice: EndpointSlice; endpoints: Endpoint[] }[];
  remove: EndpointSlice[];
}

/** The address families of a service's slices. */
export function addressTypesOf({ spec }: Service): AddressType[] {
  const families = spec.ipFamilies ?? [];
  return families.length > 0 ? families.map((each) => (each === 'IPv6' ? 'IPv6' : 'IPv4')) : ['IPv4'];
}

function addressOf({ status }: Pod, type: AddressType): string | undefined {
  const all = status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP === undefined ? [] : [status.podIP]);
  return all.find((ip) => ip.includes(':') === (type === 'IPv6'));
}

const CLOSE = new Set(['PreferClose', 'PreferSameZone', 'PreferSameNode']);

/** Who should send to a ready endpoint, where the Service wants traffic to stay close (trafficdist.go). */
function hintsOf(
  { spec }: Service,
  zone: string | undefined,
  node: string | undefined,
): EndpointHints | undefined {
  if (!CLOSE.has(spec.trafficDistribution ?? '')) return undefined;
  const toNodes = spec.trafficDistribution === 'PreferSameNode' && node !== undefined;
  if (zone === undefined && !toNodes) return undefined;
  return {
    ...(zone === undefined ? {} : { forZones: [{ name: zone }] }),
    ...(toNodes ? { forNodes: [{ name: node }] } : {}),
  };
}

function endpointOf(service: Service, pod: Pod, address: string, zone: string | undefined): Endpoint {
  const serving = isPodReady(pod);
  const terminating = isBeingDeleted(pod);
  const hostname = hostnameIn(service, pod);
  const { nodeName } = pod.spec;
  const { namespace, name, uid } = pod.metadata;
  const isReady = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  const hints = isReady ? hintsOf(service, zone, nodeName) : undefined;
  return {
    addresses: [address],
    conditions: { ready: isReady, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
    ...(hints === undefined ? {} : { hints }),
  };
}

function slicePorts(ports: readonly ResolvedPort[]): DiscoveryV1EndpointPort[] {
  return ports.map(({ name, port, protocol, appProtocol }) => ({
    name,
    port,
    protocol,
    ...(appProtocol === undefined ? {} : { appProtocol }),
  }));
}

export interface DesiredInput {
  service: Service;
  pods: readonly Pod[];
  addressType: AddressType;
  /** A node, by what endpoints take of it; undefined when there is none of the name. */
  node: (name: string) => { zone?: string } | undefined;
}

/** On a node that is not there, or not known yet: not an endpoint, unless all are to be published. */
export function isStranded({ spec }: Service, pod: Pod, node: DesiredInput['node']): boolean {
  const { nodeName } = pod.spec;
  return spec.publishNotReadyAddresses !== true && nodeName !== undefined && node(nodeName) === undefined;
}

/** The endpoints that should exist, by the key of their ports. Terminating pods are among them, marked so. */
export function desiredGroups({
  service,
  pods,
  addressType,
  node,
}: DesiredInput): Map<string, EndpointGroup> {
  const groups = new Map<string, EndpointGroup>();
  for (const pod of pods) {
    if (!belongsInEndpoints(pod, true) || isStranded(service, pod, node)) continue;
    const address = addressOf(pod, addressType);
    if (address === undefined) continue;
    const ports = resolvePorts(service, pod);
    const key = portsKey(ports);
    const group = groups.get(key) ?? { ports: slicePorts(ports), endpoints: [] };
    groups.set(key, group);
    group.endpoints.push(endpointOf(service, pod, address, node(pod.spec.nodeName ?? '')?.zone));
  }
  return groups;
}

function existingPortsKey({ ports = [] }: EndpointSlice): string {
  return portsKey(
    ports.map(({ name = '', port = 0, protocol = 'TCP', appProtocol }) => ({
      name,
      port,
      protocol,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    })),
  );
}

function identityOf({ targetRef, addresses }: Endpoint): string {
  return `${targetRef?.uid ?? ''}@${addresses.join(',')}`;
}

/**
 * The fewest writes that turn `existing` into exactly the desired endpoints: what is right
 * stays where it is, slices that change anyway are filled first, then one with room for all
 * that is left, and only then new ones are made.
 */
export function planSlices(
  existing: readonly EndpointSlice[],
  desired: ReadonlyMap<string, EndpointGroup>,
): SlicePlan {
  const plan: SlicePlan = { create: [], update: [], remove: [] };
  const byPorts = new Map<string, EndpointSlice[]>();
  for (const slice of existing) {
    const key = existingPortsKey(slice);
    byPorts.set(key, [...(byPorts.get(key) ?? []), slice]);
  }
  // A service without any endpoints keeps one empty slice, so that consumers know it is looked after.
  const groups = desired.size > 0 ? desired : new Map([['', { ports: [], endpoints: [] }]]);
  for (const [key, group] of groups) {
    planGroup(byPorts.get(key) ?? [], group, desired.size === 0, plan);
    byPorts.delete(key);
  }
  for (const slices of byPorts.values()) plan.remove.push(...slices);
  return plan;
}

/** A slice while its contents are worked out. */
interface Draft {
  slice: EndpointSlice;
  endpoints: Endpoint[];
  changed: boolean;
}

function planGroup(
  slices: readonly EndpointSlice[],
  group: EndpointGroup,
  keepsEmpty: boolean,
  plan: SlicePlan,
): void {
  const missing = new Map(group.endpoints.map((each) => [identityOf(each), each]));
  const drafts = slices.map((slice) => keepWanted(slice, missing));
  const pending = [...missing.values()];
  fill(drafts, pending);
  let placeholder = keepsEmpty;
  for (const draft of drafts) {
    if (draft.endpoints.length === 0 && !placeholder) plan.remove.push(draft.slice);
    else if (draft.changed) plan.update.push({ slice: draft.slice, endpoints: draft.endpoints });
    if (draft.endpoints.length === 0) placeholder = false;
  }
  while (pending.length > 0) {
    plan.create.push({ ports: group.ports, endpoints: pending.splice(0, MAX_ENDPOINTS_PER_SLICE) });
  }
  if (placeholder) plan.create.push({ ports: group.ports, endpoints: [] });
}

/** What of the slice is still wanted, brought up to date; takes it out of `missing`. */
function keepWanted(slice: EndpointSlice, missing: Map<string, Endpoint>): Draft {
  const draft: Draft = { slice, endpoints: [], changed: false };
  for (const present of slice.endpoints ?? []) {
    const identity = identityOf(present);
    const wanted = missing.get(identity);
    if (wanted === undefined || draft.endpoints.length === MAX_ENDPOINTS_PER_SLICE) {
      draft.changed = true;
      continue;
    }
    missing.delete(identity);
    const isCurrent = semanticallyEqual(present, wanted);
    draft.endpoints.push(isCurrent ? present : wanted);
    draft.changed ||= !isCurrent;
  }
  return draft;
}

/**
 * Puts `pending` into slices that are written anyway, then into empty ones, then what would not
 * fill a slice of its own into the fullest slice that takes it.
 */
function fill(drafts: readonly Draft[], pending: Endpoint[]): void {
  const room = ({ endpoints }: Draft): number => MAX_ENDPOINTS_PER_SLICE - endpoints.length;
  const fullestFirst = [...drafts].sort((a, b) => room(a) - room(b));
  const changing = fullestFirst.filter(({ changed, endpoints }) => changed && endpoints.length > 0);
  const empty = fullestFirst.filter(({ endpoints }) => endpoints.length === 0);
  for (const draft of [...changing, ...empty]) {
    if (pending.length === 0) return;
    draft.changed ||= room(draft) > 0;
    draft.endpoints.push(...pending.splice(0, room(draft)));
  }
  const remainder = pending.length % MAX_ENDPOINTS_PER_SLICE;
  const host = fullestFirst.find((each) => remainder > 0 && room(each) >= remainder);
  if (host === undefined) return;
  host.endpoints.push(...pending.splice(pending.length - remainder, remainder));
  host.changed = true;
}

/** Labels of a service's slices: the service's own and those that say whose they are. */
export function sliceLabels(service: Service): Record<string, string> {
  const { [HEADLESS_LABEL]: _, ...own } = service.metadata.labels ?? {};
  return {
    ...own,
    ...(isHeadless(service) ? { [HEADLESS_LABEL]: '' } : {}),
    [SERVICE_NAME_LABEL]: service.metadata.name,
    [MANAGED_BY_LABEL]: MANAGED_BY,
  };
}
