/** One node with the sum of the pods on it (pkg/scheduler/framework/types.go, NodeInfo). */

import type { Node, Taint } from '@orrery/api/gen/types.ts';
import type { HostPort } from '@orrery/api/host-ports.ts';
import type { Labels } from '@orrery/api/selectors.ts';
import { type NodeImages, nodeImages } from './node-images.ts';
import type { PodInfo } from './pod-info.ts';
import { type Allocatable, allocatableOf, type Resources, type ScoringRequests } from './resources.ts';

export const ZONE_LABEL = 'topology.kubernetes.io/zone';

/** A node as plugins see it. */
export interface NodeInfo {
  readonly name: string;
  readonly labels: Labels;
  readonly unschedulable: boolean;
  /** Taints that keep pods away: NoSchedule and NoExecute. */
  readonly hardTaints: readonly Taint[];
  /** Taints that only make a node less attractive: PreferNoSchedule. */
  readonly softTaints: readonly Taint[];
  /** Empty when the node has no zone label. */
  readonly zone: string;
  readonly allocatable: Allocatable;
  /** Sizes by name. */
  readonly images: NodeImages;
  /** What bound and assumed pods asked for. */
  readonly requested: Resources;
  readonly scoringRequested: ScoringRequests;
  readonly podCount: number;
  /** Bound and assumed pods by uid, those on their way out too. */
  readonly pods: ReadonlyMap<string, PodInfo>;
  /** The ports that its pods take; each pod's as often as it takes them. */
  readonly hostPorts: readonly HostPort[];
  /** Pods of one controller on this node that are not on their way out. */
  podsOfGroup(group: string): number;
  /** To suppose changes on: the pods are shared, the sums are not. */
  copy(): SupposedNode;
}

/** A node as it would be. */
export interface SupposedNode extends NodeInfo {
  /** Adds a pod's amounts (`sign` 1) or takes them away (-1). */
  count(info: PodInfo, sign: 1 | -1): void;
}

/** What a change of a Node object can make possible for pods that wait. */
export type NodeChange = 'NodeAdd' | 'NodeAllocatable' | 'NodeLabels' | 'NodeTaints';

interface MutableResources extends Resources {
  milliCpu: number;
  memoryBytes: number;
  ephemeralStorageBytes: number;
  extended: Map<string, number> | undefined;
}

const NO_LABELS: Labels = {};
const NO_TAINTS: readonly Taint[] = [];
const NO_PORTS: readonly HostPort[] = [];
const NO_IMAGES: NodeImages = new Map();
const NOTHING: Allocatable = allocatableOf(undefined);

/**
 * The node that the cache keeps. It may exist before its Node object does, because pods
 * and nodes arrive on different streams: then it sums up pods but is never chosen.
 */
export class NodeState implements SupposedNode {
  readonly name: string;
  known = false;
  labels: Labels = NO_LABELS;
  unschedulable = false;
  hardTaints = NO_TAINTS;
  softTaints = NO_TAINTS;
  zone = '';
  allocatable = NOTHING;
  images = NO_IMAGES;
  readonly requested: MutableResources = {
    milliCpu: 0,
    memoryBytes: 0,
    ephemeralStorageBytes: 0,
    extended: undefined,
  };
  readonly scoringRequested = { milliCpu: 0, memoryBytes: 0 };
  readonly pods = new Map<string, PodInfo>();
  hostPorts: readonly HostPort[] = NO_PORTS;
  /** Counts above zero only. */
  readonly groups = new Map<string, number>();

  constructor(name: string) {
    this.name = name;
  }

  get podCount(): number {
    return this.pods.size;
  }

  podsOfGroup(group: string): number {
    return this.groups.get(group) ?? 0;
  }

  /** To suppose changes on: the pods are shared, the sums are not. */
  copy(): NodeState {
    const copy = new NodeState(this.name);
    copy.known = this.known;
    copy.labels = this.labels;
    copy.unschedulable = this.unschedulable;
    copy.hardTaints = this.hardTaints;
    copy.softTaints = this.softTaints;
    copy.zone = this.zone;
    copy.allocatable = this.allocatable;
    copy.images = this.images;
    copy.hostPorts = this.hostPorts;
    const { requested, scoringRequested } = this;
    copy.requested.milliCpu = requested.milliCpu;
    copy.requested.memoryBytes = requested.memoryBytes;
    copy.requested.ephemeralStorageBytes = requested.ephemeralStorageBytes;
    if (requested.extended !== undefined) copy.requested.extended = new Map(requested.extended);
    copy.scoringRequested.milliCpu = scoringRequested.milliCpu;
    copy.scoringRequested.memoryBytes = scoringRequested.memoryBytes;
    for (const [uid, info] of this.pods) copy.pods.set(uid, info);
    for (const [group, count] of this.groups) copy.groups.set(group, count);
    return copy;
  }

  setNode(node: Node): void {
    const taints = node.spec.taints ?? NO_TAINTS;
    this.known = true;
    this.labels = node.metadata.labels ?? NO_LABELS;
    this.unschedulable = node.spec.unschedulable === true;
    this.softTaints = taints.filter(({ effect }) => effect === 'PreferNoSchedule');
    this.hardTaints = taints.filter(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute');
    this.zone = this.labels[ZONE_LABEL] ?? '';
    this.allocatable = allocatableOf(node.status?.allocatable);
    this.images = nodeImages(node);
  }

  /** The Node object is gone; the pods on it are still there until their own deletion arrives. */
  unsetNode(): void {
    this.known = false;
    this.labels = NO_LABELS;
    this.unschedulable = false;
    this.softTaints = NO_TAINTS;
    this.hardTaints = NO_TAINTS;
    this.zone = '';
    this.allocatable = NOTHING;
    this.images = NO_IMAGES;
  }

  /** Adds a pod's amounts (`sign` 1) or takes them away (-1). */
  count(info: PodInfo, sign: 1 | -1): void {
    const { requests, hostPorts, group, terminating } = info;
    const { exact, scoring } = requests;
    const { requested, scoringRequested } = this;
    if (sign > 0) this.pods.set(info.uid, info);
    else this.pods.delete(info.uid);
    requested.milliCpu += sign * exact.milliCpu;
    requested.memoryBytes += sign * exact.memoryBytes;
    requested.ephemeralStorageBytes += sign * exact.ephemeralStorageBytes;
    scoringRequested.milliCpu += sign * scoring.milliCpu;
    scoringRequested.memoryBytes += sign * scoring.memoryBytes;
    for (const [name, amount] of exact.extended ?? []) {
      const extended = (requested.extended ??= new Map<string, number>());
      addCount(extended, name, sign * amount);
    }
    if (hostPorts.length > 0) {
      this.hostPorts = sign > 0 ? [...this.hostPorts, ...hostPorts] : withoutPorts(this.hostPorts, hostPorts);
    }
    if (group !== undefined && !terminating) addCount(this.groups, group, sign);
  }
}

/** One of each that goes: two pods may take the same port when they were bound by hand. */
function withoutPorts(from: readonly HostPort[], gone: readonly HostPort[]): readonly HostPort[] {
  const left = [...from];
  for (const { port, protocol, ip } of gone) {
    const at = left.findIndex((each) => each.port === port && each.protocol === protocol && each.ip === ip);
    if (at >= 0) left.splice(at, 1);
  }
  return left;
}

/** Adds to a counter and forgets it when it reaches zero. */
export function addCount<K>(counts: Map<K, number>, key: K, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
