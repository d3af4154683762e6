/** What one decision looks at. */

import type { ObjectKey } from '@orrery/api/meta.ts';
import type { NodeChanges } from './node-changes.ts';
import type { NodeInfo } from './node-info.ts';
import type { TopologyIndex } from './topology-index.ts';

/**
 * The cluster as plugins see it. A decision is one synchronous step, so nothing can change
 * under it and the cache serves as its own snapshot: nothing is ever copied, whatever the
 * number of nodes.
 */
export interface Snapshot {
  /** The nodes that exist, zones taking turns, so that any stretch of them is a fair sample. */
  readonly nodes: readonly NodeInfo[];
  /** The node of that name, if it exists. */
  node(name: string): NodeInfo | undefined;
  /** Pods of one controller in a zone that are not on their way out. */
  podsOfGroupInZone(group: string, zone: string): number;
  /** Pods, on whatever nodes, that use a claim; those on their way out too. */
  podsUsingClaim(claim: ObjectKey): number;
  /** How many nodes have an image, by its name with a tag. */
  nodesWithImage(image: string): number;
  /** Which nodes have changed, in themselves, in their pods or in what is promised to pods. */
  readonly changes: NodeChanges;
  /** What is known about pods on other nodes. */
  readonly topology: TopologyIndex;
}
