/** From one template to the next, node by node: pure (k8s.io/kubernetes/pkg/controller/daemon/update.go, rollingUpdate). */

import type { DaemonSet, Pod } from '@orrery/api/gen/types.ts';
import { isBeingDeleted } from '@orrery/api/meta.ts';
import { resolveLimit } from '../limits.ts';
import { isPodAvailable } from '../pods.ts';
import { isUpToDate } from './daemon-pods.ts';
import type { DaemonPlan, DaemonView } from './plan.ts';

/** maxSurge and maxUnavailable of so many wanted pods. Percentages round up, both of them, and one is never 0. */
export function daemonLimits({ spec }: DaemonSet, desired: number): DaemonView['limits'] {
  const { type, rollingUpdate = {} } = spec.updateStrategy ?? {};
  if (type === 'OnDelete') return { maxSurge: 0, maxUnavailable: 0 };
  const maxSurge = resolveLimit(rollingUpdate.maxSurge, desired, Math.ceil);
  const maxUnavailable = resolveLimit(rollingUpdate.maxUnavailable, desired, Math.ceil);
  return maxSurge === 0 && maxUnavailable === 0
    ? { maxSurge, maxUnavailable: 1 }
    : { maxSurge, maxUnavailable: maxSurge > 0 ? 0 : maxUnavailable };
}

/** The pods of one node by version; undefined when there are several of one, which the placement puts right. */
interface NodePods {
  readonly newPod: Pod | undefined;
  readonly oldPod: Pod | undefined;
}

function podsOfNode({ version }: DaemonView, pods: readonly Pod[]): NodePods | undefined {
  let newPod: Pod | undefined;
  let oldPod: Pod | undefined;
  for (const pod of pods) {
    if (isBeingDeleted(pod)) continue;
    if (isUpToDate(pod, version)) {
      if (newPod !== undefined) return undefined;
      newPod = pod;
    } else {
      if (oldPod !== undefined) return undefined;
      oldPod = pod;
    }
  }
  return { newPod, oldPod };
}

/** The next step of a rolling update; nothing when there is none or the limits leave no room. */
export function planRollingUpdate(view: DaemonView): DaemonPlan {
  if (view.daemonSet.spec.updateStrategy?.type === 'OnDelete') return { create: [], remove: [] };
  return view.limits.maxSurge > 0 ? planSurge(view) : planReplacement(view);
}

/**
 * Deletes old pods so that no more nodes than `maxUnavailable` are without an available one; the
 * placement then makes the new ones. An old pod that is not available goes in any case: nothing
 * is lost by it. It counts against the limit, since its node is without a daemon now (upstream
 * lets available ones go besides, and then has too many nodes without).
 */
function planReplacement(view: DaemonView): DaemonPlan {
  const { daemonSet, nowMs, limits } = view;
  const minReadySeconds = daemonSet.spec.minReadySeconds ?? 0;
  let unavailable = 0;
  const broken: Pod[] = [];
  const candidates: Pod[] = [];
  for (const node of view.nodes) {
    const present = view.pods.get(node.metadata.name);
    if (present === undefined) {
      if (view.eligibility.of(node).shouldRun) unavailable += 1;
      continue;
    }
    const pods = podsOfNode(view, present);
    const only = pods?.oldPod === undefined ? pods?.newPod : pods.oldPod;
    const isOnly = only !== undefined && (pods?.oldPod === undefined || pods.newPod === undefined);
    if (!isOnly || !isPodAvailable(only, minReadySeconds, nowMs)) {
      unavailable += 1;
      if (isOnly && only === pods?.oldPod) broken.push(only);
    } else if (only === pods?.oldPod) candidates.push(only);
  }
  const room = Math.max(0, limits.maxUnavailable - unavailable);
  return { create: [], remove: [...broken, ...candidates.slice(0, room)] };
}

/**
 * Makes new pods beside old ones, at most `maxSurge` beside old ones that are available, and
 * removes an old one when its successor is available.
 */
function planSurge(view: DaemonView): DaemonPlan {
  const { daemonSet, nowMs, limits } = view;
  const isAvailable = (pod: Pod): boolean => isPodAvailable(pod, daemonSet.spec.minReadySeconds ?? 0, nowMs);
  let surging = 0;
  const remove: Pod[] = [];
  const atOnce: string[] = [];
  const candidates: string[] = [];
  for (const node of view.nodes) {
    const { name } = node.metadata;
    const pods = podsOfNode(view, view.pods.get(name) ?? []);
    if (pods === undefined) surging += 1;
    else if (pods.oldPod === undefined) continue;
    else if (pods.newPod !== undefined) {
      if (isAvailable(pods.newPod)) remove.push(pods.oldPod);
      else surging += 1;
    } else if (!view.eligibility.of(node).shouldRun) continue;
    else if (isAvailable(pods.oldPod)) candidates.push(name);
    else atOnce.push(name);
  }
  const room = Math.max(0, limits.maxSurge - surging);
  return { create: [...atOnce, ...candidates.slice(0, room)], remove };
}
