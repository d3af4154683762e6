/**
 * Spreads the pods of one controller over nodes and zones, in the sense of the system
 * defaults of pkg/scheduler/framework/plugins/podtopologyspread: at most 3 apart between
 * nodes and 5 between zones where possible, never a reason to wait. Upstream finds the
 * pods that belong together through selectors of owners and Services; here a controller's
 * uid says so, and counters in the snapshot make the score of a node cost the same
 * however many pods there are.
 */

import type { NodeInfo } from '../snapshot/node-info.ts';
import { MAX_NODE_SCORE, type ScorePlugin } from './plugin.ts';

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

export const podTopologySpread: ScorePlugin = {
  name: 'PodTopologySpread',
  weight: 2,
  preScore({ group }, feasible, snapshot) {
    if (group === undefined) return undefined;
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
  },
};
