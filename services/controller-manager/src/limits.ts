/** Limits that are given as numbers or as percentages (k8s.io/apimachinery/pkg/util/intstr, GetScaledValueFromIntOrPercent). */

import type { IntOrString } from '@orrery/api/gen/types.ts';

/** The number that a limit comes to with `total` as a hundred percent; absent is 0. */
export function resolveLimit(
  value: IntOrString | undefined,
  total: number,
  round: (n: number) => number,
): number {
  if (typeof value === 'number') return value;
  const percent = /^(\d+)%$/.exec(value ?? '0%');
  return percent === null ? 0 : round((Number(percent[1]) * total) / 100);
}
