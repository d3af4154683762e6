/** The status of a Job: pure (pkg/controller/job/job_controller.go). */

import type { Job, JobCondition, JobStatus, Pod } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { findCondition } from '../conditions.ts';
import { isPodReady } from '../pods.ts';
import { type Account, accountStatus } from './accounting.ts';
import { activePods, terminatingPods } from './plan.ts';
import type { Verdict } from './verdict.ts';

export interface JobStatusInput {
  readonly job: Job;
  readonly pods: readonly Pod[];
  readonly account: Account;
  /** The end that the Job has come to, if so. */
  readonly verdict: Verdict | undefined;
  readonly nowMs: number;
}

/** Whether nothing of the Job is left to wait for, so that its end can be declared. */
export function isAllOver({ job, pods, account }: Omit<JobStatusInput, 'verdict' | 'nowMs'>): boolean {
  const { uncountedSucceeded, uncountedFailed } = account;
  return (
    activePods(job, pods).length === 0 &&
    terminatingPods(pods).length === 0 &&
    uncountedSucceeded.length + uncountedFailed.length === 0
  );
}

export function jobStatus(input: JobStatusInput): JobStatus {
  const { job, pods, account, verdict, nowMs } = input;
  const active = activePods(job, pods);
  const ready = active.filter(isPodReady).length;
  const isDeclared = verdict !== undefined && isAllOver(input);
  const now = formatTime(nowMs);
  const conditions = conditionsAfter(input, isDeclared);
  const startTime = startTimeAfter(job, now);
  return {
    ...(conditions.length === 0 ? {} : { conditions }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(isDeclared && verdict.type === 'Complete' ? { completionTime: now } : {}),
    ...(active.length === 0 ? {} : { active: active.length }),
    ...accountStatus(job, account),
    ready,
    terminating: terminatingPods(pods).length,
  };
}

/** Set when the Job first may run, and again whenever it is resumed. */
function startTimeAfter({ spec, status }: Job, now: string): string | undefined {
  if (spec.suspend === true) return status?.startTime;
  const wasSuspended = findCondition(status?.conditions, 'Suspended')?.status === 'True';
  return wasSuspended ? now : (status?.startTime ?? now);
}

function conditionsAfter({ job, verdict, nowMs }: JobStatusInput, isDeclared: boolean): JobCondition[] {
  const now = formatTime(nowMs);
  let conditions = [...(job.status?.conditions ?? [])];
  const set = (type: string, status: 'True' | 'False', reason: string, message: string): void => {
    const before = findCondition(conditions, type);
    if (before?.status === status) return;
    const condition = { type, status, lastProbeTime: now, lastTransitionTime: now, reason, message };
    conditions = [...conditions.filter((each) => each.type !== type), condition];
  };
  if (verdict !== undefined) {
    const announcing = verdict.type === 'Failed' ? 'FailureTarget' : 'SuccessCriteriaMet';
    set(announcing, 'True', verdict.reason, verdict.message);
    if (isDeclared) set(verdict.type, 'True', verdict.reason, verdict.message);
    return conditions;
  }
  if (job.spec.suspend === true) set('Suspended', 'True', 'JobSuspended', 'Job suspended');
  else if (findCondition(conditions, 'Suspended') !== undefined) {
    set('Suspended', 'False', 'JobResumed', 'Job resumed');
  }
  return conditions;
}
