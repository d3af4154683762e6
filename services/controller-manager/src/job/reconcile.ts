/** All I/O of the Job controller (pkg/controller/job/job_controller.go). */

import type { Job, JobStatus, Pod } from '@orrery/api/gen/types.ts';
import { controllerOf, isBeingDeleted, objectKey } from '@orrery/api/meta.ts';
import { Jobs, Pods } from '@orrery/api/resources.ts';
import { labelSelectorMatcher } from '@orrery/api/selectors.ts';
import { isNotFound } from '@orrery/api/status-error.ts';
import { JOB_CONTROLLER, JOB_TRACKING_FINALIZER } from '@orrery/api/workloads.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { ReconcileContext, ReconcileResult } from '@orrery/controller/controller.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { isGone, isNamespaceTerminating } from '../api-errors.ts';
import { forEachLimited } from '../concurrency.ts';
import { findCondition } from '../conditions.ts';
import { finishedCondition } from '../job-conditions.ts';
import { claimAll, planClaims } from '../ownership.ts';
import type { OwnWrites } from '../own-writes.ts';
import type { PodControl, PodControlResult } from '../pod-control/index.ts';
import { semanticallyEqual } from '../semantic-equality.ts';
import { type Account, takeAccount } from './accounting.ts';
import { activePods, planPods } from './plan.ts';
import { isTracked } from './pod-outcome.ts';
import { jobStatus } from './status.ts';
import { announced, deadlineMs, judge, type Verdict } from './verdict.ts';

export interface JobReconcilerOptions {
  jobs: OwnWrites<Job>;
  pods: OwnWrites<Pod>;
  /** Pods that the Job manages, and those in its namespace that nothing manages. */
  managedPods: (job: Job) => Pod[];
  orphanPods: (job: Job) => Pod[];
  podControl: PodControl;
  events: EventRecorder;
  clock: Clock;
}

/** Finalizers that are taken off at once. */
const RELEASES_AT_ONCE = 50;

/** Should the event of an own write never come, this looks again when the expectation has ended. */
const AWAITING_EVENTS_MS = 60_000;

interface Managed {
  readonly waitMs: number | undefined;
  readonly error: unknown;
}

export class JobReconciler {
  readonly #options: JobReconcilerOptions;

  constructor(options: JobReconcilerOptions) {
    this.#options = options;
  }

  async reconcile(key: string, { client, logger }: ReconcileContext): Promise<ReconcileResult> {
    const { jobs, podControl, clock } = this.#options;
    const found = jobs.get(key);
    if (found === undefined || isManagedElsewhere(found)) return {};
    const pods = await this.#claim(client, found);
    if (finishedCondition(found) !== undefined) {
      await this.#release(client, takeAccount(found, pods, true).release);
      return {};
    }
    // First the list of ends, then the finalizers, then the counters.
    const account = takeAccount(found, pods, false);
    const nowMs = clock.now();
    const verdict = announced(found) ?? judge(found, account, activePods(found, pods), nowMs);
    const job = await this.#writeStatus(client, found, pods, account, verdict);
    if (job === undefined) return {};
    const released = await this.#release(client, account.release);
    const present = pods.flatMap((pod) => {
      const { uid } = pod.metadata;
      const after = released.has(uid) ? released.get(uid) : pod;
      return after === undefined ? [] : [after];
    });
    if (isBeingDeleted(job)) return {};
    if (!podControl.isSettled(job.metadata.uid)) return { requeueAfterMs: AWAITING_EVENTS_MS };
    const settled = takeAccount(job, present, false);
    const managed =
      verdict === undefined
        ? await this.#manage(client, job, present, settled)
        : await this.#removeActive(client, job, present);
    if (isNamespaceTerminating(managed.error)) {
      logger.debug({ key }, 'the namespace is going away');
      return {};
    }
    await this.#writeStatus(client, job, present, settled, verdict);
    if (managed.error !== undefined) throw managed.error;
    return verdict === undefined ? this.#nextLook(job, managed.waitMs) : {};
  }

  /** A pod whose Job is gone, or let go of it: its end counts for nobody. */
  async releaseOrphan(client: Client, key: string): Promise<void> {
    const pod = this.#options.pods.get(key);
    if (pod === undefined || !isTracked(pod)) return;
    const owner = controllerOf(pod);
    if (owner?.kind === Jobs.kind) {
      const job = this.#options.jobs.get(objectKey(pod.metadata.namespace, owner.name));
      if (job?.metadata.uid === owner.uid) return;
    }
    await this.#release(client, [pod]);
  }

