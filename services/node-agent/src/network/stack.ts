/** The sockets of a pod, of one of its processes, or of a node. */

import type { Duplex } from 'node:stream';
import type { Clock } from '@orrery/kit/clock.ts';
import { ANY_ADDRESS, canonicalHost, isIPv4, isLoopback } from './address.ts';
import { adoptStream, connectPair, exchangeWith } from './connection.ts';
import type { ConnectionStream } from './connection-stream.ts';
import type { ControlPlane } from './control-plane.ts';
import { withDeadline } from './deadline.ts';
import { exchangeHttp, type OutgoingRequest, type WholeResponse } from './http-client.ts';
import { askHandler, bytesOf, serveHttp, TOO_LARGE } from './http-server.ts';
import type { NodeView, ServiceView } from './cluster-view.ts';
import type { Namespace } from './namespace.ts';
import {
  type ConnectOptions,
  type DnsAnswer,
  type HealthCheck,
  type HttpAsk,
  type HttpHandler,
  type HttpResponse,
  type Listener,
  MAX_BODY_BYTES,
  NetworkError,
  type NetworkStack,
  type PortService,
} from './network.ts';
import type { Binding, Protocol } from './port-table.ts';
import { type Names, resolve } from './resolver.ts';
import type { Route, Router } from './router.ts';
import { secured, type TlsOptions } from './secure.ts';
import { Sockets } from './sockets.ts';

/** When connect(2) gives up (Linux, six retries of a SYN). */
const CONNECT_LIMIT_MS = 127_000;
/** When a resolver gives up (resolv.conf(5): two attempts of five seconds). */
const LOOKUP_LIMIT_MS = 10_000;
/** When an exchange of HTTP is given up whose caller has set no limit. */
const EXCHANGE_LIMIT_MS = 900_000;
/** How many addresses of a name are tried. */
const MAX_ADDRESSES = 16;

/** How other agents are reached. */
export interface Peers {
  /** @throws NetworkError */
  dial(
    address: string,
    target: { ip: string; port: number; fromIp: string },
    cancelled: AbortSignal,
  ): Promise<ConnectionStream>;
}

/** What all stacks of a process share. */
export interface StackContext {
  clock: Clock;
  router: Router;
  peers: Peers;
  controlPlane: ControlPlane;
  nodes: Pick<NodeView, 'hostPort'>;
  services: () => ServiceView | Promise<ServiceView>;
}

/** A connection that is on its way. */
interface Attempt {
  /** Whose it will be. */
  readonly sockets: Sockets;
  readonly cancelled: AbortSignal;
  /** The connection takes the place of the attempt. */
  readonly release: () => void;
}

/** The process that a stack is of. */
interface Owner {
  readonly pod: Stack;
  readonly ended: AbortSignal;
}

export class Stack implements NetworkStack {
  readonly #context: StackContext;
  readonly #namespace: Namespace;
  readonly #names: Names;
  readonly #owner: Owner | undefined;
  #sockets: Sockets | undefined;
  #isOver = false;

  constructor(context: StackContext, namespace: Namespace, names: Names, owner?: Owner) {
    this.#context = context;
    this.#namespace = namespace;
    this.#names = names;
    this.#owner = owner;
  }

  get ip(): string {
    return this.#namespace.ip;
  }

  get namespace(): Namespace {
    return this.#namespace;
  }

