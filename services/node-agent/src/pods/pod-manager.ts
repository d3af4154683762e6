/** Which pods this agent runs: those bound to its nodes. One worker each. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { keyOf, parseTime } from '@orrery/api/meta.ts';
import { addAmounts, type Amounts, podAmounts } from '@orrery/api/pod-requests.ts';
import type { Informer } from '@orrery/client/informer.ts';
import type { SimulatedImages } from '../runtime/images.ts';
import { SANDBOX_IMAGE, type SimulatedRuntime } from '../runtime/simulated.ts';
import type { Rejection } from './admission.ts';
import { restorePod } from './restore.ts';
import { type ResizePending, resizeVerdict } from './resize.ts';
import { isFinished, mustStop } from './status.ts';
import { type Eviction, PodWorker, type PodWorkerDependencies } from './worker.ts';

export interface PodManagerOptions extends Omit<PodWorkerDependencies, 'resizeVerdict'> {
  runtime: SimulatedRuntime;
  images: SimulatedImages;
  /** What the pods of one node may request together. */
  allocatable: (node: string) => Amounts;
  /** Whether a node is one of this agent. */
  hostsNode: (node: string) => boolean;
  /** Whether this agent was the last to run the pods of a node: what it has kept of others is out of date. */
  ranHere: (node: string) => boolean;
  /** Why a node does not take a pod beside those that it has taken; undefined when it does. */
  admission: (pod: Pod, others: readonly Pod[]) => Rejection | undefined;
}

export class PodManager {
  readonly #options: PodManagerOptions & PodWorkerDependencies;
  /** By uid: a pod may be gone, and another have its name, while its containers still stop. */
  readonly #workers = new Map<string, PodWorker>();
  readonly #workersOf = new Map<string, Set<PodWorker>>();
  /** The pods whose resize waits for room. */
  readonly #deferred = new Set<string>();
  #informer: Informer<Pod> | undefined;
  #unfollow: (() => void) | undefined;

  constructor(options: PodManagerOptions) {
    this.#options = { ...options, resizeVerdict: (pod) => this.#resizeVerdict(pod) };
  }

  /** How many pods this agent has. */
  get size(): number {
    return this.#workers.size;
  }

  /** Whether this pod is here. */
  has(podUid: string): boolean {
    return this.#workers.has(podUid);
  }

