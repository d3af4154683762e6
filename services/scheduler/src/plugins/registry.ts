/**
 * The plugins of the default profile (pkg/scheduler/apis/config/v1/default_plugins.go).
 * Adding one is a file and a line.
 */

import { balancedAllocation } from './balanced-allocation.ts';
import { imageLocality } from './image-locality.ts';
import { interPodAffinityFilter, interPodAffinityScore } from './inter-pod-affinity.ts';
import { nodeAffinity, nodeAffinityScore } from './node-affinity.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { nodeResourcesFit } from './node-resources-fit.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import type { FilterPlugin, ScorePlugin } from './plugin.ts';
import { podTopologySpreadFilter, podTopologySpreadScore } from './pod-topology-spread.ts';
import { leastAllocated } from './resource-strategies.ts';
import { taintTolerationFilter, taintTolerationScore } from './taint-toleration.ts';
import { type StorageView, volumeBinding } from './volume-binding.ts';
import { volumeRestrictions } from './volume-restrictions.ts';
import { volumeZone } from './volume-zone.ts';

export interface Profile {
  /** In the order in which a node has to pass them; the first that rejects it gives the reason. */
  readonly filters: readonly FilterPlugin[];
  readonly scores: readonly ScorePlugin[];
  /** How many of the feasible nodes are enough to choose from, in percent; by the size of the cluster when absent or 0. */
  readonly percentageOfNodesToScore?: number;
}

/** `storage` is where claims are looked up. */
export function defaultPlugins(storage: StorageView): Profile {
  return {
    filters: [
      nodeUnschedulable,
      nodeName,
      taintTolerationFilter,
      nodeAffinity,
      nodePorts,
      nodeResourcesFit,
      volumeRestrictions(storage),
      volumeBinding(storage),
      volumeZone(storage),
      podTopologySpreadFilter,
      interPodAffinityFilter,
    ],
    scores: [
      taintTolerationScore,
      nodeAffinityScore,
      leastAllocated,
      podTopologySpreadScore,
      interPodAffinityScore,
      balancedAllocation,
      imageLocality,
    ],
  };
}
