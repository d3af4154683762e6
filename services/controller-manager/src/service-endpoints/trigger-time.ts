/**
 * When the change happened that the next write of endpoints reports, for measuring how long
 * networking takes to follow (k8s.io/endpointslice/trigger_time_tracker.go).
 */

import type { Pod, Service } from '@orrery/api/gen/types.ts';
import { keyOf, parseTime } from '@orrery/api/meta.ts';
import { podReadyCondition } from '../pods.ts';

export const LAST_CHANGE_TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';

interface Seen {
  serviceMs: number;
  podMs: Map<string, number>;
}

function changeTimeMs(pod: Pod): number {
  const ready = podReadyCondition(pod)?.lastTransitionTime;
  return parseTime(ready ?? pod.metadata.creationTimestamp);
}

export class TriggerTimes {
  readonly #seen = new Map<string, Seen>();

  /** Epoch ms of the oldest change of the service or its pods since the last call; undefined when none has a time. */
  next(service: Service, pods: readonly Pod[]): number | undefined {
    const key = keyOf(service);
    const before = this.#seen.get(key);
    const seen: Seen = { serviceMs: parseTime(service.metadata.creationTimestamp), podMs: new Map() };
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const pod of pods) {
      const atMs = changeTimeMs(pod);
      seen.podMs.set(pod.metadata.name, atMs);
      if (before !== undefined && atMs > (before.podMs.get(pod.metadata.name) ?? 0))
        oldestMs = Math.min(oldestMs, atMs);
    }
    if (before === undefined || seen.serviceMs > before.serviceMs)
      oldestMs = Math.min(oldestMs, seen.serviceMs);
    this.#seen.set(key, seen);
    return Number.isFinite(oldestMs) ? oldestMs : undefined;
  }

  forget(serviceKey: string): void {
    this.#seen.delete(serviceKey);
  }
}
