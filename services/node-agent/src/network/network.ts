/**
 * The simulated network as one network namespace sees it: that of a pod (its containers share
 * it), or that of a node (hostNetwork). Nothing here touches a real socket.
 */

import type { Duplex } from 'node:stream';

export type NetworkErrorCode =
  | 'EADDRINUSE'
  | 'EADDRNOTAVAIL'
  | 'ECONNREFUSED'
  | 'ECONNRESET'
  | 'EHOSTUNREACH'
  | 'ETIMEDOUT'
  /** The name does not exist (NXDOMAIN). */
  | 'ENOTFOUND';

const MESSAGES: Readonly<Record<NetworkErrorCode, string>> = {
  EADDRINUSE: 'Address already in use',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  EHOSTUNREACH: 'No route to host',
  ETIMEDOUT: 'Connection timed out',
  ENOTFOUND: 'Name or service not known',
};

/** A failed call. `message` is what libc says, as programs print it. */
export class NetworkError extends Error {
  readonly code: NetworkErrorCode;

  constructor(code: NetworkErrorCode) {
    super(MESSAGES[code]);
    this.name = 'NetworkError';
    this.code = code;
  }
}

export interface HttpRequest {
  method: string;
  /** Path with query. */
  target: string;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
  /** Address of who asks. */
  remoteAddress: string;
}

export interface HttpResponse {
  status: number;
  headers?: Readonly<Record<string, string>>;
  body?: Uint8Array | string;
}

export type HttpHandler = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>;

/** What a server answers to a health check (grpc.health.v1) of a service; undefined when it does not know it. */
export type GrpcHealth = (service: string) => 'SERVING' | 'NOT_SERVING' | undefined;

/**
 * What listens on a port. A server of HTTP gives only `http`: who asks within this process is
 * answered without a byte being parsed, and a connection from elsewhere is adapted. One of gRPC
 * may say how it is by `grpcHealth`; nothing else of gRPC is simulated.
 */
export type PortService = ({ http: HttpHandler } | { accept: (connection: Duplex) => void }) & {
  grpcHealth?: GrpcHealth;
};

/** How a health check went, by the names of grpc.health.v1 and of gRPC's codes. */
export type HealthCheck = 'SERVING' | 'NOT_SERVING' | 'NOT_FOUND' | 'UNIMPLEMENTED';

export interface Listener {
  readonly port: number;
  close(): void;
}

export interface DnsAnswer {
  /** The name that answered, in full and with a final dot. */
  name: string;
  addresses: string[];
  /** Of an SRV question. */
  services?: { priority: number; weight: number; port: number; target: string }[];
  canonicalName?: string;
}

export interface ConnectOptions {
  signal?: AbortSignal;
  /** On the cluster's clock; rejects with ETIMEDOUT. */
  timeoutMs?: number;
}

export interface NetworkStack {
  /** The address of the pod, or of the node. */
  readonly ip: string;
  /** Port 0 takes a free one. @throws NetworkError EADDRINUSE */
  listen(port: number, service: PortService, options?: { host?: string; protocol?: 'TCP' | 'UDP' }): Listener;
  /** Ports that are listened on. */
  ports(): { port: number; protocol: 'TCP' | 'UDP'; host: string }[];
  /** `host` is a name or an address: localhost, a pod, a Service, a node. @throws NetworkError */
  connect(host: string, port: number, options?: ConnectOptions): Promise<Duplex>;
  /** One HTTP exchange, without following redirects. @throws NetworkError */
  request(
    host: string,
    port: number,
    request: {
      method?: string;
      target: string;
      headers?: Record<string, string>;
      body?: Uint8Array | string;
    },
    options?: ConnectOptions,
  ): Promise<HttpResponse & { headers: Readonly<Record<string, string>>; body: Uint8Array }>;
  /** One health check over gRPC of a port of a pod or node of this agent. @throws NetworkError */
  checkHealth(host: string, port: number, service: string): Promise<HealthCheck>;
  /** By /etc/hosts, then by the cluster's DNS with the search path. @throws NetworkError ENOTFOUND */
  lookup(name: string, type?: 'A' | 'SRV' | 'PTR'): Promise<DnsAnswer>;
}

/** The name service of a pod, as it stands in its /etc/resolv.conf and /etc/hosts. */
export interface DnsConfig {
  nameservers: readonly string[];
  searches: readonly string[];
  options: readonly string[];
}

export interface HostAlias {
  ip: string;
  hostnames: readonly string[];
}

/** What a namespace needs to be told. */
export interface NamespaceConfig {
  node: string;
  podUid: string;
  ip: string;
  /** Shares the stack of its node. */
  hostNetwork: boolean;
  hostname: string;
  /** Also known as: `hostname.subdomain.namespace.svc.cluster.local`. */
  fqdn?: string;
  dns: DnsConfig;
  hostAliases: readonly HostAlias[];
}

/** The cluster's network, as far as this agent carries it. */
export interface Network {
  /** Sets up a pod's namespace: from now on others reach it at its address. */
  attach(config: NamespaceConfig): NetworkStack;
  /** Takes it down: connections are reset, ports are free. */
  detach(podUid: string): void;
  /** The stack of a node, for probes and port-forwards that come from the node itself. */
  nodeStack(node: string): NetworkStack;
}
