/**
 * Pods that ask for the same get the same verdict of a node that has not changed. Of those that fit
 * nowhere the verdicts are kept, so that the next of them costs a look at the nodes that have
 * changed since, not at all. (Upstream had such a cache until 1.13; here a decision is one
 * step, so that nothing can change behind its back.)
 */

import type { BoundFilter, NodeRejection } from './cycle.ts';
import type { Candidate } from './preemption/candidates.ts';
import { addCount, type NodeInfo } from './snapshot/node-info.ts';
import type { PodInfo } from './snapshot/pod-info.ts';
import type { Snapshot } from './snapshot/snapshot.ts';

/** Classes that are kept at most: each remembers a verdict on every node. */
const MAX_CLASSES = 8;

/** Pods of one class, and what every node has against them. */
export class EquivalenceClass {
  readonly #snapshot: Snapshot;
  readonly #rejections = new Map<NodeInfo, NodeRejection>();
  /** What was found when somebody looked who would have to leave a node. */
  readonly #candidates = new Map<NodeInfo, Candidate | undefined>();
  readonly #reasons = new Map<string, number>();
  readonly #plugins = new Map<string, number>();
  readonly #nodes: readonly NodeInfo[];
  #seen: number;

  /** `rejected` are all nodes that there are, each with what it has against the pods. */
  constructor(snapshot: Snapshot, rejected: readonly NodeInfo[], rejections: readonly NodeRejection[]) {
    this.#snapshot = snapshot;
    this.#nodes = snapshot.nodes;
    this.#seen = snapshot.changes.end;
    for (const [index, node] of rejected.entries()) this.#set(node, rejections[index]!);
  }

  /**
   * Takes in what has changed; `judge` says what a node has against the pods now. False when they may
   * fit somewhere, or too much has changed: then the class is of no use any more.
   */
  isHopeless(judge: (node: NodeInfo) => NodeRejection | undefined): boolean {
    const changed = this.#snapshot.changes.since(this.#seen);
    if (changed === undefined || this.#nodes !== this.#snapshot.nodes) return false;
    this.#seen = this.#snapshot.changes.end;
    for (const node of changed.length === 1 ? changed : new Set(changed)) {
      this.#candidates.delete(node);
      // It is in the cache, but not in the cluster.
      if (!this.#rejections.has(node)) continue;
      const rejection = judge(node);
      if (rejection === undefined) return false;
      this.#set(node, rejection);
    }
    return true;
  }

  #set(node: NodeInfo, next: NodeRejection): void {
    const before = this.#rejections.get(node);
    if (before === next) return;
    this.#rejections.set(node, next);
    if (before !== undefined) this.#count(before, -1);
    this.#count(next, 1);
  }

  #count({ plugin, rejection }: NodeRejection, sign: 1 | -1): void {
    addCount(this.#plugins, plugin.name, sign);
    for (const reason of rejection.reasons) addCount(this.#reasons, reason, sign);
  }

  /** How many nodes give each reason. */
  get reasons(): ReadonlyMap<string, number> {
    return new Map(this.#reasons);
  }

  get plugins(): ReadonlySet<string> {
    return new Set(this.#plugins.keys());
  }

  /** All nodes, and in the same order what they have against the pods. */
  get rejected(): readonly NodeInfo[] {
    return [...this.#rejections.keys()];
  }

  get rejections(): readonly NodeRejection[] {
    return [...this.#rejections.values()];
  }

  /** What `search` finds on the node, or has found since it changed last. */
  candidateOn(node: NodeInfo, search: () => Candidate | undefined): Candidate | undefined {
    const known = this.#candidates.get(node);
    if (known !== undefined || this.#candidates.has(node)) return known;
    const found = search();
    this.#candidates.set(node, found);
    return found;
  }
}

/** The classes of one profile. */
export class EquivalenceClasses {
  /** The one that was asked for longest ago first. */
  readonly #classes = new Map<string, EquivalenceClass>();

  /** The class of a pod, if one is known: `isHopeless` has to be asked before it is used. */
  find(pod: PodInfo, filters: readonly BoundFilter[]): EquivalenceClass | undefined {
    if (this.#classes.size === 0) return undefined;
    const key = classKey(pod, filters);
    const found = key === undefined ? undefined : this.#classes.get(key);
    if (found === undefined) return undefined;
    this.#classes.delete(key!);
    this.#classes.set(key!, found);
    return found;
  }

  /** Keeps what all nodes had against a pod. */
  remember(
    pod: PodInfo,
    filters: readonly BoundFilter[],
    make: () => EquivalenceClass,
  ): EquivalenceClass | undefined {
    const key = classKey(pod, filters);
    if (key === undefined) return undefined;
    const made = make();
    this.#classes.delete(key);
    this.#classes.set(key, made);
    for (const oldest of this.#classes.keys()) {
      if (this.#classes.size <= MAX_CLASSES) break;
      this.#classes.delete(oldest);
    }
    return made;
  }

  /** It is of no use any more. */
  forget(pod: PodInfo, filters: readonly BoundFilter[]): void {
    const key = classKey(pod, filters);
    if (key !== undefined) this.#classes.delete(key);
  }
}

/**
 * All that the verdicts on a pod depend on beside the node, and who would have to leave it; undefined when
 * that is more than the pod itself says, or not every node has a verdict.
 */
function classKey(pod: PodInfo, filters: readonly BoundFilter[]): string | undefined {
  const parts: unknown[] = [pod.priority];
  for (const { plugin, podFilter } of filters) {
    if (plugin.dependsOn === undefined || podFilter.nodeNames !== undefined) return undefined;
    parts.push(plugin.name, plugin.dependsOn(pod));
  }
  return JSON.stringify(parts);
}
