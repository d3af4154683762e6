/** What a DaemonSet needs on its nodes: pure (k8s.io/kubernetes/pkg/controller/daemon, podsShouldBeOnNode). */

import type { DaemonSet, Node, Pod } from '@orrery/api/gen/types.ts';
import { isBeingDeleted } from '@orrery/api/meta.ts';
import { isPodAvailable, isPodReady } from '../pods.ts';
import { type DaemonVersion, isUpToDate } from './daemon-pods.ts';
import type { NodeEligibility } from './node-eligibility.ts';

/** All that a plan is made from. */
export interface DaemonView {
  readonly daemonSet: DaemonSet;
  readonly version: DaemonVersion;
  readonly nodes: readonly Node[];
  readonly eligibility: NodeEligibility;
  /** The DaemonSet's pods by the node that they are for. */
  readonly pods: ReadonlyMap<string, readonly Pod[]>;
  /** How many pods may exist above one for each node, and how many nodes may be without; one of them is 0. */
  readonly limits: { readonly maxSurge: number; readonly maxUnavailable: number };
  readonly nowMs: number;
}

export interface DaemonPlan {
  /** Names of nodes to make a pod for. */
  readonly create: string[];
  readonly remove: Pod[];
}

/** A plan, and what it found broken: such pods are in `remove` unless they are to wait. */
export interface PlacementPlan extends DaemonPlan {
  /** Pods that failed, to be replaced. */
  readonly failed: Pod[];
  /** Pods that ended well, although they were to run for ever. */
  readonly succeeded: Pod[];
}

/**
 * One pod on every node that should have one and none elsewhere; of several the oldest stays.
 * `isHeldBack`: a failed pod of this node was replaced lately, and the next one waits.
 */
export function planPlacement(view: DaemonView, isHeldBack: (nodeName: string) => boolean): PlacementPlan {
  const plan: PlacementPlan = { create: [], remove: [], failed: [], succeeded: [] };
  const known = new Set<string>();
  for (const node of view.nodes) {
    known.add(node.metadata.name);
    planNode(view, node, isHeldBack, plan);
  }
  // Pods for nodes that are gone are never bound, so nobody else removes them.
  for (const [name, pods] of view.pods) {
    if (known.has(name)) continue;
    plan.remove.push(...pods.filter((each) => (each.spec.nodeName ?? '') === '' && !isBeingDeleted(each)));
  }
  return plan;
}

function planNode(
  view: DaemonView,
  node: Node,
  isHeldBack: (nodeName: string) => boolean,
  plan: PlacementPlan,
): void {
  const { name } = node.metadata;
  const { shouldRun, shouldContinue } = view.eligibility.of(node);
  const pods = view.pods.get(name) ?? [];
  if (pods.length === 0) {
    if (shouldRun) plan.create.push(name);
    return;
  }
  const staying = pods.filter((each) => !isBeingDeleted(each));
  if (!shouldContinue) {
    plan.remove.push(...staying);
    return;
  }
  const running = withoutEnded(staying, isHeldBack(name), plan);
  if (view.limits.maxSurge === 0) plan.remove.push(...oldestFirst(running).slice(1));
  else if (running.length > 1) plan.remove.push(...surplus(view, running));
  else if (running.length === 0 && shouldRun && staying.length === 0) plan.create.push(name);
}

/** Daemons run for ever: one that has ended is replaced. */
function withoutEnded(pods: readonly Pod[], isHeldBack: boolean, plan: PlacementPlan): Pod[] {
  const running: Pod[] = [];
  for (const pod of pods) {
    const phase = pod.status?.phase;
    if (phase === 'Failed') {
      plan.failed.push(pod);
      if (!isHeldBack) plan.remove.push(pod);
    } else if (phase === 'Succeeded') {
      plan.succeeded.push(pod);
      plan.remove.push(pod);
    } else running.push(pod);
  }
  return running;
}

/**
 * With surge two pods may be on a node: an old one that is ready and its successor that is not
 * available yet. When both are no good, the successor stays.
 */
function surplus({ version, daemonSet, nowMs }: DaemonView, running: readonly Pod[]): Pod[] {
  const ordered = oldestFirst(running);
  const newPod = ordered.find((each) => isUpToDate(each, version));
  const oldPod = ordered.find((each) => !isUpToDate(each, version));
  const remove = ordered.filter((each) => each !== newPod && each !== oldPod);
  if (newPod === undefined || oldPod === undefined) return remove;
  const isReplaced = isPodAvailable(newPod, daemonSet.spec.minReadySeconds ?? 0, nowMs);
  return isReplaced || !isPodReady(oldPod) ? [...remove, oldPod] : remove;
}

/** Bound before unbound, then by age and name (`podByCreationTimestampAndPhase`). */
export function oldestFirst(pods: readonly Pod[]): Pod[] {
  if (pods.length < 2) return [...pods];
  const rank = ({ spec, metadata }: Pod): string =>
    `${(spec.nodeName ?? '') === '' ? 1 : 0} ${metadata.creationTimestamp ?? ''} ${metadata.name}`;
  return pods.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
}
