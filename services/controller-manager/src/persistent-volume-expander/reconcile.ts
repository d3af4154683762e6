/** All I/O of the expansion of volumes (kubernetes-csi/external-resizer, pkg/controller/volume/expand). */

import type { PersistentVolume, PersistentVolumeClaim } from '@orrery/api/gen/types.ts';
import { isBeingDeleted } from '@orrery/api/meta.ts';
import { PersistentVolumeClaims, PersistentVolumes } from '@orrery/api/resources.ts';
import { resizedStatus, resizingStatus } from '@orrery/api/volume-expansion.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Lister } from '@orrery/client/informer.ts';
import type { ReconcileContext } from '@orrery/controller/controller.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { isGone } from '../api-errors.ts';
import { planExpansion } from './plan.ts';

export interface ExpanderOptions {
  claims: Lister<PersistentVolumeClaim>;
  volumes: Lister<PersistentVolume>;
  events: EventRecorder;
  clock: Clock;
}

/** To begin, to grow the volume and to hand over. */
const MAX_STEPS = 4;

export class Expander {
  readonly #options: ExpanderOptions;

  constructor(options: ExpanderOptions) {
    this.#options = options;
  }

  /** All steps that are due, on what each of them has written. */
  async reconcile(key: string, { client }: ReconcileContext): Promise<void> {
    const { claims, volumes } = this.#options;
    let claim = claims.get(key);
    let volume = volumes.get(claim?.spec.volumeName ?? '');
    try {
      for (let step = 0; step < MAX_STEPS && claim !== undefined && volume !== undefined; step += 1) {
        if (isBeingDeleted(claim)) return;
        const plan = planExpansion(claim, volume);
        if (plan.action === 'none') return;
        if (plan.action === 'leave') return this.#leave(claim);
        if (plan.action === 'growVolume') volume = await this.#growVolume(client, volume, plan.storage);
        else claim = await this.#mark(client, claim, volume, plan);
      }
    } catch (error) {
      // Somebody has changed one of them: the event brings another look.
      if (!isGone(error)) throw error;
    }
  }

  #leave(claim: PersistentVolumeClaim): void {
    const subject = { resource: PersistentVolumeClaims, object: claim };
    const message = 'waiting for an external controller to expand this PVC';
    this.#options.events.normal(subject, 'ExternalExpanding', message);
  }

  #growVolume(client: Client, volume: PersistentVolume, storage: string): Promise<PersistentVolume> {
    const capacity = { ...volume.spec.capacity, storage };
    return client.update(PersistentVolumes, { ...volume, spec: { ...volume.spec, capacity } });
  }

  async #mark(
    client: Client,
    claim: PersistentVolumeClaim,
    volume: PersistentVolume,
    { action, storage }: { action: 'begin' | 'handOver' | 'finish'; storage: string },
  ): Promise<PersistentVolumeClaim> {
    const { events, clock } = this.#options;
    const { status: before = {} } = claim;
    const state = action === 'begin' ? 'ControllerResizeInProgress' : 'NodeResizePending';
    const status =
      action === 'finish'
        ? resizedStatus(before, storage)
        : resizingStatus(before, state, storage, clock.now());
    const written = await client.updateStatus(PersistentVolumeClaims, { ...claim, status });
    const subject = { resource: PersistentVolumeClaims, object: claim };
    if (action === 'begin') {
      // The driver is one of its own to the controller-manager; what it says follows.
      this.#leave(claim);
      events.normal(subject, 'Resizing', `External resizer is resizing volume ${volume.metadata.name}`);
    } else if (action === 'finish') {
      events.normal(subject, 'VolumeResizeSuccessful', 'Resize volume succeeded');
    } else {
      events.normal(subject, 'FileSystemResizeRequired', 'Require file system resize of volume on node');
    }
    return written;
  }
}
