/**
 * Ends pods when their node runs short of memory, or when they fill their volumes
 * (pkg/kubelet/eviction/eviction_manager.go, with the kubelet's default thresholds).
 */

import type { Node, Pod } from '@orrery/api/gen/types.ts';
import { amountsOf } from '@orrery/api/pod-requests.ts';
import { Nodes, Pods } from '@orrery/api/resources.ts';
import { toleratesTaint } from '@orrery/api/tolerations.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import type { RuntimeService } from '../runtime/runtime.ts';
import type { VolumeManager } from '../volumes/volume-manager.ts';
import { isCritical, memoryMessage, type PodUsage, rankByMemory } from './ranking.ts';

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
  /** The pods bound to a node. */
  podsOf: (node: string) => readonly Pod[];
  /** The node, while the API has it. */
  nodeOf: (node: string) => Node | undefined;
  /** The recorder of a node. */
  events: (node: string) => EventRecorder;
  evict: (podUid: string, eviction: NodeEviction) => unknown;
  /** Told when the node becomes short of memory, and when it is no longer. */
  onMemoryPressure: (node: string, isShort: boolean) => void;
}

/** How often a node is to be looked at, in milliseconds of the cluster's clock (evictionMonitoringPeriod). */
export const EVICTION_PERIOD_MS = 10_000;

/** Pods go when less is available (evictionHard, memory.available). */
const MEMORY_THRESHOLD_BYTES = 100 * 1024 * 1024;

/** For how long after the last shortage the node says that it is short (evictionPressureTransitionPeriod). */
const TRANSITION_MS = 300_000;

/** How long a pod has for its end (immediateEvictionGracePeriodSeconds). */
const GRACE_SECONDS = 1;

/** How long the next eviction waits for the end of the one before (podCleanupTimeout). */
const CLEANUP_MS = 30_000;

const REASON = 'Evicted';
const MEMORY_PRESSURE_TAINT = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' };

/** Of a node that is short of memory, or was a short while ago. */
interface Shortage {
  lastSeenAtMs: number;
  /** The uid of the pod that was evicted last. */
  evicted: string | undefined;
  evictedAtMs: number;
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

  /** Whether the node is, or was a short while ago, short of memory. */
  isShort(node: string): boolean {
    return this.#shortages.has(node);
  }

  /** Why a node that is short of memory does not take a pod: one that has requested nothing, unless it is critical or tolerates that. */
  admission(pod: Pod, node: string): { reason: string; message: string } | undefined {
    if (!this.isShort(node) || pod.status?.qosClass !== 'BestEffort') return undefined;
    if (isCritical(pod) || toleratesTaint(pod.spec.tolerations, MEMORY_PRESSURE_TAINT)) return undefined;
    return { reason: REASON, message: 'The node had condition: [MemoryPressure]. ' };
  }

  /** Looks at one node, and evicts at most one pod for the sake of its memory. */
  visit(name: string): void {
    const { nodeOf, podsOf, events } = this.#options;
    const node = nodeOf(name);
    if (node === undefined) return;
    const pods = podsOf(name);
    const capacityBytes = amountsOf(node.status?.capacity).get('memory') ?? 0;
    let availableBytes = capacityBytes;
    for (const pod of pods) for (const [, bytes] of this.#usage(pod)) availableBytes -= bytes;
    const isShort = availableBytes < MEMORY_THRESHOLD_BYTES;
    this.#notePressure(name, isShort);
    if (this.#evictsStill(name, pods)) return;
    if (this.#evictOverLimit(name, pods) || !isShort) return;
    const subject = { resource: Nodes, object: node };
    events(name).warning(subject, 'EvictionThresholdMet', 'Attempting to reclaim memory');
    const active = pods
      .filter((pod) => !isEnding(pod) && !isCritical(pod))
      .map((pod): PodUsage => ({ pod, memoryBytes: new Map(this.#usage(pod)) }))
      .filter(({ memoryBytes }) => memoryBytes.size > 0);
    const [victim] = rankByMemory(active);
    if (victim === undefined) return;
    const message = memoryMessage(victim, MEMORY_THRESHOLD_BYTES, availableBytes);
    this.#evict(name, victim.pod, { message, disruption: true });
  }

  /** What the running containers of a pod use of memory. */
  *#usage({ metadata: { uid } }: Pod): Iterable<[container: string, bytes: number]> {
    const { runtime } = this.#options;
    for (const sandbox of runtime.listPodSandbox({ podUid: uid })) {
      for (const { id, name, state } of runtime.listContainers({ podSandboxId: sandbox.id })) {
        if (state === 'CONTAINER_RUNNING') yield [name, runtime.containerStats(id)?.memoryBytes ?? 0];
      }
    }
  }

  #isActive(pod: Pod): boolean {
    for (const _ of this.#usage(pod)) return true;
    return false;
  }

  #notePressure(node: string, isShort: boolean): void {
    const { clock, onMemoryPressure } = this.#options;
    const nowMs = clock.now();
    const known = this.#shortages.get(node);
    if (isShort && known === undefined) {
      this.#shortages.set(node, { lastSeenAtMs: nowMs, evicted: undefined, evictedAtMs: nowMs });
      onMemoryPressure(node, true);
    } else if (isShort) {
      known!.lastSeenAtMs = nowMs;
    } else if (known !== undefined && nowMs - known.lastSeenAtMs >= TRANSITION_MS) {
      this.#shortages.delete(node);
      onMemoryPressure(node, false);
    }
  }

  /** Whether what was evicted last still runs: what that frees decides whether another must go. */
  #evictsStill(node: string, pods: readonly Pod[]): boolean {
    const { evicted, evictedAtMs } = this.#shortages.get(node) ?? {};
    if (evicted === undefined || this.#options.clock.now() - evictedAtMs! >= CLEANUP_MS) return false;
    return pods.some((pod) => pod.metadata.uid === evicted && this.#isActive(pod));
  }

  /** Pods that fill an emptyDir beyond its sizeLimit go, whatever the node has left (localStorageEviction). */
  #evictOverLimit(node: string, pods: readonly Pod[]): boolean {
    let hasEvicted = false;
    for (const pod of pods) {
      if (!hasSizeLimit(pod) || isEnding(pod) || isCritical(pod) || !this.#isActive(pod)) continue;
      const message = this.#options.volumes.overLimit(pod);
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

function hasSizeLimit({ spec }: Pod): boolean {
  return spec.volumes?.some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined) === true;
}

function isEnding({ metadata, status }: Pod): boolean {
  return (
    metadata.deletionTimestamp !== undefined || status?.phase === 'Failed' || status?.phase === 'Succeeded'
  );
}
