/**
 * Spreads pods over the domains of topologies (pkg/scheduler/framework/plugins/podtopologyspread):
 * by the constraints of the pod, or else in the sense of the system defaults, at most 3 apart
 * between nodes and 5 between zones where possible, never a reason to wait. For the defaults
 * upstream finds the pods that belong together through selectors of owners and Services; here a
 * controller's uid says so.
 */

import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { labelOf } from '../snapshot/topology-index.ts';
import {
  type FilterPlugin,
  MAX_NODE_SCORE,
  type PodFilter,
  type PodScorer,
  resolvable,
  type ScorePlugin,
  unresolvable,
} from './plugin.ts';
import { type SpreadConstraint, spreadConstraints } from './pod-topology-spread-constraints.ts';

const NAME = 'PodTopologySpread';

const TOO_MANY = resolvable("node(s) didn't match pod topology spread constraints");
const NO_LABEL = unresolvable(
  "node(s) didn't match pod topology spread constraints (missing required label)",
);

/** A constraint with pods that are only supposed to be somewhere, or not to be. */
interface SupposedConstraint {
  readonly constraint: SpreadConstraint;
  /** Pods more, or less, by domain. */
  readonly changes: Map<string, number>;
}

class SpreadFilter implements PodFilter {
  readonly spansNodes = true;
  readonly #constraints: readonly SupposedConstraint[];

  constructor(constraints: readonly SpreadConstraint[]) {
    this.#constraints = constraints.map((constraint) => ({ constraint, changes: new Map() }));
  }

  filter(node: NodeInfo): ReturnType<PodFilter['filter']> {
    for (const { constraint, changes } of this.#constraints) {
      const domain = labelOf(node, constraint.topologyKey);
      if (domain === undefined) return NO_LABEL;
      const pods = (constraint.counts.of(domain) ?? 0) + (changes.get(domain) ?? 0);
      const skew = pods + (constraint.countsSelf ? 1 : 0) - fewest({ constraint, changes });
      if (skew > constraint.maxSkew) return TOO_MANY;
    }
    return undefined;
  }

  count(other: PodInfo, node: NodeInfo, sign: 1 | -1): void {
    for (const { constraint, changes } of this.#constraints) {
      const domain = labelOf(node, constraint.topologyKey);
      if (domain === undefined || !constraint.matchesPod(other)) continue;
      changes.set(domain, (changes.get(domain) ?? 0) + sign);
    }
  }
}

/** The fewest pods of any domain; with too few domains an empty one is still to come. */
function fewest({ constraint, changes }: SupposedConstraint): number {
  const { counts, minDomains } = constraint;
  if (counts.domainCount < minDomains) return 0;
  if (changes.size === 0) return counts.fewest;
  // A what-if is about one node, so about one domain.
  let result = counts.fewest;
  for (const [domain, change] of changes) {
    result = Math.min(result, counts.fewestWith(domain, (counts.of(domain) ?? 0) + change));
  }
  return result;
}

export const podTopologySpreadFilter: FilterPlugin = {
  name: NAME,
  wokenBy: [
    'NodeAdd',
    'NodeLabels',
    'NodeTaints',
    'AssignedPodAdd',
    'AssignedPodLabels',
    'AssignedPodDelete',
  ],
  preFilter(info, snapshot) {
    if (info.pod.spec.topologySpreadConstraints === undefined) return undefined;
    const constraints = spreadConstraints(info, 'DoNotSchedule', snapshot);
    return constraints.length === 0 ? undefined : new SpreadFilter(constraints);
  },
};

const HOSTNAME_MAX_SKEW = 3;
const ZONE_MAX_SKEW = 5;

/** Weighs a topology the more the more domains it has, so that zones do not drown nodes or be drowned by them. */
function topologyWeight(domains: number): number {
  return Math.log(domains + 2);
}

/** What a domain with so many pods counts against a node. */
function skewScore(pods: number, maxSkew: number, weight: number): number {
  return pods * weight + (maxSkew - 1);
}

function countZones(nodes: readonly NodeInfo[]): number {
  return new Set(nodes.map(({ zone }) => zone)).size;
}

/** Turns the scores round: the node with the fewest pods around it is best. */
function normalize(scores: number[]): void {
  const highest = Math.max(...scores);
  const lowest = Math.min(...scores);
  for (let index = 0; index < scores.length; index += 1) {
    scores[index] =
      highest === 0
        ? MAX_NODE_SCORE
        : Math.trunc((MAX_NODE_SCORE * (highest + lowest - scores[index]!)) / highest);
  }
}

/** Scores by the pod's own constraints. */
function constraintScorer(
  constraints: readonly SpreadConstraint[],
  feasible: readonly NodeInfo[],
): PodScorer {
  const weighted = constraints.map((constraint) => {
    const domains = new Set(feasible.map((node) => labelOf(node, constraint.topologyKey)));
    domains.delete(undefined);
    return { constraint, weight: topologyWeight(domains.size) };
  });
  return {
    score(node) {
      let score = 0;
      for (const { constraint, weight } of weighted) {
        const domain = labelOf(node, constraint.topologyKey);
        // Nodes that are in no domain come last of all.
        if (domain === undefined) return Number.POSITIVE_INFINITY;
        score += skewScore(constraint.counts.of(domain) ?? 0, constraint.maxSkew, weight);
      }
      return Math.round(score);
    },
    normalize(scores) {
      const inside = scores.filter(Number.isFinite);
      normalize(inside);
      let at = 0;
      for (let index = 0; index < scores.length; index += 1) {
        scores[index] = Number.isFinite(scores[index]) ? inside[at++]! : 0;
      }
    },
  };
}

/** Scores by what the pods of one controller have in common. */
function defaultScorer(group: string, feasible: readonly NodeInfo[], snapshot: Snapshot): PodScorer {
  const hostnameWeight = topologyWeight(feasible.length);
  const zoneWeight = topologyWeight(countZones(feasible));
  return {
    score(node) {
      const onNode = skewScore(node.podsOfGroup(group), HOSTNAME_MAX_SKEW, hostnameWeight);
      const inZone =
        node.zone === ''
          ? 0
          : skewScore(snapshot.podsOfGroupInZone(group, node.zone), ZONE_MAX_SKEW, zoneWeight);
      return Math.round(onNode + inZone);
    },
    normalize,
  };
}

export const podTopologySpreadScore: ScorePlugin = {
  name: NAME,
  weight: 2,
  preScore(info, feasible, snapshot) {
    if ((info.pod.spec.topologySpreadConstraints ?? []).length > 0) {
      const constraints = spreadConstraints(info, 'ScheduleAnyway', snapshot);
      return constraints.length === 0 ? undefined : constraintScorer(constraints, feasible);
    }
    return info.group === undefined ? undefined : defaultScorer(info.group, feasible, snapshot);
  },
};
