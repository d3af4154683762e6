/** The files in /etc that a pod is given: hosts by the kubelet (ensureHostsFile), the others by the runtime. Pure. */

import type { HostAlias } from '../network/network.ts';
import type { PodSandbox } from '../runtime/runtime.ts';

const HEADER = '# Kubernetes-managed hosts file.';
const HOST_NETWORK_HEADER = '# Kubernetes-managed hosts file (host network).';

/** Upstream's addresses, as they are. */
const LOCAL_LINES = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'fe00::0\tip6-mcastprefix',
  'fe00::1\tip6-allnodes',
  'fe00::2\tip6-allrouters',
];

function aliasLines(aliases: readonly HostAlias[]): string[] {
  if (aliases.length === 0) return [];
  return [
    '',
    '# Entries added by HostAliases.',
    ...aliases.map(({ ip, hostnames }) => `${ip}\t${hostnames.join('\t')}`),
  ];
}

type HostsInput = Pick<PodSandbox, 'ip' | 'hostname' | 'fqdn' | 'hostNetwork' | 'hostAliases'>;

/** On the host network, what the node has: its own name. */
export function hostsFile({ ip, hostname, fqdn, hostNetwork, hostAliases }: HostsInput): string {
  const own = fqdn === undefined || hostNetwork ? `${ip}\t${hostname}` : `${ip}\t${fqdn}\t${hostname}`;
  const header = hostNetwork ? HOST_NETWORK_HEADER : HEADER;
  return [header, ...LOCAL_LINES, own, ...aliasLines(hostAliases), ''].join('\n');
}

/** As containerd writes it. */
export function resolvFile({ dns: { nameservers, searches, options } }: Pick<PodSandbox, 'dns'>): string {
  return [
    ...(searches.length === 0 ? [] : [`search ${searches.join(' ')}`]),
    ...nameservers.map((each) => `nameserver ${each}`),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
    '',
  ].join('\n');
}

export function hostnameFile({ hostname }: Pick<PodSandbox, 'hostname'>): string {
  return `${hostname}\n`;
}