  /**
   * Follows the pods of an informer that has synced. What ran before is taken over first, all of
   * it: only then is it known which addresses are free for those that are yet to start.
   */
  follow(informer: Informer<Pod>): void {
    this.#informer = informer;
    const ours = informer.lister.list().filter((pod) => this.#isOurs(pod));
    for (const pod of ours) this.#mountAgain(pod);
    this.#restore();
    for (const pod of ours) this.#takeOver(pod);
    this.#removeOrphans(new Set(ours.map(({ metadata }) => metadata.uid)));
    // What was taken before has its place before others are asked for theirs.
    for (const pod of ours) if (wasTaken(pod)) this.#see(pod);
    this.#unfollow = informer.addHandler({
      add: (pod) => this.#see(pod),
      update: (pod) => this.#see(pod),
      delete: (pod) => this.#lose(pod),
    });
  }

  /**
   * A machine has started while this process runs: the pods that are bound to it begin. What ran there
   * when it was last heard of has ended with it.
   */
  join(pods: readonly Pod[]): void {
    for (const pod of pods) {
      if (!this.#isOurs(pod) || this.#workers.has(pod.metadata.uid)) continue;
      this.#takeOver(pod, { rebooted: true });
      this.#see(pod);
    }
  }

  /** A machine is gone: whatever runs there ends, and nobody is told. */
  async leave(node: string): Promise<void> {
    const workers = [...this.#workers].filter(([, worker]) => worker.node === node);
    await Promise.all(
      workers.map(async ([podUid, worker]) => {
        await worker.remove();
        this.#forget(podUid, worker);
      }),
    );
  }

  #forget(podUid: string, worker: PodWorker): void {
    this.#deferred.delete(podUid);
    if (this.#workers.get(podUid) === worker) this.#workers.delete(podUid);
    const siblings = this.#workersOf.get(worker.node);
    siblings?.delete(worker);
    if (siblings?.size === 0) this.#workersOf.delete(worker.node);
  }

  /** A container of this pod changed by itself. */
  wake(podUid: string): void {
    this.#workers.get(podUid)?.wake();
  }

  /** The verdict of a probe of this pod changed. */
  probed(podUid: string): void {
    this.#workers.get(podUid)?.probed();
  }

  /** Ends a pod for the node's sake: node-pressure eviction, a volume over its limit. False when there is no such pod. */
  evict(podUid: string, eviction: Eviction): boolean {
    const worker = this.#workers.get(podUid);
    worker?.evict(eviction);
    return worker !== undefined;
  }

  /** Resolves when the store has the newest status of every pod. */
  async written(): Promise<void> {
    await Promise.all(Array.from(this.#workers.values(), (worker) => worker.written()));
  }

  /** The process ends. What runs goes on running, as containers do without a kubelet. */
  stop(): void {
    this.#unfollow?.();
    for (const worker of this.#workers.values()) worker.stop();
  }

  #isOurs({ spec }: Pod): boolean {
    return spec.nodeName !== undefined && this.#options.hostsNode(spec.nodeName);
  }

  #see(pod: Pod): void {
    if (!this.#isOurs(pod)) return;
    const { uid } = pod.metadata;
    const known = this.#workers.get(uid);
    if (isFinished(pod)) this.#retryResizes();
    if (known !== undefined) {
      known.update(pod);
      return;
    }
    this.#takeOver(pod);
    const { startTime } = pod.status ?? {};
    const acceptedAtMs = startTime === undefined ? this.#options.clock.now() : parseTime(startTime);
    const worker = new PodWorker(this.#options, pod, acceptedAtMs);
    const rejection = wasTaken(pod) || mustStop(pod) ? undefined : this.#admission(pod);
    this.#keep(worker, pod);
    if (rejection === undefined) worker.wake();
    else worker.reject(rejection);
  }

  #keep(worker: PodWorker, { metadata: { uid }, spec: { nodeName = '' } }: Pod): void {
    this.#workers.set(uid, worker);
    const siblings = this.#workersOf.get(nodeName);
    if (siblings === undefined) this.#workersOf.set(nodeName, new Set([worker]));
    else siblings.add(worker);
  }

  #admission(pod: Pod): Rejection | undefined {
    const others = Array.from(this.#workersOf.get(pod.spec.nodeName ?? '') ?? [], ({ taken }) => taken);
    return this.#options.admission(
      pod,
      others.filter((each) => each !== undefined),
    );
  }

  /** Whether the other pods of a node leave room for what this one wants. */
  #resizeVerdict(pod: Pod): ResizePending | undefined {
    const used: Amounts = new Map();
    for (const other of this.#informer?.lister.list() ?? []) {
      const isOther = other.metadata.uid !== pod.metadata.uid && other.spec.nodeName === pod.spec.nodeName;
      if (isOther && !isFinished(other)) addAmounts(used, podAmounts(other));
    }
    const verdict = resizeVerdict(podAmounts(pod), used, this.#options.allocatable(pod.spec.nodeName ?? ''));
    if (verdict?.reason === 'Deferred') this.#deferred.add(pod.metadata.uid);
    else this.#deferred.delete(pod.metadata.uid);
    return verdict;
  }

  /** A pod has ended: there may be room for those that want more. */
  #retryResizes(): void {
    for (const podUid of this.#deferred) this.#workers.get(podUid)?.retryResize();
  }

  /** Volumes whose content is not kept are made again before those that use them go on. */
  #mountAgain(pod: Pod): void {
    const { volumes, logger } = this.#options;
    const onFailure = (error: unknown): void =>
      logger.warn({ err: error, pod: keyOf(pod) }, 'volumes are not what they were');
    try {
      void Promise.resolve(volumes.mount(pod)).catch(onFailure);
    } catch (error) {
      onFailure(error);
    }
  }

  #restore(): void {
    const { runtime, images, ranHere } = this.#options;
    for (const { sandbox, container } of runtime.restore(ranHere)) {
      images.adopt(sandbox.node, SANDBOX_IMAGE);
      images.adopt(sandbox.node, container.image);
    }
  }

  /** What is left of pods that went while no agent ran (HandlePodCleanups). */
  #removeOrphans(podUids: ReadonlySet<string>): void {
    const { runtime, volumes } = this.#options;
    for (const { id, uid } of runtime.listPodSandbox({})) {
      if (podUids.has(uid)) continue;
      void runtime.stopPodSandbox(id).then(() => {
        runtime.removePodSandbox(id);
        volumes.unmount(uid);
      });
    }
  }

  /** Of a pod without checkpoint the status says what ran. */
  #takeOver(pod: Pod, { rebooted = false } = {}): void {
    const { runtime, images, logger } = this.#options;
    if (runtime.listPodSandbox({ podUid: pod.metadata.uid }).length > 0) return;
    const ran = restorePod(pod);
    if (ran === undefined) return;
    if (rebooted) ran.sandbox.state = 'SANDBOX_NOTREADY';
    if (!runtime.adopt(ran.sandbox, ran.containers)) {
      logger.warn({ pod: keyOf(pod), ip: ran.sandbox.ip }, 'address taken by another pod, sandbox is lost');
      return;
    }
    const { node } = ran.sandbox;
    for (const image of [SANDBOX_IMAGE, ...ran.containers.map((each) => each.image)])
      images.adopt(node, image);
  }

  #lose(pod: Pod): void {
    const { uid } = pod.metadata;
    this.#deferred.delete(uid);
    this.#retryResizes();
    const worker = this.#workers.get(uid);
    void worker?.remove().then(() => {
      this.#forget(uid, worker);
      // A store that went back has it again.
      const again = this.#informer?.lister.get(keyOf(pod));
      if (again?.metadata.uid === uid) this.#see(again);
    });
  }
}

/** Whether this agent, or one before it, has begun with the pod. */
function wasTaken({ status }: Pod): boolean {
  return status?.startTime !== undefined;
}
