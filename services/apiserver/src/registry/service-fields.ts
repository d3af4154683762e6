/** What the type of a Service says about its fields (pkg/api/service, registry/core/service). */

import type { Service, ServicePort } from '@orrery/api/gen/types.ts';

export const HEADLESS = 'None';

export function isHeadless({ spec }: Service): boolean {
  return spec.clusterIPs?.length === 1 && spec.clusterIPs[0] === HEADLESS;
}

/** All but names for something outside of the cluster have an address, if only `None`. */
export function needsClusterIp({ spec }: Service): boolean {
  return spec.type !== 'ExternalName';
}

export function needsNodePorts({ spec }: Service): boolean {
  if (spec.type === 'NodePort') return true;
  return spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false;
}

/** Load balancers that send only to nodes with endpoints ask the nodes on a port of their own. */
export function needsHealthCheckPort({ spec }: Service): boolean {
  return spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
}

export function isExternallyAccessible({ spec }: Service): boolean {
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') return true;
  return spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0;
}

/** Keeps the two forms of the address in step when a client wrote only the old one. */
export function normalizeClusterIps({ spec }: Service, stored?: Service): void {
  const ip = spec.clusterIP ?? '';
  const ips = spec.clusterIPs ?? [];
  if (stored === undefined) {
    if (ip !== '' && ips.length === 0) spec.clusterIPs = [ip];
    return;
  }
  const before = stored.spec.clusterIPs ?? [];
  const sameList = ips.length === before.length && ips.every((each, index) => each === before[index]);
  if (ip === (stored.spec.clusterIP ?? '') || !sameList) return;
  if (ip === '') delete spec.clusterIPs;
  else spec.clusterIPs = [ip];
}

/** What an update keeps of the present object when it does not say otherwise. */
export function carryOver(service: Service, stored: Service): void {
  const { spec } = service;
  const { spec: before } = stored;
  if (needsClusterIp(service) && needsClusterIp(stored)) {
    if ((spec.clusterIP ?? '') === '' && before.clusterIP !== undefined) spec.clusterIP = before.clusterIP;
    if (
      (spec.clusterIPs ?? []).length === 0 &&
      spec.clusterIP === before.clusterIP &&
      before.clusterIPs !== undefined
    ) {
      spec.clusterIPs = before.clusterIPs;
    }
    if (spec.ipFamilies === undefined && before.ipFamilies !== undefined) spec.ipFamilies = before.ipFamilies;
    if (spec.ipFamilyPolicy === undefined && before.ipFamilyPolicy !== undefined) {
      spec.ipFamilyPolicy = before.ipFamilyPolicy;
    }
  }
  if (needsNodePorts(service) && needsNodePorts(stored))
    carryOverNodePorts(spec.ports ?? [], before.ports ?? []);
  if (
    needsHealthCheckPort(service) &&
    needsHealthCheckPort(stored) &&
    before.healthCheckNodePort !== undefined
  ) {
    spec.healthCheckNodePort ??= before.healthCheckNodePort;
  }
}

/** Ports keep their node ports by protocol and number; one that is asked for elsewhere is not kept. */
function carryOverNodePorts(ports: readonly ServicePort[], before: readonly ServicePort[]): void {
  const asked = new Set(ports.map((each) => each.nodePort));
  for (const port of ports) {
    if ((port.nodePort ?? 0) !== 0) continue;
    const old = before.find((each) => each.protocol === port.protocol && each.port === port.port);
    if (old?.nodePort !== undefined && !asked.has(old.nodePort)) port.nodePort = old.nodePort;
  }
}

/** A change of type drops what the new type does not have, unless the client changed it, too. */
export function dropForType(service: Service, stored: Service): void {
  const { spec } = service;
  const { spec: before } = stored;
  if (needsClusterIp(stored) && !needsClusterIp(service) && spec.clusterIP === before.clusterIP) {
    delete spec.clusterIP;
    delete spec.clusterIPs;
    delete spec.ipFamilies;
    delete spec.ipFamilyPolicy;
  }
  if (needsNodePorts(stored) && !needsNodePorts(service)) {
    for (const [index, port] of (spec.ports ?? []).entries()) {
      if (port.nodePort === before.ports?.[index]?.nodePort) delete port.nodePort;
    }
  }
  if (needsHealthCheckPort(stored) && !needsHealthCheckPort(service)) {
    if (spec.healthCheckNodePort === before.healthCheckNodePort) delete spec.healthCheckNodePort;
  }
  if (isExternallyAccessible(stored) && !isExternallyAccessible(service)) {
    if (spec.externalTrafficPolicy === before.externalTrafficPolicy) delete spec.externalTrafficPolicy;
  }
  if (before.type !== 'LoadBalancer' || spec.type === 'LoadBalancer') return;
  if (spec.allocateLoadBalancerNodePorts === before.allocateLoadBalancerNodePorts) {
    delete spec.allocateLoadBalancerNodePorts;
  }
  if (spec.loadBalancerClass === before.loadBalancerClass) delete spec.loadBalancerClass;
}
