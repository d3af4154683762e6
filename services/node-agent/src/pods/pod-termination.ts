/** The end of one pod: stops what runs of it, and takes it down (SyncTerminatingPod, SyncTerminatedPod). */

import type { Pod } from '@orrery/api/gen/types.ts';
import type { ProbeManager } from '../probes/probe-manager.ts';
import type { VolumeManager } from '../volumes/volume-manager.ts';
import { type ContainerStopOptions, killContainers } from './container-stop.ts';
import { podRecord } from './record.ts';

export interface PodTerminationOptions extends ContainerStopOptions {
  volumes: VolumeManager;
  probes: Pick<ProbeManager, 'stopLivenessAndStartup' | 'forget'>;
}

export class PodTermination {
  readonly #options: PodTerminationOptions;
  readonly #podUid: string;
  /** Containers whose preStop hook ran: once is enough. */
  readonly #hooked = new Set<string>();
  #round: { graceSeconds: number; over: AbortController } | undefined;
  #isUnmounted = false;

  constructor(options: PodTerminationOptions, podUid: string) {
    this.#options = options;
    this.#podUid = podUid;
  }

  /**
   * Stops the containers. Resolves to whether all have ended; false when `shorten` cut it short,
   * so that it has to be done again.
   */
  async stopContainers(pod: Pod, graceSeconds: number): Promise<boolean> {
    const { containers } = podRecord(this.#options.runtime, this.#podUid);
    this.#options.probes.stopLivenessAndStartup(this.#podUid);
    const over = new AbortController();
    this.#round = { graceSeconds, over };
    await killContainers(this.#options, {
      pod,
      containers,
      graceSeconds,
      hooked: this.#hooked,
      signal: over.signal,
    });
    this.#round = undefined;
    return !over.signal.aborted;
  }

  /** A shorter grace holds from now on, a longer one does not. */
  shorten(graceSeconds: number): void {
    if (this.#round !== undefined && graceSeconds < this.#round.graceSeconds) this.#round.over.abort();
  }

  /**
   * Takes down sandboxes, volumes and probes. What is left of the containers of a pod that others
   * may still ask about stays: logs, exit codes.
   */
  async takeDown(forGood: boolean): Promise<void> {
    const { runtime, volumes, probes } = this.#options;
    const podUid = this.#podUid;
    for (const { id } of runtime.listPodSandbox({ podUid })) {
      await runtime.stopPodSandbox(id);
      if (forGood) runtime.removePodSandbox(id);
    }
    if (this.#isUnmounted) return;
    this.#isUnmounted = true;
    probes.forget(podUid);
    volumes.unmount(podUid);
  }
}
