/**
 * The simulated network as one network namespace sees it: that of a pod (its containers share
 * it), or that of a node (hostNetwork). Nothing here touches a real socket.
 */

import type { Duplex } from 'node:stream';
import type { TlsOptions } from './secure.ts';

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

/** A request that goes out. */
export interface HttpAsk {
  method?: string;
  target: string;
  headers?: Record<string, string>;
  body?: Uint8Array | string;
  /** Speaks TLS with who does; rejects with CertificateError. Others are asked without. */
  tls?: TlsOptions;
}

export interface HttpResponse {
  status: number;
  headers?: Readonly<Record<string, string>>;
  body?: Uint8Array | string;
}

/** May throw NetworkError ECONNRESET, which breaks the exchange off; any other error is answered by 500. */
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
  /** In an order of chance, as CoreDNS gives them; empty for an alias of what is outside the cluster. */
  addresses: string[];
  /** Of an SRV question. */
  services?: { priority: number; weight: number; port: number; target: string }[];
  canonicalName?: string;
  /** Of a PTR question. */
  names?: string[];
}

export interface ConnectOptions {
  /** Ends the wait; rejects with its reason. A connection that stands is not touched. */
  signal?: AbortSignal;
  /** On the cluster's clock; rejects with ETIMEDOUT. */
  timeoutMs?: number;
}

/** The most that a body of HTTP may have, either way. */
export const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** The most connections that a pod has at once, both ways; more are refused. */
export const MAX_CONNECTIONS = 1_024;

export interface NetworkStack {
  /** The address of the pod, or of the node. */
  readonly ip: string;
  /** Port 0 takes a free one. `host` is 0.0.0.0 unless given. @throws NetworkError EADDRINUSE, EADDRNOTAVAIL */
  listen(port: number, service: PortService, options?: { host?: string; protocol?: 'TCP' | 'UDP' }): Listener;
  /** Ports that are listened on. */
  ports(): { port: number; protocol: 'TCP' | 'UDP'; host: string }[];
  /**
   * `host` is a name or an address: localhost, a pod, a Service, a node. What comes back may fail
   * with ECONNRESET at any time; nobody has to listen for that. @throws NetworkError
   */
  connect(host: string, port: number, options?: ConnectOptions): Promise<Duplex>;
  /**
   * One HTTP exchange, without following redirects. A body of more than MAX_BODY_BYTES is answered
   * by 413 where it is sent, and breaks off with ECONNRESET where it is received. @throws NetworkError
   */
  request(
    host: string,
    port: number,
    request: HttpAsk,
    options?: ConnectOptions,
  ): Promise<HttpResponse & { headers: Readonly<Record<string, string>>; body: Uint8Array }>;
  /** One health check over gRPC of a port of a pod or node of this agent. @throws NetworkError */
  checkHealth(host: string, port: number, service: string): Promise<HealthCheck>;
  /** By /etc/hosts, then by the cluster's DNS with the search path. @throws NetworkError ENOTFOUND */
  lookup(name: string, type?: 'A' | 'SRV' | 'PTR'): Promise<DnsAnswer>;
  /**
   * The same stack for one process: when `ended` aborts, its ports are free and its connections
   * are closed, as a kernel does for a process that is gone.
   */
  ofProcess(ended: AbortSignal): NetworkStack;
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
