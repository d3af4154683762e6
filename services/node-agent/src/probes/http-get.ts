/** HTTP requests of probes and lifecycle hooks (pkg/probe/http), with errors in the words of Go's client. */

import type { Container as ContainerSpec, HTTPGetAction, IntOrString } from '@orrery/api/gen/types.ts';
import { NetworkError, type NetworkErrorCode, type NetworkStack } from '../network/network.ts';

/** Go's client gives up after so many. */
const MAX_REDIRECTS = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export interface HttpTarget {
  /** As it stands in messages. */
  url: string;
  /** A name or an address. */
  host: string;
  port: number;
  /** Path with query. */
  path: string;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
}

/** A port by its number, or by its name in the container. @throws Error in upstream's words (ResolveContainerPort). */
export function resolvePort(port: IntOrString, { ports = [] }: Pick<ContainerSpec, 'ports'>): number {
  if (typeof port === 'number') return port;
  const named = ports.find(({ name }) => name === port);
  if (named !== undefined) return named.containerPort;
  if (!/^[+-]?\d+$/.test(port))
    throw new Error(`strconv.Atoi: parsing ${JSON.stringify(port)}: invalid syntax`);
  const number = Number(port);
  if (number <= 0 || number >= 65_536) throw new Error(`invalid port number: ${number}`);
  return number;
}

/** A host and port as Go writes them (net.JoinHostPort). */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** What an action asks for. `podIp` is the host unless it names another. @throws Error when the port has no number. */
export function httpTarget(
  { path = '', port: named, host = '', scheme = 'HTTP', httpHeaders = [] }: HTTPGetAction,
  container: Pick<ContainerSpec, 'ports'>,
  podIp: string,
  userAgent: string,
): HttpTarget {
  const to = host === '' ? podIp : host;
  const port = resolvePort(named, container);
  const slash = path === '' || path.startsWith('/') ? '' : '/';
  const url = `${scheme.toLowerCase()}://${hostPort(to, port)}${slash}${path}`;
  const { pathname, search } = parsed(url);
  const headers: Record<string, string> = { 'user-agent': userAgent, accept: '*/*', connection: 'close' };
  for (const { name, value } of httpHeaders) headers[name.toLowerCase()] = value;
  // An empty value takes away what is there by default.
  for (const name of ['user-agent', 'accept']) if (headers[name] === '') delete headers[name];
  return { url, host: to, port, path: `${pathname}${search}`, headers };
}

function parsed(url: string): URL {
  const parts = URL.parse(url);
  if (parts === null) throw new Error(`parse ${JSON.stringify(url)}: invalid URL`);
  return parts;
}

type Answer = Awaited<ReturnType<NetworkStack['request']>>;

/**
 * Asks, and follows redirects within the host. What answers on a port answers for https as well:
 * certificates are not looked at, and nothing is encrypted here.
 * @throws Error in the words of Go's client.
 */
export async function httpGet(stack: NetworkStack, first: HttpTarget, signal: AbortSignal): Promise<Answer> {
  let target = first;
  for (let redirects = 0; ; redirects += 1) {
    const answer = await ask(stack, target, signal);
    if (!REDIRECTS.has(answer.status)) return answer;
    const next = redirected(target, answer);
    // Nowhere, or to another host: the answer is what there is.
    if (next === undefined || next.host !== first.host) return answer;
    if (redirects + 1 >= MAX_REDIRECTS) throw new Error(`Get "${next.url}": stopped after 10 redirects`);
    target = next;
  }
}

function redirected(
  { url, headers }: HttpTarget,
  { headers: { location = '' } }: Answer,
): HttpTarget | undefined {
  const next = location === '' ? null : URL.parse(location, url);
  if (next === null) return undefined;
  const { href, hostname, protocol, pathname, search } = next;
  const port = Number(next.port) || (protocol === 'https:' ? 443 : 80);
  return { url: href, host: hostname.replace(/^\[|\]$/g, ''), port, path: `${pathname}${search}`, headers };
}

async function ask(
  stack: NetworkStack,
  { url, host, port, path, headers }: HttpTarget,
  signal: AbortSignal,
): Promise<Answer> {
  try {
    const named = headers['host'] === undefined ? { ...headers, host: hostPort(host, port) } : headers;
    return await stack.request(host, port, { method: 'GET', target: path, headers: named }, { signal });
  } catch (error) {
    throw new Error(`Get "${url}": ${dialError(error, stack.ip, host, port)}`, { cause: error });
  }
}

const DIAL_ERRORS: Readonly<Partial<Record<NetworkErrorCode, string>>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  EADDRNOTAVAIL: 'connect: cannot assign requested address',
  ETIMEDOUT: 'i/o timeout',
};

/** Why a connection did not come about, as Go's net says it. */
export function dialError(error: unknown, from: string, host: string, port: number): string {
  const address = hostPort(host, port);
  if (!(error instanceof NetworkError)) return (error as Error).message;
  if (error.code === 'ENOTFOUND') return `dial tcp: lookup ${host}: no such host`;
  const dial = DIAL_ERRORS[error.code];
  return dial === undefined
    ? `read tcp ${from}->${address}: read: connection reset by peer`
    : `dial tcp ${address}: ${dial}`;
}
