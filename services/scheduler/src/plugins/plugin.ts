/**
 * The extension points of a decision (pkg/scheduler/framework/interface.go). A plugin is a
 * pure function of the pod and the snapshot. What upstream keeps in a cycle state between
 * two points is here what the first function hands to the second by closing over it.
 */

import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { ClusterEvent } from '../queue/cluster-event.ts';

/** Highest score of a node in one plugin, before its weight. */
export const MAX_NODE_SCORE = 100;

/** Why a node cannot take the pod. */
export interface Rejection {
  /** In the words that users see. */
  readonly reasons: readonly string[];
  /** Whether other pods leaving the node could help, so that preemption is worth a look (upstream's Unschedulable). */
  readonly resolvable: boolean;
}

/** A rejection that no preemption changes (UnschedulableAndUnresolvable). */
export function unresolvable(...reasons: string[]): Rejection {
  return { reasons, resolvable: false };
}

/** A rejection that may be over when other pods have left the node. */
export function resolvable(...reasons: string[]): Rejection {
  return { reasons, resolvable: true };
}

export interface FilterPlugin {
  readonly name: string;
  /** Events after which a pod that this plugin rejected may pass (EventsToRegister). */
  readonly wokenBy: readonly ClusterEvent['kind'][];
  /**
   * What of the pod the verdict on a node depends on, as a JSON value, where it depends on nothing
   * but that and the node: pods with the same get the same verdict. Absent where pods of other
   * nodes, or other objects, have a say.
   */
  readonly dependsOn?: (pod: PodInfo) => unknown;
  /**
   * PreFilter: what there is to find out once per pod. Undefined when every node passes.
   */
  preFilter(pod: PodInfo, snapshot: Snapshot): PodFilter | UnfitPod | undefined;
}

/** Filter, for one pod. */
export interface PodFilter {
  /** Only these can pass: the others need not be looked at. */
  readonly nodeNames?: ReadonlySet<string>;
  /**
   * Set when the verdict on a node depends on pods of other nodes. Without it a filter looks at
   * one node at a time and nothing else, which lets the queue ask whether a change of one node
   * helps a waiting pod.
   */
  readonly spansNodes?: true;
  /** Undefined when the node can take the pod. */
  filter(node: NodeInfo): Rejection | undefined;
  /**
   * AddPod and RemovePod: from now on judges as if `other` were on the node (1) or were not (-1).
   * For filters that go by counts of their own; the node itself shows the change besides.
   */
  count?(other: PodInfo, node: NodeInfo, sign: 1 | -1): void;
}

/** The pod fits nowhere, whatever the nodes look like. */
export interface UnfitPod {
  readonly unfit: string;
}

export interface ScorePlugin {
  readonly name: string;
  /** Factor of the normalised score (pkg/scheduler/apis/config/v1/default_plugins.go). */
  readonly weight: number;
  /** PreScore: sees the nodes that passed. Undefined when it has no preference among them. */
  preScore(pod: PodInfo, feasible: readonly NodeInfo[], snapshot: Snapshot): PodScorer | undefined;
}

/** Score, for one pod. */
export interface PodScorer {
  /** Any number; higher is better unless `normalize` turns it round. */
  score(node: NodeInfo): number;
  /** NormalizeScore: brings the scores into 0 to MAX_NODE_SCORE, in place. */
  normalize?(scores: number[]): void;
}
