/**
 * The cluster's DNS: what CoreDNS answers of `cluster.local` and of reverse names (its kubernetes
 * plugin with `pods insecure`, as kubeadm configures it; the specification is
 * kubernetes/dns, docs/specification.md). There is no world beyond: other names do not exist. Pure.
 */

import type { Endpoint, EndpointSlice, Service, ServicePort } from '@orrery/api/gen/types.ts';
import { isIPv4 } from './address.ts';
import { type ServiceView, serviceOf } from './cluster-view.ts';
import type { DnsAnswer } from './network.ts';

export type QuestionType = 'A' | 'SRV' | 'PTR';

const DOMAIN = 'cluster.local';
/** How many aliases are followed. */
const MAX_ALIASES = 8;
/** The port of an endpoint whose slice names none. */
const NO_PORT = 0;

/** Something that a name stands for. */
interface DnsRecord {
  address: string;
  /** The name of its own that an SRV record points to. */
  target: string;
  port: number;
}

/** Answers a question for a full name, in lower case and without the final dot; undefined for NXDOMAIN and for no data. */
export function answerFromCluster(
  view: ServiceView,
  name: string,
  type: QuestionType,
): DnsAnswer | undefined {
  if (type === 'PTR') return reverse(view, name);
  return forward(view, name, type, MAX_ALIASES);
}

function forward(view: ServiceView, name: string, type: 'A' | 'SRV', aliases: number): DnsAnswer | undefined {
  if (!name.endsWith(`.${DOMAIN}`)) return undefined;
  const labels = name.slice(0, -DOMAIN.length - 1).split('.');
  const kind = labels.pop();
  const namespace = labels.pop();
  if (namespace === undefined) return undefined;
  if (kind === 'pod') return type === 'A' ? podAnswer(name, labels) : undefined;
  if (kind !== 'svc') return undefined;
  const serviceName = labels.pop();
  const service = serviceName === undefined ? undefined : view.service(namespace, serviceName);
  if (service === undefined) return undefined;
  if (service.spec.type === 'ExternalName') return alias(view, service, name, labels, type, aliases);
  const records = recordsOf(view, service, labels);
  return records.length === 0 ? undefined : answer(name, records, type);
}

/** The A record of a pod is its address, whether or not there is such a pod. */
function podAnswer(name: string, labels: readonly string[]): DnsAnswer | undefined {
  const [dashed = '', ...more] = labels;
  const ip = dashed.replaceAll('-', '.');
  return more.length === 0 && isIPv4(ip) ? { name: `${name}.`, addresses: [ip] } : undefined;
}

function alias(
  view: ServiceView,
  { spec }: Service,
  name: string,
  labels: readonly string[],
  type: 'A' | 'SRV',
  aliases: number,
): DnsAnswer | undefined {
  const target = (spec.externalName ?? '').toLowerCase().replace(/\.$/, '');
  // An alias has no endpoints.
  if (target === '' || labels.length > 0 || aliases === 0) return undefined;
  const behind = forward(view, target, type, aliases - 1);
  return { ...behind, name: `${name}.`, canonicalName: `${target}.`, addresses: behind?.addresses ?? [] };
}

/** `labels` are what stands before the service: nothing, an endpoint, or `_port._protocol`. */
function recordsOf(view: ServiceView, service: Service, labels: readonly string[]): DnsRecord[] {
  const wanted = portWanted(labels);
  const endpoint = labels.length === 1 ? labels[0] : undefined;
  if (labels.length > 2 || (labels.length === 2 && wanted === undefined)) return [];
  const { namespace, name } = service.metadata;
  const base = `${name}.${namespace}.svc.${DOMAIN}`;
  if (service.spec.clusterIP === 'None' || endpoint !== undefined)
    return endpointRecords(view.slicesOf(service), base, endpoint, wanted);
  const records: DnsRecord[] = [];
  for (const address of service.spec.clusterIPs ?? [service.spec.clusterIP ?? '']) {
    if (!isIPv4(address)) continue;
    for (const each of service.spec.ports ?? [])
      if (wanted === undefined || isPort(each, wanted))
        records.push({ address, target: `${base}.`, port: each.port });
  }
  return records;
}

