/** The Endpoints of a Service: pure (k8s.io/kubernetes/pkg/controller/endpoint). */

import type {
  Endpoints,
  EndpointAddress,
  EndpointPort,
  EndpointSubset,
  Pod,
  Service,
} from '@orrery/api/gen/types.ts';
import { isPodReady } from '../pods.ts';
import {
  belongsInEndpoints,
  HEADLESS_LABEL,
  hostnameIn,
  isHeadless,
  portsKey,
  type ResolvedPort,
  resolvePorts,
} from '../service-endpoints/pod-endpoints.ts';
import { LAST_CHANGE_TRIGGER_TIME } from '../service-endpoints/trigger-time.ts';

/** More addresses do not go into one object; EndpointSlices have them all. */
export const MAX_ADDRESSES = 1000;
export const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';
export const MANAGED_BY_LABEL = 'endpoints.kubernetes.io/managed-by';
export const MANAGED_BY = 'endpoint-controller';

interface Subset {
  addresses: EndpointAddress[];
  notReadyAddresses: EndpointAddress[];
  ports: EndpointPort[];
}

function addressOf(service: Service, pod: Pod, ip: string): EndpointAddress {
  const hostname = hostnameIn(service, pod);
  const { namespace, name, uid } = pod.metadata;
  return {
    ip,
    ...(hostname === undefined ? {} : { hostname }),
    ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

function subsetPorts(ports: readonly ResolvedPort[]): EndpointPort[] {
  return ports.map(({ name, port, protocol, appProtocol }) => ({
    ...(name === '' ? {} : { name }),
    port,
    protocol,
    ...(appProtocol === undefined ? {} : { appProtocol }),
  }));
}

function byIp(a: EndpointAddress, b: EndpointAddress): number {
  if (a.ip !== b.ip) return a.ip < b.ip ? -1 : 1;
  return (a.targetRef?.uid ?? '') < (b.targetRef?.uid ?? '') ? -1 : 1;
}

/** Pods that serve the same ports share a subset; everything in a fixed order, so that equal content is equal. */
export function subsetsOf(
  service: Service,
  pods: readonly Pod[],
): { subsets: EndpointSubset[]; truncated: boolean } {
  const publishesAll = service.spec.publishNotReadyAddresses === true;
  const byPorts = new Map<string, Subset>();
  for (const pod of pods) {
    const ip = pod.status?.podIP;
    if (ip === undefined || !belongsInEndpoints(pod, publishesAll)) continue;
    const ports = resolvePorts(service, pod);
    // Without ports an address says something for a headless service only.
    if (ports.length === 0 && !(isHeadless(service) && (service.spec.ports ?? []).length === 0)) continue;
    const key = portsKey(ports);
    const subset = byPorts.get(key) ?? { addresses: [], notReadyAddresses: [], ports: subsetPorts(ports) };
    byPorts.set(key, subset);
    const target = publishesAll || isPodReady(pod) ? subset.addresses : subset.notReadyAddresses;
    target.push(addressOf(service, pod, ip));
  }
  const subsets = [...byPorts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, subset]) => subset);
  for (const each of subsets) {
    each.addresses.sort(byIp);
    each.notReadyAddresses.sort(byIp);
  }
  const truncated = truncate(subsets);
  return { subsets: subsets.map(withoutEmpty).filter((each) => each !== undefined), truncated };
}

/** Ready addresses have precedence; every subset keeps its share (`truncateEndpoints`). */
function truncate(subsets: readonly Subset[]): boolean {
  const ready = subsets.reduce((sum, each) => sum + each.addresses.length, 0);
  const notReady = subsets.reduce((sum, each) => sum + each.notReadyAddresses.length, 0);
  if (ready + notReady <= MAX_ADDRESSES) return false;
  const readyRoom = Math.min(ready, MAX_ADDRESSES);
  keepShare(
    subsets.map((each) => each.addresses),
    ready,
    readyRoom,
  );
  keepShare(
    subsets.map((each) => each.notReadyAddresses),
    notReady,
    MAX_ADDRESSES - readyRoom,
  );
  return true;
}

function keepShare(lists: readonly EndpointAddress[][], total: number, room: number): void {
  let left = room;
  for (const list of lists) {
    const share = total === 0 ? 0 : Math.min(left, Math.ceil((list.length * room) / total));
    list.length = Math.min(list.length, share);
    left -= list.length;
  }
}

function withoutEmpty({ addresses, notReadyAddresses, ports }: Subset): EndpointSubset | undefined {
  if (addresses.length === 0 && notReadyAddresses.length === 0) return undefined;
  return {
    ...(addresses.length === 0 ? {} : { addresses }),
    ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses }),
    ...(ports.length === 0 ? {} : { ports }),
  };
}

/** The labels of the service, and whose the object is. */
export function endpointsLabels(service: Service): Record<string, string> {
  const { [HEADLESS_LABEL]: _, ...own } = service.metadata.labels ?? {};
  return { ...own, ...(isHeadless(service) ? { [HEADLESS_LABEL]: '' } : {}), [MANAGED_BY_LABEL]: MANAGED_BY };
}

/** The annotations with those that this controller sets as they should be. */
export function endpointsAnnotations(
  current: Endpoints['metadata']['annotations'],
  truncated: boolean,
  triggerTime: string | undefined,
): Record<string, string> {
  const { [OVER_CAPACITY]: _, [LAST_CHANGE_TRIGGER_TIME]: __, ...others } = current ?? {};
  return {
    ...others,
    ...(truncated ? { [OVER_CAPACITY]: 'truncated' } : {}),
    ...(triggerTime === undefined ? {} : { [LAST_CHANGE_TRIGGER_TIME]: triggerTime }),
  };
}
