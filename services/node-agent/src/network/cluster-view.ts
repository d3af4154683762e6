/** What the network knows of the cluster: Services, their endpoints, nodes and the agents behind them. */

import type { EndpointSlice, Node, Pod, Service } from '@orrery/api/gen/types.ts';
import { objectKey } from '@orrery/api/meta.ts';
import type { Informer } from '@orrery/client/informer.ts';
import { prefixOf } from './address.ts';
import type { Protocol } from './port-table.ts';

/** Where an agent is reached by others, HOST:PORT; on each of its Nodes. */
export const AGENT_ADDRESS_ANNOTATION = 'orrery.dev/node-agent-address';

const ZONE_LABEL = 'topology.kubernetes.io/zone';
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** Services and their endpoints, as kube-proxy and CoreDNS see them. */
export interface ServiceView {
  service(namespace: string, name: string): Service | undefined;
  /** Those with this cluster address, external address or address of a load balancer. */
  servicesAt(ip: string): readonly Service[];
  servicesOnNodePort(port: number): readonly Service[];
  /** IPv4 alone. */
  slicesOf(service: Service): readonly EndpointSlice[];
  /** Of all Services; for questions that are rarely asked. */
  allSlices(): readonly EndpointSlice[];
}

/** Nodes and what is behind their addresses. */
export interface NodeView {
  /** The node whose own address this is. */
  nodeAt(ip: string): string | undefined;
  /** The node whose pods have such addresses. */
  nodeOfPods(ip: string): string | undefined;
  zoneOf(node: string): string | undefined;
  /** HOST:PORT of the agent that runs the pods of the node. */
  agentOf(node: string): string | undefined;
  /** The pod that a port of the node is for (`hostPort`); the oldest of several. */
  hostPort(
    node: string,
    port: number,
    protocol: Protocol,
  ): { podUid: string; ip: string; port: number } | undefined;
}

export function serviceOf({ metadata }: EndpointSlice): { namespace: string; name: string } {
  return { namespace: metadata.namespace, name: metadata.labels?.[SERVICE_NAME_LABEL] ?? '' };
}

const BY_ADDRESS = 'network.address';
const BY_NODE_PORT = 'network.nodePort';
const BY_SERVICE = 'network.service';
const BY_HOST_PORT = 'network.hostPort';

/** What `serviceView` looks Services up by; to be called before their informer starts. */
export function indexServices(services: Informer<Service>): void {
  services.addIndex(BY_ADDRESS, ({ spec, status }) => [
    ...(spec.clusterIPs ?? [spec.clusterIP ?? '']).filter((each) => each !== '' && each !== 'None'),
    ...(spec.externalIPs ?? []),
    ...(status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip])),
  ]);
  services.addIndex(BY_NODE_PORT, ({ spec }) =>
    (spec.ports ?? []).flatMap(({ nodePort = 0 }) => (nodePort === 0 ? [] : [String(nodePort)])),
  );
}

/** Of Services that are indexed; to be called before the informer of slices starts. */
export function serviceView(services: Informer<Service>, slices: Informer<EndpointSlice>): ServiceView {
  slices.addIndex(BY_SERVICE, (slice) => {
    if (slice.addressType !== 'IPv4') return [];
    const { namespace, name } = serviceOf(slice);
    return [objectKey(namespace, name)];
  });
  return {
    service: (namespace, name) => services.lister.get(objectKey(namespace, name)),
    servicesAt: (ip) => services.lister.byIndex(BY_ADDRESS, ip),
    servicesOnNodePort: (port) => services.lister.byIndex(BY_NODE_PORT, String(port)),
    slicesOf: ({ metadata: { namespace, name } }) =>
      slices.lister.byIndex(BY_SERVICE, objectKey(namespace, name)),
    allSlices: () => slices.lister.list(),
  };
}

function hostPortKey(node: string, port: number, protocol: string): string {
  return `${node}:${port}/${protocol}`;
}

/** The ports of its node that a pod asks for; a hostNetwork pod listens there by itself. */
function hostPortsOf({ spec, status }: Pod): { port: number; protocol: string; containerPort: number }[] {
  const isOver = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  if (spec.hostNetwork === true || isOver) return [];
  const ports = [];
  for (const { ports: own } of [...(spec.initContainers ?? []), ...spec.containers]) {
    for (const { hostPort = 0, containerPort, protocol = 'TCP' } of own ?? [])
      if (hostPort !== 0) ports.push({ port: hostPort, protocol, containerPort });
  }
  return ports;
}

/** To be called before the informers start. */
export function nodeView(nodes: Informer<Node>, pods: Informer<Pod>): NodeView {
  nodes.addIndex(BY_ADDRESS, ({ spec, status }) => [
    ...(status?.addresses ?? []).flatMap(({ type, address }) => (type === 'InternalIP' ? [address] : [])),
    ...(spec.podCIDRs ?? []).map((range) => prefixOf(range)),
  ]);
  pods.addIndex(BY_HOST_PORT, (pod) =>
    hostPortsOf(pod).map(({ port, protocol }) => hostPortKey(pod.spec.nodeName ?? '', port, protocol)),
  );
  const nameAt = (value: string): string | undefined =>
    nodes.lister.byIndex(BY_ADDRESS, value)[0]?.metadata.name;
  return {
    nodeAt: nameAt,
    nodeOfPods: (ip) => nameAt(prefixOf(ip)),
    zoneOf: (node) => nodes.lister.get(node)?.metadata.labels?.[ZONE_LABEL],
    agentOf: (node) => nodes.lister.get(node)?.metadata.annotations?.[AGENT_ADDRESS_ANNOTATION],
    hostPort: (node, port, protocol) => {
      const mapped = pods.lister.byIndex(BY_HOST_PORT, hostPortKey(node, port, protocol));
      const first = mapped.reduce<Pod | undefined>(
        (oldest, each) => (oldest !== undefined && isOlder(oldest, each) ? oldest : each),
        undefined,
      );
      if (first === undefined) return undefined;
      const own = hostPortsOf(first).find((each) => each.port === port && each.protocol === protocol);
      return { podUid: first.metadata.uid, ip: first.status?.podIP ?? '', port: own?.containerPort ?? 0 };
    },
  };
}

function isOlder({ metadata: a }: Pod, { metadata: b }: Pod): boolean {
  return a.creationTimestamp === b.creationTimestamp
    ? a.uid < b.uid
    : a.creationTimestamp < b.creationTimestamp;
}
