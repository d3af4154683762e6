/** Whether a Job has come to its end: pure (pkg/controller/job, syncJob, success_policy.go). */

import type { Job, Pod } from '@orrery/api/gen/types.ts';
import { indexesOf, parseIndexes } from '@orrery/api/index-set.ts';
import { parseTime } from '@orrery/api/meta.ts';
import { findCondition } from '../conditions.ts';
import { type Account, isIndexed } from './accounting.ts';

export interface Verdict {
  readonly type: 'Complete' | 'Failed';
  readonly reason: string;
  readonly message: string;
}

const SUCCESS_BY_COUNT = 'Reached expected number of succeeded pods';

/** What is decided already: conditions that announce the end stand until the last pod has gone. */
export function announced({ status }: Job): Verdict | undefined {
  for (const [announcing, type] of [
    ['FailureTarget', 'Failed'],
    ['SuccessCriteriaMet', 'Complete'],
  ] as const) {
    const condition = findCondition(status?.conditions, announcing);
    if (condition?.status !== 'True') continue;
    return { type, reason: condition.reason ?? '', message: condition.message ?? '' };
  }
  return undefined;
}

/** When the deadline is over, epoch ms; undefined without one or while the Job stands still. */
export function deadlineMs({ spec, status }: Job): number | undefined {
  if (spec.activeDeadlineSeconds === undefined || spec.suspend === true) return undefined;
  return status?.startTime === undefined
    ? undefined
    : parseTime(status.startTime) + spec.activeDeadlineSeconds * 1_000;
}

/** The end that the Job has come to; undefined while it goes on. `active` are pods that run or wait. */
export function judge(
  job: Job,
  account: Account,
  active: readonly Pod[],
  nowMs: number,
): Verdict | undefined {
  return failure(job, account, active, nowMs) ?? success(job, account, active);
}

function failure(job: Job, account: Account, active: readonly Pod[], nowMs: number): Verdict | undefined {
  const { spec } = job;
  const failed = (reason: string, message: string): Verdict => ({ type: 'Failed', reason, message });
  if (account.failJob !== undefined) return failed('PodFailurePolicy', account.failJob);
  const failures = account.failed + account.uncountedFailed.length;
  if (failures > (spec.backoffLimit ?? 6) || restartsExceed(job, active)) {
    return failed('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  if ((deadlineMs(job) ?? Number.POSITIVE_INFINITY) <= nowMs) {
    return failed('DeadlineExceeded', 'Job was active longer than specified deadline');
  }
  if (spec.backoffLimitPerIndex === undefined) return undefined;
  const { size } = account.failedIndexes;
  if (spec.maxFailedIndexes !== undefined && size > spec.maxFailedIndexes) {
    const message = 'Job has exceeded the specified maximal number of failed indexes';
    return failed('MaxFailedIndexesExceeded', message);
  }
  return size > 0 && size + account.succeededIndexes.size >= (spec.completions ?? 0)
    ? failed('FailedIndexes', 'Job has failed indexes')
    : undefined;
}

/** Pods that are restarted in place fail by their containers (`pastBackoffLimitOnFailure`). */
function restartsExceed({ spec }: Job, active: readonly Pod[]): boolean {
  if (spec.template.spec?.restartPolicy !== 'OnFailure') return false;
  let restarts = 0;
  for (const { status } of active) {
    for (const each of status?.initContainerStatuses ?? []) restarts += each.restartCount;
    for (const each of status?.containerStatuses ?? []) restarts += each.restartCount;
  }
  const limit = spec.backoffLimit ?? 6;
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

function success(job: Job, account: Account, active: readonly Pod[]): Verdict | undefined {
  const { spec } = job;
  const complete = (reason: string, message: string): Verdict => ({ type: 'Complete', reason, message });
  const rule = matchingRule(job, account);
  if (rule !== undefined) return complete('SuccessPolicy', `Matched rules at index ${rule}`);
  const succeeded = account.succeeded + account.uncountedSucceeded.length;
  if (spec.completions !== undefined) {
    return succeeded >= spec.completions && (active.length === 0 || spec.completions === 0 || isIndexed(job))
      ? complete('CompletionsReached', SUCCESS_BY_COUNT)
      : undefined;
  }
  // A work queue is empty when one pod says so by its success and all others have ended.
  return succeeded > 0 && active.length === 0 ? complete('CompletionsReached', SUCCESS_BY_COUNT) : undefined;
}

/** The first rule of the policy for successes that the indexes meet. */
function matchingRule({ spec }: Job, { succeededIndexes }: Account): number | undefined {
  const rules = spec.successPolicy?.rules ?? [];
  const at = rules.findIndex((rule) => {
    if (rule.succeededIndexes === undefined) return succeededIndexes.size >= (rule.succeededCount ?? 1);
    const wanted = indexesOf(parseIndexes(rule.succeededIndexes) ?? [], spec.completions ?? 0);
    const met = [...wanted].filter((index) => succeededIndexes.has(index)).length;
    return met >= (rule.succeededCount ?? wanted.size);
  });
  return at < 0 ? undefined : at;
}