  listen(
    wanted: number,
    service: PortService,
    { host = ANY_ADDRESS, protocol = 'TCP' }: { host?: string; protocol?: Protocol } = {},
  ): Listener {
    const { ip, node, isNode, ports } = this.#namespace;
    const address = canonicalHost(host);
    if (address !== ANY_ADDRESS && address !== ip && !isLoopback(address))
      throw new NetworkError('EADDRNOTAVAIL');
    const port = wanted === 0 ? ports.freePort(protocol, address) : wanted;
    // A port of the node that is mapped into a pod is taken, as the runtimes do that hold it open.
    if (isNode && this.#context.nodes.hostPort(node, port, protocol) !== undefined)
      throw new NetworkError('EADDRINUSE');
    const sockets = this.#openSockets();
    const binding: Binding = { port, protocol, host: address, service, sockets };
    const close = (): void => {
      ports.remove(binding);
      sockets.remove(socket);
    };
    const socket = { close, reset: close };
    ports.add(binding);
    try {
      sockets.add(socket);
    } catch (error) {
      ports.remove(binding);
      throw error;
    }
    return { port, close };
  }

  ports(): { port: number; protocol: Protocol; host: string }[] {
    const bindings = this.#namespace.openPorts?.list() ?? [];
    return bindings.map(({ port, protocol, host }) => ({ port, protocol, host }));
  }

  connect(host: string, port: number, options: ConnectOptions = {}): Promise<Duplex> {
    return this.#pursue(host, options, CONNECT_LIMIT_MS, async (ip, attempt) => {
      const route = await this.#context.router.route(this.#namespace, ip, port, attempt.cancelled);
      return this.#open(route, attempt);
    });
  }

  request(
    host: string,
    port: number,
    request: HttpAsk,
    options: ConnectOptions = {},
  ): Promise<WholeResponse> {
    const headers: Record<string, string> = { host: port === 80 ? host : `${host}:${port}` };
    for (const [name, value] of Object.entries(request.headers ?? {})) headers[name.toLowerCase()] = value;
    const { method = 'GET', target, tls } = request;
    const outgoing: OutgoingRequest = { method, target, headers, body: bytesOf(request.body) };
    return this.#pursue(host, options, EXCHANGE_LIMIT_MS, (ip, attempt) =>
      this.#exchange(ip, port, outgoing, attempt, tls && { host, tls }),
    );
  }

  checkHealth(host: string, port: number, service: string): Promise<HealthCheck> {
    return this.#pursue(host, {}, CONNECT_LIMIT_MS, async (ip, { cancelled }) => {
      const route = await this.#context.router.route(this.#namespace, ip, port, cancelled);
      if (route.kind !== 'here') return 'UNIMPLEMENTED';
      const { grpcHealth } = bindingOf(route).service;
      return grpcHealth === undefined ? 'UNIMPLEMENTED' : (grpcHealth(service) ?? 'NOT_FOUND');
    });
  }

  lookup(name: string, type: 'A' | 'SRV' | 'PTR' = 'A'): Promise<DnsAnswer> {
    return withDeadline(this.#context.clock, {}, LOOKUP_LIMIT_MS, () =>
      resolve(this.#names, name, type, this.#context.services),
    );
  }

  ofProcess(ended: AbortSignal): Stack {
    return new Stack(this.#context, this.#namespace, this.#names, { pod: this.#owner?.pod ?? this, ended });
  }

  /** A connection that comes from another agent. @throws NetworkError */
  static accept(route: Route & { kind: 'here' }): (stream: ConnectionStream) => void {
    const { service, sockets } = bindingOf(route);
    return (stream) => {
      adoptStream(stream, sockets);
      deliver(service, stream, route.fromIp);
    };
  }

  /** The pod is gone: its connections are reset, its ports are free, and it opens no others. */
  reset(): void {
    this.#isOver = true;
    this.#sockets?.reset();
  }

  #openSockets(): Sockets {
    if (this.#sockets !== undefined) return this.#sockets;
    if (this.#isOver || this.#owner?.ended.aborted === true) throw new NetworkError('ECONNRESET');
    if (this.#owner === undefined) {
      this.#sockets = new Sockets();
    } else {
      const sockets = new Sockets(this.#owner.pod.#openSockets());
      this.#owner.ended.addEventListener('abort', () => sockets.close(), { once: true });
      this.#sockets = sockets;
    }
    return this.#sockets;
  }

  /** Works towards a connection; until there is one, the work itself is a socket of the process. */
  #pursue<T>(
    host: string,
    options: ConnectOptions,
    limitMs: number,
    attempt: (ip: string, attempt: Attempt) => Promise<T>,
  ): Promise<T> {
    return withDeadline(this.#context.clock, options, limitMs, async (cancelled, giveUp) => {
      const sockets = this.#openSockets();
      const end = (): void => giveUp(new NetworkError('ECONNRESET'));
      const socket = { close: end, reset: end };
      const release = (): void => sockets.removeConnection(socket);
      sockets.addConnection(socket);
      cancelled.addEventListener('abort', release);
      try {
        return await this.#toAddresses(host, cancelled, (ip) => attempt(ip, { sockets, cancelled, release }));
      } finally {
        release();
      }
    });
  }

  /** One address of a name after the other, as getaddrinfo's callers do. */
  async #toAddresses<T>(
    host: string,
    cancelled: AbortSignal,
    attempt: (ip: string) => Promise<T>,
  ): Promise<T> {
    const literal = canonicalHost(host);
    if (isIPv4(literal)) return attempt(literal);
    const { addresses } = await resolve(this.#names, host, 'A', this.#context.services);
    let failure = new NetworkError('ENOTFOUND');
    for (const ip of addresses.slice(0, MAX_ADDRESSES)) {
      cancelled.throwIfAborted();
      try {
        return await attempt(ip);
      } catch (error) {
        if (!(error instanceof NetworkError)) throw error;
        failure = error;
        // What was sent may have been carried out.
        if (error.code === 'ECONNRESET') break;
      }
    }
    throw failure;
  }

  async #open(route: Route, { sockets, cancelled, release }: Attempt): Promise<ConnectionStream> {
    if (route.kind === 'here') {
      cancelled.throwIfAborted();
      const { service, sockets: others } = bindingOf(route);
      release();
      const { near, far } = connectPair(sockets, others);
      deliver(service, far, route.fromIp);
      return near;
    }
    const { peers, controlPlane } = this.#context;
    const stream =
      route.kind === 'elsewhere'
        ? await peers.dial(route.address, route, cancelled)
        : await controlPlane.dial(route.port, cancelled);
    release();
    try {
      cancelled.throwIfAborted();
      adoptStream(stream, sockets);
    } catch (error) {
      stream.destroy();
      throw error;
    }
    return stream;
  }

  async #exchange(
    ip: string,
    port: number,
    outgoing: OutgoingRequest,
    attempt: Attempt,
    secure: { host: string; tls: TlsOptions } | undefined,
  ): Promise<WholeResponse> {
    const { cancelled } = attempt;
    const route = await this.#context.router.route(this.#namespace, ip, port, cancelled);
    if (route.kind === 'here') {
      const { service, sockets } = bindingOf(route);
      if ('http' in service)
        return exchangeWith(sockets, cancelled, () => shortCut(service.http, outgoing, route.fromIp));
    }
    const connection = await this.#open(route, attempt);
    // Servers in pods know nothing of it.
    if (secure === undefined || route.kind !== 'controlPlane')
      return exchangeHttp(connection, outgoing, cancelled);
    return exchangeHttp(await secured(connection, secure.host, secure.tls), outgoing, cancelled);
  }
}

