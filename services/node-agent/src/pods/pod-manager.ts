/** Which pods this agent runs: those bound to its nodes. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { parseTime } from '@orrery/api/meta.ts';
import type { Informer } from '@orrery/client/informer.ts';
import type { SimulatedRuntime } from '../runtime/simulated.ts';
import { restorePod } from './restore.ts';
import { PodWorker, type PodWorkerDependencies } from './worker.ts';

export class PodManager {
  readonly #dependencies: PodWorkerDependencies;
  readonly #runtime: SimulatedRuntime;
  readonly #hostsNode: (node: string) => boolean;
  readonly #workers = new Map<string, PodWorker>();

  constructor(
    dependencies: PodWorkerDependencies,
    runtime: SimulatedRuntime,
    hostsNode: (node: string) => boolean,
  ) {
    this.#dependencies = dependencies;
    this.#runtime = runtime;
    this.#hostsNode = hostsNode;
  }

  /** Follows the pods. What the informer's first list holds is taken over as it ran before. */
  follow(informer: Informer<Pod>): void {
    informer.addHandler({
      add: (pod) => this.#see(pod, !informer.synced),
      update: (pod) => this.#see(pod, false),
      delete: (pod) => this.#lose(pod),
    });
  }

  /** A container of this pod changed by itself. */
  wake(podUid: string): void {
    this.#workers.get(podUid)?.wake();
  }

  get size(): number {
    return this.#workers.size;
  }

  #see(pod: Pod, restore: boolean): void {
    const node = pod.spec.nodeName;
    if (node === undefined || !this.#hostsNode(node)) return;
    const { uid } = pod.metadata;
    const known = this.#workers.get(uid);
    if (known !== undefined) {
      known.update(pod);
      return;
    }
    if (restore) {
      const ran = restorePod(pod);
      if (ran !== undefined) this.#runtime.adopt(ran.sandbox, ran.containers);
    }
    const startTime = pod.status?.startTime;
    const acceptedAtMs = startTime === undefined ? this.#dependencies.clock.now() : parseTime(startTime);
    const worker = new PodWorker(this.#dependencies, pod, acceptedAtMs);
    this.#workers.set(uid, worker);
    worker.wake();
  }

  #lose(pod: Pod): void {
    const { uid } = pod.metadata;
    this.#dependencies.statuses.forget(uid);
    this.#workers.get(uid)?.remove();
    this.#workers.delete(uid);
  }
}
