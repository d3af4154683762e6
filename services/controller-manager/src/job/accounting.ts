/**
 * Counting ended pods, each exactly once: pure (pkg/controller/job/job_controller.go,
 * trackJobStatusAndRemoveFinalizers, KEP-2307). A pod's end first goes into the list of the
 * uncounted, then its finalizer goes, and only when that is certain the counter moves: whoever
 * dies in between, nothing is counted twice or lost.
 */

import type { Job, JobStatus, Pod } from '@orrery/api/gen/types.ts';
import { formatIndexes, indexesOf, parseIndexes } from '@orrery/api/index-set.ts';
import { hasFailed, hasSucceeded, indexOf, isTracked, judgeFailure } from './pod-outcome.ts';

/** At most so many ends are taken into account in one look: the list is part of the object. */
const MAX_UNCOUNTED = 500;

/** What has ended so far. */
export interface Account {
  readonly succeeded: number;
  readonly failed: number;
  /** Ends that are in the list and not in the counters yet, by uid. */
  readonly uncountedSucceeded: readonly string[];
  readonly uncountedFailed: readonly string[];
  /** Of Indexed Jobs. */
  readonly succeededIndexes: ReadonlySet<number>;
  readonly failedIndexes: ReadonlySet<number>;
  /** Pods whose finalizer may go, once the list is written. */
  readonly release: readonly Pod[];
  /** Why the policy for failures ends the Job, if it does. */
  readonly failJob: string | undefined;
}

export function isIndexed({ spec }: Job): boolean {
  return spec.completionMode === 'Indexed';
}

/** The indexes that a status names. */
export function indexesIn(text: string | undefined, { spec }: Job): Set<number> {
  return indexesOf(parseIndexes(text ?? '') ?? [], spec.completions ?? 0);
}

/** `pods` are those of the Job; own writes have to be in them. `isOver`: nothing that ends now counts any more. */
export function takeAccount(job: Job, pods: readonly Pod[], isOver: boolean): Account {
  const { status = {} } = job;
  const tracked = new Set(pods.filter(isTracked).map(({ metadata }) => metadata.uid));
  const listed = status.uncountedTerminatedPods ?? {};
  const listedSucceeded = listed.succeeded ?? [];
  const listedFailed = listed.failed ?? [];
  // Those whose finalizer is gone are done with: the counter moves and the list lets go of them, in one write.
  const uncountedSucceeded = listedSucceeded.filter((uid) => tracked.has(uid));
  const uncountedFailed = listedFailed.filter((uid) => tracked.has(uid));
  const failed = (status.failed ?? 0) + listedFailed.length - uncountedFailed.length;
  let succeeded = (status.succeeded ?? 0) + listedSucceeded.length - uncountedSucceeded.length;
  const succeededIndexes = indexesIn(status.completedIndexes, job);
  const failedIndexes = indexesIn(status.failedIndexes, job);
  const known = new Set([...uncountedSucceeded, ...uncountedFailed]);
  const newest = newestByIndex(job, pods);
  const release: Pod[] = [];
  let failJob: string | undefined;
  for (const pod of pods) {
    if (!isTracked(pod)) continue;
    const { uid } = pod.metadata;
    const isSuccess = hasSucceeded(pod);
    if (!isSuccess && !hasFailed(pod, job)) continue;
    const index = indexOf(pod);
    if (known.has(uid)) {
      if (isOver || isReleasable(job, pod, index, { succeededIndexes, failedIndexes, newest }))
        release.push(pod);
      continue;
    }
    if (uncountedSucceeded.length + uncountedFailed.length >= MAX_UNCOUNTED) continue;
    if (isOver) {
      release.push(pod);
      continue;
    }
    if (isSuccess) {
      if (!isIndexed(job)) uncountedSucceeded.push(uid);
      else if (index !== undefined && index < (job.spec.completions ?? 0) && !failedIndexes.has(index)) {
        succeededIndexes.add(index);
      }
      release.push(pod);
      continue;
    }
    const verdict = judgeFailure(job, pod);
    if (verdict.action === 'failJob') failJob ??= verdict.message;
    if (verdict.action !== 'ignore') {
      uncountedFailed.push(uid);
      const isOverNow = index !== undefined && isIndexOver(job, pod, verdict.action);
      if (isOverNow && !succeededIndexes.has(index)) failedIndexes.add(index);
    }
    if (isReleasable(job, pod, index, { succeededIndexes, failedIndexes, newest })) release.push(pod);
  }
  if (isIndexed(job)) succeeded = succeededIndexes.size;
  return {
    succeeded,
    failed,
    uncountedSucceeded,
    uncountedFailed,
    succeededIndexes,
    failedIndexes,
    release,
    failJob,
  };
}

