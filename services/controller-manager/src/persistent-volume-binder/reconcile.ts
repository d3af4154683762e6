/** All I/O of the binder of claims and volumes (pkg/controller/volume/persistentvolume/pv_controller.go). */

import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { isBeingDeleted, objectKey } from '@orrery/api/meta.ts';
import type { SelectableNode } from '@orrery/api/node-selector.ts';
import { PersistentVolumeClaims, PersistentVolumes, Pods } from '@orrery/api/resources.ts';
import { isAlreadyExists, isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Lister } from '@orrery/client/informer.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { isGone } from '../api-errors.ts';
import { boundClaim, boundStatus, boundVolume, claimFor, phaseStatus, unboundVolume } from './binding.ts';
import { type Note, planClaim, planVolume, type Reclaim } from './plan.ts';
import {
  needsNoProvisioner,
  provisionedName,
  provisionedVolume,
  PROVISIONER_FINALIZER,
  withoutProvisioner,
} from './provisioning.ts';
import { RECYCLER_NAMESPACE, recyclerName, recyclerOutcome, recyclerPod } from './recycling.ts';

export interface BinderOptions {
  claims: Lister<PersistentVolumeClaim>;
  volumes: Lister<PersistentVolume>;
  pods: Pick<Lister<Pod>, 'get'>;
  storageClass: (name: string) => StorageClass | undefined;
  node: (name: string) => SelectableNode | undefined;
  podsWithoutNode: (claim: PersistentVolumeClaim) => readonly string[];
  events: EventRecorder;
  clock: Clock;
}

export class Binder {
  readonly #options: BinderOptions;

  constructor(options: BinderOptions) {
    this.#options = options;
  }

  /** Brings one claim a step further. A conflict is thrown: the caches were behind, and the next look is another. */
  async reconcileClaim(key: string, client: Client): Promise<void> {
    const { claims, volumes, storageClass, node, podsWithoutNode } = this.#options;
    const claim = claims.get(key);
    if (claim === undefined) return;
    const plan = planClaim(claim, {
      volume: (name) => volumes.get(name),
      volumes: () => volumes.list(),
      storageClass,
      node,
      podsWithoutNode,
    });
    switch (plan.action) {
      case 'bind':
        return this.#bind(client, claim, plan.volume);
      case 'provision':
        return this.#provision(client, claim, plan.storageClass);
      case 'wait':
        await this.#wait(client, claim, plan.provisioner);
        this.#note(claim, plan.note);
        return;
      case 'lose':
        if (await this.#isThere(client, claim.spec.volumeName ?? '', plan.note.reason)) {
          throw new Error(`the volume of claim ${key} is there, but not shown yet`);
        }
        if (await this.#setPhase(client, claim, 'Lost')) this.#note(claim, plan.note);
    }
  }

  /** Provisioners look for claims with their name. */
  async #wait(client: Client, claim: PersistentVolumeClaim, provisioner: string | undefined): Promise<void> {
    const named = provisioner === undefined ? claim : claimFor(claim, provisioner);
    const written = named === claim ? claim : await client.update(PersistentVolumeClaims, named);
    await this.#setPhase(client, written, 'Pending');
  }

