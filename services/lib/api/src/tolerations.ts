/** Taints and what tolerates them (k8s.io/api/core/v1, Toleration.ToleratesTaint). */

import type { Taint, Toleration } from './gen/types.ts';

function isSet(text: string | undefined): boolean {
  return text !== undefined && text !== '';
}

/** One toleration against one taint. */
export function tolerates({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
  if (isSet(effect) && effect !== taint.effect) return false;
  // No key means any key, which validation allows together with Exists only.
  if (isSet(key) && key !== taint.key) return false;
  switch (operator) {
    case undefined:
    case '':
    case 'Equal':
      return (value ?? '') === (taint.value ?? '');
    case 'Exists':
      return true;
    default:
      return false;
  }
}

export function toleratesTaint(tolerations: readonly Toleration[] | undefined, taint: Taint): boolean {
  return tolerations?.some((toleration) => tolerates(toleration, taint)) === true;
}
