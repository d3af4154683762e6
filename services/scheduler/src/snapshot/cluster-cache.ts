/**
 * The scheduler's own picture of nodes and of the pods on them, kept current change by
 * change (pkg/scheduler/backend/cache). Pods that it has placed itself are in it at once,
 * as assumed pods, long before their binding comes back as an event.
 */

import type { Node } from '@orrery/api/gen/types.ts';
import type { ObjectKey } from '@orrery/api/meta.ts';
import { NodeChanges } from './node-changes.ts';
import { addCount, type NodeChange, type NodeInfo, NodeState } from './node-info.ts';
import { interleaveZones } from './node-order.ts';
import { isBound, type PodInfo } from './pod-info.ts';
import { hasGrown } from './resources.ts';
import type { Snapshot } from './snapshot.ts';
import { TopologyIndex } from './topology-index.ts';

interface Placement {
  info: PodInfo;
  node: NodeState;
  /** Placed by us and not yet seen on that node in an event. */
  assumed: boolean;
}

export class ClusterCache implements Snapshot {
  readonly #nodes = new Map<string, NodeState>();
  /** By pod uid. */
  readonly #placements = new Map<string, Placement>();
  /** Controller uid to zone to pods. */
  readonly #groupZones = new Map<string, Map<string, number>>();
  readonly changes = new NodeChanges();
  readonly topology = new TopologyIndex(() => this.#knownNodes());
  /** Pods by claim. */
  readonly #claimPods = new Map<ObjectKey, number>();
  /** Nodes by image. */
  readonly #imageNodes = new Map<string, number>();
  #assumedCount = 0;
  /** Undefined after nodes came, left or changed zones. */
  #order: readonly NodeState[] | undefined;

  get nodes(): readonly NodeInfo[] {
    return (this.#order ??= interleaveZones([...this.#nodes.values()].filter(({ known }) => known)));
  }

  node(name: string): NodeInfo | undefined {
    const node = this.#nodes.get(name);
    return node?.known === true ? node : undefined;
  }

  podsOfGroupInZone(group: string, zone: string): number {
    return this.#groupZones.get(group)?.get(zone) ?? 0;
  }

  podsUsingClaim(claim: ObjectKey): number {
    return this.#claimPods.get(claim) ?? 0;
  }

  nodesWithImage(image: string): number {
    return this.#imageNodes.get(image) ?? 0;
  }

  /** Where the pod counts, whether bound or assumed. */
  nodeNameOf(uid: string): string | undefined {
    return this.#placements.get(uid)?.node.name;
  }

  /** The pod as it counts now; undefined when it counts nowhere. */
  placedPod(uid: string): PodInfo | undefined {
    return this.#placements.get(uid)?.info;
  }

  isAssumed(uid: string): boolean {
    return this.#placements.get(uid)?.assumed === true;
  }

  get assumedCount(): number {
    return this.#assumedCount;
  }

  /**
   * Places a pod before anybody else knows of it.
   * @throws Error when the pod counts somewhere already: it would be placed twice.
   */
  assume(info: PodInfo, nodeName: string): void {
    const there = this.nodeNameOf(info.uid);
    if (there !== undefined) throw new Error(`pod ${info.key} is on node ${there} already; forget it first`);
    this.#place(info, nodeName, true);
  }

  /** Takes an assumption back. Does nothing to a pod that an event has confirmed. */
  forget(uid: string): string | undefined {
    return this.isAssumed(uid) ? this.removePod(uid) : undefined;
  }

  /**
   * Takes in a bound pod as an event shows it. This confirms an assumption; a pod that
   * turns up on another node than assumed counts there and only there.
   * Returns the node that has more room now than before, if any.
   */
  setPod(info: PodInfo): string | undefined {
    if (!isBound(info.pod)) throw new Error(`pod ${info.key} has no node`);
    const before = this.#placements.get(info.uid);
    const nodeName = info.pod.spec.nodeName!;
    const freed = this.removePod(info.uid);
    this.#place(info, nodeName, false);
    if (before === undefined || freed === undefined) return undefined;
    return freed !== nodeName || asksForLess(info, before.info) ? freed : undefined;
  }

  /** The pod is gone, has finished, or was never bound. Returns the node it leaves, if any. */
  removePod(uid: string): string | undefined {
    const placement = this.#placements.get(uid);
    if (placement === undefined) return undefined;
    this.#placements.delete(uid);
    if (placement.assumed) this.#assumedCount -= 1;
    this.#count(placement.node, placement.info, -1);
    this.#dropIfEmpty(placement.node);
    return placement.node.name;
  }

  /** Takes in a Node object. Returns what about it may help pods that wait. */
  setNode(node: Node): NodeChange[] {
    const state = this.#nodeState(node.metadata.name);
    const before = {
      known: state.known,
      zone: state.zone,
      allocatable: state.allocatable,
      labels: JSON.stringify(state.labels),
      taints: JSON.stringify([state.unschedulable, state.hardTaints]),
    };
    const isMoved = !isSamePlace(before, node);
    if (before.known && isMoved) this.topology.countNode(state, -1);
    this.#countZone(state, -1);
    this.#countImages(state, -1);
    state.setNode(node);
    this.#countImages(state, 1);
    this.#countZone(state, 1);
    if (isMoved) this.topology.countNode(state, 1);
    if (!before.known || before.zone !== state.zone) this.#order = undefined;
    this.changes.note(state);
    if (!before.known) return ['NodeAdd'];
    const changes: NodeChange[] = [];
    if (hasGrown(before.allocatable, state.allocatable)) changes.push('NodeAllocatable');
    if (JSON.stringify(state.labels) !== before.labels) changes.push('NodeLabels');
    if (JSON.stringify([state.unschedulable, state.hardTaints]) !== before.taints) changes.push('NodeTaints');
    return changes;
  }

  /** Other pods than before are promised the node. */
  notePromise(nodeName: string): void {
    const node = this.#nodes.get(nodeName);
    if (node !== undefined) this.changes.note(node);
  }

  removeNode(name: string): void {
    const state = this.#nodes.get(name);
    if (state?.known !== true) return;
    this.#countZone(state, -1);
    this.#countImages(state, -1);
    this.topology.countNode(state, -1);
    state.unsetNode();
    this.#order = undefined;
    this.#dropIfEmpty(state);
  }

  #nodeState(name: string): NodeState {
    let state = this.#nodes.get(name);
    if (state === undefined) {
      state = new NodeState(name);
      this.#nodes.set(name, state);
    }
    return state;
  }

  #place(info: PodInfo, nodeName: string, assumed: boolean): void {
    const node = this.#nodeState(nodeName);
    this.#placements.set(info.uid, { info, node, assumed });
    if (assumed) this.#assumedCount += 1;
    this.#count(node, info, 1);
  }

