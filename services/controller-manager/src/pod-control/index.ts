/**
 * Creating and deleting the pods of an owner, as ReplicaSets, DaemonSets and Jobs do it
 * (k8s.io/kubernetes/pkg/controller/controller_utils.go, RealPodControl): with expectations, slow start, events, and
 * creations that may be repeated without making a pod too many.
 */

import type { Draft, NamespacedObject, Pod } from '@orrery/api/gen/types.ts';
import { controllerOf } from '@orrery/api/meta.ts';
import { Pods, type ResourceRef } from '@orrery/api/resources.ts';
import { isAlreadyExists, isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import { Expectations } from '@orrery/controller/expectations.ts';
import { slowStart } from '@orrery/controller/slow-start.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { isNamespaceTerminating, isOutage, messageOf } from '../api-errors.ts';
import { UnsettledNames } from './unsettled-names.ts';

/** A pod to create; its name is `metadata.generateName` and a suffix that the control chooses. */
export interface PodRequest {
  readonly draft: Draft<Pod>;
  /** What tells it from other pods of the owner (its node, its index): only the same slot repeats a name. Empty when all are alike. */
  readonly slot: string;
}

/** What came of creating or deleting pods. */
export interface PodControlResult {
  /** Pods that are about to appear or vanish. */
  readonly successes: number;
  /** The first failure, undefined when all went well. */
  readonly error: unknown;
  /** The failure in words for users, the same for each try. */
  readonly message: string;
}

export interface PodControlOptions {
  /** What kind of object owns the pods. */
  readonly resource: ResourceRef;
  readonly events: EventRecorder;
  readonly clock: Clock;
}

export class PodControl {
  readonly #resource: ResourceRef;
  readonly #events: EventRecorder;
  readonly #names = new UnsettledNames();
  readonly #expectations: Expectations;

  constructor({ resource, events, clock }: PodControlOptions) {
    this.#resource = resource;
    this.#events = events;
    this.#expectations = new Expectations(clock);
  }

  /** Whether the informer shows all that was created and deleted for this owner, or has had its time. */
  isSettled(ownerUid: string): boolean {
    return this.#expectations.satisfied(ownerUid);
  }

  /** To be called for every pod that an informer shows as new. */
  creationObserved(ownerUid: string, podName: string): void {
    this.#expectations.creationObserved(ownerUid, podName);
  }

  /** To be called for every pod that an informer shows as going or gone. */
  deletionObserved(ownerUid: string, podUid: string): void {
    this.#expectations.deletionObserved(ownerUid, podUid);
  }

  /** The owner with this uid is gone. */
  forget(ownerUid: string): void {
    this.#expectations.forget(ownerUid);
    this.#names.forget(ownerUid);
  }

  /**
   * Creates the pods with slow start: few at first, more as long as all goes well, none after a failure.
   * `present` are the pods that the owner has by its informer. Never rejects.
   */
  async create(
    client: Client,
    owner: NamespacedObject,
    requests: readonly PodRequest[],
    present: readonly Pod[],
  ): Promise<PodControlResult> {
    const { uid } = owner.metadata;
    const subject = { resource: this.#resource, object: owner };
    const names = this.#chooseNames(uid, requests, present);
    this.#expectations.expectCreations(uid, names);
    let attempted = 0;
    const { successes, error } = await slowStart(requests.length, async (index) => {
      attempted += 1;
      try {
        await this.#createOne(client, owner, requests[index]!, names[index]!);
        this.#events.normal(subject, 'SuccessfulCreate', `Created pod: ${names[index]}`);
      } catch (failure) {
        this.#expectations.creationObserved(uid, names[index]!);
        throw failure;
      }
    });
    for (const skipped of names.slice(attempted)) this.#expectations.creationObserved(uid, skipped);
    const message = withoutChosenName(error, names, requests);
    if (error !== undefined && !isOutage(error) && !isNamespaceTerminating(error)) {
      this.#events.warning(subject, 'FailedCreate', `Error creating: ${message}`);
    }
    return { successes, error, message };
  }

  /** Deletes these very pods, all at once; one that is gone already is as good. Never rejects. */
  async remove(client: Client, owner: NamespacedObject, pods: readonly Pod[]): Promise<PodControlResult> {
    const { uid: ownerUid } = owner.metadata;
    const subject = { resource: this.#resource, object: owner };
    let error: unknown;
    let successes = 0;
    this.#expectations.expectDeletions(
      ownerUid,
      pods.map(({ metadata }) => metadata.uid),
    );
    const removeOne = async ({ metadata: { namespace, name, uid } }: Pod): Promise<void> => {
      try {
        await client.delete(Pods, { namespace, name }, { preconditions: { uid } });
        successes += 1;
        this.#events.normal(subject, 'SuccessfulDelete', `Deleted pod: ${name}`);
      } catch (failure) {
        this.#expectations.deletionObserved(ownerUid, uid);
        if (isNotFound(failure)) return;
        error ??= failure;
        if (!isOutage(failure)) {
          this.#events.warning(subject, 'FailedDelete', `Error deleting: ${messageOf(failure)}`);
        }
      }
    };
    await Promise.all(pods.map(removeOne));
    return { successes, error, message: messageOf(error) };
  }

  #chooseNames(ownerUid: string, requests: readonly PodRequest[], present: readonly Pod[]): string[] {
    const seen = new Set(present.map(({ metadata }) => metadata.name));
    const taken = new Set<string>();
    const check = {
      isThere: (name: string) => seen.has(name),
      isTaken: (name: string) => taken.has(name),
    };
    return requests.map(({ draft, slot }) => {
      const name = this.#names.take(ownerUid, slot, draft.metadata.generateName ?? '', check);
      taken.add(name);
      return name;
    });
  }

  /** Rejects unless there is a pod of this name that belongs to the owner. */
  async #createOne(
    client: Client,
    owner: NamespacedObject,
    { draft, slot }: PodRequest,
    name: string,
  ): Promise<void> {
    const { uid, namespace } = owner.metadata;
    try {
      await client.create(Pods, { ...draft, metadata: { ...draft.metadata, name } });
      this.#names.settle(uid, slot, name);
    } catch (error) {
      if (isOutage(error)) {
        this.#names.unanswered(uid, slot, name);
        throw error;
      }
      const repeated = this.#names.has(uid, slot, name);
      this.#names.settle(uid, slot, name);
      if (!repeated || !isAlreadyExists(error)) throw error;
      // The creation without an answer was carried out after all, unless a stranger has the name.
      const pod = await client.get(Pods, { namespace, name });
      if (controllerOf(pod)?.uid !== uid) throw error;
    }
  }
}

/**
 * The message as it is when the apiserver makes the name up: every try then says the same, and
 * they are counted as one event. A name that is taken is the message, and stays.
 */
function withoutChosenName(
  error: unknown,
  names: readonly string[],
  requests: readonly PodRequest[],
): string {
  const message = messageOf(error);
  const at = names.findIndex((each) => message.includes(`"${each}"`));
  return at < 0 || isAlreadyExists(error)
    ? message
    : message.replaceAll(`"${names[at]}"`, `"${requests[at]!.draft.metadata.generateName ?? ''}"`);
}
