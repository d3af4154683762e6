/** Carries what informers see into the cache and the queue (pkg/scheduler/eventhandlers.go). */

import type { KubeObject, Node, Pod } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { isBeingDeleted, keyOf } from '@orrery/api/meta.ts';
import {
  Namespaces,
  Nodes,
  PersistentVolumeClaims,
  PersistentVolumes,
  PodDisruptionBudgets,
  Pods,
  type ResourceRef,
  StorageClasses,
} from '@orrery/api/resources.ts';
import type { Informers } from '@orrery/client/informer.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import { fitsNode, isFit, spansNodes } from './cycle.ts';
import type { Profile } from './plugins/registry.ts';
import type { Profiles } from './profile-config.ts';
import type { Nominator } from './preemption/nominator.ts';
import type { ClusterEvent, StorageEvent } from './queue/cluster-event.ts';
import type { QueuedPod } from './queue/queued-pod.ts';
import type { SchedulingQueue } from './queue/scheduling-queue.ts';
import type { ClusterCache } from './snapshot/cluster-cache.ts';
import { isBound, isFinished, type PodInfo, podInfo } from './snapshot/pod-info.ts';

/** What decisions are made by. */
export const WATCHED_RESOURCES = [
  Namespaces,
  Nodes,
  Pods,
  PersistentVolumeClaims,
  PersistentVolumes,
  StorageClasses,
  PodDisruptionBudgets,
] as readonly ResourceRef[];

/** Whether the pod needs somebody to find it a node. */
function wantsNode(pod: Pod): boolean {
  return !isBound(pod) && !isFinished(pod) && !isBeingDeleted(pod);
}

export interface ClusterWatchOptions {
  informers: Informers;
  cache: ClusterCache;
  queue: SchedulingQueue;
  /** By the name that pods give. Pods that name another scheduler are none of this one's business. */
  profiles: Profiles;
  logger: Logger;
  nominator: Nominator;
  /** The pod is on the node, but no event has shown that yet. */
  onAssumed: (info: PodInfo, nodeName: string) => void;
  /** An event showed the pod on a node, or the pod is gone: nothing is assumed of it any more. */
  onSettled: (uid: string) => void;
}

export class ClusterWatch {
  readonly #options: ClusterWatchOptions;
  readonly #pluginsByEvent = new Map<ClusterEvent['kind'], ReadonlySet<string>>();
  #remove: (() => void)[] = [];

  constructor(options: ClusterWatchOptions) {
    this.#options = options;
  }

