/** The name service of a pod (pkg/kubelet/network/dns, GetPodDNS). Pure. */

import type { Pod, PodDNSConfig } from '@orrery/api/gen/types.ts';
import type { DnsConfig } from '../network/network.ts';
import { CLUSTER_DNS_ADDRESS } from '../network/resolver.ts';

const CLUSTER_DOMAIN = 'cluster.local';

/** What a node's own resolv.conf says: the name service of its network, which knows no Service. */
const NODE_DNS: DnsConfig = { nameservers: ['10.0.0.2'], searches: [], options: [] };
const NO_DNS: DnsConfig = { nameservers: [], searches: [], options: [] };

/** What the C library takes note of (pkg/apis/core/validation, MaxDNSNameservers and so on). */
const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARACTERS = 2_048;

function clusterDns(namespace: string): DnsConfig {
  return {
    nameservers: [CLUSTER_DNS_ADDRESS],
    searches: [`${namespace}.svc.${CLUSTER_DOMAIN}`, `svc.${CLUSTER_DOMAIN}`, CLUSTER_DOMAIN],
    options: ['ndots:5'],
  };
}

/** One for all pods of a namespace that say nothing of their own, which are nearly all. */
const SHARED_LIMIT = 1_000;
const shared = new Map<string, DnsConfig>();

function sharedClusterDns(namespace: string): DnsConfig {
  let config = shared.get(namespace);
  if (config === undefined) {
    if (shared.size >= SHARED_LIMIT) shared.clear();
    config = clusterDns(namespace);
    shared.set(namespace, config);
  }
  return config;
}

export function dnsConfig({ metadata, spec }: Pod): DnsConfig {
  const base = baseOf(spec.dnsPolicy ?? 'ClusterFirst', spec.hostNetwork === true, metadata.namespace ?? '');
  return spec.dnsConfig === undefined ? base : merged(base, spec.dnsConfig);
}

function baseOf(policy: string, hostNetwork: boolean, namespace: string): DnsConfig {
  if (policy === 'None') return NO_DNS;
  if (policy === 'Default' || (policy === 'ClusterFirst' && hostNetwork)) return NODE_DNS;
  return sharedClusterDns(namespace);
}

/** What the pod says comes after what its policy gives; an option of the same name replaces that (appendDNSConfig). */
function merged(base: DnsConfig, { nameservers = [], searches = [], options = [] }: PodDNSConfig): DnsConfig {
  const byName = new Map(base.options.map((option) => [option.split(':')[0], option]));
  for (const { name = '', value = '' } of options) byName.set(name, value === '' ? name : `${name}:${value}`);
  return {
    nameservers: [...new Set([...base.nameservers, ...nameservers])].slice(0, MAX_NAMESERVERS),
    searches: fittingSearches([...new Set([...base.searches, ...searches])]),
    options: [...byName.values()],
  };
}

function fittingSearches(searches: readonly string[]): string[] {
  const fitting = searches.slice(0, MAX_SEARCHES);
  while (fitting.join(' ').length > MAX_SEARCH_CHARACTERS) fitting.pop();
  return fitting;
}