  /** A cache that is behind must not declare data lost. */
  async #isThere(client: Client, name: string, reason: string): Promise<boolean> {
    if (name === '' || reason !== 'ClaimLost') return false;
    try {
      await client.get(PersistentVolumes, { namespace: '', name });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** Volume first: should somebody stop in between, the volume is found reserved for the claim. */
  async #bind(client: Client, claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
    if (isBeingDeleted(claim) && claim.status?.phase !== 'Bound') return;
    const taken = boundVolume(volume, claim);
    const kept = taken === volume ? volume : await client.update(PersistentVolumes, taken);
    if (kept.status?.phase !== 'Bound') {
      const status = phaseStatus(kept, 'Bound', this.#options.clock.now());
      await client.updateStatus(PersistentVolumes, { ...kept, status: status! });
    }
    const named = boundClaim(claim, volume);
    const updated = named === claim ? claim : await client.update(PersistentVolumeClaims, named);
    const status = boundStatus(updated, volume);
    if (jsonEqual(status, updated.status)) return;
    await client.updateStatus(PersistentVolumeClaims, { ...updated, status: status! });
  }

  async #provision(client: Client, claim: PersistentVolumeClaim, storageClass: StorageClass): Promise<void> {
    if (isBeingDeleted(claim)) return;
    const { namespace, name } = claim.metadata;
    // Its events come back with the volume: this is only ever another look at an old cache.
    if (this.#options.volumes.get(provisionedName(claim)) !== undefined) return;
    const subject = { resource: PersistentVolumeClaims, object: claim };
    this.#options.events.normal(
      subject,
      'Provisioning',
      `External provisioner is provisioning volume for claim "${objectKey(namespace, name)}"`,
    );
    try {
      await client.create(PersistentVolumes, provisionedVolume(claim, storageClass));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      return;
    }
    this.#options.events.normal(
      subject,
      'ProvisioningSucceeded',
      `Successfully provisioned volume ${provisionedName(claim)}`,
    );
  }

  /** A phase without a volume, and so without what a claim has of one. Says whether it is new. */
  async #setPhase(client: Client, claim: PersistentVolumeClaim, phase: string): Promise<boolean> {
    if (claim.status?.phase === phase) return false;
    const { accessModes: _modes, capacity: _capacity, ...status } = claim.status ?? {};
    await client.updateStatus(PersistentVolumeClaims, { ...claim, status: { ...status, phase } });
    return true;
  }

  #note(claim: PersistentVolumeClaim, note: Note | undefined): void {
    if (note === undefined || isBeingDeleted(claim)) return;
    const subject = { resource: PersistentVolumeClaims, object: claim };
    this.#options.events[note.type === 'Normal' ? 'normal' : 'warning'](subject, note.reason, note.message);
  }

  /** Brings one volume a step further. */
  async reconcileVolume(name: string, client: Client): Promise<void> {
    const volume = this.#options.volumes.get(name);
    if (volume === undefined) return;
    if (needsNoProvisioner(volume)) {
      await client.update(PersistentVolumes, withoutProvisioner(volume));
      return;
    }
    const plan = planVolume(volume, await this.#claimOf(client, volume));
    switch (plan.action) {
      case 'offer':
        return;
      case 'phase':
        await this.#setVolumePhase(client, volume, plan.phase);
        return;
      case 'unbind':
        return this.#free(client, volume);
      case 'release':
        return this.#release(client, volume, plan.reclaim);
    }
  }

  async #free(client: Client, volume: PersistentVolume): Promise<void> {
    const free = await client.update(PersistentVolumes, unboundVolume(volume));
    await this.#setVolumePhase(client, free, 'Available');
  }

  /** The recycler goes before the volume is free: should somebody stop in between, it is emptied once more. */
  async #recycle(client: Client, volume: PersistentVolume): Promise<void> {
    if (volume.status?.phase === 'Failed' || isBeingDeleted(volume)) return;
    const released = await this.#setVolumePhase(client, volume, 'Released');
    const name = recyclerName(volume);
    const pod = this.#options.pods.get(objectKey(RECYCLER_NAMESPACE, name));
    if (pod === undefined) {
      try {
        await client.create(Pods, recyclerPod(volume));
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
      }
      return;
    }
    const outcome = recyclerOutcome(pod);
    if (outcome === 'running') return;
    const { uid } = pod.metadata;
    const options = { preconditions: { uid }, gracePeriodSeconds: 0 };
    try {
      await client.delete(Pods, { namespace: RECYCLER_NAMESPACE, name }, options);
    } catch (error) {
      // It may have been for an earlier claim: its deletion is still to be seen, and then comes another.
      if (isGone(error)) return;
      throw error;
    }
    const subject = { resource: PersistentVolumes, object: volume };
    if (outcome === 'succeeded') {
      await this.#free(client, released);
      this.#options.events.normal(subject, 'VolumeRecycled', 'Volume recycled');
      return;
    }
    const message = `Recycle failed: ${outcome.failed}`;
    await this.#setVolumePhase(client, released, 'Failed', message);
    this.#options.events.warning(subject, 'VolumeFailedRecycle', message);
  }

  /** The claim that the volume names; asks the apiserver before it believes that there is none. */
  async #claimOf(client: Client, { spec }: PersistentVolume): Promise<PersistentVolumeClaim | undefined> {
    const { namespace = '', name = '', uid } = spec.claimRef ?? {};
    if (uid === undefined || uid === '') return undefined;
    const cached = this.#options.claims.get(objectKey(namespace, name));
    if (cached?.metadata.uid === uid) return cached;
    try {
      const found = await client.get(PersistentVolumeClaims, { namespace, name });
      return found.metadata.uid === uid ? found : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #release(client: Client, volume: PersistentVolume, reclaim: Reclaim): Promise<void> {
    if (reclaim.action === 'fail') {
      const { reason, message } = reclaim.note;
      if (volume.status?.phase === 'Failed') return;
      await this.#setVolumePhase(client, volume, 'Failed', message);
      this.#options.events.warning({ resource: PersistentVolumes, object: volume }, reason, message);
      return;
    }
    if (reclaim.action === 'recycle') return this.#recycle(client, volume);
    const released = await this.#setVolumePhase(client, volume, 'Released');
    if (reclaim.action === 'retain') return;
    try {
      const left = isBeingDeleted(released) ? released : await this.#delete(client, released);
      if (left?.metadata.finalizers?.includes(PROVISIONER_FINALIZER) !== true) return;
      await client.update(PersistentVolumes, withoutProvisioner(left));
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  /** Resolves to what is left of it while something keeps it. */
  #delete(client: Client, { metadata }: PersistentVolume): Promise<PersistentVolume | undefined> {
    const { name, uid } = metadata;
    return client.delete(PersistentVolumes, { namespace: '', name }, { preconditions: { uid } });
  }

  async #setVolumePhase(
    client: Client,
    volume: PersistentVolume,
    phase: string,
    message?: string,
  ): Promise<PersistentVolume> {
    if (volume.status?.phase === phase) return volume;
    const status = phaseStatus(volume, phase, this.#options.clock.now(), message);
    return client.updateStatus(PersistentVolumes, { ...volume, status: status! });
  }
}
