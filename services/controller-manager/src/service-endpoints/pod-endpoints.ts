/** Which pods stand behind a Service, and on which ports: pure (k8s.io/endpointslice/util, pkg/api/v1/pod). */

import type { Pod, Service, ServicePort } from '@orrery/api/gen/types.ts';
import { isBeingDeleted } from '@orrery/api/meta.ts';
import { isPodTerminal } from '../pods.ts';

/** A port of a Service as one pod serves it. */
export interface ResolvedPort {
  name: string;
  port: number;
  protocol: string;
  appProtocol?: string;
}

export const HEADLESS_LABEL = 'service.kubernetes.io/headless';

export function isHeadless({ spec }: Service): boolean {
  return spec.clusterIP === 'None';
}

/** A Service without selector has endpoints that somebody else manages. */
export function hasSelector({ spec }: Service): boolean {
  return spec.type !== 'ExternalName' && Object.keys(spec.selector ?? {}).length > 0;
}

/** The number of the service port's target on this pod; undefined when the pod has no port of that name (`FindPort`). */
function targetPort(
  { spec }: Pod,
  { targetPort: target, port, protocol = 'TCP' }: ServicePort,
): number | undefined {
  if (target === undefined || target === '' || target === 0) return port;
  if (typeof target === 'number') return target;
  const restartable = (spec.initContainers ?? []).filter((each) => each.restartPolicy === 'Always');
  for (const container of [...spec.containers, ...restartable]) {
    for (const each of container.ports ?? []) {
      if (each.name === target && (each.protocol ?? 'TCP') === protocol) return each.containerPort;
    }
  }
  return undefined;
}

/** The ports of the Service that this pod serves; those it has no container port for are left out. */
export function resolvePorts(service: Service, pod: Pod): ResolvedPort[] {
  const ports: ResolvedPort[] = [];
  for (const each of service.spec.ports ?? []) {
    const port = targetPort(pod, each);
    if (port === undefined) continue;
    ports.push({
      name: each.name ?? '',
      port,
      protocol: each.protocol ?? 'TCP',
      ...(each.appProtocol === undefined ? {} : { appProtocol: each.appProtocol }),
    });
  }
  return ports;
}

/** Text that is equal for equal sets of ports. */
export function portsKey(ports: readonly ResolvedPort[]): string {
  return ports
    .map(({ name, port, protocol, appProtocol = '' }) => `${name}/${protocol}/${port}/${appProtocol}`)
    .sort()
    .join(',');
}

/** Has an address, and containers that run or may run again (`ShouldPodBeInEndpoints`). */
export function belongsInEndpoints(pod: Pod, includeTerminating: boolean): boolean {
  if (isPodTerminal(pod) || (pod.status?.podIP ?? '') === '') return false;
  return includeTerminating || !isBeingDeleted(pod);
}

/** The pod's own name within the headless Service that it names as its subdomain. */
export function hostnameIn(service: Service, { spec, metadata }: Pod): string | undefined {
  const isNamed =
    spec.hostname !== undefined && spec.hostname !== '' && spec.subdomain === service.metadata.name;
  return isNamed && metadata.namespace === service.metadata.namespace ? spec.hostname : undefined;
}

/** Whether a change of a pod can matter to the endpoints of a Service that selects it. */
export function endpointRelevantChange(pod: Pod, before: Pod): boolean {
  const readiness = ({ status }: Pod): string | undefined =>
    status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  return (
    readiness(pod) !== readiness(before) ||
    isBeingDeleted(pod) !== isBeingDeleted(before) ||
    isPodTerminal(pod) !== isPodTerminal(before) ||
    pod.status?.podIP !== before.status?.podIP ||
    pod.spec.nodeName !== before.spec.nodeName
  );
}
