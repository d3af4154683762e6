/** Which events of pods concern their owner, and what they settle. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { controllerOf, isBeingDeleted } from '@orrery/api/meta.ts';
import type { Informer } from '@orrery/client/informer.ts';
import { podReadyCondition } from '../pods.ts';
import type { PodControl } from './index.ts';

/** A change that replicas are counted by, or that may change who manages the pod. */
function isReplicaChange(pod: Pod, before: Pod): boolean {
  const ready = podReadyCondition(pod);
  const readyBefore = podReadyCondition(before);
  return (
    pod.status?.phase !== before.status?.phase ||
    pod.spec.nodeName !== before.spec.nodeName ||
    ready?.status !== readyBefore?.status ||
    ready?.lastTransitionTime !== readyBefore?.lastTransitionTime ||
    isBeingDeleted(pod) !== isBeingDeleted(before) ||
    !jsonEqual(pod.metadata.labels, before.metadata.labels) ||
    !jsonEqual(pod.metadata.ownerReferences, before.metadata.ownerReferences)
  );
}

export interface PodEventHandlers {
  /** The pod of an owner came, changed in what counts, or went. The owner may be of another kind. */
  owned: (pod: Pod) => void;
  /** A pod without a controller came or changed: somebody may adopt it. */
  orphaned: (pod: Pod) => void;
}

/** Tells the handlers whom pods concern, and the control, if there is one, what its writes have come to. */
export function watchPods(
  pods: Informer<Pod>,
  { owned, orphaned }: PodEventHandlers,
  podControl?: PodControl,
): void {
  const observeDeletion = (pod: Pod): void => {
    const reference = controllerOf(pod);
    if (reference !== undefined) podControl?.deletionObserved(reference.uid, pod.metadata.uid);
  };
  pods.addHandler({
    add: (pod) => {
      const reference = controllerOf(pod);
      if (reference === undefined) {
        orphaned(pod);
        return;
      }
      podControl?.creationObserved(reference.uid, pod.metadata.name);
      if (isBeingDeleted(pod)) observeDeletion(pod);
      owned(pod);
    },
    update: (pod, before) => {
      if (isBeingDeleted(pod)) observeDeletion(pod);
      if (!isReplicaChange(pod, before)) return;
      owned(pod);
      if (controllerOf(pod)?.uid !== controllerOf(before)?.uid) owned(before);
      if (controllerOf(pod) === undefined) orphaned(pod);
    },
    delete: (pod) => {
      observeDeletion(pod);
      owned(pod);
    },
  });
}
