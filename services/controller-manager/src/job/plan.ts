/** Which pods a Job needs now: pure (pkg/controller/job/job_controller.go, manageJob). */

import type { Draft, Job, Pod } from '@orrery/api/gen/types.ts';
import { controllerReference, isBeingDeleted } from '@orrery/api/meta.ts';
import { Jobs } from '@orrery/api/resources.ts';
import { JOB_INDEX, JOB_TRACKING_FINALIZER } from '@orrery/api/workloads.ts';
import { backoffDelay } from '@orrery/kit/backoff.ts';
import { podFromTemplate } from '../pod-control/pod-template.ts';
import type { PodRequest } from '../pod-control/index.ts';
import { isPodTerminal, isPodTerminating } from '../pods.ts';
import { rankForDeletion } from '../replica-set-engine/ranking.ts';
import { type Account, failuresBefore, INDEX_FAILURES, isIndexed } from './accounting.ts';
import {
  finishedAtMs,
  hasFailed,
  hasSucceeded,
  indexOf,
  judgeFailure,
  replacesOnlyFailed,
} from './pod-outcome.ts';

/** At most so many pods are created, and so many deleted, in one look. */
const MAX_CHANGES = 500;

/** Failures are followed by growing pauses (MaxJobBackOff and DefaultJobPodFailureBackOff). */
const BACKOFF = { initialMs: 10_000, maxMs: 600_000 };

export interface JobPlan {
  readonly create: PodRequest[];
  readonly remove: Pod[];
  /** When more may be created, ms from now; undefined when time changes nothing. */
  readonly waitMs: number | undefined;
}

/** Pods that run or wait and count as work in progress. */
export function activePods(job: Job, pods: readonly Pod[]): Pod[] {
  return pods.filter((pod) => !isPodTerminal(pod) && !isBeingDeleted(pod) && !hasFailed(pod, job));
}

/** Pods on their way out that have not ended. */
export function terminatingPods(pods: readonly Pod[]): Pod[] {
  return pods.filter(isPodTerminating);
}

export function planPods(job: Job, pods: readonly Pod[], account: Account, nowMs: number): JobPlan {
  const active = activePods(job, pods);
  const parallelism = job.spec.parallelism ?? 1;
  const wanted = job.spec.suspend === true ? 0 : wantedActive(job, account, active.length, parallelism);
  const surplus = isIndexed(job)
    ? surplusIndexed(job, active, account, wanted)
    : rankForDeletion(active, new Map(), nowMs).slice(0, Math.max(0, active.length - wanted));
  if (surplus.length > 0) return { create: [], remove: surplus.slice(0, MAX_CHANGES), waitMs: undefined };
  // Pods on their way out keep their places where only certain ends are replaced.
  const leaving = replacesOnlyFailed(job) ? terminatingPods(pods).length : 0;
  const missing = Math.min(MAX_CHANGES, wanted - active.length - leaving);
  if (missing <= 0) return { create: [], remove: [], waitMs: undefined };
  if (job.spec.backoffLimitPerIndex !== undefined) return planByIndex(job, pods, account, { missing, nowMs });
  const waitMs = backoffMs(job, pods, nowMs);
  if (waitMs > 0) return { create: [], remove: [], waitMs };
  const requests = isIndexed(job)
    ? freeIndexes(job, pods, account, missing).map((index) => indexedPod(job, index, undefined))
    : Array.from({ length: missing }, () => ({ draft: jobPod(job), slot: '' }));
  return { create: requests, remove: [], waitMs: undefined };
}

function wantedActive({ spec }: Job, account: Account, active: number, parallelism: number): number {
  const succeeded = account.succeeded + account.uncountedSucceeded.length;
  // A work queue starts nothing new once a pod has found it empty.
  if (spec.completions === undefined) return succeeded > 0 ? Math.min(active, parallelism) : parallelism;
  const open = spec.completions - succeeded - account.failedIndexes.size;
  return Math.max(0, Math.min(open, parallelism));
}

/** Pods of indexes that are done with or beyond the number, second pods of an index, then the highest. */
function surplusIndexed(job: Job, active: readonly Pod[], account: Account, wanted: number): Pod[] {
  const taken = new Map<number, Pod>();
  const surplus: Pod[] = [];
  for (const pod of active) {
    const index = indexOf(pod);
    const isDone =
      index === undefined ||
      index >= (job.spec.completions ?? 0) ||
      account.succeededIndexes.has(index) ||
      account.failedIndexes.has(index);
    if (isDone || taken.has(index)) surplus.push(pod);
    else taken.set(index, pod);
  }
  const kept = [...taken].sort(([a], [b]) => b - a);
  const tooMany = Math.max(0, kept.length - wanted);
  return [...surplus, ...kept.slice(0, tooMany).map(([, pod]) => pod)];
}

