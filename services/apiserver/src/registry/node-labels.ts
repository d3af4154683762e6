/** Labels of nodes that have had other names (pkg/api/node/util.go). */

import type { NodeSelectorTerm } from '@orrery/api/gen/types.ts';

const OLD_LABELS: ReadonlyMap<string, { since: string; use: string }> = new Map([
  ['beta.kubernetes.io/arch', { since: 'v1.14', use: 'kubernetes.io/arch' }],
  ['beta.kubernetes.io/os', { since: 'v1.14', use: 'kubernetes.io/os' }],
  ['beta.kubernetes.io/instance-type', { since: 'v1.17', use: 'node.kubernetes.io/instance-type' }],
  ['failure-domain.beta.kubernetes.io/region', { since: 'v1.17', use: 'topology.kubernetes.io/region' }],
  ['failure-domain.beta.kubernetes.io/zone', { since: 'v1.17', use: 'topology.kubernetes.io/zone' }],
]);

/** What an old label is called today; undefined for all others. */
export function labelOfToday(label: string): string | undefined {
  return OLD_LABELS.get(label)?.use;
}

/** The words for a label that should not be used any more; undefined for all others. */
export function deprecatedNodeLabel(label: string): string | undefined {
  const old = OLD_LABELS.get(label);
  return old === undefined ? undefined : `deprecated since ${old.since}; use "${old.use}" instead`;
}

/** Warnings about a term that selects nodes (`GetWarningsForNodeSelectorTerm`). */
export function nodeSelectorTermWarnings(
  { matchExpressions = [] }: NodeSelectorTerm,
  path: string,
): string[] {
  return matchExpressions.flatMap(({ key }, index) => {
    const deprecated = deprecatedNodeLabel(key);
    return deprecated === undefined ? [] : `${path}.matchExpressions[${index}].key: ${key} is ${deprecated}`;
  });
}
