/** A pod that names its node fits no other (pkg/scheduler/framework/plugins/nodename). */

import { isBound } from '../snapshot/pod-info.ts';
import { type FilterPlugin, unresolvable } from './plugin.ts';

const OTHER_NODE = unresolvable("node(s) didn't match the requested node name");

export const nodeName: FilterPlugin = {
  name: 'NodeName',
  wokenBy: ['NodeAdd'],
  dependsOn: ({ pod: { spec } }) => spec.nodeName,
  preFilter({ pod }) {
    if (!isBound(pod)) return undefined;
    return { filter: (node) => (node.name === pod.spec.nodeName ? undefined : OTHER_NODE) };
  },
};
