/** What has become of a Job's pod: pure (pkg/controller/job/pod_failure_policy.go and job_controller.go). */

import type { Job, Pod, PodFailurePolicyRule } from '@orrery/api/gen/types.ts';
import { isBeingDeleted, keyOf, parseTime } from '@orrery/api/meta.ts';
import { JOB_INDEX, JOB_TRACKING_FINALIZER } from '@orrery/api/workloads.ts';

/** Only pods whose end is certain are replaced, not those on their way out (KEP-3939). */
export function replacesOnlyFailed({ spec }: Job): boolean {
  return spec.podReplacementPolicy === 'Failed';
}

export function isTracked({ metadata }: Pod): boolean {
  return metadata.finalizers?.includes(JOB_TRACKING_FINALIZER) === true;
}

export function hasSucceeded({ status }: Pod): boolean {
  return status?.phase === 'Succeeded';
}

/** A pod that is deleted counts as failed at once, unless the Job waits for its end. */
export function hasFailed(pod: Pod, job: Job): boolean {
  if (pod.status?.phase === 'Failed') return true;
  if (replacesOnlyFailed(job)) return false;
  return isBeingDeleted(pod) && !hasSucceeded(pod);
}

/** The index of a pod of an Indexed Job; undefined when it has none. */
export function indexOf({ metadata }: Pod): number | undefined {
  const text = metadata.annotations?.[JOB_INDEX];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** When the last container ended, or else what comes closest, epoch ms (`getFinishedTime`). */
export function finishedAtMs({ metadata, status }: Pod): number {
  let latest: number | undefined;
  for (const { state } of [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])]) {
    const finishedAt = state?.terminated?.finishedAt;
    if (finishedAt !== undefined) latest = Math.max(latest ?? 0, parseTime(finishedAt));
  }
  return latest ?? parseTime(metadata.deletionTimestamp ?? metadata.creationTimestamp ?? '');
}

/** What the failure of a pod means. */
export type FailureVerdict =
  | { readonly action: 'count' | 'ignore' | 'failIndex' }
  | { readonly action: 'failJob'; readonly message: string };

const COUNT: FailureVerdict = { action: 'count' };

/** By the first rule of the Job's policy that matches; counted when none does. */
export function judgeFailure(job: Job, pod: Pod): FailureVerdict {
  for (const [index, rule] of (job.spec.podFailurePolicy?.rules ?? []).entries()) {
    const why = matches(rule, pod, index);
    if (why === undefined) continue;
    switch (rule.action) {
      case 'Ignore':
        return { action: 'ignore' };
      case 'FailIndex':
        return { action: 'failIndex' };
      case 'FailJob':
        return { action: 'failJob', message: why };
      default:
        return COUNT;
    }
  }
  return COUNT;
}

/** Why the rule matches the pod; undefined when it does not. */
function matches(
  { onExitCodes, onPodConditions }: PodFailurePolicyRule,
  pod: Pod,
  index: number,
): string | undefined {
  const action = 'FailJob';
  if (onExitCodes !== undefined) {
    const { containerName, operator, values } = onExitCodes;
    const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
    for (const { name, state } of statuses) {
      const exitCode = state?.terminated?.exitCode;
      if (exitCode === undefined || exitCode === 0) continue;
      if (containerName !== undefined && containerName !== name) continue;
      if (values.includes(exitCode) !== (operator === 'In')) continue;
      return `Container ${name} for pod ${keyOf(pod)} failed with exit code ${exitCode} matching ${action} rule at index ${index}`;
    }
    return undefined;
  }
  for (const pattern of onPodConditions ?? []) {
    const found = pod.status?.conditions?.find(({ type }) => type === pattern.type);
    if (found?.status === (pattern.status ?? 'True')) {
      return `Pod ${keyOf(pod)} has condition ${pattern.type} matching ${action} rule at index ${index}`;
    }
  }
  return undefined;
}
