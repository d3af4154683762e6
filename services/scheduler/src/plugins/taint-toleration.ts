/** Taints keep pods away that do not tolerate them (pkg/scheduler/framework/plugins/tainttoleration). */

import { toleratesTaint } from '@orrery/api/tolerations.ts';
import { normalizeInverse } from './normalize.ts';
import { type FilterPlugin, type ScorePlugin, unresolvable } from './plugin.ts';

const NAME = 'TaintToleration';

export const taintTolerationFilter: FilterPlugin = {
  name: NAME,
  wokenBy: ['NodeAdd', 'NodeTaints'],
  dependsOn: ({ pod: { spec } }) => spec.tolerations,
  preFilter({ pod: { spec } }) {
    return {
      filter({ hardTaints }) {
        const taint = hardTaints.find((each) => !toleratesTaint(spec.tolerations, each));
        return taint && unresolvable(`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`);
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
