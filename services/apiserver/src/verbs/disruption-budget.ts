/** Whether a pod's disruption budget can spare it (pkg/registry/core/pod/storage/eviction.go, checkAndDecrement). */

import { UNCOUNTED } from '@orrery/api/disruption.ts';
import type { Condition, Pod, PodDisruptionBudget } from '@orrery/api/gen/types.ts';
import { formatTime, isBeingDeleted } from '@orrery/api/meta.ts';
import { PodDisruptionBudgets } from '@orrery/api/resources.ts';
import { labelSelectorMatcher } from '@orrery/api/selectors.ts';
import { forbidden, StatusError, tooManyRequests } from '@orrery/api/status-error.ts';
import { podDisruptionBudgetsDefinition } from '../registry/poddisruptionbudget.ts';
import type { RequestContext } from './api.ts';
import type { VerbDependencies } from './dependencies.ts';
import { decodeObject, storeName } from './encoding.ts';
import { readChangeWrite } from './read-change-write.ts';

/** Evictions that the controller has not confirmed yet. */
const MAX_DISRUPTED_PODS = 2_000;

const REFUSAL = "Cannot evict pod as it would violate the pod's disruption budget.";

/** A budget that has not caught up with its own spec is asked again after so long. */
const RETRY_AFTER_SECONDS = 10;

/** Pods whose loss no budget counts: they have ended, have not begun, or are going. */
function isBeyondBudgets(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending' || isBeingDeleted(pod);
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
}

/**
 * Takes one disruption from the budget that the pod falls under, if any. The write is conditional
 * on the budget as it was read, so many evictions at once never take more than there is.
 * @throws StatusError 429 when the budget has none left, 500 when the pod falls under several
 */
export async function takeDisruption(
  dependencies: VerbDependencies,
  pod: Pod,
  context: RequestContext,
): Promise<void> {
  if (isBeyondBudgets(pod)) return;
  const { namespace, name } = pod.metadata;
  const resource = storeName(podDisruptionBudgetsDefinition);
  const { items } = await dependencies.store.list({ resource, namespace });
  const budgets = items
    .map((item) => decodeObject(item) as PodDisruptionBudget)
    .filter(({ spec }) => labelSelectorMatcher(spec?.selector)(pod.metadata.labels));
  if (budgets.length > 1) {
    const message =
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
    throw new StatusError(500, 'InternalError', message);
  }
  const [budget] = budgets;
  if (budget === undefined || isSpared(budget, pod)) return;
  const nowMs = dependencies.clock.now();
  await readChangeWrite(
    dependencies,
    podDisruptionBudgetsDefinition,
    namespace,
    budget.metadata.name,
    (current) => withDisruption(current as PodDisruptionBudget, name, nowMs),
    context,
  );
}

/** A pod that serves nobody may go: always, or when enough others serve (KEP-3017). */
function isSpared({ spec, status }: PodDisruptionBudget, pod: Pod): boolean {
  if (isReady(pod)) return false;
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy, desiredHealthy } = status ?? UNCOUNTED;
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy;
}

function withDisruption(budget: PodDisruptionBudget, podName: string, nowMs: number): PodDisruptionBudget {
  const { metadata, status = UNCOUNTED } = budget;
  const { disruptionsAllowed, disruptedPods = {}, currentHealthy, desiredHealthy } = status;
  const refuse = (message: string, retryAfterSeconds: number): StatusError =>
    tooManyRequests(REFUSAL, retryAfterSeconds, [{ reason: 'DisruptionBudget', message }]);
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) {
    const message = `The disruption budget ${metadata.name} is still being processed by the server.`;
    throw refuse(message, RETRY_AFTER_SECONDS);
  }
  if (disruptionsAllowed < 0) {
    throw forbidden(PodDisruptionBudgets, metadata.name, 'pdb disruptions allowed is negative');
  }
  if (Object.keys(disruptedPods).length > MAX_DISRUPTED_PODS) {
    const why = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller';
    throw forbidden(PodDisruptionBudgets, metadata.name, why);
  }
  if (disruptionsAllowed === 0) {
    const failed = status.conditions?.find(
      ({ type, reason }) => type === 'DisruptionAllowed' && reason === 'SyncFailed',
    );
    const message =
      failed === undefined
        ? `The disruption budget ${metadata.name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`
        : `The disruption budget ${metadata.name} does not allow evicting pods currently because it failed sync: ${failed.message}`;
    throw refuse(message, 0);
  }
  const left = disruptionsAllowed - 1;
  const generation = metadata.generation ?? 0;
  return {
    ...budget,
    metadata: { ...metadata },
    status: {
      ...status,
      disruptionsAllowed: left,
      disruptedPods: { ...disruptedPods, [podName]: formatTime(nowMs) },
      ...(left > 0 ? {} : { conditions: withoutRoom(status.conditions, generation, nowMs) }),
    },
  };
}

function withoutRoom(
  conditions: readonly Condition[] = [],
  observedGeneration: number,
  nowMs: number,
): Condition[] {
  const condition: Condition = {
    type: 'DisruptionAllowed',
    status: 'False',
    reason: 'InsufficientPods',
    message: '',
    lastTransitionTime: formatTime(nowMs),
    observedGeneration,
  };
  return [...conditions.filter(({ type }) => type !== condition.type), condition];
}
