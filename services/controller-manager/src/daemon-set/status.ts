/** The status of a DaemonSet: pure (k8s.io/kubernetes/pkg/controller/daemon, updateDaemonSetStatus). */

import type { DaemonSetStatus } from '@orrery/api/gen/types.ts';
import { isPodAvailable, isPodReady } from '../pods.ts';
import { isUpToDate } from './daemon-pods.ts';
import { type DaemonView, oldestFirst } from './plan.ts';

/** Of several pods on a node the oldest counts. */
export function daemonSetStatus(view: DaemonView, collisionCount: number | undefined): DaemonSetStatus {
  const { daemonSet, version, nowMs } = view;
  const minReadySeconds = daemonSet.spec.minReadySeconds ?? 0;
  const counts = { desired: 0, current: 0, misscheduled: 0, ready: 0, updated: 0, available: 0 };
  for (const node of view.nodes) {
    const [pod] = oldestFirst(view.pods.get(node.metadata.name) ?? []);
    if (!view.eligibility.of(node).shouldRun) {
      if (pod !== undefined) counts.misscheduled += 1;
      continue;
    }
    counts.desired += 1;
    if (pod === undefined) continue;
    counts.current += 1;
    if (isPodReady(pod)) counts.ready += 1;
    if (isPodAvailable(pod, minReadySeconds, nowMs)) counts.available += 1;
    if (isUpToDate(pod, version)) counts.updated += 1;
  }
  const unavailable = counts.desired - counts.available;
  const { conditions } = daemonSet.status ?? {};
  return {
    currentNumberScheduled: counts.current,
    numberMisscheduled: counts.misscheduled,
    desiredNumberScheduled: counts.desired,
    numberReady: counts.ready,
    observedGeneration: daemonSet.metadata.generation ?? 0,
    ...(counts.updated === 0 ? {} : { updatedNumberScheduled: counts.updated }),
    ...(counts.available === 0 ? {} : { numberAvailable: counts.available }),
    ...(unavailable === 0 ? {} : { numberUnavailable: unavailable }),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    ...(conditions === undefined ? {} : { conditions }),
  };
}
