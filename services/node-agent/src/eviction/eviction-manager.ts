/**
 * Ends pods when their node runs short of memory or disk, or when they write more than they may
 * (pkg/kubelet/eviction/eviction_manager.go, with the kubelet's default thresholds).
 */

import type { Node, Pod } from '@orrery/api/gen/types.ts';
import { amountsOf } from '@orrery/api/pod-requests.ts';
import { Nodes, Pods } from '@orrery/api/resources.ts';
import { toleratesTaint } from '@orrery/api/tolerations.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import type { Container, RuntimeService } from '../runtime/runtime.ts';
import type { VolumeManager } from '../volumes/volume-manager.ts';
import { type DiskUsage, overDiskLimit } from './disk-limits.ts';
import { isCritical, type PodUsage, rankByUse, shortageMessage, type Starved } from './ranking.ts';

/** How the node ends a pod early. */
export interface NodeEviction {
  reason: string;
  message: string;
  /** The pod is not to blame: condition DisruptionTarget (KEP-3329). */
  disruption?: boolean;
  graceSeconds: number;
}

export interface EvictionManagerOptions {
  /** The cluster's clock. */
  clock: Clock;
  runtime: Pick<RuntimeService, 'listPodSandbox' | 'listContainers' | 'containerStats'>;
  volumes: Pick<VolumeManager, 'overLimit'>;
  disk: DiskUsage;
  /** The pods bound to a node. */
  podsOf: (node: string) => readonly Pod[];
  /** The node, while the API has it. */
  nodeOf: (node: string) => Node | undefined;
  /** The recorder of a node. */
  events: (node: string) => EventRecorder;
  evict: (podUid: string, eviction: NodeEviction) => unknown;
  /** Told when the node becomes short of something, and when it is no longer. */
  onPressure: (node: string, condition: Pressure, isShort: boolean) => void;
}

/** How often a node is to be looked at, in milliseconds of the cluster's clock (evictionMonitoringPeriod). */
export const EVICTION_PERIOD_MS = 10_000;

export type Pressure = 'MemoryPressure' | 'DiskPressure';

interface Resource {
  readonly name: Starved;
  readonly condition: Pressure;
  /** Pods go when less is available. */
  readonly thresholdBytes: (capacityBytes: number) => number;
}

/** In the order in which they are looked after (evictionHard: memory.available, nodefs.available). */
const RESOURCES: readonly Resource[] = [
  { name: 'memory', condition: 'MemoryPressure', thresholdBytes: () => 100 * 1024 * 1024 },
  {
    name: 'ephemeral-storage',
    condition: 'DiskPressure',
    thresholdBytes: (capacityBytes) => Math.floor(capacityBytes / 10),
  },
];

/** For how long after the last shortage the node says that it is short (evictionPressureTransitionPeriod). */
const TRANSITION_MS = 300_000;

/** How long a pod has for its end (immediateEvictionGracePeriodSeconds). */
const GRACE_SECONDS = 1;

/** How long the next eviction waits for the end of the one before (podCleanupTimeout). */
const CLEANUP_MS = 30_000;

const REASON = 'Evicted';
const MEMORY_PRESSURE_TAINT = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' };

/** Of a node that is short of something, or was a short while ago. */
interface Shortage {
  /** When it was last seen to be so, by condition. */
  lastSeenAtMs: Map<Pressure, number>;
  /** The uid of the pod that was evicted last. */
  evicted: string | undefined;
  evictedAtMs: number;
}

/** What a node has left of something. */
interface Level {
  readonly resource: Resource;
  readonly thresholdBytes: number;
  readonly availableBytes: number;
  readonly usages: readonly PodUsage[];
}

function isShort({ availableBytes, thresholdBytes }: Level): boolean {
  return availableBytes < thresholdBytes;
}

export class EvictionManager {
  readonly #options: EvictionManagerOptions;
  /** By node; none for nodes that are well. */
  readonly #shortages = new Map<string, Shortage>();

  constructor(options: EvictionManagerOptions) {
    this.#options = options;
  }

  /** The node is gone. */
  forget(node: string): void {
    this.#shortages.delete(node);
  }