  async #claim(client: Client, job: Job): Promise<Pod[]> {
    const { namespace, uid } = job.metadata;
    const candidates = this.#options.pods.over(
      [...this.#options.managedPods(job), ...this.#options.orphanPods(job)],
      (pod) => pod.metadata.namespace === namespace && controllerOf(pod)?.uid === uid,
    );
    const claims = planClaims(job, labelSelectorMatcher(job.spec.selector), candidates);
    return claimAll({ client, owner: job, ownerResource: Jobs, resource: Pods, claims });
  }

  /** Takes the finalizers off; returns by uid the pods as they are now, undefined for those that are gone with it. */
  async #release(client: Client, pods: readonly Pod[]): Promise<Map<string, Pod | undefined>> {
    const released = new Map<string, Pod | undefined>();
    await forEachLimited(pods, RELEASES_AT_ONCE, async (pod) => {
      const { namespace, name, uid } = pod.metadata;
      const metadata = { uid, '$deleteFromPrimitiveList/finalizers': [JOB_TRACKING_FINALIZER] };
      try {
        const changed = await client.patch(Pods, { namespace, name }, 'strategic', { metadata });
        const isGoneNow = isRemovable(changed);
        if (isGoneNow) this.#options.pods.removed(changed);
        else this.#options.pods.wrote(changed);
        released.set(uid, isGoneNow ? undefined : changed);
      } catch (error) {
        if (!isGone(error)) throw error;
        this.#options.pods.removed(pod);
        released.set(uid, undefined);
      }
    });
    return released;
  }

  async #manage(client: Client, job: Job, pods: readonly Pod[], account: Account): Promise<Managed> {
    const { podControl, clock } = this.#options;
    const plan = planPods(job, pods, account, clock.now());
    if (plan.remove.length === 0) {
      const { error } = await podControl.create(client, job, plan.create, pods);
      return { waitMs: plan.waitMs, error };
    }
    // Pods that the Job itself takes away are no failures: nobody counts their end.
    await this.#release(client, plan.remove.filter(isTracked));
    const { error } = await podControl.remove(client, job, plan.remove);
    return { waitMs: undefined, error };
  }

  async #removeActive(client: Client, job: Job, pods: readonly Pod[]): Promise<Managed> {
    const active = activePods(job, pods);
    const outcome: Pick<PodControlResult, 'error'> =
      active.length === 0 ? { error: undefined } : await this.#options.podControl.remove(client, job, active);
    return { waitMs: undefined, error: outcome.error };
  }

  /** Returns the Job as it is then; undefined when it is gone. */
  async #writeStatus(
    client: Client,
    job: Job,
    pods: readonly Pod[],
    account: Account,
    verdict: Verdict | undefined,
  ): Promise<Job | undefined> {
    const { jobs, clock } = this.#options;
    const status = jobStatus({ job, pods, account, verdict, nowMs: clock.now() });
    if (semanticallyEqual(status, job.status)) return job;
    try {
      const written = await client.updateStatus(Jobs, { ...job, status });
      jobs.wrote(written);
      this.#report(job, status);
      return written;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Events for conditions that have become true, or false again. */
  #report(job: Job, { conditions = [] }: JobStatus): void {
    const { events } = this.#options;
    const subject = { resource: Jobs, object: job };
    for (const { type, status, reason = '', message = '' } of conditions) {
      if (findCondition(job.status?.conditions, type)?.status === status) continue;
      if (type === 'Complete') events.normal(subject, 'Completed', 'Job completed');
      else if (type === 'Failed') events.warning(subject, reason, message);
      else if (type === 'Suspended') {
        events.normal(subject, status === 'True' ? 'Suspended' : 'Resumed', message);
      }
    }
  }

  #nextLook(job: Job, waitMs: number | undefined): ReconcileResult {
    const deadline = deadlineMs(job);
    const untilDeadline =
      deadline === undefined ? undefined : Math.max(0, deadline - this.#options.clock.now());
    const soonest = Math.min(waitMs ?? Number.POSITIVE_INFINITY, untilDeadline ?? Number.POSITIVE_INFINITY);
    return Number.isFinite(soonest) ? { requeueAfterMs: soonest } : {};
  }
}

function isManagedElsewhere({ spec }: Job): boolean {
  return spec.managedBy !== undefined && spec.managedBy !== JOB_CONTROLLER;
}

/** Nothing holds the object any more: with its last finalizer it was deleted. */
function isRemovable({ metadata }: Pod): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = metadata;
  return deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0 && finalizers.length === 0;
}
