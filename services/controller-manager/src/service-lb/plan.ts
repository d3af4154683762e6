/** Which Services have a load balancer, and at which address: pure (cloud-provider/controllers/service). */

import type { Service } from '@orrery/api/gen/types.ts';
import { isBeingDeleted } from '@orrery/api/meta.ts';

/** Keeps a Service until its load balancer is gone. */
export const CLEANUP_FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';

/** Where ClusterIPs and load balancers lie: the latter in a range kept for benchmarks (RFC 2544), nobody's on any network. */
const CLUSTER_IP = /^10\.96\.(\d{1,3}\.\d{1,3})$/;
const LOAD_BALANCER_PREFIX = '198.18.';

export type LoadBalancerPlan =
  | { readonly action: 'none' }
  /** `ip` is to be its address, and only that. */
  | { readonly action: 'ensure'; readonly ip: string }
  | { readonly action: 'delete' }
  /** It has no ClusterIP of which an address could be made. */
  | { readonly action: 'fail'; readonly why: string };

/** Whoever names a class has a controller of his own. */
export function wantsLoadBalancer({ spec }: Service): boolean {
  return spec.type === 'LoadBalancer' && spec.loadBalancerClass === undefined;
}

export function hasCleanupFinalizer({ metadata }: Service): boolean {
  return metadata.finalizers?.includes(CLEANUP_FINALIZER) === true;
}

/**
 * The address that goes with a ClusterIP. Those are given out once, so these are, too, without any
 * record of who has which, whoever leads and however old its caches are.
 */
export function loadBalancerIp({ spec }: Service): string | undefined {
  const host = CLUSTER_IP.exec(spec.clusterIP ?? '')?.[1];
  return host === undefined ? undefined : `${LOAD_BALANCER_PREFIX}${host}`;
}

/** What is to be done: nothing for a Service whose load balancer is as it should be. */
export function planLoadBalancer(service: Service): LoadBalancerPlan {
  const isOurs = hasCleanupFinalizer(service);
  // One of another class keeps its finalizer: it is its own controller's.
  const isElsewhere = service.spec.type === 'LoadBalancer' && !wantsLoadBalancer(service);
  if (isBeingDeleted(service)) return isOurs && !isElsewhere ? { action: 'delete' } : { action: 'none' };
  if (isElsewhere) return { action: 'none' };
  if (!wantsLoadBalancer(service)) return isOurs ? { action: 'delete' } : { action: 'none' };
  const ip = loadBalancerIp(service);
  if (ip === undefined) return { action: 'fail', why: 'the service has no cluster IP' };
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  const isThere = ingress.length === 1 && ingress[0]?.ip === ip;
  return isOurs && isThere ? { action: 'none' } : { action: 'ensure', ip };
}