  /** What the node is, or was a short while ago, short of. */
  pressures(node: string): readonly Pressure[] {
    return [...(this.#shortages.get(node)?.lastSeenAtMs.keys() ?? [])];
  }

  /**
   * Why a node that is short of something does not take a pod, unless it is critical. One that is short of
   * memory alone takes those that have requested something, or tolerate it.
   */
  admission(pod: Pod, node: string): { reason: string; message: string } | undefined {
    const pressures = this.pressures(node);
    if (pressures.length === 0 || isCritical(pod)) return undefined;
    const isMemoryAlone = pressures.every((each) => each === 'MemoryPressure');
    if (isMemoryAlone && pod.status?.qosClass !== 'BestEffort') return undefined;
    if (isMemoryAlone && toleratesTaint(pod.spec.tolerations, MEMORY_PRESSURE_TAINT)) return undefined;
    return { reason: REASON, message: `The node had condition: [${pressures.join(' ')}]. ` };
  }

  /** Looks at one node, and evicts at most one pod for the node's own sake. */
  visit(name: string): void {
    const { nodeOf, podsOf, events } = this.#options;
    const node = nodeOf(name);
    if (node === undefined) return;
    const pods = podsOf(name);
    const levels = RESOURCES.map((resource) => this.#levelOf(node, pods, resource));
    for (const level of levels) this.#notePressure(name, level.resource.condition, isShort(level));
    if (this.#evictsStill(name, pods)) return;
    const short = levels.find(isShort);
    if (this.#evictOverLimit(name, pods) || short === undefined) return;
    const { resource, thresholdBytes, availableBytes, usages } = short;
    const subject = { resource: Nodes, object: node };
    events(name).warning(subject, 'EvictionThresholdMet', `Attempting to reclaim ${resource.name}`);
    const active = usages.filter(
      ({ pod, usedBytes }) => usedBytes.size > 0 && !isEnding(pod) && !isCritical(pod),
    );
    const [victim] = rankByUse(active, resource.name);
    if (victim === undefined) return;
    const message = shortageMessage(victim, resource.name, thresholdBytes, availableBytes);
    this.#evict(name, victim.pod, { message, disruption: true });
  }

  #levelOf(node: Node, pods: readonly Pod[], resource: Resource): Level {
    const { disk } = this.#options;
    const capacityBytes = amountsOf(node.status?.capacity).get(resource.name) ?? 0;
    const isMemory = resource.name === 'memory';
    const usages = pods.map((pod): PodUsage => {
      const usedBytes = new Map<string, number>();
      for (const { id, name } of this.#running(pod))
        usedBytes.set(name, isMemory ? this.#memoryOf(id) : disk.containerBytes(id));
      return isMemory ? { pod, usedBytes } : { pod, usedBytes, volumeBytes: disk.volumeBytes(pod) };
    });
    let availableBytes = capacityBytes - (isMemory ? 0 : disk.nodeBytes(node.metadata.name));
    for (const { usedBytes, volumeBytes = 0 } of usages) {
      availableBytes -= volumeBytes;
      for (const bytes of usedBytes.values()) availableBytes -= bytes;
    }
    return { resource, thresholdBytes: resource.thresholdBytes(capacityBytes), availableBytes, usages };
  }

  #memoryOf(containerId: string): number {
    return this.#options.runtime.containerStats(containerId)?.memoryBytes ?? 0;
  }

  *#running({ metadata: { uid } }: Pod): Iterable<Container> {
    const { runtime } = this.#options;
    for (const sandbox of runtime.listPodSandbox({ podUid: uid })) {
      for (const container of runtime.listContainers({ podSandboxId: sandbox.id }))
        if (container.state === 'CONTAINER_RUNNING') yield container;
    }
  }

  #isActive(pod: Pod): boolean {
    for (const _ of this.#running(pod)) return true;
    return false;
  }

  #notePressure(node: string, condition: Pressure, isShortNow: boolean): void {
    const { clock, onPressure } = this.#options;
    const nowMs = clock.now();
    const known = this.#shortages.get(node);
    const sinceMs = known?.lastSeenAtMs.get(condition);
    if (isShortNow) {
      const shortage = known ?? { lastSeenAtMs: new Map(), evicted: undefined, evictedAtMs: nowMs };
      shortage.lastSeenAtMs.set(condition, nowMs);
      this.#shortages.set(node, shortage);
      if (sinceMs === undefined) onPressure(node, condition, true);
    } else if (sinceMs !== undefined && nowMs - sinceMs >= TRANSITION_MS) {
      known!.lastSeenAtMs.delete(condition);
      if (known!.lastSeenAtMs.size === 0) this.#shortages.delete(node);
      onPressure(node, condition, false);
    }
  }

  /** Whether what was evicted last still runs: what that frees decides whether another must go. */
  #evictsStill(node: string, pods: readonly Pod[]): boolean {
    const { evicted, evictedAtMs } = this.#shortages.get(node) ?? {};
    if (evicted === undefined || this.#options.clock.now() - evictedAtMs! >= CLEANUP_MS) return false;
    return pods.some((pod) => pod.metadata.uid === evicted && this.#isActive(pod));
  }

  /** Pods that write more than they may go, whatever the node has left (localStorageEviction). */
  #evictOverLimit(node: string, pods: readonly Pod[]): boolean {
    const { volumes, disk } = this.#options;
    let hasEvicted = false;
    for (const pod of pods) {
      if (!hasLocalLimit(pod) || isEnding(pod) || isCritical(pod) || !this.#isActive(pod)) continue;
      const message = volumes.overLimit(pod) ?? overDiskLimit(pod, [...this.#running(pod)], disk);
      if (message === undefined) continue;
      this.#evict(node, pod, { message });
      hasEvicted = true;
    }
    return hasEvicted;
  }

  #evict(node: string, pod: Pod, why: Pick<NodeEviction, 'message' | 'disruption'>): void {
    const { clock, events, evict } = this.#options;
    const { uid } = pod.metadata;
    events(node).warning({ resource: Pods, object: pod }, REASON, why.message);
    evict(uid, { reason: REASON, ...why, graceSeconds: GRACE_SECONDS });
    const shortage = this.#shortages.get(node);
    if (shortage === undefined) return;
    shortage.evicted = uid;
    shortage.evictedAtMs = clock.now();
  }
}

function hasLocalLimit({ spec }: Pod): boolean {
  return (
    spec.volumes?.some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined) === true ||
    spec.containers.some(({ resources }) => resources?.limits?.['ephemeral-storage'] !== undefined)
  );
}

function isEnding({ metadata, status }: Pod): boolean {
  return (
    metadata.deletionTimestamp !== undefined || status?.phase === 'Failed' || status?.phase === 'Succeeded'
  );
}