  /** Takes in what is there and everything after it. Nodes first: pods then find all of them. */
  start(): void {
    const { informers } = this.#options;
    const { topology } = this.#options.cache;
    this.#remove = [
      informers.of(Namespaces).addHandler({
        add: ({ metadata }) => topology.setNamespace(metadata.name, metadata.labels ?? {}),
        update: ({ metadata }) => topology.setNamespace(metadata.name, metadata.labels ?? {}),
        delete: ({ metadata }) => topology.removeNamespace(metadata.name),
      }),
      informers.of(Nodes).addHandler({
        add: (node) => this.#setNode(node),
        update: (node) => this.#setNode(node),
        delete: (node) => this.#options.cache.removeNode(node.metadata.name),
      }),
      informers.of(Pods).addHandler({
        add: (pod) => this.setPod(pod),
        update: (pod, before) => {
          if (before.metadata.uid !== pod.metadata.uid) this.#removePod(before.metadata.uid);
          this.setPod(pod);
        },
        delete: (pod) => this.#removePod(pod.metadata.uid),
      }),
      this.#wakeOnChange(PersistentVolumeClaims, 'ClaimChange'),
      this.#wakeOnChange(PersistentVolumes, 'VolumeChange'),
      this.#wakeOnChange(StorageClasses, 'StorageClassChange'),
    ];
  }

  stop(): void {
    for (const remove of this.#remove) remove();
    this.#remove = [];
  }

  /** The pod as informers see it now, if it is the same one and wants a node still. */
  waitingPod({ key, uid }: PodInfo): Pod | undefined {
    const pod = this.#options.informers.of(Pods).lister.get(key);
    return pod !== undefined && pod.metadata.uid === uid && this.#isOurs(pod) ? pod : undefined;
  }

  /** Gives up the assumption that the pod is on its node, and tells those who wait for room there. */
  forget({ uid }: PodInfo): void {
    this.#freed(this.#options.cache.forget(uid));
  }

  /** Takes in a pod that is known to be on its node before informers show it there. */
  assumeBound(pod: Pod): void {
    this.#guard('Pod', pod, () => {
      const info = podInfo(pod);
      this.#options.cache.assume(info, pod.spec.nodeName!);
      this.#options.onAssumed(info, pod.spec.nodeName!);
    });
  }

  #profileOf({ spec }: Pod): Profile | undefined {
    return this.#options.profiles.get(spec.schedulerName ?? '');
  }

  #isOurs(pod: Pod): boolean {
    return wantsNode(pod) && this.#profileOf(pod) !== undefined;
  }

  /** Puts a version of a pod where it belongs. */
  setPod(pod: Pod): void {
    const { cache, queue, onSettled } = this.#options;
    const { uid } = pod.metadata;
    if (isFinished(pod)) {
      this.#removePod(uid);
    } else if (isBound(pod)) {
      this.#guard('Pod', pod, () => this.#setBoundPod(podInfo(pod)));
      queue.delete(uid);
      onSettled(uid);
    } else if (!this.#isOurs(pod)) {
      queue.delete(uid);
    } else if (!cache.isAssumed(uid)) {
      // An assumed pod is ahead of its events: this one is from before its binding.
      this.#guard('Pod', pod, () => this.#setWaitingPod(podInfo(pod)));
    }
  }

  /** A promise that an earlier scheduler has made stands. */
  #setWaitingPod(info: PodInfo): void {
    const { queue, nominator } = this.#options;
    const promised = info.pod.status?.nominatedNodeName ?? '';
    if (promised !== '' && nominator.nodeOf(info.uid) === undefined) nominator.set(info, promised);
    queue.set(info);
  }

  #setBoundPod(info: PodInfo): void {
    const { cache, nominator } = this.#options;
    nominator.delete(info.uid);
    const before = cache.placedPod(info.uid);
    this.#freed(cache.setPod(info));
    const nodeName = info.pod.spec.nodeName!;
    if (before === undefined || cache.nodeNameOf(info.uid) !== nodeName) {
      this.#wake({ kind: 'AssignedPodAdd', nodeName });
    } else if (!jsonEqual(before.pod.metadata.labels, info.pod.metadata.labels)) {
      this.#wake({ kind: 'AssignedPodLabels', nodeName });
    }
  }

  #removePod(uid: string): void {
    const { cache, queue, nominator, onSettled } = this.#options;
    nominator.delete(uid);
    this.#freed(cache.removePod(uid));
    queue.delete(uid);
    onSettled(uid);
  }

  #setNode(node: Node): void {
    this.#guard('Node', node, () => {
      for (const kind of this.#options.cache.setNode(node))
        this.#wake({ kind, nodeName: node.metadata.name });
    });
  }

  #wakeOnChange<T extends KubeObject>(resource: ResourceRef<T>, kind: StorageEvent['kind']): () => void {
    const wake = (): void => this.#wake({ kind });
    return this.#options.informers.of(resource).addHandler({ add: wake, update: wake });
  }

  #freed(nodeName: string | undefined): void {
    if (nodeName !== undefined) this.#wake({ kind: 'AssignedPodDelete', nodeName });
  }

  #wake(event: ClusterEvent): void {
    const { queue } = this.#options;
    if (queue.awaitsAny(this.#wokenBy(event.kind))) {
      queue.moveOnEvent((queued) => this.#helps(event, queued));
    } else queue.noteEvent();
  }

  /** The plugins whose rejections an event of this kind may end. */
  #wokenBy(kind: ClusterEvent['kind']): ReadonlySet<string> {
    let names = this.#pluginsByEvent.get(kind);
    if (names === undefined) {
      const filters = [...this.#options.profiles.values()].flatMap((profile) => profile.filters);
      names = new Set(filters.filter(({ wokenBy }) => wokenBy.includes(kind)).map(({ name }) => name));
      this.#pluginsByEvent.set(kind, names);
    }
    return names;
  }

  /**
   * Whether a pod that fits nowhere may fit after this event: a plugin that stood in the
   * way says that such events matter, and the node passes all filters now. Where all filters
   * look at one node only, no other node can have become feasible. An event of no node
   * helps when what it is about is in order now.
   */
  #helps({ kind, nodeName }: ClusterEvent, { info, rejectedBy }: QueuedPod): boolean {
    const { cache, nominator } = this.#options;
    // Whoever was promised a node waits for that one, as long as it is there.
    const promised = nominator.nodeOf(info.uid);
    const waitsElsewhere =
      promised !== undefined && promised !== nodeName && cache.node(promised) !== undefined;
    if (waitsElsewhere && kind === 'AssignedPodDelete') return false;
    const profile = this.#profileOf(info.pod);
    if (profile === undefined) return false;
    // Without nodes no plugin has had a say.
    const woken = this.#wokenBy(kind);
    const matters = rejectedBy.size === 0 || [...rejectedBy].some((name) => woken.has(name));
    if (!matters) return false;
    if (nodeName === undefined || spansNodes(profile, info, cache)) return isFit(profile, info, cache);
    const node = cache.node(nodeName);
    return node !== undefined && fitsNode(profile, info, node, { snapshot: cache, nominator });
  }

  /** One object that validation should not have let through must not stop the handling of all others. */
  #guard(kind: string, object: Pod | Node, handle: () => void): void {
    try {
      handle();
    } catch (error) {
      this.#options.logger.error({ kind, object: keyOf(object), err: error }, 'an object cannot be taken in');
    }
  }
}
