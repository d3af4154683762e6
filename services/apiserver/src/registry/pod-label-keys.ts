/**
 * Selectors that follow the labels of the pod they stand in: `matchLabelKeys` and `mismatchLabelKeys` become
 * requirements when the pod is created (KEP-3633, KEP-3243), so that schedulers need to know nothing about them.
 */

import type { LabelSelector, Pod, PodAffinityTerm } from '@orrery/api/gen/types.ts';

type Labels = Readonly<Record<string, string>>;

export function mergeLabelKeys({ metadata, spec }: Pod): void {
  const { labels = {} } = metadata;
  for (const affinity of [spec.affinity?.podAffinity, spec.affinity?.podAntiAffinity]) {
    for (const { podAffinityTerm } of affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
      mergeIntoTerm(podAffinityTerm, labels);
    }
    for (const term of affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
      mergeIntoTerm(term, labels);
    }
  }
  for (const { labelSelector, matchLabelKeys } of spec.topologySpreadConstraints ?? []) {
    merge(labelSelector, matchLabelKeys, 'In', labels);
  }
}

function mergeIntoTerm(term: PodAffinityTerm, labels: Labels): void {
  merge(term.labelSelector, term.matchLabelKeys, 'In', labels);
  merge(term.labelSelector, term.mismatchLabelKeys, 'NotIn', labels);
}

/** A selector that is absent matches nothing, whatever is added; a label that the pod has not got adds nothing. */
function merge(
  selector: LabelSelector | undefined,
  keys: readonly string[] = [],
  operator: 'In' | 'NotIn',
  labels: Labels,
): void {
  if (selector === undefined) return;
  for (const key of keys) {
    const value = labels[key];
    if (value === undefined) continue;
    selector.matchExpressions = [...(selector.matchExpressions ?? []), { key, operator, values: [value] }];
  }
}
