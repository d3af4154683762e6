/** What events about a container point to (kubecontainer.GenerateContainerRef). Pure. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { Pods } from '@orrery/api/resources.ts';
import type { EventSubject } from '@orrery/client/events.ts';

/** A container of a pod as the subject of events. */
export function containerSubject(pod: Pod, name: string): EventSubject {
  const isNamed = (each: { name: string }): boolean => each.name === name;
  let list = 'containers';
  if (pod.spec.initContainers?.some(isNamed) === true) list = 'initContainers';
  else if (pod.spec.ephemeralContainers?.some(isNamed) === true) list = 'ephemeralContainers';
  return { resource: Pods, object: pod, fieldPath: `spec.${list}{${name}}` };
}
