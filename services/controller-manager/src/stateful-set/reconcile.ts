/** All I/O of the StatefulSet controller (pkg/controller/statefulset). */

import type { ControllerRevision, Pod, StatefulSet, StatefulSetStatus } from '@orrery/api/gen/types.ts';
import { controllerOf, controllerReference, isBeingDeleted, keyOf } from '@orrery/api/meta.ts';
import { Pods, StatefulSets } from '@orrery/api/resources.ts';
import { labelSelectorMatcher } from '@orrery/api/selectors.ts';
import { isAlreadyExists, isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { ReconcileContext, ReconcileResult } from '@orrery/controller/controller.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { isGone, isNamespaceTerminating, isOutage } from '../api-errors.ts';
import { forEachLimited } from '../concurrency.ts';
import { claimAll, planClaims } from '../ownership.ts';
import type { OwnWrites } from '../own-writes.ts';
import { nextAvailabilityMs } from '../pods.ts';
import type { RevisionHistory, RevisionPoint } from '../revision-history/index.ts';
import { revisionsToForget, templateData, templateOf } from '../revision-history/revisions.ts';
import { semanticallyEqual } from '../semantic-equality.ts';
import type { StatefulClaims } from './claims.ts';
import { ordinalOf, podName, revisionNameOf, statefulPod } from './identity.ts';
import { planSteps, type StatefulView, type Step } from './plan.ts';
import { statefulSetStatus } from './status.ts';

export interface StatefulSetReconcilerOptions {
  sets: OwnWrites<StatefulSet>;
  pods: OwnWrites<Pod>;
  /** Pods that the set manages, and those in its namespace that nothing manages. */
  managedPods: (set: StatefulSet) => Pod[];
  orphanPods: (set: StatefulSet) => Pod[];
  claims: StatefulClaims;
  history: RevisionHistory<StatefulSet>;
  events: EventRecorder;
  clock: Clock;
}

/** The label by which upstream marks the revisions of StatefulSets. */
const HASH_LABEL = 'controller.kubernetes.io/hash';

/** Pods that a set without order makes or deletes at once. */
const STEPS_AT_ONCE = 50;

/** A claim that is on its way out is looked at again after so long. */
const STALE_CLAIM_MS = 1_000;

/** What one look has found, and what has come of it. */
interface Pass {
  readonly client: Client;
  readonly view: StatefulView;
  readonly revisions: RevisionPoint;
  /** By name, as they are after the steps. */
  readonly pods: Map<string, Pod>;
  isWaitingForClaim: boolean;
}

export class StatefulSetReconciler {
  readonly #options: StatefulSetReconcilerOptions;

  constructor(options: StatefulSetReconcilerOptions) {
    this.#options = options;
  }

  async reconcile(key: string, { client, logger }: ReconcileContext): Promise<ReconcileResult> {
    const set = this.#options.sets.get(key);
    if (set === undefined) return {};
    if (selectsEverything(set)) {
      const message = 'This StatefulSet is selecting all pods. A non-empty selector is required.';
      this.#options.events.warning({ resource: StatefulSets, object: set }, 'SelectingAll', message);
      return {};
    }
    const pass = await this.#look(client, set);
    let failure: unknown;
    try {
      await this.#carryOut(pass);
    } catch (error) {
      failure = error;
    }
    if (isNamespaceTerminating(failure)) {
      logger.debug({ key }, 'the namespace is going away');
      return {};
    }
    const after = { ...pass.view, pods: [...pass.pods.values()] };
    await this.#writeStatus(client, set, statefulSetStatus(after, pass.revisions.collisionCount));
    if (failure !== undefined) throw failure;
    await this.#forgetRevisions(pass);
    return this.#nextLook(pass, after);
  }

  async #look(client: Client, set: StatefulSet): Promise<Pass> {
    const { history, clock } = this.#options;
    const matches = labelSelectorMatcher(set.spec.selector);
    const revisions = await history.advance(
      client,
      {
        owner: set,
        ownerReference: controllerReference(set, StatefulSets),
        data: templateData(set.spec.template),
        labels: set.spec.template.metadata?.labels ?? {},
        hashLabel: HASH_LABEL,
      },
      await history.claim(client, set, matches),
      set.status?.collisionCount,
    );
    const { namespace, uid } = set.metadata;
    const candidates = this.#options.pods.over(
      [...this.#options.managedPods(set), ...this.#options.orphanPods(set)],
      (pod) => pod.metadata.namespace === namespace && controllerOf(pod)?.uid === uid,
    );
    const pods = await claimAll({
      client,
      owner: set,
      ownerResource: StatefulSets,
      resource: Pods,
      // Pods of other names are none of its members, whatever their labels.
      claims: planClaims(
        set,
        matches,
        candidates.filter((pod) => ordinalOf(set, pod) !== undefined),
      ),
    });
    const updateRevision = revisions.current.metadata.name;
    const known = revisions.history.some(({ metadata }) => metadata.name === set.status?.currentRevision);
    const currentRevision = known ? set.status!.currentRevision! : updateRevision;
    return {
      client,
      revisions,
      view: { set, currentRevision, updateRevision, pods, nowMs: clock.now() },
      pods: new Map(pods.map((pod) => [pod.metadata.name, pod])),
      isWaitingForClaim: false,
    };
  }

  async #carryOut(pass: Pass): Promise<void> {
    const { client, view } = pass;
    const { set, pods } = view;
    if (isBeingDeleted(set)) return;
    for (const pod of pods) {
      await this.#options.claims.mendOwners(client, set, pod);
      const ordinal = ordinalOf(set, pod);
      const isWaiting = pod.status?.phase === 'Pending' && !isBeingDeleted(pod) && ordinal !== undefined;
      if (isWaiting && this.#options.claims.isMissingSome(set, ordinal)) {
        await this.#options.claims.createMissing(client, set, ordinal);
      }
    }
    await forEachLimited(planSteps(view), STEPS_AT_ONCE, (step) => this.#take(pass, step));
  }

  async #take(pass: Pass, step: Step): Promise<void> {
    switch (step.kind) {
      case 'create':
        return this.#create(pass, step.ordinal, step.revision);
      case 'delete':
        return this.#delete(pass, step.pod, step.why);
      case 'label': {
        const { namespace, name, uid } = step.pod.metadata;
        const patch = { metadata: { uid, labels: step.labels } };
        this.#changed(pass, await pass.client.patch(Pods, { namespace, name }, 'merge', patch));
      }
    }
  }

  /** A name is free only when the store says so: of two pods with one name the second cannot be made. */
  async #create(pass: Pass, ordinal: number, revisionName: string): Promise<void> {
    const { client, view, revisions } = pass;
    const { set } = view;
    const { claims, events } = this.#options;
    if (claims.isStale(set, ordinal)) {
      pass.isWaitingForClaim = true;
      return;
    }
    const name = podName(set, ordinal);
    const what = `create Pod ${name} in StatefulSet ${set.metadata.name}`;
    const revision = revisions.history.find(({ metadata }) => metadata.name === revisionName);
    const template = templateOf(revision) ?? set.spec.template;
    try {
      await claims.createMissing(client, set, ordinal);
      this.#changed(pass, await client.create(Pods, statefulPod(set, template, revisionName, ordinal)));
      events.normal({ resource: StatefulSets, object: set }, 'SuccessfulCreate', `${what} successful`);
    } catch (error) {
      if (isAlreadyExists(error)) {
        await this.#meet(pass, name, error);
        return;
      }
      if (!isOutage(error) && !isNamespaceTerminating(error)) {
        const message = `${what} failed error: ${error instanceof Error ? error.message : String(error)}`;
        events.warning({ resource: StatefulSets, object: set }, 'FailedCreate', message);
      }
      throw error;
    }
  }

  /** The pod that has the name: an earlier creation without an answer, or a stranger, who is waited for. */
  async #meet(pass: Pass, name: string, alreadyExists: unknown): Promise<void> {
    const { namespace, uid } = pass.view.set.metadata;
    const pod = await pass.client.get(Pods, { namespace, name });
    if (controllerOf(pod)?.uid !== uid) throw alreadyExists;
    this.#changed(pass, pod);
  }

  async #delete(pass: Pass, pod: Pod, why: 'failed' | 'succeeded' | undefined): Promise<void> {
    const { events, pods } = this.#options;
    const { set } = pass.view;
    const { namespace, name, uid } = pod.metadata;
    const subject = { resource: StatefulSets, object: set };
    const what = `delete Pod ${name} in StatefulSet ${set.metadata.name}`;
    if (why !== undefined) {
      const reason = why === 'failed' ? 'RecreatingFailedPod' : 'RecreatingTerminatedPod';
      const adjective = why === 'failed' ? 'failed' : 'terminated';
      const message = `StatefulSet ${keyOf(set)} is recreating ${adjective} Pod ${name}`;
      events.warning(subject, reason, message);
    }
    try {
      const left = await pass.client.delete(Pods, { namespace, name }, { preconditions: { uid } });
      events.normal(subject, 'SuccessfulDelete', `${what} successful`);
      if (left !== undefined) {
        this.#changed(pass, left);
        return;
      }
    } catch (error) {
      if (!isGone(error)) {
        const message = `${what} failed error: ${error instanceof Error ? error.message : String(error)}`;
        if (!isOutage(error)) events.warning(subject, 'FailedDelete', message);
        throw error;
      }
    }
    pods.removed(pod);
    pass.pods.delete(name);
  }

  #changed(pass: Pass, pod: Pod): void {
    this.#options.pods.wrote(pod);
    pass.pods.set(pod.metadata.name, pod);
  }

  async #writeStatus(client: Client, set: StatefulSet, status: StatefulSetStatus): Promise<void> {
    if (semanticallyEqual(status, set.status)) return;
    try {
      this.#options.sets.wrote(await client.updateStatus(StatefulSets, { ...set, status }));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Old revisions beyond the limit, but for those that pods come of or may yet be made from. */
  async #forgetRevisions({ client, view, revisions, pods }: Pass): Promise<void> {
    const live = new Set([view.currentRevision, view.updateRevision]);
    for (const pod of pods.values()) live.add(revisionNameOf(pod));
    const limit = view.set.spec.revisionHistoryLimit ?? 10;
    const isLive = ({ metadata }: ControllerRevision): boolean => live.has(metadata.name);
    for (const each of revisionsToForget(revisions.history, isLive, limit)) {
      await this.#options.history.remove(client, each);
    }
  }

  /** Time alone makes ready pods available. */
  #nextLook({ isWaitingForClaim }: Pass, { set, pods, nowMs }: StatefulView): ReconcileResult {
    const available = nextAvailabilityMs(pods, set.spec.minReadySeconds ?? 0, nowMs);
    const soonest = Math.min(
      available ?? Number.POSITIVE_INFINITY,
      isWaitingForClaim ? STALE_CLAIM_MS : Number.POSITIVE_INFINITY,
    );
    return Number.isFinite(soonest) ? { requeueAfterMs: soonest } : {};
  }
}

function selectsEverything({ spec: { selector } }: StatefulSet): boolean {
  return (
    Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0
  );
}
