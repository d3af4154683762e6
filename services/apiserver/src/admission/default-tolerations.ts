/** DefaultTolerationSeconds: pods stay for five minutes on a node that is lost. */

import type { Pod, Toleration } from '@orrery/api/gen/types.ts';

const TOLERATED_SECONDS = 300;
const TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const;

/** Whether the pod says itself for how long it bears the taint. */
function covers({ key = '', effect = '' }: Toleration, taint: string): boolean {
  return (key === taint || key === '') && (effect === 'NoExecute' || effect === '');
}

export function addDefaultTolerations({ spec }: Pod): void {
  for (const key of TAINTS) {
    if (spec.tolerations?.some((each) => covers(each, key)) === true) continue;
    spec.tolerations ??= [];
    spec.tolerations.push({
      key,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: TOLERATED_SECONDS,
    });
  }
}