/** The annotation in which the pods of an index hand on how often it has failed (KEP-3850). */
export const INDEX_FAILURES = 'batch.kubernetes.io/job-index-failure-count';

/** How often the index of this pod had failed when the pod was made. */
export function failuresBefore({ metadata }: Pod): number {
  const text = metadata.annotations?.[INDEX_FAILURES] ?? '';
  return /^\d+$/.test(text) ? Number(text) : 0;
}

/** The most failures that the pods of each index know of; empty when nobody needs to know. */
function newestByIndex(job: Job, pods: readonly Pod[]): Map<number, number> {
  const newest = new Map<number, number>();
  if (job.spec.backoffLimitPerIndex === undefined) return newest;
  for (const pod of pods) {
    const index = indexOf(pod);
    if (index !== undefined) newest.set(index, Math.max(newest.get(index) ?? 0, failuresBefore(pod)));
  }
  return newest;
}

interface IndexState {
  readonly succeededIndexes: ReadonlySet<number>;
  readonly failedIndexes: ReadonlySet<number>;
  readonly newest: ReadonlyMap<number, number>;
}

/**
 * A failed pod is kept until its successor carries the number of failures on: nobody can delete
 * it before and so give its index another chance.
 */
function isReleasable(
  { spec }: Job,
  pod: Pod,
  index: number | undefined,
  { succeededIndexes, failedIndexes, newest }: IndexState,
): boolean {
  if (spec.backoffLimitPerIndex === undefined || index === undefined || hasSucceeded(pod)) return true;
  if (failedIndexes.has(index) || succeededIndexes.has(index)) return true;
  return (newest.get(index) ?? 0) > failuresBefore(pod);
}

/** Whether the failure of this pod was the last that its index may have. */
function isIndexOver({ spec }: Job, pod: Pod, action: 'count' | 'failIndex' | 'failJob'): boolean {
  if (spec.backoffLimitPerIndex === undefined) return false;
  return action === 'failIndex' || failuresBefore(pod) >= spec.backoffLimitPerIndex;
}

/** The part of the status that says what has ended. Zero is left out, as the API does. */
export function accountStatus(job: Job, account: Account): Partial<JobStatus> {
  const { uncountedSucceeded, uncountedFailed } = account;
  const uncounted = {
    ...(uncountedSucceeded.length === 0 ? {} : { succeeded: [...uncountedSucceeded] }),
    ...(uncountedFailed.length === 0 ? {} : { failed: [...uncountedFailed] }),
  };
  const completed = formatIndexes(account.succeededIndexes);
  return {
    ...(account.succeeded === 0 ? {} : { succeeded: account.succeeded }),
    ...(account.failed === 0 ? {} : { failed: account.failed }),
    ...(isIndexed(job) && completed !== '' ? { completedIndexes: completed } : {}),
    ...(job.spec.backoffLimitPerIndex === undefined
      ? {}
      : { failedIndexes: formatIndexes(account.failedIndexes) }),
    uncountedTerminatedPods: uncounted,
  };
}
