/** All I/O of ReplicaSets and ReplicationControllers (k8s.io/kubernetes/pkg/controller/replicaset). */

import type { Draft, Pod, ReplicaSetStatus } from '@orrery/api/gen/types.ts';
import { controllerOf, controllerReference, isBeingDeleted } from '@orrery/api/meta.ts';
import { Pods, type ResourceRef } from '@orrery/api/resources.ts';
import { isAlreadyExists, isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { ReconcileContext, ReconcileResult } from '@orrery/controller/controller.ts';
import type { Expectations } from '@orrery/controller/expectations.ts';
import { slowStart } from '@orrery/controller/slow-start.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { isNamespaceTerminating, isOutage } from '../api-errors.ts';
import { claimAll, planClaims } from '../ownership.ts';
import type { OwnWrites } from '../own-writes.ts';
import { isPodActive } from '../pods.ts';
import { semanticallyEqual } from '../semantic-equality.ts';
import type { ReplicaOwner, ReplicaOwnerKind } from './owner.ts';
import { planReplicas, podFromTemplate } from './plan.ts';
import { nextAvailabilityMs, replicaStatus, type StatusInput } from './status.ts';
import { UnsettledNames } from './unsettled-names.ts';

export interface ReplicaSetReconcilerOptions<O extends ReplicaOwner> {
  kind: ReplicaOwnerKind<O>;
  owners: OwnWrites<O>;
  /** Pods that the owner manages, and those in its namespace that nothing manages. */
  managedPods: (owner: O) => Pod[];
  orphanPods: (owner: O) => Pod[];
  /** Pods of all owners that share the owner's own controller. */
  relatedPods: (owner: O) => Pod[];
  /** By the owner's uid. */
  expectations: Expectations;
  events: EventRecorder;
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
  readonly #names = new UnsettledNames();

  constructor(options: ReplicaSetReconcilerOptions<O>) {
    this.#options = options;
  }

  /** The owner with this uid is gone. */
  forget(uid: string): void {
    this.#options.expectations.forget(uid);
    this.#names.forget(uid);
  }

  /**
   * Brings the number of pods to the wanted one. The status is written only when the cache
   * shows all own creations and deletions, so that `observedGeneration` never comes with
   * counts from before: a Deployment relies on that.
   */
  async reconcile(key: string, { client, logger }: ReconcileContext): Promise<ReconcileResult> {
    const { owners, expectations, clock } = this.#options;
    const owner = owners.get(key);
    if (owner === undefined) return {};
    if (!expectations.satisfied(owner.metadata.uid)) return { requeueAfterMs: AWAITING_EVENTS_MS };
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
    if (plan.remove.length > 0) return this.#remove(client, owner, plan.remove);
    return UNCHANGED;
  }

  async #create(client: Client, owner: O, count: number): Promise<Managed> {
    const { kind, expectations, events, managedPods } = this.#options;
    const { uid, namespace } = owner.metadata;
    const subject = { resource: kind.resource as ResourceRef, object: owner };
    const draft = podFromTemplate(
      owner.spec.template ?? {},
      namespace,
      controllerReference(owner, kind.resource),
    );
    const seen = new Set(managedPods(owner).map(({ metadata }) => metadata.name));
    const generateName = draft.metadata.generateName ?? '';
    const names = this.#names.take(uid, count, generateName, (name) => seen.has(name));
    expectations.expectCreations(uid, names);
    let attempted = 0;
    const { successes, error } = await slowStart(count, async (index) => {
      attempted += 1;
      try {
        await this.#createOne(client, owner, draft, names[index]!);
        events.normal(subject, 'SuccessfulCreate', `Created pod: ${names[index]}`);
      } catch (failure) {
        expectations.creationObserved(uid, names[index]!);
        throw failure;
      }
    });
    for (const skipped of names.slice(attempted)) expectations.creationObserved(uid, skipped);
    const message = withoutChosenName(error, names, generateName);
    if (error !== undefined && !isOutage(error) && !isNamespaceTerminating(error)) {
      events.warning(subject, 'FailedCreate', `Error creating: ${message}`);
    }
    return { changed: successes > 0, failure: failureOf('FailedCreate', error, message), error };
  }

  /** Rejects unless there is a pod of this name that belongs to the owner. */
  async #createOne(client: Client, owner: O, draft: Draft<Pod>, name: string): Promise<void> {
    const { uid, namespace } = owner.metadata;
    try {
      await client.create(Pods, { ...draft, metadata: { ...draft.metadata, name } });
      this.#names.settle(uid, name);
    } catch (error) {
      if (isOutage(error)) {
        this.#names.unanswered(uid, name);
        throw error;
      }
      const repeated = this.#names.has(uid, name);
      this.#names.settle(uid, name);
      if (!repeated || !isAlreadyExists(error)) throw error;
      // The creation without an answer was carried out after all, unless a stranger has the name.
      const pod = await client.get(Pods, { namespace, name });
      if (controllerOf(pod)?.uid !== uid) throw error;
    }
  }

  async #remove(client: Client, owner: O, pods: readonly Pod[]): Promise<Managed> {
    const { kind, expectations, events } = this.#options;
    const { uid: ownerUid } = owner.metadata;
    const subject = { resource: kind.resource as ResourceRef, object: owner };
    let error: unknown;
    let successes = 0;
    expectations.expectDeletions(
      ownerUid,
      pods.map(({ metadata }) => metadata.uid),
    );
    const removeOne = async ({ metadata: { namespace, name, uid } }: Pod): Promise<void> => {
      try {
        await client.delete(Pods, { namespace, name }, { preconditions: { uid } });
        successes += 1;
        events.normal(subject, 'SuccessfulDelete', `Deleted pod: ${name}`);
      } catch (failure) {
        expectations.deletionObserved(ownerUid, uid);
        if (isNotFound(failure)) return;
        error ??= failure;
        if (!isOutage(failure))
          events.warning(subject, 'FailedDelete', `Error deleting: ${messageOf(failure)}`);
      }
    };
    await Promise.all(pods.map(removeOne));
    return { changed: successes > 0, failure: failureOf('FailedDelete', error, messageOf(error)), error };
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * The message as it is when the apiserver makes the name up: every try then says the same, and
 * they are counted as one event. A name that is taken is the message, and stays.
 */
function withoutChosenName(error: unknown, names: readonly string[], generateName: string): string {
  const message = messageOf(error);
  const name = names.find((each) => message.includes(`"${each}"`));
  return name === undefined || isAlreadyExists(error)
    ? message
    : message.replaceAll(`"${name}"`, `"${generateName}"`);
}

/** An outage says nothing about the owner, so it makes no condition. */
function failureOf(
  reason: 'FailedCreate' | 'FailedDelete',
  error: unknown,
  message: string,
): StatusInput['failure'] {
  return error === undefined || isOutage(error) ? undefined : { reason, message };
}
