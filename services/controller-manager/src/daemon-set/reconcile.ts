/** All I/O of the DaemonSet controller (k8s.io/kubernetes/pkg/controller/daemon/daemon_controller.go). */

import type { ControllerRevision, DaemonSet, DaemonSetStatus, Node, Pod } from '@orrery/api/gen/types.ts';
import { controllerReference, isBeingDeleted } from '@orrery/api/meta.ts';
import { DaemonSets, Pods } from '@orrery/api/resources.ts';
import { labelSelectorMatcher } from '@orrery/api/selectors.ts';
import { isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { ReconcileContext, ReconcileResult } from '@orrery/controller/controller.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { isNamespaceTerminating } from '../api-errors.ts';
import { claimAll, planClaims } from '../ownership.ts';
import type { OwnWrites } from '../own-writes.ts';
import type { PodControl } from '../pod-control/index.ts';
import { nextAvailabilityMs } from '../pods.ts';
import type { RevisionHistory, RevisionPoint } from '../revision-history/index.ts';
import { REVISION_HASH_LABEL, revisionsToForget, templateData } from '../revision-history/revisions.ts';
import { semanticallyEqual } from '../semantic-equality.ts';
import { daemonPod, podsByNode, targetNodeOf, versionOf } from './daemon-pods.ts';
import { FailedPods } from './failed-pods.ts';
import type { NodeEligibility } from './node-eligibility.ts';
import { type DaemonPlan, type DaemonView, type PlacementPlan, planPlacement } from './plan.ts';
import { daemonLimits, planRollingUpdate } from './rolling-update.ts';
import { daemonSetStatus } from './status.ts';

export interface DaemonSetReconcilerOptions {
  daemonSets: OwnWrites<DaemonSet>;
  nodes: () => Node[];
  eligibility: (daemonSet: DaemonSet) => NodeEligibility;
  /** Pods that the DaemonSet manages, and those in its namespace that nothing manages. */
  managedPods: (daemonSet: DaemonSet) => Pod[];
  orphanPods: (daemonSet: DaemonSet) => Pod[];
  history: RevisionHistory<DaemonSet>;
  podControl: PodControl;
  events: EventRecorder;
  clock: Clock;
}

/** At most so many pods are created, and so many deleted, in one reconciliation. */
const BURST = 250;

/** Should the event of an own write never come, this looks again when the expectation has ended. */
const AWAITING_EVENTS_MS = 60_000;

/** What one look has found. */
interface Pass {
  readonly client: Client;
  readonly view: DaemonView;
  readonly revisions: RevisionPoint;
}

export class DaemonSetReconciler {
  readonly #options: DaemonSetReconcilerOptions;
  readonly #failedPods: FailedPods;

  constructor(options: DaemonSetReconcilerOptions) {
    this.#options = options;
    this.#failedPods = new FailedPods(options.clock);
  }

  /** The DaemonSet with this uid is gone. */
  forget(uid: string): void {
    this.#options.podControl.forget(uid);
    this.#failedPods.forget(uid);
  }

  async reconcile(key: string, { client, logger }: ReconcileContext): Promise<ReconcileResult> {
    const { daemonSets, podControl } = this.#options;
    const daemonSet = daemonSets.get(key);
    if (daemonSet === undefined || isBeingDeleted(daemonSet)) return {};
    if (selectsEverything(daemonSet)) {
      const message = 'This daemon set is selecting all pods. A non-empty selector is required.';
      this.#options.events.warning({ resource: DaemonSets, object: daemonSet }, 'SelectingAll', message);
      return {};
    }
    if (!podControl.isSettled(daemonSet.metadata.uid)) return { requeueAfterMs: AWAITING_EVENTS_MS };
    const pass = await this.#look(client, daemonSet);
    const placement = planPlacement(
      pass.view,
      (node) => this.#failedPods.waitMs(daemonSet.metadata.uid, node) > 0,
    );
    this.#reportEnded(daemonSet, placement);
    let done = await this.#carryOut(pass, placement);
    // The next step of an update goes by pods that are all in sight.
    if (!done.changed && done.error === undefined)
      done = await this.#carryOut(pass, planRollingUpdate(pass.view));
    if (isNamespaceTerminating(done.error)) {
      logger.debug({ key }, 'the namespace is going away');
      return {};
    }
    await this.#forgetRevisions(pass);
    await this.#writeStatus(client, daemonSet, daemonSetStatus(pass.view, pass.revisions.collisionCount));
    if (done.error !== undefined) throw done.error;
    return this.#nextLook(pass.view, placement);
  }

  async #look(client: Client, daemonSet: DaemonSet): Promise<Pass> {
    const { history, managedPods, orphanPods, nodes, eligibility, clock } = this.#options;
    const { spec, status } = daemonSet;
    const matches = labelSelectorMatcher(spec.selector);
    const revisions = await history.advance(
      client,
      {
        owner: daemonSet,
        ownerReference: controllerReference(daemonSet, DaemonSets),
        data: templateData(spec.template),
        labels: spec.template.metadata?.labels ?? {},
        hashLabel: REVISION_HASH_LABEL,
      },
      await history.claim(client, daemonSet, matches),
      status?.collisionCount,
    );
    const pods = await claimAll({
      client,
      owner: daemonSet,
      ownerResource: DaemonSets,
      resource: Pods,
      claims: planClaims(daemonSet, matches, [...managedPods(daemonSet), ...orphanPods(daemonSet)]),
    });
    const view = {
      daemonSet,
      version: versionOf(daemonSet, hashOf(revisions.current)),
      nodes: nodes(),
      eligibility: eligibility(daemonSet),
      pods: podsByNode(pods),
      nowMs: clock.now(),
    };
    const desired = view.nodes.filter((node) => view.eligibility.of(node).shouldRun).length;
    return { client, revisions, view: { ...view, limits: daemonLimits(daemonSet, desired) } };
  }

  #reportEnded(daemonSet: DaemonSet, { failed, succeeded, remove }: PlacementPlan): void {
    const { events } = this.#options;
    const subject = { resource: DaemonSets, object: daemonSet };
    const { uid, namespace } = daemonSet.metadata;
    for (const pod of failed.filter((each) => remove.includes(each))) {
      const node = targetNodeOf(pod) ?? '';
      this.#failedPods.replaced(uid, node);
      const message = `Found failed daemon pod ${namespace}/${pod.metadata.name} on node ${node}, will try to kill it`;
      events.warning(subject, 'FailedDaemonPod', message);
    }
    for (const pod of succeeded) {
      const message = `Found succeeded daemon pod ${namespace}/${pod.metadata.name} on node ${targetNodeOf(pod) ?? ''}, will try to delete it`;
      events.normal(subject, 'SucceededDaemonPod', message);
    }
  }

  async #carryOut(
    { client, view }: Pass,
    { create, remove }: DaemonPlan,
  ): Promise<{ changed: boolean; error: unknown }> {
    const { podControl, managedPods } = this.#options;
    const { daemonSet, version } = view;
    const requests = create
      .slice(0, BURST)
      .map((node) => ({ draft: daemonPod(daemonSet, version, node), slot: node }));
    const created = await podControl.create(client, daemonSet, requests, managedPods(daemonSet));
    const removed = await podControl.remove(client, daemonSet, remove.slice(0, BURST));
    return {
      changed: created.successes + removed.successes > 0,
      error: created.error ?? removed.error,
    };
  }

  /** Old revisions beyond the limit, but for those that pods still come of. */
  async #forgetRevisions({ client, view, revisions }: Pass): Promise<void> {
    const live = new Set([hashOf(revisions.current)]);
    for (const pods of view.pods.values()) {
      for (const { metadata } of pods) live.add(metadata.labels?.[REVISION_HASH_LABEL] ?? '');
    }
    const limit = view.daemonSet.spec.revisionHistoryLimit ?? 10;
    const isLive = (revision: ControllerRevision): boolean => live.has(hashOf(revision));
    for (const each of revisionsToForget(revisions.history, isLive, limit)) {
      await this.#options.history.remove(client, each);
    }
  }

  async #writeStatus(client: Client, daemonSet: DaemonSet, status: DaemonSetStatus): Promise<void> {
    if (semanticallyEqual(status, daemonSet.status)) return;
    try {
      this.#options.daemonSets.wrote(await client.updateStatus(DaemonSets, { ...daemonSet, status }));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Time alone makes pods available, and ends the wait for the replacement of failed ones. */
  #nextLook({ daemonSet, nodes, pods, nowMs }: DaemonView, { failed }: PlacementPlan): ReconcileResult {
    const { uid } = daemonSet.metadata;
    this.#failedPods.keepOnly(uid, new Set(nodes.map(({ metadata }) => metadata.name)));
    const waits = failed.map((pod) => this.#failedPods.waitMs(uid, targetNodeOf(pod) ?? ''));
    const available = nextAvailabilityMs(
      [...pods.values()].flat(),
      daemonSet.spec.minReadySeconds ?? 0,
      nowMs,
    );
    const soonest = Math.min(available ?? Number.POSITIVE_INFINITY, ...waits);
    return Number.isFinite(soonest) ? { requeueAfterMs: soonest } : {};
  }
}

function hashOf({ metadata }: ControllerRevision): string {
  return metadata.labels?.[REVISION_HASH_LABEL] ?? '';
}

function selectsEverything({ spec: { selector } }: DaemonSet): boolean {
  return (
    Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0
  );
}