  *#knownNodes(): Iterable<NodeState> {
    for (const node of this.#nodes.values()) if (node.known) yield node;
  }

  #count(node: NodeState, info: PodInfo, sign: 1 | -1): void {
    node.count(info, sign);
    this.changes.note(node);
    this.topology.countPod(node, info, sign);
    for (const claim of info.claims) addCount(this.#claimPods, claim, sign);
    if (node.zone !== '' && info.group !== undefined && !info.terminating) {
      this.#addToZone(info.group, node.zone, sign);
    }
  }

  #countImages({ images }: NodeState, sign: 1 | -1): void {
    for (const name of images.keys()) addCount(this.#imageNodes, name, sign);
  }

  /** Adds or takes away all pods of a node from its zone, around a change of the zone. */
  #countZone({ zone, groups }: NodeState, sign: 1 | -1): void {
    if (zone === '') return;
    for (const [group, count] of groups) this.#addToZone(group, zone, sign * count);
  }

  #addToZone(group: string, zone: string, by: number): void {
    let zones = this.#groupZones.get(group);
    if (zones === undefined) this.#groupZones.set(group, (zones = new Map<string, number>()));
    addCount(zones, zone, by);
    if (zones.size === 0) this.#groupZones.delete(group);
  }

  #dropIfEmpty(node: NodeState): void {
    if (!node.known && node.podCount === 0) this.#nodes.delete(node.name);
  }
}

/** Whether a new version of a node has the labels and taints of the one before. */
function isSamePlace(
  before: { known: boolean; labels: string; taints: string },
  { metadata: { labels = {} }, spec: { taints = [], unschedulable } }: Node,
): boolean {
  const hard = taints.filter(({ effect }) => effect !== 'PreferNoSchedule');
  return (
    before.known &&
    JSON.stringify(labels) === before.labels &&
    JSON.stringify([unschedulable === true, hard]) === before.taints
  );
}

/** Whether a pod that was resized gives something back. */
function asksForLess(
  { requests: { exact: after } }: PodInfo,
  { requests: { exact: before } }: PodInfo,
): boolean {
  return (
    after.milliCpu < before.milliCpu ||
    after.memoryBytes < before.memoryBytes ||
    after.ephemeralStorageBytes < before.ephemeralStorageBytes
  );
}
