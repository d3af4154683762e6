/**
 * How a program in a pod finds the address of a name: /etc/hosts, then the servers of
 * /etc/resolv.conf with its search path (resolv.conf(5)). The cluster's server knows what is in the
 * cluster; it and any other know what is outside.
 */

import { random } from '@orrery/kit/random.ts';
import { canonicalHost, isIPv4 } from './address.ts';
import { answerFromCluster, type QuestionType, reverseName } from './cluster-dns.ts';
import type { ServiceView } from './cluster-view.ts';
import { type DnsAnswer, type DnsConfig, type HostAlias, NetworkError } from './network.ts';
import { answerFromOutside } from './outside.ts';

/** The address of the cluster's DNS, as in the /etc/resolv.conf of its pods. */
export const CLUSTER_DNS_ADDRESS = '10.96.0.10';

/** Of a name, and of a label (RFC 1035). */
const MAX_NAME_LENGTH = 253;
const NDOTS = 1;
const MAX_NDOTS = 15;
/** The most search domains that the kubelet lets through (MaxDNSSearchPaths). */
const MAX_SEARCHES = 32;

/** What a pod knows of names by itself. */
export interface Names {
  readonly ip: string;
  readonly hostname: string;
  readonly fqdn?: string;
  readonly hostAliases: readonly HostAlias[];
  readonly dns: DnsConfig;
}

/** As in the pod's /etc/hosts (pkg/kubelet/kubelet_pods.go, managedHostsFileContent). Pure. */
export function answerFromHosts(
  { ip, hostname, fqdn, hostAliases }: Omit<Names, 'dns'>,
  name: string,
): string[] {
  if (name === 'localhost') return [canonicalHost(name)];
  if (name === hostname || name === fqdn) return [ip];
  return hostAliases
    .filter(({ hostnames }) => hostnames.some((each) => each.toLowerCase() === name))
    .map((each) => each.ip);
}

/** The full names to ask for, in order. Pure. */
export function searchNames(name: string, { searches, options }: DnsConfig): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const option = options.findLast((each) => each.startsWith('ndots:'));
  const ndots = option === undefined ? NDOTS : Math.min(Number(option.slice(6)) || 0, MAX_NDOTS);
  const searched = searches.slice(0, MAX_SEARCHES).map((each) => `${name}.${each.replace(/\.$/, '')}`);
  return name.split('.').length - 1 >= ndots ? [name, ...searched] : [...searched, name];
}

/** `view` is asked for when the question goes to the cluster's DNS. @throws NetworkError ENOTFOUND */
export async function resolve(
  names: Names,
  name: string,
  type: QuestionType,
  view: () => ServiceView | Promise<ServiceView>,
): Promise<DnsAnswer> {
  const asked = type === 'PTR' && isIPv4(name) ? `${reverseName(name)}.` : name.toLowerCase();
  if (asked === '' || asked.length > MAX_NAME_LENGTH + 1) throw new NetworkError('ENOTFOUND');
  if (type === 'A') {
    if (isIPv4(asked)) return { name: asked, addresses: [asked] };
    const addresses = answerFromHosts(names, asked.replace(/\.$/, ''));
    if (addresses.length > 0) return { name: asked, addresses };
  }
  const { nameservers } = names.dns;
  if (nameservers.length === 0) throw new NetworkError('ENOTFOUND');
  const waiting = nameservers.includes(CLUSTER_DNS_ADDRESS) ? view() : undefined;
  const cluster = waiting instanceof Promise ? await waiting : waiting;
  for (const searched of searchNames(asked, names.dns)) {
    const full = searched.toLowerCase();
    const found =
      (cluster === undefined ? undefined : answerFromCluster(cluster, full, type)) ??
      (type === 'A' ? answerFromOutside(full) : undefined);
    if (found === undefined) continue;
    return { ...found, addresses: shuffled(type === 'A' ? addressesOf(found) : found.addresses) };
  }
  throw new NetworkError('ENOTFOUND');
}

/** Where an alias leads out of the cluster, the addresses are found there. */
function addressesOf({ addresses, canonicalName = '' }: DnsAnswer): string[] {
  if (addresses.length > 0 || canonicalName === '') return addresses;
  return answerFromOutside(canonicalName.replace(/\.$/, ''))?.addresses ?? [];
}

/** CoreDNS's loadbalance plugin gives addresses in another order each time. */
function shuffled(addresses: readonly string[]): string[] {
  const mixed = [...addresses];
  for (let index = mixed.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1));
    [mixed[index], mixed[other]] = [mixed[other]!, mixed[index]!];
  }
  return mixed;
}
