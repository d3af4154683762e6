/** `nodeSelector` and required node affinity (pkg/scheduler/framework/plugins/nodeaffinity). */

import type { NodeSelectorTerm } from '@orrery/api/gen/types.ts';
import { hasLabels, NAME_FIELD, termMatches } from '@orrery/api/node-selector.ts';
import { normalizeToHighest } from './normalize.ts';
import { type FilterPlugin, type ScorePlugin, unresolvable } from './plugin.ts';

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

const NAME = 'NodeAffinity';

export const nodeAffinity: FilterPlugin = {
  name: NAME,
  wokenBy: ['NodeAdd', 'NodeLabels'],
  dependsOn: ({ pod: { spec } }) => [spec.nodeSelector, spec.affinity?.nodeAffinity],
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

/** Prefers nodes by the weights of the preferred terms that they meet. */
export const nodeAffinityScore: ScorePlugin = {
  name: NAME,
  weight: 2,
  preScore({ pod: { spec } }) {
    const preferred = spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    if (preferred.length === 0) return undefined;
    return {
      score: (node) =>
        preferred.reduce(
          (sum, { weight, preference }) => (termMatches(preference, node) ? sum + weight : sum),
          0,
        ),
      normalize: normalizeToHighest,
    };
  },
};
