/** The cluster's network, as far as this agent carries it. */

import type { Clock } from '@orrery/kit/clock.ts';
import { LOOPBACK } from './address.ts';
import type { NodeView, ServiceView } from './cluster-view.ts';
import type { ConnectionStream } from './connection-stream.ts';
import type { ControlPlane } from './control-plane.ts';
import { Namespace } from './namespace.ts';
import { type NamespaceConfig, type Network, NetworkError, type NetworkStack } from './network.ts';
import { OUTSIDE_ADDRESS, outsideNamespace } from './outside.ts';
import type { Names } from './resolver.ts';
import { Router } from './router.ts';
import { ServiceProxy } from './service-proxy.ts';
import { type Peers, Stack, type StackContext } from './stack.ts';

export interface SimulatedNetworkOptions {
  /** The cluster's clock. */
  clock: Clock;
  hostIp: (node: string) => string;
  /** Whether the pods of the node are in this process. */
  hostsNode: (node: string) => boolean;
  nodes: NodeView;
  /** Asked for when it is first needed. */
  services: () => ServiceView | Promise<ServiceView>;
  peers: Peers;
  controlPlane: ControlPlane;
}

/** What another agent, or the apiserver, asks to be connected to. */
export interface Arrival {
  /** Of a pod or node of this agent. */
  readonly ip: string;
  readonly port: number;
  readonly fromIp: string;
  /** The pod whose localhost is meant, instead of `ip`. */
  readonly podUid: string | undefined;
}

/** A node knows no names but its own and is asked by none of its programs. */
function namesOfNode(node: string, ip: string): Names {
  return { ip, hostname: node, hostAliases: [], dns: { nameservers: [], searches: [], options: [] } };
}

export class SimulatedNetwork implements Network {
  readonly #hostIp: (node: string) => string;
  readonly #context: StackContext;
  readonly #stackOfPod = new Map<string, Stack>();
  /** Not of hostNetwork pods, which have none. */
  readonly #podAt = new Map<string, Namespace>();
  readonly #stackOfNode = new Map<string, Stack>();
  readonly #outside = outsideNamespace();

  constructor(options: SimulatedNetworkOptions) {
    const { clock, hostIp, hostsNode, nodes, services, peers, controlPlane } = options;
    this.#hostIp = hostIp;
    const router = new Router({
      clock,
      hostsNode,
      nodes,
      services,
      proxy: new ServiceProxy(clock),
      podAt: (ip) => (ip === OUTSIDE_ADDRESS ? this.#outside : this.#podAt.get(ip)),
      nodeNamespace: (node) => this.#ofNode(node).namespace,
    });
    this.#context = { clock, router, peers, controlPlane, nodes, services };
  }

  attach(config: NamespaceConfig): NetworkStack {
    const { podUid, ip, hostNetwork, node } = config;
    this.detach(podUid);
    const namespace = hostNetwork ? this.#ofNode(node).namespace : new Namespace(ip, node, false);
    const stack = new Stack(this.#context, namespace, config);
    this.#stackOfPod.set(podUid, stack);
    if (!hostNetwork) this.#podAt.set(ip, namespace);
    return stack;
  }

  detach(podUid: string): void {
    const stack = this.#stackOfPod.get(podUid);
    if (stack === undefined) return;
    this.#stackOfPod.delete(podUid);
    if (this.#podAt.get(stack.ip) === stack.namespace) this.#podAt.delete(stack.ip);
    stack.reset();
  }

  nodeStack(node: string): NetworkStack {
    return this.#ofNode(node);
  }

  /**
   * Prepares a connection that comes from outside of this process: what is returned takes its stream.
   * @throws NetworkError EHOSTUNREACH, ECONNREFUSED
   */
  accept({ ip, port, fromIp, podUid }: Arrival): (stream: ConnectionStream) => void {
    if (podUid === undefined) return Stack.accept(this.#context.router.arrival(ip, port, fromIp));
    const namespace = this.#stackOfPod.get(podUid)?.namespace;
    if (namespace === undefined) throw new NetworkError('EHOSTUNREACH');
    return Stack.accept({ kind: 'here', namespace, ip: LOOPBACK, port, fromIp: LOOPBACK });
  }

  /** The node is gone: another may have its name, at another address. */
  forgetNode(node: string): void {
    this.#stackOfNode.delete(node);
  }

  #ofNode(node: string): Stack {
    let stack = this.#stackOfNode.get(node);
    if (stack === undefined) {
      const ip = this.#hostIp(node);
      stack = new Stack(this.#context, new Namespace(ip, node, true), namesOfNode(node, ip));
      this.#stackOfNode.set(node, stack);
    }
    return stack;
  }
}
