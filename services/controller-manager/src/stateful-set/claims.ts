/** The claims of a StatefulSet's pods: I/O (pkg/controller/statefulset/stateful_pod_control.go). */

import type { PersistentVolumeClaim, Pod, StatefulSet } from '@orrery/api/gen/types.ts';
import { isBeingDeleted, objectKey } from '@orrery/api/meta.ts';
import { PersistentVolumeClaims, StatefulSets } from '@orrery/api/resources.ts';
import { isAlreadyExists } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import { isGone, isOutage } from '../api-errors.ts';
import type { OwnWrites } from '../own-writes.ts';
import { claimName, claimsOf, isStaleClaim, mendedOwners, ordinalOf, podName } from './identity.ts';

export class StatefulClaims {
  readonly #claims: OwnWrites<PersistentVolumeClaim>;
  readonly #events: EventRecorder;

  constructor(claims: OwnWrites<PersistentVolumeClaim>, events: EventRecorder) {
    this.#claims = claims;
    this.#events = events;
  }

  /** Whether a claim of this ordinal is on its way out: a new pod has to wait until it is gone. */
  isStale(set: StatefulSet, ordinal: number): boolean {
    return this.#present(set, ordinal).some((claim) => isStaleClaim(claim, set, ordinal));
  }

  /** Whether claims that the ordinal needs are missing. */
  isMissingSome(set: StatefulSet, ordinal: number): boolean {
    return this.#present(set, ordinal).length < (set.spec.volumeClaimTemplates ?? []).length;
  }

  /** Makes the claims that are missing; one that exists is taken as it is, whoever made it. */
  async createMissing(client: Client, set: StatefulSet, ordinal: number): Promise<void> {
    const { namespace } = set.metadata;
    const subject = { resource: StatefulSets, object: set };
    for (const draft of claimsOf(set, ordinal)) {
      const name = draft.metadata.name ?? '';
      if (this.#claims.get(objectKey(namespace, name)) !== undefined) continue;
      const what = `create Claim ${name} Pod ${podName(set, ordinal)} in StatefulSet ${set.metadata.name}`;
      try {
        this.#claims.wrote(await client.create(PersistentVolumeClaims, draft));
        this.#events.normal(subject, 'SuccessfulCreate', `${what} success`);
      } catch (error) {
        if (isAlreadyExists(error)) continue;
        if (!isOutage(error)) {
          this.#events.warning(subject, 'FailedCreate', `${what} failed error: ${String(error)}`);
        }
        throw error;
      }
    }
  }

  /** Hands the claims of a pod to who takes them along when he goes. */
  async mendOwners(client: Client, set: StatefulSet, pod: Pod): Promise<void> {
    const ordinal = ordinalOf(set, pod);
    if (ordinal === undefined) return;
    for (const claim of this.#present(set, ordinal)) {
      if (isBeingDeleted(claim)) continue;
      const ownerReferences = mendedOwners(claim, set, ordinal, pod);
      if (ownerReferences === undefined) continue;
      const { namespace, name, uid, resourceVersion } = claim.metadata;
      const patch = { metadata: { uid, resourceVersion, ownerReferences } };
      try {
        this.#claims.wrote(await client.patch(PersistentVolumeClaims, { namespace, name }, 'merge', patch));
      } catch (error) {
        if (!isGone(error)) throw error;
      }
    }
  }

  #present(set: StatefulSet, ordinal: number): PersistentVolumeClaim[] {
    const { namespace } = set.metadata;
    return (set.spec.volumeClaimTemplates ?? [])
      .map((each) => this.#claims.get(objectKey(namespace, claimName(set, each, ordinal))))
      .filter((claim) => claim !== undefined);
  }
}
