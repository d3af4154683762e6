/** The ports of a node that a pod takes: what scheduler and kubelet both keep from being taken twice. */

import type { ContainerPort, PodSpec } from './gen/types.ts';

export interface HostPort {
  port: number;
  protocol: string;
  /** Of the node; all of its addresses when it is 0.0.0.0. */
  ip: string;
}

const ANY_IP = '0.0.0.0';
const NONE: readonly HostPort[] = [];

/** Those of its containers and sidecars (scheduler/util, GetHostPorts). */
export function hostPortsOf({ containers, initContainers = [] }: PodSpec): readonly HostPort[] {
  const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always');
  const ports = [...containers, ...sidecars].flatMap((each): readonly ContainerPort[] => each.ports ?? []);
  const taken = ports.filter(({ hostPort = 0 }) => hostPort > 0);
  if (taken.length === 0) return NONE;
  return taken.map(({ hostPort = 0, protocol = 'TCP', hostIP }) => ({
    port: hostPort,
    protocol,
    ip: hostIP === undefined || hostIP === '' ? ANY_IP : hostIP,
  }));
}

/** Whether one node cannot give both (framework.HostPortInfo, CheckConflict). */
export function hostPortsCollide(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false;
  return a.ip === b.ip || a.ip === ANY_IP || b.ip === ANY_IP;
}