/** The lowest indexes that nobody works on and that are not done with. */
function freeIndexes(job: Job, pods: readonly Pod[], account: Account, count: number): number[] {
  const busy = busyIndexes(job, pods);
  const free: number[] = [];
  for (let index = 0; index < (job.spec.completions ?? 0) && free.length < count; index += 1) {
    if (busy.has(index) || account.succeededIndexes.has(index) || account.failedIndexes.has(index)) continue;
    free.push(index);
  }
  return free;
}

function busyIndexes(job: Job, pods: readonly Pod[]): Set<number> {
  const busy = new Set<number>();
  const isBusy = (pod: Pod): boolean =>
    replacesOnlyFailed(job) ? !isPodTerminal(pod) : !isPodTerminal(pod) && !isBeingDeleted(pod);
  for (const pod of pods) {
    const index = indexOf(pod);
    if (index !== undefined && isBusy(pod)) busy.add(index);
  }
  return busy;
}

/** Each index has failures and pauses of its own (KEP-3850). */
function planByIndex(
  job: Job,
  pods: readonly Pod[],
  account: Account,
  { missing, nowMs }: { missing: number; nowMs: number },
): JobPlan {
  const last = new Map<number, Pod>();
  for (const pod of pods) {
    const index = indexOf(pod);
    if (index === undefined || !hasFailed(pod, job)) continue;
    const before = last.get(index);
    if (before === undefined || failuresBefore(pod) >= failuresBefore(before)) last.set(index, pod);
  }
  const create: PodRequest[] = [];
  let waitMs: number | undefined;
  for (const index of freeIndexes(job, pods, account, job.spec.completions ?? 0)) {
    if (create.length === missing) break;
    const failed = last.get(index);
    const dueMs =
      failed === undefined ? 0 : finishedAtMs(failed) + backoffDelay(failuresBefore(failed), BACKOFF) - nowMs;
    if (dueMs > 0) waitMs = Math.min(waitMs ?? dueMs, dueMs);
    else create.push(indexedPod(job, index, failed));
  }
  return { create, remove: [], waitMs };
}

/** How long until the next pod after the failures since the last success; 0 when it is due. */
export function backoffMs(job: Job, pods: readonly Pod[], nowMs: number): number {
  const ended = pods
    .filter((pod) => hasSucceeded(pod) || hasFailed(pod, job))
    .map((pod) => ({ pod, atMs: finishedAtMs(pod) }))
    .sort((a, b) => b.atMs - a.atMs);
  let failures = 0;
  for (const { pod } of ended) {
    if (hasSucceeded(pod)) break;
    // What is ignored is replaced at once.
    if (judgeFailure(job, pod).action !== 'ignore') failures += 1;
  }
  if (failures === 0) return 0;
  return Math.max(0, ended[0]!.atMs + backoffDelay(failures - 1, BACKOFF) - nowMs);
}

/** A pod of the Job, which keeps it until its end is counted. */
function jobPod(job: Job): Draft<Pod> {
  const draft = podFromTemplate(job.spec.template, job.metadata.namespace, controllerReference(job, Jobs));
  const finalizers = [...(draft.metadata.finalizers ?? []), JOB_TRACKING_FINALIZER];
  return { ...draft, metadata: { ...draft.metadata, finalizers } };
}

/** A pod for one index, by which it is named and called. `failed` is its predecessor. */
function indexedPod(job: Job, index: number, failed: Pod | undefined): PodRequest {
  const draft = jobPod(job);
  const { metadata, spec } = draft;
  const name = `${job.metadata.name}-${index}`;
  const isCounted = failed !== undefined && judgeFailure(job, failed).action !== 'ignore';
  const failures = failed === undefined ? 0 : failuresBefore(failed) + (isCounted ? 1 : 0);
  const countsFailures = job.spec.backoffLimitPerIndex !== undefined;
  return {
    slot: String(index),
    draft: {
      metadata: {
        ...metadata,
        generateName: `${name}-`,
        labels: { ...metadata.labels, [JOB_INDEX]: String(index) },
        annotations: {
          ...metadata.annotations,
          [JOB_INDEX]: String(index),
          ...(countsFailures ? { [INDEX_FAILURES]: String(failures) } : {}),
        },
      },
      spec: {
        ...spec,
        hostname: name,
        containers: spec.containers.map(withIndex),
        ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(withIndex) }),
      },
    },
  };
}

const INDEX_VARIABLE = 'JOB_COMPLETION_INDEX';

/** The index as a variable, unless the template has one of the name. */
function withIndex<C extends { env?: { name: string }[] }>(container: C): C {
  if (container.env?.some(({ name }) => name === INDEX_VARIABLE) === true) return container;
  const fieldPath = `metadata.labels['${JOB_INDEX}']`;
  const variable = { name: INDEX_VARIABLE, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } };
  return { ...container, env: [...(container.env ?? []), variable] };
}
