/** The node's part of the expansion of a claim (pkg/volume/util/operationexecutor/node_expander.go). */

import type { PersistentVolumeClaim, Pod } from '@orrery/api/gen/types.ts';
import { keyOf, objectKey } from '@orrery/api/meta.ts';
import { PersistentVolumeClaims, Pods } from '@orrery/api/resources.ts';
import { isConflict, isNotFound } from '@orrery/api/status-error.ts';
import { allocatedStorage, resizedStatus, resizeStateOf } from '@orrery/api/volume-expansion.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Lister } from '@orrery/client/informer.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import { claimOf } from './claims.ts';

export interface FileSystemGrowthOptions {
  client: Pick<Client, 'updateStatus'>;
  /** Real time: how long to wait when the apiserver is away. */
  realClock: Clock;
  logger: Logger;
  claims: Pick<Lister<PersistentVolumeClaim>, 'get'>;
  /** A pod of this agent that has the claim mounted. */
  userOf: (claim: PersistentVolumeClaim) => Pod | undefined;
  /** The claim has the size that it says, and the pod has it mounted. */
  onGrown: (claim: PersistentVolumeClaim, pod: Pod) => void;
  events: (node: string) => EventRecorder;
}

const RETRY_MS = 1_000;

/** Grows file systems while they are mounted; those that are not wait for a pod. */
export class FileSystemGrowth {
  readonly #options: FileSystemGrowthOptions;
  /** Claims that are being written, or wait to be. */
  readonly #busy = new Set<string>();

  constructor(options: FileSystemGrowthOptions) {
    this.#options = options;
  }

  /** Volumes of the pod have been mounted. */
  mounted(pod: Pod): void {
    for (const volume of pod.spec.volumes ?? []) {
      const name = claimOf(pod, volume)?.name;
      const claim =
        name === undefined ? undefined : this.#options.claims.get(objectKey(pod.metadata.namespace, name));
      if (claim !== undefined) this.look(claim);
    }
  }

  /** To be told of every claim that is new or has changed. */
  look(claim: PersistentVolumeClaim): void {
    const key = keyOf(claim);
    if (resizeStateOf(claim) !== 'NodeResizePending' || this.#busy.has(key)) return;
    const pod = this.#options.userOf(claim);
    if (pod === undefined) return;
    this.#busy.add(key);
    void this.#grow(claim, pod);
  }

  async #grow(claim: PersistentVolumeClaim, pod: Pod): Promise<void> {
    const { client, realClock, logger, claims } = this.#options;
    const key = keyOf(claim);
    const storage = allocatedStorage(claim) ?? '0';
    try {
      const status = resizedStatus(claim.status ?? {}, storage);
      const grown = await client.updateStatus(PersistentVolumeClaims, { ...claim, status });
      this.#busy.delete(key);
      this.#options.onGrown(grown, pod);
      this.#report(claim, pod);
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error))
        logger.warn({ err: error, claim: key }, 'the file system of a claim cannot be grown yet');
      // Whoever was faster is in the cache by then.
      realClock.setTimeout(() => {
        this.#busy.delete(key);
        const now = claims.get(key);
        if (now !== undefined) this.look(now);
      }, RETRY_MS);
    }
  }

  #report(claim: PersistentVolumeClaim, pod: Pod): void {
    const node = pod.spec.nodeName ?? '';
    const events = this.#options.events(node);
    const volume = JSON.stringify(claim.spec.volumeName ?? '');
    const message = `MountVolume.NodeExpandVolume succeeded for volume ${volume} ${node}`;
    events.normal({ resource: Pods, object: pod }, 'FileSystemResizeSuccessful', message);
    events.normal({ resource: PersistentVolumeClaims, object: claim }, 'FileSystemResizeSuccessful', message);
  }
}
