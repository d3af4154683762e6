/** Where a connection goes: to a namespace of this process, to another agent, or nowhere. */

import type { Clock } from '@orrery/kit/clock.ts';
import { ANY_ADDRESS, isLoopback, LOOPBACK } from './address.ts';
import type { NodeView, ServiceView } from './cluster-view.ts';
import { CONTROL_PLANE_ADDRESS } from './control-plane.ts';
import type { Namespace } from './namespace.ts';
import { NetworkError } from './network.ts';
import type { Choice, ServiceProxy } from './service-proxy.ts';

/** How long nobody answers who has an address, before that is said (three ARP requests of Linux). */
const UNREACHABLE_MS = 3_000;

export type Route =
  /** `ip` is the address of the namespace that is meant, `from` who is seen to ask. */
  | { kind: 'here'; namespace: Namespace; ip: string; port: number; fromIp: string }
  /** `address` is the agent's. */
  | { kind: 'elsewhere'; address: string; ip: string; port: number; fromIp: string }
  /** To the apiserver. */
  | { kind: 'controlPlane'; port: number };

export interface RouterOptions {
  clock: Clock;
  /** Whether the pods of the node are in this process. */
  hostsNode: (node: string) => boolean;
  nodes: NodeView;
  /** Asked for when it is first needed: most pods look nobody up. */
  services: () => ServiceView | Promise<ServiceView>;
  proxy: ServiceProxy;
  /** The namespace of a pod of this process, or of what is outside of the cluster. */
  podAt: (ip: string) => Namespace | undefined;
  nodeNamespace: (node: string) => Namespace;
}

export class Router {
  readonly #options: RouterOptions;

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  /**
   * The way from a namespace to an address. Waits where the answer is that none comes.
   * @throws NetworkError ECONNREFUSED, EHOSTUNREACH
   */
  async route(from: Namespace, ip: string, port: number, cancelled: AbortSignal): Promise<Route> {
    if (isLoopback(ip) || ip === ANY_ADDRESS)
      return { kind: 'here', namespace: from, ip: isLoopback(ip) ? ip : LOOPBACK, port, fromIp: LOOPBACK };
    const { nodes, podAt } = this.#options;
    const pod = podAt(ip);
    if (pod !== undefined) return { kind: 'here', namespace: pod, ip, port, fromIp: from.ip };
    const isNode = ip === from.ip || nodes.nodeAt(ip) !== undefined;
    const choice = await this.#askServices(from, ip, port, isNode);
    if (choice === undefined) return this.#direct(from, ip, port, cancelled);
    if (choice === 'refused') throw new NetworkError('ECONNREFUSED');
    if (choice === 'dropped') return untilCancelled(cancelled);
    return this.#direct(from, choice.ip, choice.port, cancelled);
  }

  /**
   * Where a connection ends that another agent sends to a pod or node of this one.
   * @throws NetworkError EHOSTUNREACH when neither is here
   */
  arrival(ip: string, port: number, fromIp: string): Route & { kind: 'here' } {
    const { nodes, podAt, hostsNode } = this.#options;
    const pod = podAt(ip);
    if (pod !== undefined) return { kind: 'here', namespace: pod, ip, port, fromIp };
    const node = nodes.nodeAt(ip);
    if (node === undefined || !hostsNode(node)) throw new NetworkError('EHOSTUNREACH');
    return this.#toNode(node, ip, port, fromIp);
  }

  async #askServices(
    from: Namespace,
    ip: string,
    port: number,
    isNode: boolean,
  ): Promise<Choice | undefined> {
    const { services, proxy, nodes } = this.#options;
    const caller = { ip: from.ip, node: from.node, zone: nodes.zoneOf(from.node) };
    const waiting = services();
    const view = waiting instanceof Promise ? await waiting : waiting;
    return isNode ? proxy.byNodePort(view, caller, port) : proxy.byAddress(view, caller, ip, port);
  }

  /** To an address as it is, without Services. */
  async #direct(from: Namespace, ip: string, port: number, cancelled: AbortSignal): Promise<Route> {
    const { nodes, podAt, hostsNode, clock } = this.#options;
    const fromIp = from.ip;
    const pod = podAt(ip);
    if (pod !== undefined) return { kind: 'here', namespace: pod, ip, port, fromIp };
    const node = ip === from.ip ? from.node : nodes.nodeAt(ip);
    if (node !== undefined && hostsNode(node)) return this.#toNode(node, ip, port, fromIp);
    const behind = node ?? nodes.nodeOfPods(ip);
    const address = behind === undefined || hostsNode(behind) ? undefined : nodes.agentOf(behind);
    if (address !== undefined) return { kind: 'elsewhere', address, ip, port, fromIp };
    if (ip === CONTROL_PLANE_ADDRESS) return { kind: 'controlPlane', port };
    await clock.sleep(UNREACHABLE_MS, cancelled);
    throw new NetworkError('EHOSTUNREACH');
  }

  #toNode(node: string, ip: string, port: number, fromIp: string): Route & { kind: 'here' } {
    const { nodes, podAt, nodeNamespace } = this.#options;
    const mapped = nodes.hostPort(node, port, 'TCP');
    const pod = mapped === undefined ? undefined : podAt(mapped.ip);
    if (mapped === undefined || pod === undefined)
      return { kind: 'here', namespace: nodeNamespace(node), ip, port, fromIp };
    return { kind: 'here', namespace: pod, ip: mapped.ip, port: mapped.port, fromIp };
  }
}

function untilCancelled(cancelled: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = (): void => reject(cancelled.reason as Error);
    if (cancelled.aborted) end();
    else cancelled.addEventListener('abort', end, { once: true });
  });
}
