/** Near some pods and away from others (pkg/scheduler/framework/plugins/interpodaffinity). */

import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { AffinityTerm } from '../snapshot/pod-terms.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { type DomainQuery, labelOf, type TopologyIndex } from '../snapshot/topology-index.ts';
import {
  type FilterPlugin,
  MAX_NODE_SCORE,
  type PodFilter,
  type PodScorer,
  resolvable,
  type ScorePlugin,
  unresolvable,
} from './plugin.ts';

const NAME = 'InterPodAffinity';

const NO_AFFINITY = unresolvable("node(s) didn't match pod affinity rules");
const ANTI_AFFINITY = resolvable("node(s) didn't match pod anti-affinity rules");
const EXISTING_ANTI_AFFINITY = resolvable("node(s) didn't satisfy existing pods anti-affinity rules");

/** Pods that every one of the terms is about, by the domains of a topology. */
function domainQuery(terms: readonly AffinityTerm[], topologyKey: string, index: TopologyIndex): DomainQuery {
  return {
    key: `affinity ${topologyKey} ${terms.map(({ key }) => key).join(' ')}`,
    topologyKey,
    matchesPod: ({ pod }) => terms.every((term) => index.concerns(term, pod)),
  };
}

/** Counts of domains with changes that are only supposed. */
class SupposedCounts {
  readonly #count: (domain: string) => number;
  readonly #changes = new Map<string, number>();

  constructor(count: (domain: string) => number) {
    this.#count = count;
  }

  of(domain: string): number {
    return this.#count(domain) + (this.#changes.get(domain) ?? 0);
  }

  add(domain: string | undefined, by: number): void {
    if (domain !== undefined) this.#changes.set(domain, (this.#changes.get(domain) ?? 0) + by);
  }
}

interface TermCounts {
  readonly topologyKey: string;
  readonly counts: SupposedCounts;
  /** Whether a pod counts here. */
  readonly concerns: (pod: PodInfo) => boolean;
}

function countsOf(terms: readonly AffinityTerm[], topologyKey: string, { topology }: Snapshot): TermCounts {
  const query = domainQuery(terms, topologyKey, topology);
  const domains = topology.domains(query);
  return {
    topologyKey,
    counts: new SupposedCounts((domain) => domains.of(domain) ?? 0),
    concerns: (info) => query.matchesPod(info),
  };
}

class AffinityFilter implements PodFilter {
  readonly spansNodes = true;
  /** Pods that all required terms are about, for the topology of each term. */
  readonly #near: readonly TermCounts[];
  readonly #away: readonly TermCounts[];
  /** Domains in which a pod has anti-affinity against this one. */
  readonly #forbidden: readonly TermCounts[];
  /** The first of a group that wants to be together: nobody is there to be near to. */
  readonly #isFirst: boolean;

  constructor(info: PodInfo, snapshot: Snapshot) {
    const { topology } = snapshot;
    const { affinity, antiAffinity } = info.terms;
    this.#near = affinity.map(({ topologyKey }) => countsOf(affinity, topologyKey, snapshot));
    this.#away = antiAffinity.map((term) => countsOf([term], term.topologyKey, snapshot));
    this.#forbidden = topology.antiAffinityAgainst(info.pod).map(({ topologyKey, domains }) => ({
      topologyKey,
      counts: new SupposedCounts((domain) => domains.get(domain) ?? 0),
      concerns: (other) =>
        other.terms.antiAffinity.some(
          (term) => term.topologyKey === topologyKey && topology.concerns(term, info.pod),
        ),
    }));
    const isAlone = affinity.every(
      ({ topologyKey }) => topology.domains(domainQuery(affinity, topologyKey, topology)).total === 0,
    );
    this.#isFirst = isAlone && affinity.every((term) => topology.concerns(term, info.pod));
  }

  filter(node: NodeInfo): ReturnType<PodFilter['filter']> {
    if (!this.#isNear(node)) return NO_AFFINITY;
    if (this.#away.some((term) => isMetOn(term, node))) return ANTI_AFFINITY;
    if (this.#forbidden.some((term) => isMetOn(term, node))) return EXISTING_ANTI_AFFINITY;
    return undefined;
  }

  count(other: PodInfo, node: NodeInfo, sign: 1 | -1): void {
    for (const { topologyKey, counts, concerns } of [...this.#near, ...this.#away, ...this.#forbidden]) {
      if (concerns(other)) counts.add(labelOf(node, topologyKey), sign);
    }
  }

  #isNear(node: NodeInfo): boolean {
    let isMet = true;
    for (const term of this.#near) {
      // Without the label there is no domain to be together in.
      if (labelOf(node, term.topologyKey) === undefined) return false;
      isMet &&= isMetOn(term, node);
    }
    return isMet || this.#isFirst;
  }
}

function isMetOn({ topologyKey, counts }: TermCounts, node: NodeInfo): boolean {
  const domain = labelOf(node, topologyKey);
  return domain !== undefined && counts.of(domain) > 0;
}

export const interPodAffinityFilter: FilterPlugin = {
  name: NAME,
  wokenBy: ['NodeAdd', 'NodeLabels', 'AssignedPodAdd', 'AssignedPodLabels', 'AssignedPodDelete'],
  preFilter(info, snapshot) {
    const { affinity, antiAffinity } = info.terms;
    const isConcerned =
      affinity.length > 0 ||
      antiAffinity.length > 0 ||
      snapshot.topology.antiAffinityAgainst(info.pod).length > 0;
    return isConcerned ? new AffinityFilter(info, snapshot) : undefined;
  },
};

interface Preference {
  readonly topologyKey: string;
  readonly weight: number;
  readonly podsIn: (domain: string) => number;
}

/** The highest score is best, the lowest is worth nothing; no difference, no preference. */
function normalize(scores: number[]): void {
  const highest = Math.max(...scores);
  const range = highest - Math.min(...scores);
  const lowest = highest - range;
  for (let index = 0; index < scores.length; index += 1) {
    scores[index] = range === 0 ? 0 : Math.trunc((MAX_NODE_SCORE * (scores[index]! - lowest)) / range);
  }
}

export const interPodAffinityScore: ScorePlugin = {
  name: NAME,
  weight: 2,
  preScore({ pod, terms }, _feasible, { topology }): PodScorer | undefined {
    const own = terms.preferred.map(({ term, weight }): Preference => {
      const domains = topology.domains(domainQuery([term], term.topologyKey, topology));
      return { topologyKey: term.topologyKey, weight, podsIn: (domain) => domains.of(domain) ?? 0 };
    });
    const others = topology.preferencesAbout(pod).map(({ topologyKey, weight, domains }): Preference => ({
      topologyKey,
      weight,
      podsIn: (domain) => domains.get(domain) ?? 0,
    }));
    const preferences = [...own, ...others];
    if (preferences.length === 0) return undefined;
    return {
      score(node) {
        let score = 0;
        for (const { topologyKey, weight, podsIn } of preferences) {
          const domain = labelOf(node, topologyKey);
          if (domain !== undefined) score += weight * podsIn(domain);
        }
        return score;
      },
      normalize,
    };
  },
};
