/** A container of a pod as the subject of events (pkg/kubelet/container/ref.go). Pure. */

import type { Container as ContainerSpec, Pod } from '@orrery/api/gen/types.ts';
import { Pods } from '@orrery/api/resources.ts';
import type { EventSubject } from '@orrery/client/events.ts';

export function containerSubject(pod: Pod, name: string): EventSubject {
  const isNamed = (each: Pick<ContainerSpec, 'name'>): boolean => each.name === name;
  const { initContainers, ephemeralContainers } = pod.spec;
  let list = 'containers';
  if (initContainers?.some(isNamed) === true) list = 'initContainers';
  else if (ephemeralContainers?.some(isNamed) === true) list = 'ephemeralContainers';
  return { resource: Pods, object: pod, fieldPath: `spec.${list}{${name}}` };
}