interface WantedPort {
  name: string;
  protocol: string;
}

function portWanted(labels: readonly string[]): WantedPort | undefined {
  const [name = '', protocol = ''] = labels;
  if (labels.length !== 2 || !name.startsWith('_') || !protocol.startsWith('_')) return undefined;
  return { name: name.slice(1), protocol: protocol.slice(1) };
}

function isPort({ name = '', protocol = 'TCP' }: Pick<ServicePort, 'name' | 'protocol'>, wanted: WantedPort) {
  return name.toLowerCase() === wanted.name && protocol.toLowerCase() === wanted.protocol;
}

function endpointRecords(
  slices: readonly EndpointSlice[],
  base: string,
  wantedHost: string | undefined,
  wantedPort: WantedPort | undefined,
): DnsRecord[] {
  const records: DnsRecord[] = [];
  for (const { endpoints = [], ports = [] } of slices) {
    const own = ports.filter((each) => wantedPort === undefined || isPort(each, wantedPort));
    const numbers = own.map(({ port = NO_PORT }) => port);
    // Without ports there are addresses all the same.
    if (ports.length === 0 && wantedPort === undefined) numbers.push(NO_PORT);
    for (const endpoint of endpoints) {
      const address = endpoint.addresses[0];
      if (endpoint.conditions?.ready === false || address === undefined) continue;
      const host = endpointName(endpoint, address);
      if (wantedHost !== undefined && host !== wantedHost) continue;
      for (const port of numbers) records.push({ address, target: `${host}.${base}.`, port });
    }
  }
  return records;
}

function endpointName({ hostname }: Endpoint, address: string): string {
  return hostname === undefined || hostname === '' ? address.replaceAll('.', '-') : hostname.toLowerCase();
}

function answer(name: string, records: readonly DnsRecord[], type: 'A' | 'SRV'): DnsAnswer | undefined {
  const addresses = [...new Set(records.map(({ address }) => address))];
  if (type === 'A') return { name: `${name}.`, addresses };
  const withPort = new Map(
    records.filter(({ port }) => port !== NO_PORT).map((each) => [`${each.target}:${each.port}`, each]),
  );
  if (withPort.size === 0) return undefined;
  const weight = Math.floor(100 / withPort.size);
  const services = Array.from(withPort.values(), ({ port, target }) => ({
    priority: 0,
    weight,
    port,
    target,
  }));
  return { name: `${name}.`, addresses, services };
}

const REVERSE_DOMAIN = '.in-addr.arpa';

/** The name under which an address is asked for. */
export function reverseName(ip: string): string {
  return `${ip.split('.').reverse().join('.')}${REVERSE_DOMAIN}`;
}

/** The Service of an address, else the endpoints that have it. */
function reverse(view: ServiceView, name: string): DnsAnswer | undefined {
  if (!name.endsWith(REVERSE_DOMAIN)) return undefined;
  const ip = name.slice(0, -REVERSE_DOMAIN.length).split('.').reverse().join('.');
  if (!isIPv4(ip)) return undefined;
  const names = view
    .servicesAt(ip)
    .filter(({ spec }) => (spec.clusterIPs ?? [spec.clusterIP]).includes(ip))
    .map(({ metadata }) => `${metadata.name}.${metadata.namespace}.svc.${DOMAIN}.`);
  if (names.length === 0) names.push(...endpointNames(view, ip));
  return names.length === 0 ? undefined : { name: `${name}.`, addresses: [], names };
}

function endpointNames(view: ServiceView, ip: string): string[] {
  const names = new Set<string>();
  for (const slice of view.allSlices()) {
    const { namespace, name } = serviceOf(slice);
    if (name === '') continue;
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.conditions?.ready === false || endpoint.addresses[0] !== ip) continue;
      names.add(`${endpointName(endpoint, ip)}.${name}.${namespace}.svc.${DOMAIN}.`);
    }
  }
  return [...names];
}
