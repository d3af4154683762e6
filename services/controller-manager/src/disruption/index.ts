/** Keeps the counts of disruption budgets (k8s.io/kubernetes/pkg/controller/disruption/disruption.go). */

import type { LabelSelector, NamespacedObject, Pod, PodDisruptionBudget } from '@orrery/api/gen/types.ts';
import { controllerOf, isBeingDeleted, keyOf, objectKey } from '@orrery/api/meta.ts';
import {
  Deployments,
  PodDisruptionBudgets,
  Pods,
  ReplicaSets,
  ReplicationControllers,
  type ResourceRef,
  StatefulSets,
} from '@orrery/api/resources.ts';
import { labelSelectorMatcher } from '@orrery/api/selectors.ts';
import { isNotFound } from '@orrery/api/status-error.ts';
import type { Informers } from '@orrery/client/informer.ts';
import type {
  Controller,
  ControllerContext,
  KeyQueue,
  ReconcileContext,
  ReconcileResult,
} from '@orrery/controller/controller.ts';
import { semanticallyEqual } from '../semantic-equality.ts';
import { budgetStatus, failedStatus, needsScale } from './plan.ts';

/** Pods change in bursts; one look serves all within this time. */
const COALESCE_MS = 25;

type Scaled = NamespacedObject & { spec: { replicas?: number } };

/** Kinds of controllers whose size is known. */
const SCALED = [
  ReplicationControllers,
  ReplicaSets,
  Deployments,
  StatefulSets,
] as readonly ResourceRef[] as readonly ResourceRef<Scaled>[];

/** The object that decides how many pods there are: that of the pod, or who controls it in turn. */
function scaleOwner(informers: Informers, object: NamespacedObject): Scaled | undefined {
  const reference = controllerOf(object);
  const resource = SCALED.find(({ kind }) => kind === reference?.kind);
  if (reference === undefined || resource === undefined) return undefined;
  const key = objectKey(object.metadata.namespace, reference.name);
  const owner = informers.of(resource).lister.get(key);
  if (owner?.metadata.uid !== reference.uid) return undefined;
  return scaleOwner(informers, owner) ?? owner;
}

/** The sizes of the controllers of these pods together; the pod without one that is known, if there is such a pod. */
function expectedScale(informers: Informers, pods: readonly Pod[]): number | Pod {
  const owners = new Map<string, number>();
  for (const pod of pods) {
    if (controllerOf(pod) === undefined) continue;
    const owner = scaleOwner(informers, pod);
    if (owner === undefined) return pod;
    owners.set(owner.metadata.uid, owner.spec.replicas ?? 1);
  }
  return [...owners.values()].reduce((sum, replicas) => sum + replicas, 0);
}

/** A selector as Go prints it. */
function goText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.keys(matchLabels)
    .sort()
    .map((key) => `${key}: ${matchLabels[key]},`);
  const expressions = matchExpressions.map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`;
}

export function disruptionController({ informers, events, clock }: ControllerContext): Controller {
  const budgets = informers.of(PodDisruptionBudgets);
  const pods = informers.of(Pods);
  const matcherOf = ({ spec }: PodDisruptionBudget): ((pod: Pod) => boolean) => {
    const matches = labelSelectorMatcher(spec?.selector);
    return ({ metadata }) => matches(metadata.labels);
  };

  /** A share of pods is counted by what their controllers want; nobody wants bare pods. */
  const tellOfUnmanaged = (budget: PodDisruptionBudget, matching: readonly Pod[]): void => {
    if (matching.every((pod) => controllerOf(pod) !== undefined)) return;
    const selector = goText(budget.spec?.selector ?? {});
    const text = `Pods selected by this PodDisruptionBudget (selector: ${selector}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`;
    events.warning({ resource: PodDisruptionBudgets, object: budget }, 'UnmanagedPods', text);
  };

  const setup = (queue: KeyQueue): void => {
    const enqueueFor = (pod: Pod): void => {
      for (const budget of budgets.lister.list(pod.metadata.namespace)) {
        if (matcherOf(budget)(pod)) queue.addAfter(keyOf(budget), COALESCE_MS);
      }
    };
    const enqueueNamespace = ({ metadata }: NamespacedObject): void => {
      for (const budget of budgets.lister.list(metadata.namespace))
        queue.addAfter(keyOf(budget), COALESCE_MS);
    };
    budgets.addHandler({
      add: (budget) => queue.add(keyOf(budget)),
      update: (budget) => queue.add(keyOf(budget)),
    });
    pods.addHandler({
      add: enqueueFor,
      update: (pod, before) => {
        enqueueFor(pod);
        if (pod.metadata.labels !== before.metadata.labels) enqueueFor(before);
      },
      delete: enqueueFor,
    });
    for (const resource of SCALED) {
      informers.of(resource).addHandler({
        add: enqueueNamespace,
        update: (object, before) => {
          if (object.spec.replicas !== before.spec.replicas) enqueueNamespace(object);
        },
      });
    }
  };

  const reconcile = async (key: string, { client }: ReconcileContext): Promise<ReconcileResult> => {
    const budget = budgets.lister.get(key);
    if (budget === undefined || isBeingDeleted(budget)) return {};
    const nowMs = clock.now();
    const subject = { resource: PodDisruptionBudgets, object: budget };
    const matching = pods.lister.list(budget.metadata.namespace).filter(matcherOf(budget));
    if (matching.length === 0) events.normal(subject, 'NoPods', 'No matching pods found');
    const scale = needsScale(budget) ? expectedScale(informers, matching) : 0;
    const isKnown = typeof scale === 'number';
    const message = isKnown ? '' : `found no controllers for pod "${scale.metadata.name}"`;
    if (!isKnown) {
      const text = `Failed to calculate the number of expected pods: ${message}`;
      events.warning(subject, 'CalculateExpectedPodCountFailed', text);
    }
    if (isKnown && needsScale(budget)) tellOfUnmanaged(budget, matching);
    const { status, recheckMs } = isKnown
      ? budgetStatus({ budget, pods: matching, expectedScale: scale, nowMs })
      : { status: failedStatus(budget, message, nowMs), recheckMs: undefined };
    if (!semanticallyEqual(status, budget.status)) {
      try {
        // Conditional on the version that was counted: an eviction granted meanwhile must not be given back.
        await client.updateStatus(PodDisruptionBudgets, { ...budget, status });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    return recheckMs === undefined ? {} : { requeueAfterMs: Math.max(0, recheckMs) };
  };

  return { name: 'disruption-controller', workers: 2, setup, reconcile };
}
