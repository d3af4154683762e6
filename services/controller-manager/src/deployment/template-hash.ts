/** The hash that names the ReplicaSet of a pod template. */

import type { PodTemplateSpec } from '@orrery/api/gen/types.ts';
import { nameHash } from '../name-hash.ts';

export const POD_TEMPLATE_HASH = 'pod-template-hash';

/** A stable hash of the template, different for every `collisionCount`. */
export function templateHash(template: PodTemplateSpec, collisionCount: number | undefined): string {
  return nameHash(template, collisionCount);
}
