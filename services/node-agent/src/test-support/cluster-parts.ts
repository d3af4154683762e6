/** What a network under test knows of its cluster. */

import type { Endpoint, EndpointSlice, KubeObject, Service } from '@orrery/api/gen/types.ts';
import { keyOf } from '@orrery/api/meta.ts';
import type { ResourceRef } from '@orrery/api/resources.ts';
import { IndexedCache } from '@orrery/client/indexed-cache.ts';
import type { IndexFunction, Informer } from '@orrery/client/informer.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import type { NodeView, ServiceView } from '../network/cluster-view.ts';
import { NO_CONTROL_PLANE } from '../network/control-plane.ts';
import { NetworkError } from '../network/network.ts';
import { SimulatedNetwork } from '../network/simulated-network.ts';
import type { Peers } from '../network/stack.ts';

export const NO_SERVICES: ServiceView = {
  service: () => undefined,
  servicesAt: () => [],
  servicesOnNodePort: () => [],
  slicesOf: () => [],
  allSlices: () => [],
};

export const NO_NODES: NodeView = {
  nodeAt: () => undefined,
  nodeOfPods: () => undefined,
  zoneOf: () => undefined,
  agentOf: () => undefined,
  hostPort: () => undefined,
};

export const NO_PEERS: Peers = { dial: () => Promise.reject(new NetworkError('EHOSTUNREACH')) };

/** The network of a cluster that has nothing but what is attached. */
export function isolatedNetwork(
  hostIp: (node: string) => string = () => '10.0.0.10',
  clock: Clock = new ManualClock(),
): SimulatedNetwork {
  return new SimulatedNetwork({
    clock,
    hostIp,
    hostsNode: () => true,
    nodes: NO_NODES,
    services: () => NO_SERVICES,
    peers: NO_PEERS,
    controlPlane: NO_CONTROL_PLANE,
  });
}

/** A Service of the namespace `default` unless its metadata says otherwise. */
export function service(
  name: string,
  spec: Service['spec'],
  metadata: Partial<Service['metadata']> = {},
): Service {
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      resourceVersion: '1',
      ...metadata,
    },
    spec,
  };
}

/** A slice of a Service. */
export function slice(
  { metadata: { name, namespace } }: Service,
  endpoints: Endpoint[],
  ports: EndpointSlice['ports'] = [{ name: '', port: 8080, protocol: 'TCP' }],
  suffix = 'a',
): EndpointSlice {
  return {
    metadata: {
      name: `${name}-${suffix}`,
      namespace,
      uid: `uid-${name}-${suffix}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      resourceVersion: '1',
      labels: { 'kubernetes.io/service-name': name },
    },
    addressType: 'IPv4',
    endpoints,
    ports,
  };
}

/** An informer that a test fills by hand, with indexes. */
export class IndexedInformer<T extends KubeObject> implements Informer<T> {
  readonly resource: ResourceRef<T>;
  readonly synced = true;
  readonly lister = new IndexedCache<T>();

  constructor(resource: ResourceRef<T>) {
    this.resource = resource;
  }

  put(...objects: readonly T[]): void {
    for (const each of objects) this.lister.replace(keyOf(each), each);
  }

  remove(object: T): void {
    this.lister.replace(keyOf(object), undefined);
  }

  addIndex(name: string, values: IndexFunction<T>): void {
    this.lister.addIndex(name, values);
  }

  addHandler(): () => void {
    throw new Error('not needed by the tests');
  }
}
