/** The name service of a pod (pkg/kubelet/network/dns, GetPodDNS). Pure. */

import type { Pod } from '@orrery/api/gen/types.ts';
import type { DnsConfig } from '../network/network.ts';

const CLUSTER_DNS = '10.96.0.10';
const CLUSTER_DOMAIN = 'cluster.local';

export function dnsConfig({ metadata: { namespace } }: Pod): DnsConfig {
  return {
    nameservers: [CLUSTER_DNS],
    searches: [`${namespace}.svc.${CLUSTER_DOMAIN}`, `svc.${CLUSTER_DOMAIN}`, CLUSTER_DOMAIN],
    options: ['ndots:5'],
  };
}
