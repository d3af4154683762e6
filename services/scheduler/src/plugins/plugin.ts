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

/** Why a node cannot take the pod, in the words that users see; undefined when it can. */
export type Rejection = readonly string[] | undefined;

export interface FilterPlugin {
  readonly name: string;
  /** Events after which a pod that this plugin rejected may pass (EventsToRegister). */
  readonly wokenBy: readonly ClusterEvent['kind'][];
  /**
   * PreFilter: what there is to find out once per pod. Undefined when every node passes.
   * The filters that it returns look at one node at a time and nothing else, which is
   * what lets the queue ask whether a change of one node helps a waiting pod.
   */
  preFilter(pod: PodInfo): PodFilter | UnfitPod | undefined;
}

/** Filter, for one pod. */
export interface PodFilter {
  /** Only these can pass: the others need not be looked at. */
  readonly nodeNames?: ReadonlySet<string>;
  filter(node: NodeInfo): Rejection;
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
