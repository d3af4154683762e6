/** All I/O of ReplicaSets and ReplicationControllers (k8s.io/kubernetes/pkg/controller/replicaset). */

import type { Pod, ReplicaSetStatus } from '@orrery/api/gen/types.ts';
import { controllerReference, isBeingDeleted } from '@orrery/api/meta.ts';
import { Pods } from '@orrery/api/resources.ts';
import { isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { ReconcileContext, ReconcileResult } from '@orrery/controller/controller.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { isNamespaceTerminating, isOutage } from '../api-errors.ts';
import { claimAll, planClaims } from '../ownership.ts';
import type { OwnWrites } from '../own-writes.ts';
import type { PodControl, PodControlResult } from '../pod-control/index.ts';
import { podFromTemplate } from '../pod-control/pod-template.ts';
import { isPodActive, nextAvailabilityMs } from '../pods.ts';
import { semanticallyEqual } from '../semantic-equality.ts';
import type { ReplicaOwner, ReplicaOwnerKind } from './owner.ts';
import { planReplicas } from './plan.ts';
import { replicaStatus, type StatusInput } from './status.ts';

export interface ReplicaSetReconcilerOptions<O extends ReplicaOwner> {
  kind: ReplicaOwnerKind<O>;
  owners: OwnWrites<O>;
  /** Pods that the owner manages, and those in its namespace that nothing manages. */
  managedPods: (owner: O) => Pod[];
  orphanPods: (owner: O) => Pod[];
  /** Pods of all owners that share the owner's own controller. */
  relatedPods: (owner: O) => Pod[];
  podControl: PodControl;
  clock: Clock;
}

/** What came of creating or deleting pods. */
interface Managed {
  /** Pods are about to appear or vanish. */
  changed: boolean;
  failure: StatusInput['failure'];
  error: unknown;
}

const UNCHANGED: Managed = { changed: false, failure: undefined, error: undefined };

/** Should the event of an own write never come, this looks again when the expectation has ended. */
const AWAITING_EVENTS_MS = 60_000;

export class ReplicaSetReconciler<O extends ReplicaOwner> {
  readonly #options: ReplicaSetReconcilerOptions<O>;

  constructor(options: ReplicaSetReconcilerOptions<O>) {
    this.#options = options;
  }

  /** The owner with this uid is gone. */
  forget(uid: string): void {
    this.#options.podControl.forget(uid);
  }

  /**
   * Brings the number of pods to the wanted one. The status is written only when the cache
   * shows all own creations and deletions, so that `observedGeneration` never comes with
   * counts from before: a Deployment relies on that.
   */
  async reconcile(key: string, { client, logger }: ReconcileContext): Promise<ReconcileResult> {
    const { owners, podControl, clock } = this.#options;
    const owner = owners.get(key);
    if (owner === undefined) return {};
    if (!podControl.isSettled(owner.metadata.uid)) return { requeueAfterMs: AWAITING_EVENTS_MS };
    const pods = await this.#claim(client, owner);
    const managed = isBeingDeleted(owner)
      ? UNCHANGED
      : await this.#manage(client, owner, pods.filter(isPodActive));
    if (isNamespaceTerminating(managed.error)) {
      logger.debug({ key }, 'the namespace is going away');
      return {};
    }
    if (managed.failure !== undefined || !managed.changed)
      await this.#writeStatus(client, owner, pods, managed);
    if (managed.error !== undefined) throw managed.error;
    const requeueAfterMs = nextAvailabilityMs(pods, owner.spec.minReadySeconds ?? 0, clock.now());
    return requeueAfterMs === undefined ? {} : { requeueAfterMs };
  }

  async #claim(client: Client, owner: O): Promise<Pod[]> {
    const { kind, managedPods, orphanPods } = this.#options;
    const candidates = [...managedPods(owner), ...orphanPods(owner).filter(isPodActive)];
    const claims = planClaims(owner, kind.matcher(owner), candidates);
    return claimAll({ client, owner, ownerResource: kind.resource, resource: Pods, claims });
  }

  async #manage(client: Client, owner: O, active: readonly Pod[]): Promise<Managed> {
    const plan = planReplicas({
      active,
      wanted: owner.spec.replicas ?? 1,
      related: () => this.#options.relatedPods(owner),
      nowMs: this.#options.clock.now(),
    });
    if (plan.create > 0) return this.#create(client, owner, plan.create);
    if (plan.remove.length === 0) return UNCHANGED;
    return managed('FailedDelete', await this.#options.podControl.remove(client, owner, plan.remove));
  }

  async #create(client: Client, owner: O, count: number): Promise<Managed> {
    const { kind, podControl, managedPods } = this.#options;
    const draft = podFromTemplate(
      owner.spec.template ?? {},
      owner.metadata.namespace,
      controllerReference(owner, kind.resource),
    );
    const requests = Array.from({ length: count }, () => ({ draft, slot: '' }));
    return managed('FailedCreate', await podControl.create(client, owner, requests, managedPods(owner)));
  }

  async #writeStatus(
    client: Client,
    owner: O,
    pods: readonly Pod[],
    { failure, changed }: Managed,
  ): Promise<void> {
    const { kind, owners, clock } = this.#options;
    const { countsTerminating } = kind;
    let status: ReplicaSetStatus = replicaStatus({
      owner,
      pods,
      failure,
      countsTerminating,
      nowMs: clock.now(),
    });
    // Pods are on their way: only the failure is news, the counts would be from before.
    if (changed) status = { ...(owner.status ?? { replicas: 0 }), conditions: status.conditions ?? [] };
    if (semanticallyEqual(status, owner.status)) return;
    try {
      owners.wrote(await client.updateStatus(kind.resource, { ...owner, status }));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** An outage says nothing about the owner, so it makes no condition. */
function managed(
  reason: 'FailedCreate' | 'FailedDelete',
  { successes, error, message }: PodControlResult,
): Managed {
  const failure = error === undefined || isOutage(error) ? undefined : { reason, message };
  return { changed: successes > 0, failure, error };
}
