/** The quality of service class of a pod (pkg/apis/core/v1/helper/qos). */

import type { PodSpec } from './gen/types.ts';
import { isQuantity, milliValue } from './quantity.ts';

const COMPUTE = ['cpu', 'memory'] as const;

type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

/**
 * BestEffort when no container asks for cpu or memory; Guaranteed when every container has
 * limits for both that equal its requests; else Burstable. Computed once, at creation.
 */
export function qosClass(spec: PodSpec): QosClass {
  let asked = false;
  let guaranteed = true;
  const own = spec.resources;
  const all =
    own?.limits !== undefined || own?.requests !== undefined
      ? [own]
      : [...spec.containers, ...(spec.initContainers ?? [])].map((each) => each.resources);
  for (const resources of all) {
    for (const name of COMPUTE) {
      const limit = milliOf(resources?.limits?.[name]);
      const request = milliOf(resources?.requests?.[name]);
      if (limit > 0 || request > 0) asked = true;
      if (limit === 0 || limit !== request) guaranteed = false;
    }
  }
  if (!asked) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function milliOf(quantity: string | undefined): number {
  // Runs before validation, which reports what is no quantity.
  return quantity !== undefined && isQuantity(quantity) ? milliValue(quantity) : 0;
}
