/**
 * Lets the volumes of a pod's claims be made where the pod goes, before it goes there
 * (pkg/scheduler/framework/plugins/volumebinding, PreBind). The node is written down in the claim; whoever binds
 * claims goes on from there, and the pod is bound when all its claims are.
 */

import type { PersistentVolumeClaim, Pod } from '@orrery/api/gen/types.ts';
import { keyOf } from '@orrery/api/meta.ts';
import { PersistentVolumeClaims } from '@orrery/api/resources.ts';
import { isClaimBound, SELECTED_NODE_ANNOTATION } from '@orrery/api/storage.ts';
import type { Client } from '@orrery/client/client.ts';
import type { Informer } from '@orrery/client/informer.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { isRefusal } from './binding.ts';
import { podClaims, type StorageView } from './plugins/volume-binding.ts';

/** How long a provisioner may take (bindTimeoutSeconds). */
const TIMEOUT_MS = 600_000;

export interface VolumePreBindOptions {
  client: Client;
  claims: Informer<PersistentVolumeClaim>;
  storage: StorageView;
  /** The cluster's clock. */
  clock: Clock;
  signal: AbortSignal;
}

/** How the wait for a pod's claims ended: `cancelled` when the pod needs them no more, or the term is over. */
export type PreBindOutcome = 'bound' | 'cancelled' | { readonly reason: string };

interface Wait {
  /** Claims that are not bound yet, by key. */
  readonly open: Set<string>;
  readonly end: (outcome: PreBindOutcome) => void;
}

export class VolumePreBind {
  readonly #options: VolumePreBindOptions;
  /** By the uid of the pod: as many as there are bindings under way. */
  readonly #waits = new Map<string, Wait>();
  #remove: (() => void) | undefined;

  constructor(options: VolumePreBindOptions) {
    this.#options = options;
  }

  start(): void {
    const look = (claim: PersistentVolumeClaim): void => this.#look(claim);
    this.#remove = this.#options.claims.addHandler({ update: look });
  }

  /** Ends all waits. */
  stop(): void {
    this.#remove?.();
    for (const { end } of this.#waits.values()) end('cancelled');
  }

  /** The pod is gone: nobody waits for its claims. */
  cancel(uid: string): void {
    this.#waits.get(uid)?.end('cancelled');
  }

  /** Whether the pod has claims that wait for its node. */
  isNeeded(pod: Pod): boolean {
    const claims = podClaims(pod, this.#options.storage);
    return 'unfit' in claims || claims.delayed.length > 0;
  }

  /** Never rejects. */
  async bindVolumes(pod: Pod, nodeName: string): Promise<PreBindOutcome> {
    const claims = podClaims(pod, this.#options.storage);
    if ('unfit' in claims) return { reason: claims.unfit };
    const waiting = this.#wait(pod.metadata.uid, claims.delayed);
    try {
      await Promise.all(claims.delayed.map((claim) => this.#select(claim, nodeName)));
    } catch (error) {
      const reason = isRefusal(error) ? error.message : 'the apiserver does not answer';
      this.#waits.get(pod.metadata.uid)?.end({ reason: `binding volumes: ${reason}` });
    }
    return waiting;
  }

  async #select({ metadata }: PersistentVolumeClaim, nodeName: string): Promise<void> {
    if (metadata.annotations?.[SELECTED_NODE_ANNOTATION] === nodeName) return;
    const { namespace, name, uid } = metadata;
    const patch = { metadata: { uid, annotations: { [SELECTED_NODE_ANNOTATION]: nodeName } } };
    await this.#options.client.patch(PersistentVolumeClaims, { namespace, name }, 'merge', patch);
  }

  #wait(uid: string, claims: readonly PersistentVolumeClaim[]): Promise<PreBindOutcome> {
    const { clock, signal } = this.#options;
    if (signal.aborted) return Promise.resolve('cancelled');
    return new Promise((resolve) => {
      const end = (outcome: PreBindOutcome): void => {
        timer.cancel();
        this.#waits.delete(uid);
        resolve(outcome);
      };
      const reason = 'binding volumes: context deadline exceeded';
      const timer = clock.setTimeout(() => end({ reason }), TIMEOUT_MS);
      this.#waits.set(uid, { open: new Set(claims.map(keyOf)), end });
    });
  }

  #look(claim: PersistentVolumeClaim): void {
    // A kubelet mounts what says that it is bound, which is said last.
    if (this.#waits.size === 0 || !isClaimBound(claim) || claim.status?.phase !== 'Bound') return;
    const key = keyOf(claim);
    for (const { open, end } of this.#waits.values()) {
      if (open.delete(key) && open.size === 0) end('bound');
    }
  }
}
