/** For tests: nodes and pods as plugins see them, and their verdicts. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { makeNode, makePod, type NodeDraft, type PodDraft } from './fake-cluster.ts';
import { ClusterCache } from '../snapshot/cluster-cache.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import type { FilterPlugin, ScorePlugin } from '../plugins/plugin.ts';
import type { StorageView } from '../plugins/volume-binding.ts';

/** A cluster without claims, volumes and classes. */
export const NO_STORAGE: StorageView = {
  claim: () => undefined,
  volume: () => undefined,
  volumes: () => [],
  storageClass: () => undefined,
};

/** A snapshot of these nodes with these bound pods. */
export function snapshotOf(nodes: readonly NodeDraft[], bound: readonly Pod[] = []): ClusterCache {
  const cache = new ClusterCache();
  for (const draft of nodes) cache.setNode(makeNode(draft));
  for (const pod of bound) cache.setPod(podInfo(pod));
  return cache;
}

/** The reasons that a filter gives against a node, empty when it gives none; a string when the pod is unfit for any. */
export function verdict(
  plugin: FilterPlugin,
  pod: PodDraft,
  node: NodeDraft,
  bound: readonly Pod[] = [],
): readonly string[] | string {
  const snapshot = snapshotOf([node], bound);
  const podFilter = plugin.preFilter(podInfo(makePod(pod)), snapshot);
  if (podFilter === undefined) return [];
  if ('unfit' in podFilter) return podFilter.unfit;
  return podFilter.filter(snapshot.node(node.name)!)?.reasons ?? [];
}

/** The normalised scores by node; undefined when the plugin has no preference. */
export function scores(
  plugin: ScorePlugin,
  pod: PodDraft,
  cache: ClusterCache,
): Record<string, number> | undefined {
  const scorer = plugin.preScore(podInfo(makePod(pod)), cache.nodes, cache);
  if (scorer === undefined) return undefined;
  const values = cache.nodes.map((node) => scorer.score(node));
  scorer.normalize?.(values);
  return Object.fromEntries(cache.nodes.map(({ name }, index) => [name, values[index]!]));
}
