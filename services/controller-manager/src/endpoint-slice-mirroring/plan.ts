/** Which EndpointSlices mirror Endpoints that people keep by hand: pure (pkg/controller/endpointslicemirroring). */

import type {
  DiscoveryV1EndpointPort,
  Endpoint,
  EndpointAddress,
  Endpoints,
  EndpointSlice,
  EndpointSubset,
} from '@orrery/api/gen/types.ts';
import type { AddressType } from '../endpoint-slice/plan.ts';
import { semanticallyEqual } from '../semantic-equality.ts';
import { portsKey } from '../service-endpoints/pod-endpoints.ts';
import { MANAGED_BY_LABEL, SERVICE_NAME_LABEL } from '../service-endpoints/service-slices.ts';
import { LAST_CHANGE_TRIGGER_TIME } from '../service-endpoints/trigger-time.ts';

export const MIRRORING_MANAGED_BY = 'endpointslicemirroring-controller.k8s.io';

/** More addresses of a subset are not mirrored, so that one slice holds what has its ports. */
export const MAX_ENDPOINTS_PER_SUBSET = 1000;

const SKIP_MIRROR_LABEL = 'endpointslice.kubernetes.io/skip-mirror';
/** Endpoints once served as locks of leaders, and change every few seconds then. */
const LEADER_ANNOTATION = 'control-plane.alpha.kubernetes.io/leader';
/** They describe the one object and are not copied to the other. */
const NOT_COPIED = new Set<string>([
  LAST_CHANGE_TRIGGER_TIME,
  'kubectl.kubernetes.io/last-applied-configuration',
]);

/** Unless people say otherwise, or nobody would want it. */
export function mayMirror({ metadata }: Endpoints): boolean {
  return (
    metadata.labels?.[SKIP_MIRROR_LABEL] !== 'true' && metadata.annotations?.[LEADER_ANNOTATION] === undefined
  );
}

/** What one slice should hold: the endpoints of one address family that share their ports. */
export interface Mirror {
  addressType: AddressType;
  ports: DiscoveryV1EndpointPort[];
  endpoints: Endpoint[];
}

function keyOf(addressType: string, ports: readonly DiscoveryV1EndpointPort[] = []): string {
  const resolved = ports.map(({ name = '', port = 0, protocol = 'TCP', appProtocol }) => ({
    name,
    port,
    protocol,
    ...(appProtocol === undefined ? {} : { appProtocol }),
  }));
  return `${addressType} ${portsKey(resolved)}`;
}

function slicePorts({ ports = [] }: EndpointSubset): DiscoveryV1EndpointPort[] {
  return ports.map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({
    name,
    port,
    protocol,
    ...(appProtocol === undefined ? {} : { appProtocol }),
  }));
}

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname === undefined || hostname === '' ? {} : { hostname }),
    ...(targetRef === undefined ? {} : { targetRef }),
    ...(nodeName === undefined ? {} : { nodeName }),
  };
}

/** The slices that there should be, and how many addresses go beyond them. */
export function mirrorsOf({ subsets = [] }: Endpoints): { mirrors: Mirror[]; skipped: number } {
  const byKey = new Map<string, Mirror>();
  let skipped = 0;
  for (const subset of subsets) {
    const { addresses = [], notReadyAddresses = [] } = subset;
    const ports = slicePorts(subset);
    const all = [
      ...addresses.map((each) => endpointOf(each, true)),
      ...notReadyAddresses.map((each) => endpointOf(each, false)),
    ];
    skipped += Math.max(0, all.length - MAX_ENDPOINTS_PER_SUBSET);
    for (const endpoint of all.slice(0, MAX_ENDPOINTS_PER_SUBSET)) {
      const addressType = endpoint.addresses[0]?.includes(':') === true ? 'IPv6' : 'IPv4';
      const key = keyOf(addressType, ports);
      const mirror = byKey.get(key) ?? { addressType, ports, endpoints: [] };
      byKey.set(key, mirror);
      mirror.endpoints.push(endpoint);
    }
  }
  return { mirrors: [...byKey.values()], skipped };
}

export interface MirrorMetadata {
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

/** The labels and annotations of the slices: those of the Endpoints, and whose they are. */
export function mirrorMetadata({ metadata }: Endpoints): MirrorMetadata {
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([key]) => !NOT_COPIED.has(key));
  return {
    labels: {
      ...metadata.labels,
      [SERVICE_NAME_LABEL]: metadata.name,
      [MANAGED_BY_LABEL]: MIRRORING_MANAGED_BY,
    },
    annotations: Object.fromEntries(annotations),
  };
}

export interface MirrorPlan {
  create: Mirror[];
  update: { slice: EndpointSlice; mirror: Mirror }[];
  remove: EndpointSlice[];
}

/** The writes that turn `existing` into exactly the mirrors. */
export function planMirrors(
  existing: readonly EndpointSlice[],
  mirrors: readonly Mirror[],
  { labels, annotations }: MirrorMetadata,
): MirrorPlan {
  const plan: MirrorPlan = { create: [], update: [], remove: [] };
  const left = new Set(existing);
  for (const mirror of mirrors) {
    const key = keyOf(mirror.addressType, mirror.ports);
    const slice = existing.find((each) => left.has(each) && keyOf(each.addressType, each.ports) === key);
    if (slice === undefined) {
      plan.create.push(mirror);
      continue;
    }
    left.delete(slice);
    const isCurrent =
      semanticallyEqual(slice.endpoints, mirror.endpoints) &&
      semanticallyEqual(slice.metadata.labels, labels) &&
      semanticallyEqual(slice.metadata.annotations, annotations);
    if (!isCurrent) plan.update.push({ slice, mirror });
  }
  plan.remove.push(...left);
  return plan;
}
