/** Which nodes a pod asks for (k8s.io/component-helpers/scheduling/corev1/nodeaffinity). */

import type { NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from './gen/types.ts';
import type { Labels } from './selectors.ts';

/** What is asked of a node. */
export interface SelectableNode {
  readonly name: string;
  readonly labels: Labels;
}

export const NAME_FIELD = 'metadata.name';

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
export function termMatches(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  node: SelectableNode,
): boolean {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  return (
    matchExpressions.every((requirement) => labelMatches(requirement, node.labels)) &&
    matchFields.every((requirement) => fieldMatches(requirement, node.name))
  );
}

/** Whether a node has all labels of a `nodeSelector`. */
export function hasLabels(
  { labels }: SelectableNode,
  selector: readonly (readonly [string, string])[],
): boolean {
  return selector.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}

/** Whether a node is one that the pod may run on, by `nodeSelector` and required node affinity. */
export function isSelected({ nodeSelector, affinity }: PodSpec, node: SelectableNode): boolean {
  if (!hasLabels(node, Object.entries(nodeSelector ?? {}))) return false;
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || required.nodeSelectorTerms.some((term) => termMatches(term, node));
}
