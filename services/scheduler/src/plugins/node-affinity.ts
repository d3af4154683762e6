/** `nodeSelector` and required node affinity (pkg/scheduler/framework/plugins/nodeaffinity). */

import type { NodeSelectorTerm } from '@orrery/api/gen/types.ts';
import { hasLabels, NAME_FIELD, termMatches } from '@orrery/api/node-selector.ts';
import { type FilterPlugin, unresolvable } from './plugin.ts';

const NO_MATCH = unresolvable("node(s) didn't match Pod's node affinity/selector");

/** Every term names nodes, and none of them can be meant. */
const CONFLICT = { unfit: 'pod affinity terms conflict' };

/** The nodes that a term names, or undefined when it leaves the name open. */
function namesIn({ matchFields = [] }: NodeSelectorTerm): Set<string> | undefined {
  let names: Set<string> | undefined;
  for (const { key, operator, values } of matchFields) {
    if (key !== NAME_FIELD || operator !== 'In') continue;
    const narrowed = names === undefined ? values : values?.filter((value) => names!.has(value));
    names = new Set(narrowed);
  }
  return names;
}

/** The nodes that the terms, of which one must hold, leave over; undefined when any may do. */
function namesInTerms(terms: readonly NodeSelectorTerm[]): Set<string> | undefined {
  const all = new Set<string>();
  for (const term of terms) {
    const names = namesIn(term);
    if (names === undefined) return undefined;
    for (const name of names) all.add(name);
  }
  return terms.length === 0 ? undefined : all;
}

export const nodeAffinity: FilterPlugin = {
  name: 'NodeAffinity',
  wokenBy: ['NodeAdd', 'NodeLabels'],
  preFilter({ pod: { spec } }) {
    const selector = Object.entries(spec.nodeSelector ?? {});
    const terms =
      spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
    if (selector.length === 0 && terms === undefined) return undefined;
    // DaemonSet pods name their node: looking it up beats looking at all.
    const nodeNames = terms && namesInTerms(terms);
    if (nodeNames?.size === 0) return CONFLICT;
    return {
      ...(nodeNames && { nodeNames }),
      filter(node) {
        const affine = terms === undefined || terms.some((term) => termMatches(term, node));
        return affine && hasLabels(node, selector) ? undefined : NO_MATCH;
      },
    };
  },
};
