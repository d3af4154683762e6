/** The next steps of a StatefulSet: pure (pkg/controller/statefulset/stateful_set_control.go, updateStatefulSet). */

import type { Pod, StatefulSet } from '@orrery/api/gen/types.ts';
import { isBeingDeleted } from '@orrery/api/meta.ts';
import { resolveLimit } from '../limits.ts';
import { isPodAvailable, isPodTerminal } from '../pods.ts';
import { identityLabels, ordinalOf, ordinalsOf, revisionNameOf } from './identity.ts';

/** All that a plan is made from. */
export interface StatefulView {
  readonly set: StatefulSet;
  /** Names of the revision that pods are coming from and of the one they are going to. */
  readonly currentRevision: string;
  readonly updateRevision: string;
  /** The pods of the set, in any order. */
  readonly pods: readonly Pod[];
  readonly nowMs: number;
}

export type Step =
  | { readonly kind: 'create'; readonly ordinal: number; readonly revision: string }
  /** `why` is absent for scaling down and updates, which need no words. */
  | { readonly kind: 'delete'; readonly pod: Pod; readonly why?: 'failed' | 'succeeded' }
  | { readonly kind: 'label'; readonly pod: Pod; readonly labels: Record<string, string> };

/** Runs and serves: its successors may be started, or it may be replaced. */
export function isHealthy({ set, nowMs }: StatefulView, pod: Pod | undefined): boolean {
  if (pod === undefined || isBeingDeleted(pod) || pod.status?.phase !== 'Running') return false;
  return isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
}

/** Everything that is to be done now. In order unless the set allows bursts; after it the set is looked at again. */
export function planSteps(view: StatefulView): Step[] {
  const { set } = view;
  if (isBeingDeleted(set)) return [];
  const isOrdered = set.spec.podManagementPolicy !== 'Parallel';
  const { replicas, condemned } = byOrdinal(view);
  const steps: Step[] = [];
  const mayGoOn =
    planReplicas(view, replicas, isOrdered, steps) && planScaleDown(condemned, isOrdered, steps);
  if (mayGoOn) planUpdate(view, replicas, steps);
  return steps;
}

interface Ordered {
  /** By ordinal from the first on; undefined where there is no pod. */
  readonly replicas: readonly (Pod | undefined)[];
  /** Pods beyond the range, the highest ordinal first. */
  readonly condemned: readonly Pod[];
}

function byOrdinal({ set, pods }: StatefulView): Ordered {
  const { first, end } = ordinalsOf(set);
  const replicas = Array.from<Pod | undefined>({ length: end - first });
  const condemned: [number, Pod][] = [];
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal === undefined) continue;
    if (ordinal >= first && ordinal < end) replicas[ordinal - first] = pod;
    else condemned.push([ordinal, pod]);
  }
  condemned.sort(([a], [b]) => b - a);
  return { replicas, condemned: condemned.map(([, pod]) => pod) };
}

/** Brings every replica into being. False when an ordered set has to wait for one of them. */
function planReplicas(
  view: StatefulView,
  replicas: readonly (Pod | undefined)[],
  isOrdered: boolean,
  steps: Step[],
): boolean {
  const { first } = ordinalsOf(view.set);
  for (const [index, pod] of replicas.entries()) {
    const ordinal = first + index;
    if (pod === undefined) steps.push({ kind: 'create', ordinal, revision: revisionFor(view, ordinal) });
    else if (isPodTerminal(pod)) {
      // Its successor is made when it is gone: no two pods have one identity.
      if (!isBeingDeleted(pod)) {
        const why = pod.status?.phase === 'Failed' ? 'failed' : 'succeeded';
        steps.push({ kind: 'delete', pod, why });
      }
    } else {
      const labels = missingLabels(view.set, pod, ordinal);
      if (labels !== undefined) steps.push({ kind: 'label', pod, labels });
      if (!isOrdered || isHealthy(view, pod)) continue;
    }
    if (isOrdered) return false;
  }
  return true;
}

function missingLabels(set: StatefulSet, pod: Pod, ordinal: number): Record<string, string> | undefined {
  const wanted = identityLabels(set, ordinal);
  const { labels = {} } = pod.metadata;
  return Object.entries(wanted).every(([key, value]) => labels[key] === value) ? undefined : wanted;
}

/** Pods below the partition stay with the revision that the set comes from. */
function revisionFor({ set, currentRevision, updateRevision }: StatefulView, ordinal: number): string {
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  if (type !== 'RollingUpdate') return updateRevision;
  const { first } = ordinalsOf(set);
  const below = rollingUpdate?.partition ?? set.status?.currentReplicas ?? 0;
  return ordinal < first + below ? currentRevision : updateRevision;
}

/**
 * Takes away what is beyond the range, from the top: in an ordered set one after another, when all
 * that stay are well. False when an ordered set has to wait. (Upstream waits besides for the lower
 * ones of the pods that go, and so for ever when two of them are broken.)
 */
function planScaleDown(condemned: readonly Pod[], isOrdered: boolean, steps: Step[]): boolean {
  for (const pod of condemned) {
    if (!isBeingDeleted(pod)) steps.push({ kind: 'delete', pod });
    if (isOrdered) return false;
  }
  return true;
}

/** Replaces pods of other revisions, from the top down to the partition. */
function planUpdate(view: StatefulView, replicas: readonly (Pod | undefined)[], steps: Step[]): void {
  const { type, rollingUpdate } = view.set.spec.updateStrategy ?? {};
  if (type === 'OnDelete') return;
  const partition = rollingUpdate?.partition ?? 0;
  // A wish for one pod at a time goes through the pods in order and stops at the first that is not well.
  let room = maxUnavailable(view.set) - replicas.filter((each) => !isHealthy(view, each)).length;
  for (let index = replicas.length - 1; index >= partition; index -= 1) {
    const pod = replicas[index];
    if (pod === undefined || isBeingDeleted(pod) || isPodTerminal(pod)) continue;
    if (revisionNameOf(pod) === view.updateRevision) continue;
    // What does not serve is replaced in any case: nothing is lost by it.
    if (isHealthy(view, pod)) {
      if (room <= 0) continue;
      room -= 1;
    }
    steps.push({ kind: 'delete', pod });
  }
}

/** How many pods may be out of service during an update; at least one, or it would never go on. */
export function maxUnavailable({ spec }: StatefulSet): number {
  const limit = spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1;
  return Math.max(1, resolveLimit(limit, spec.replicas ?? 1, Math.ceil));
}
