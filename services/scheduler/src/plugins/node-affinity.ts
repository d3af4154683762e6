/** `nodeSelector` and required node affinity (pkg/scheduler/framework/plugins/nodeaffinity). */

import type { NodeSelectorRequirement, NodeSelectorTerm } from '@orrery/api/gen/types.ts';
import type { Labels } from '@orrery/api/selectors.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { FilterPlugin } from './plugin.ts';

const NO_MATCH = ["node(s) didn't match Pod's node affinity/selector"];

/** Every term names nodes, and none of them can be meant. */
const CONFLICT = { unfit: 'pod affinity terms conflict' };

const NAME_FIELD = 'metadata.name';

const INTEGER = /^[+-]?\d+$/;

/** Gt and Lt compare whole numbers; a label that is none never matches. */
function compares(operator: string, label: string, values: readonly string[]): boolean {
  const [bound, ...more] = values;
  if (bound === undefined || more.length > 0 || !INTEGER.test(bound) || !INTEGER.test(label)) return false;
  const difference = BigInt(label) - BigInt(bound);
  return operator === 'Gt' ? difference > 0n : difference < 0n;
}

/** A malformed requirement matches nothing, as upstream treats one that got past validation. */
function labelMatches({ key, operator, values = [] }: NodeSelectorRequirement, labels: Labels): boolean {
  const label = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return label !== undefined && values.includes(label);
    case 'NotIn':
      return values.length > 0 && (label === undefined || !values.includes(label));
    case 'Exists':
      return values.length === 0 && label !== undefined;
    case 'DoesNotExist':
      return values.length === 0 && label === undefined;
    case 'Gt':
    case 'Lt':
      return label !== undefined && compares(operator, label, values);
    default:
      return false;
  }
}

/** The name is the only field, and it takes exactly one value. */
function fieldMatches({ key, operator, values = [] }: NodeSelectorRequirement, name: string): boolean {
  if (key !== NAME_FIELD || values.length !== 1) return false;
  switch (operator) {
    case 'In':
      return values[0] === name;
    case 'NotIn':
      return values[0] !== name;
    default:
      return false;
  }
}

/** All requirements of a term hold; an empty term matches no node. */
function termMatches({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: NodeInfo): boolean {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  return (
    matchExpressions.every((requirement) => labelMatches(requirement, node.labels)) &&
    matchFields.every((requirement) => fieldMatches(requirement, node.name))
  );
}

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
        const selected = selector.every(
          ([key, value]) => Object.hasOwn(node.labels, key) && node.labels[key] === value,
        );
        const affine = terms === undefined || terms.some((term) => termMatches(term, node));
        return selected && affine ? undefined : NO_MATCH;
      },
    };
  },
};
