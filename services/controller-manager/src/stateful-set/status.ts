/** The status of a StatefulSet: pure (pkg/controller/statefulset/stateful_set_control.go, updateStatus). */

import type { Pod, StatefulSet, StatefulSetStatus } from '@orrery/api/gen/types.ts';
import { isBeingDeleted } from '@orrery/api/meta.ts';
import { isPodAvailable, isPodReady } from '../pods.ts';
import { revisionNameOf } from './identity.ts';
import type { StatefulView } from './plan.ts';

function isRunningAndReady(pod: Pod): boolean {
  return pod.status?.phase === 'Running' && isPodReady(pod);
}

/** The pods of `view` are counted as they are after the steps of this look. */
export function statefulSetStatus(
  { set, currentRevision, updateRevision, pods, nowMs }: StatefulView,
  collisionCount: number | undefined,
): StatefulSetStatus {
  const counts = { ready: 0, available: 0, current: 0, updated: 0 };
  for (const pod of pods) {
    if (isRunningAndReady(pod)) {
      counts.ready += 1;
      if (isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)) counts.available += 1;
    }
    if (isBeingDeleted(pod)) continue;
    const revision = revisionNameOf(pod);
    if (revision === currentRevision) counts.current += 1;
    if (revision === updateRevision) counts.updated += 1;
  }
  const isComplete = isUpdateComplete(set, { replicas: pods.length, ...counts });
  const { conditions } = set.status ?? {};
  const current = isComplete ? counts.updated : counts.current;
  return {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: pods.length,
    ...(counts.ready === 0 ? {} : { readyReplicas: counts.ready }),
    ...(current === 0 ? {} : { currentReplicas: current }),
    ...(counts.updated === 0 ? {} : { updatedReplicas: counts.updated }),
    currentRevision: isComplete ? updateRevision : currentRevision,
    updateRevision,
    collisionCount: collisionCount ?? 0,
    ...(conditions === undefined ? {} : { conditions }),
    availableReplicas: counts.available,
  };
}

/** When all pods are of the new revision and serve, it becomes the current one (`completeRollingUpdate`). */
function isUpdateComplete(
  { spec }: StatefulSet,
  counts: { replicas: number; ready: number; updated: number },
): boolean {
  return (
    spec.updateStrategy?.type === 'RollingUpdate' &&
    counts.updated === counts.replicas &&
    counts.ready === counts.replicas &&
    counts.replicas === (spec.replicas ?? 1)
  );
}
