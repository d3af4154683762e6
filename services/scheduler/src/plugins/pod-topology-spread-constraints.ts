/** The constraints of a pod as they are counted (pkg/scheduler/framework/plugins/podtopologyspread/common.go). */

import type { TopologySpreadConstraint } from '@orrery/api/gen/types.ts';
import { isSelected } from '@orrery/api/node-selector.ts';
import { labelSelectorMatcher } from '@orrery/api/selectors.ts';
import { toleratesTaint } from '@orrery/api/tolerations.ts';
import type { DomainCounts } from '../snapshot/domain-counts.ts';
import type { NodeState } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { labelOf } from '../snapshot/topology-index.ts';

export interface SpreadConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  /** Whether the pod itself is one of those that are counted. */
  readonly countsSelf: boolean;
  readonly counts: DomainCounts;
  /** Whether a pod is counted. */
  readonly matchesPod: (info: PodInfo) => boolean;
}

/** The constraints that say this about what to do when they cannot be met. */
export function spreadConstraints(
  info: PodInfo,
  whenUnsatisfiable: 'DoNotSchedule' | 'ScheduleAnyway',
  snapshot: Snapshot,
): SpreadConstraint[] {
  const all = info.pod.spec.topologySpreadConstraints ?? [];
  const constraints = all.filter((each) => each.whenUnsatisfiable === whenUnsatisfiable);
  // Nodes that lack one of the topologies are in no domain of the others.
  const keys = constraints.map(({ topologyKey }) => topologyKey);
  return constraints.map((constraint) => spreadConstraint(constraint, keys, info, snapshot));
}

function spreadConstraint(
  constraint: TopologySpreadConstraint,
  keys: readonly string[],
  { pod }: PodInfo,
  { topology }: Snapshot,
): SpreadConstraint {
  const { topologyKey, maxSkew, minDomains = 1 } = constraint;
  const { namespace, labels } = pod.metadata;
  const matcher = labelSelectorMatcher(constraint.labelSelector);
  const matchesPod = (other: PodInfo): boolean =>
    !other.terminating && other.pod.metadata.namespace === namespace && matcher(other.pod.metadata.labels);
  const places = nodePolicy(constraint, pod.spec);
  const counts = topology.domains({
    key: `spread ${JSON.stringify([topologyKey, keys, namespace, constraint.labelSelector ?? null, places.key])}`,
    topologyKey,
    matchesPod,
    matchesNode: (node) => keys.every((key) => labelOf(node, key) !== undefined) && places.matches(node),
  });
  return { topologyKey, maxSkew, minDomains, countsSelf: matcher(labels), counts, matchesPod };
}

/** Which nodes count: those that the pod asks for, unless it says otherwise (KEP-3094). */
function nodePolicy(
  { nodeAffinityPolicy = 'Honor', nodeTaintsPolicy = 'Ignore' }: TopologySpreadConstraint,
  spec: PodInfo['pod']['spec'],
): { key: unknown; matches: (node: NodeState) => boolean } {
  const honorsAffinity = nodeAffinityPolicy === 'Honor';
  const honorsTaints = nodeTaintsPolicy === 'Honor';
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return {
    key: [
      honorsAffinity ? [spec.nodeSelector ?? null, required ?? null] : null,
      honorsTaints ? (spec.tolerations ?? null) : 'ignored',
    ],
    matches: (node) =>
      (!honorsAffinity || isSelected(spec, node)) &&
      (!honorsTaints || node.hardTaints.every((taint) => toleratesTaint(spec.tolerations, taint))),
  };
}
