/** TaintNodesByCondition: a new node gets no pods before it is known to be ready. */

import type { Node } from '@orrery/api/gen/types.ts';

const NOT_READY = 'node.kubernetes.io/not-ready';

/**
 * Taints a new node until the node lifecycle controller finds it ready. Unlike upstream, a
 * node that comes with a true Ready condition is believed: simulated nodes are ready at once.
 */
export function taintNewNode({ spec, status }: Node): void {
  if (status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') === true) return;
  if (spec.taints?.some((each) => each.key === NOT_READY && each.effect === 'NoSchedule') === true) return;
  spec.taints = [...(spec.taints ?? []), { key: NOT_READY, effect: 'NoSchedule' }];
}
