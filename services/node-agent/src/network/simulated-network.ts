/** The network between the pods of this agent. */

import { duplexPair, type Duplex } from 'node:stream';
import {
  type Listener,
  type NamespaceConfig,
  type Network,
  NetworkError,
  type NetworkStack,
  type PortService,
} from './network.ts';

interface Namespace {
  readonly stack: NetworkStack;
  readonly services: Map<number, PortService>;
}

const FIRST_FREE_PORT = 32_768;

export class SimulatedNetwork implements Network {
  readonly #byPod = new Map<string, Namespace>();
  readonly #byIp = new Map<string, Namespace>();
  readonly #hostIp: (node: string) => string;

  constructor(hostIp: (node: string) => string) {
    this.#hostIp = hostIp;
  }

  attach({ podUid, ip, hostNetwork, node }: NamespaceConfig): NetworkStack {
    const namespace = hostNetwork ? this.#node(node) : this.#namespace(ip);
    this.#byPod.set(podUid, namespace);
    this.#byIp.set(ip, namespace);
    return namespace.stack;
  }

  detach(podUid: string): void {
    const namespace = this.#byPod.get(podUid);
    this.#byPod.delete(podUid);
    if (namespace !== undefined && this.#byIp.get(namespace.stack.ip) === namespace)
      this.#byIp.delete(namespace.stack.ip);
  }

  nodeStack(node: string): NetworkStack {
    return this.#node(node).stack;
  }

  #node(node: string): Namespace {
    const ip = this.#hostIp(node);
    let namespace = this.#byIp.get(ip);
    if (namespace === undefined) {
      namespace = this.#namespace(ip);
      this.#byIp.set(ip, namespace);
    }
    return namespace;
  }

  #namespace(ip: string): Namespace {
    const services = new Map<number, PortService>();
    const find = (host: string, port: number): PortService => {
      const isLocal = host === 'localhost' || host.startsWith('127.');
      const target = isLocal ? services : this.#byIp.get(host)?.services;
      if (target === undefined) throw new NetworkError('EHOSTUNREACH');
      const service = target.get(port);
      if (service === undefined) throw new NetworkError('ECONNREFUSED');
      return service;
    };
    const stack: NetworkStack = {
      ip,
      listen: (wanted, service): Listener => {
        let port = wanted;
        if (port === 0) for (port = FIRST_FREE_PORT; services.has(port); port += 1);
        if (services.has(port)) throw new NetworkError('EADDRINUSE');
        services.set(port, service);
        return { port, close: () => services.delete(port) };
      },
      ports: () => Array.from(services.keys(), (port) => ({ port, protocol: 'TCP', host: '0.0.0.0' })),
      connect: (host, port): Promise<Duplex> => {
        const service = find(host, port);
        if (!('accept' in service)) throw new NetworkError('ECONNREFUSED');
        const [near, far] = duplexPair();
        service.accept(far);
        return Promise.resolve(near);
      },
      request: async (host, port, { method = 'GET', target, headers = {}, body = '' }) => {
        const service = find(host, port);
        if (!('http' in service)) throw new NetworkError('ECONNRESET');
        const response = await service.http({
          method,
          target,
          headers,
          body: typeof body === 'string' ? Buffer.from(body) : body,
          remoteAddress: ip,
        });
        const answer = response.body ?? '';
        return {
          status: response.status,
          headers: response.headers ?? {},
          body: typeof answer === 'string' ? Buffer.from(answer) : answer,
        };
      },
      checkHealth: async (host, port, service) => {
        const { grpcHealth } = find(host, port);
        return grpcHealth === undefined ? 'UNIMPLEMENTED' : (grpcHealth(service) ?? 'NOT_FOUND');
      },
      lookup: () => Promise.reject(new NetworkError('ENOTFOUND')),
    };
    return { stack, services };
  }
}