/** @throws NetworkError ECONNREFUSED when nobody listens there */
function bindingOf({ namespace, ip, port }: Route & { kind: 'here' }): Binding {
  const binding = namespace.openPorts?.find(ip, port);
  if (binding === undefined) throw new NetworkError('ECONNREFUSED');
  return binding;
}

function deliver(service: PortService, connection: ConnectionStream, fromIp: string): void {
  if ('http' in service) {
    serveHttp(connection, service.http, fromIp);
    return;
  }
  try {
    service.accept(connection);
  } catch {
    // A fault of the program's ends its connection, never this service.
    connection.reset();
  }
}

/** An exchange without bytes, with the limits that the bytes would meet. */
async function shortCut(
  handler: HttpHandler,
  outgoing: OutgoingRequest,
  fromIp: string,
): Promise<WholeResponse> {
  const { method, target, headers, body } = outgoing;
  const answer: HttpResponse =
    body.length > MAX_BODY_BYTES
      ? TOO_LARGE
      : await askHandler(handler, { method, target, headers, body, remoteAddress: fromIp });
  const bytes = bytesOf(method === 'HEAD' ? '' : answer.body);
  if (bytes.length > MAX_BODY_BYTES) throw new NetworkError('ECONNRESET');
  return { status: answer.status, headers: lowerCased(answer.headers), body: bytes };
}

function lowerCased(headers: HttpResponse['headers'] = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
