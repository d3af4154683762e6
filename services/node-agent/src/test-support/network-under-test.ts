/** The networks of agents that reach each other without gRPC, over a cluster that a test makes up. */

import type { EndpointSlice, Node, Pod, Service } from '@orrery/api/gen/types.ts';
import { EndpointSlices, Nodes, Pods, Services } from '@orrery/api/resources.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import type { Duplex } from 'node:stream';
import {
  AGENT_ADDRESS_ANNOTATION,
  indexServices,
  nodeView,
  serviceView,
  type ServiceView,
} from '../network/cluster-view.ts';
import { connectionPair } from '../network/connection-stream.ts';
import { type ControlPlane, NO_CONTROL_PLANE } from '../network/control-plane.ts';
import type { NamespaceConfig, NetworkStack } from '../network/network.ts';
import { SimulatedNetwork } from '../network/simulated-network.ts';
import type { Peers } from '../network/stack.ts';
import { nodeIndex } from './objects.ts';
import { nodeAddress, podCidr } from '../runtime/addresses.ts';
import { IndexedInformer } from './cluster-parts.ts';

const DNS = {
  nameservers: ['10.96.0.10'],
  searches: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
  options: ['ndots:5'],
};

function node(name: string, agent: string): Node {
  const index = nodeIndex(name);
  return {
    metadata: {
      name,
      uid: name,
      creationTimestamp: '2026-01-01T00:00:00Z',
      resourceVersion: '1',
      annotations: { [AGENT_ADDRESS_ANNOTATION]: agent },
    },
    spec: { podCIDR: podCidr(index), podCIDRs: [podCidr(index)] },
    status: { addresses: [{ type: 'InternalIP', address: nodeAddress(index) }] },
  };
}

export class NetworkUnderTest {
  readonly clock = new ManualClock();
  readonly services = new IndexedInformer<Service>(Services);
  readonly slices = new IndexedInformer<EndpointSlice>(EndpointSlices);
  readonly nodes = new IndexedInformer<Node>(Nodes);
  readonly pods = new IndexedInformer<Pod>(Pods);
  readonly #view: ServiceView;
  readonly #nodeView = nodeView(this.nodes, this.pods);
  readonly #agents = new Map<string, SimulatedNetwork>();

  /** Each agent with the nodes that it hosts; they reach each other in memory unless by `peers`. */
  constructor(
    agents: Readonly<Record<string, readonly string[]>> = { 'agent-0': ['node-1', 'node-2'] },
    peers?: Peers,
    controlPlane: ControlPlane = NO_CONTROL_PLANE,
  ) {
    indexServices(this.services);
    this.#view = serviceView(this.services, this.slices);
    for (const [agent, hosted] of Object.entries(agents)) {
      this.nodes.put(...hosted.map((name) => node(name, agent)));
      const network = new SimulatedNetwork({
        clock: this.clock,
        hostIp: (name) => nodeAddress(nodeIndex(name)),
        hostsNode: (name) => hosted.includes(name),
        nodes: this.#nodeView,
        services: () => this.#view,
        peers: peers ?? {
          dial: async (address, target) => {
            const take = this.agent(address).accept({ ...target, podUid: undefined });
            const [near, far] = connectionPair();
            take(far);
            return near;
          },
        },
        controlPlane,
      });
      this.#agents.set(agent, network);
    }
  }

  agent(name = 'agent-0'): SimulatedNetwork {
    const found = this.#agents.get(name);
    if (found === undefined) throw new Error(`no agent ${name}`);
    return found;
  }

  /** Attaches a pod to the agent of its node. Its uid is its name. */
  attach(
    name: string,
    ip: string,
    { node: on = 'node-1', ...more }: Partial<NamespaceConfig> = {},
  ): NetworkStack {
    const agent = this.nodes.lister.get(on)?.metadata.annotations?.[AGENT_ADDRESS_ANNOTATION];
    return this.agent(agent).attach({
      node: on,
      podUid: name,
      ip,
      hostNetwork: false,
      hostname: name,
      dns: DNS,
      hostAliases: [],
      ...more,
    });
  }
}

/** All that comes until the end. Rejects when the connection breaks. */
export async function readAll(connection: Duplex): Promise<string> {
  let text = '';
  for await (const chunk of connection as AsyncIterable<Buffer>) text += chunk.toString();
  return text;
}

/** Sends back what comes, then ends. */
export const echo = {
  accept: (connection: Duplex): void => {
    connection.on('error', () => undefined);
    connection.pipe(connection);
  },
};

/** Answers with a name. */
export const says = (text: string) => ({ http: () => ({ status: 200, body: text }) });

/** The body of an answer, as text. */
export async function bodyOf(answer: Promise<{ body: Uint8Array }>): Promise<string> {
  return Buffer.from((await answer).body).toString();
}
