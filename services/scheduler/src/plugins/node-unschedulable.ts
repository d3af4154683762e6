/** Cordoned nodes take no pods (pkg/scheduler/framework/plugins/nodeunschedulable). */

import type { Taint } from '@orrery/api/gen/types.ts';
import { toleratesTaint } from '@orrery/api/tolerations.ts';
import { type FilterPlugin, unresolvable } from './plugin.ts';

const UNSCHEDULABLE = unresolvable('node(s) were unschedulable');

/** A pod that tolerates this may go to a cordoned node; DaemonSet pods do. */
const UNSCHEDULABLE_TAINT: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export const nodeUnschedulable: FilterPlugin = {
  name: 'NodeUnschedulable',
  wokenBy: ['NodeAdd', 'NodeTaints'],
  dependsOn: ({ pod: { spec } }) => spec.tolerations,
  preFilter({ pod: { spec } }) {
    if (toleratesTaint(spec.tolerations, UNSCHEDULABLE_TAINT)) return undefined;
    return { filter: (node) => (node.unschedulable ? UNSCHEDULABLE : undefined) };
  },
};
