/** What a pod wants of other pods, made ready for comparison once (pkg/scheduler/framework/types.go, AffinityTerm). */

import type { Pod, PodAffinityTerm, WeightedPodAffinityTerm } from '@orrery/api/gen/types.ts';
import { labelSelectorMatcher, type Labels, type Matcher } from '@orrery/api/selectors.ts';

/** Whose labels are looked up by name of the namespace; undefined when there is none. */
export type NamespaceLabels = (namespace: string) => Labels | undefined;

/** A term of affinity or anti-affinity. */
export interface AffinityTerm {
  /** The same for terms that mean the same. */
  readonly key: string;
  readonly topologyKey: string;
  readonly namespaces: ReadonlySet<string>;
  /** Selects namespaces besides by their labels; undefined when it is not used. */
  readonly namespaceMatcher: Matcher | undefined;
  readonly matcher: Matcher;
}

export interface WeightedTerm {
  readonly term: AffinityTerm;
  /** Negative for anti-affinity. */
  readonly weight: number;
}

/** All that a pod says about other pods. */
export interface PodTerms {
  readonly affinity: readonly AffinityTerm[];
  readonly antiAffinity: readonly AffinityTerm[];
  readonly preferred: readonly WeightedTerm[];
}

const NONE: PodTerms = { affinity: [], antiAffinity: [], preferred: [] };

export function podTerms(pod: Pod): PodTerms {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  if (podAffinity === undefined && podAntiAffinity === undefined) return NONE;
  const terms = (list: readonly PodAffinityTerm[] = []): AffinityTerm[] =>
    list.map((each) => affinityTerm(each, pod));
  const weighted = (list: readonly WeightedPodAffinityTerm[] = [], sign: 1 | -1): WeightedTerm[] =>
    list.map(({ weight, podAffinityTerm }) => ({
      term: affinityTerm(podAffinityTerm, pod),
      weight: sign * weight,
    }));
  return {
    affinity: terms(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    antiAffinity: terms(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    preferred: [
      ...weighted(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution, 1),
      ...weighted(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution, -1),
    ],
  };
}

/**
 * Neither names nor a selector mean the pod's own namespace; an empty selector means all. The apiserver has made
 * requirements of `matchLabelKeys` and `mismatchLabelKeys` already.
 */
function affinityTerm(term: PodAffinityTerm, { metadata }: Pod): AffinityTerm {
  const { topologyKey, namespaceSelector, labelSelector } = term;
  const named = term.namespaces ?? [];
  const own = named.length === 0 && namespaceSelector === undefined ? [metadata.namespace] : named;
  return {
    key: JSON.stringify([topologyKey, own.toSorted(), namespaceSelector ?? null, labelSelector ?? null]),
    topologyKey,
    namespaces: new Set(own),
    namespaceMatcher: namespaceSelector === undefined ? undefined : labelSelectorMatcher(namespaceSelector),
    matcher: labelSelectorMatcher(labelSelector),
  };
}

/** Whether the term is about this pod. */
export function termConcerns(
  { namespaces, namespaceMatcher, matcher }: AffinityTerm,
  { metadata }: Pod,
  namespaceLabels: NamespaceLabels,
): boolean {
  const { namespace } = metadata;
  const isInNamespace =
    namespaces.has(namespace) ||
    (namespaceMatcher !== undefined && namespaceMatcher(namespaceLabels(namespace) ?? {}));
  return isInNamespace && matcher(metadata.labels);
}
