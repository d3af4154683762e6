/** Taints keep pods away that do not tolerate them (pkg/scheduler/framework/plugins/tainttoleration). */

import type { Taint, Toleration } from '@orrery/api/gen/types.ts';
import { normalizeInverse } from './normalize.ts';
import type { FilterPlugin, ScorePlugin } from './plugin.ts';

/** One toleration against one taint (k8s.io/api/core/v1, Toleration.ToleratesTaint). */
function tolerates({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
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

function isSet(text: string | undefined): boolean {
  return text !== undefined && text !== '';
}

export function toleratesTaint(tolerations: readonly Toleration[] | undefined, taint: Taint): boolean {
  return tolerations?.some((toleration) => tolerates(toleration, taint)) === true;
}

const NAME = 'TaintToleration';

export const taintTolerationFilter: FilterPlugin = {
  name: NAME,
  wokenBy: ['NodeAdd', 'NodeTaints'],
  preFilter({ pod: { spec } }) {
    return {
      filter({ hardTaints }) {
        const taint = hardTaints.find((each) => !toleratesTaint(spec.tolerations, each));
        return taint && [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`];
      },
    };
  },
};

/** Prefers nodes with fewer PreferNoSchedule taints that the pod does not tolerate. */
export const taintTolerationScore: ScorePlugin = {
  name: NAME,
  weight: 3,
  preScore({ pod: { spec } }, feasible) {
    if (feasible.every(({ softTaints }) => softTaints.length === 0)) return undefined;
    return {
      score: ({ softTaints }) =>
        softTaints.reduce((count, taint) => (toleratesTaint(spec.tolerations, taint) ? count : count + 1), 0),
      normalize: normalizeInverse,
    };
  },
};
