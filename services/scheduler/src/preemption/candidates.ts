/**
 * Which pods would have to go for another to fit, and where that hurts least: pure
 * (pkg/scheduler/framework/preemption and plugins/defaultpreemption).
 */

import type { PodDisruptionBudget } from '@orrery/api/gen/types.ts';
import { labelSelectorMatcher } from '@orrery/api/selectors.ts';
import type { BoundFilter } from '../cycle.ts';
import { type NodeInfo, nodeCopy } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';

/** A node and the pods that would have to leave it. */
export interface Candidate {
  readonly node: NodeInfo;
  /** The most important first. */
  readonly victims: readonly PodInfo[];
  /** Victims whose loss their budget does not allow. */
  readonly violations: number;
}

/** Higher priority first, then who has been running longer (`MoreImportantPod`). */
function byImportance(a: PodInfo, b: PodInfo): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  return startOf(a) < startOf(b) ? -1 : 1;
}

function startOf({ pod }: PodInfo): string {
  return pod.status?.startTime ?? pod.metadata.creationTimestamp ?? '';
}

/**
 * The fewest and least important pods of the node that have to go, or undefined when even
 * without all that are less important the pod would not fit (`SelectVictimsOnNode`). The filters
 * are left as they were.
 */
export function victimsOn(
  info: PodInfo,
  node: NodeInfo,
  filters: readonly BoundFilter[],
  budgets: readonly PodDisruptionBudget[],
): Candidate | undefined {
  const lower = [...node.pods.values()].filter(({ priority }) => priority < info.priority);
  if (lower.length === 0) return undefined;
  const copy = nodeCopy(node);
  const suppose = (pod: PodInfo, sign: 1 | -1): void => {
    copy.count(pod, sign);
    for (const { podFilter } of filters) podFilter.count?.(pod, node, sign);
  };
  const fits = (): boolean => filters.every(({ podFilter }) => podFilter.filter(copy) === undefined);
  for (const pod of lower) suppose(pod, -1);
  const gone = new Set(lower);
  let violations = 0;
  const isPossible = fits();
  if (isPossible) {
    const { violating, others } = byBudgets(lower.toSorted(byImportance), budgets);
    // Those whose loss hurts most are spared first.
    for (const pod of [...violating, ...others]) {
      suppose(pod, 1);
      if (fits()) gone.delete(pod);
      else {
        suppose(pod, -1);
        if (violating.includes(pod)) violations += 1;
      }
    }
  }
  const victims = [...gone].sort(byImportance);
  for (const pod of victims) suppose(pod, 1);
  return isPossible && victims.length > 0 ? { node, victims, violations } : undefined;
}

/** Tells pods apart by whether their budgets allow their loss, one after another (`filterPodsWithPDBViolation`). */
function byBudgets(
  pods: readonly PodInfo[],
  budgets: readonly PodDisruptionBudget[],
): { violating: PodInfo[]; others: PodInfo[] } {
  const left = budgets.map(({ metadata, spec, status }) => ({
    namespace: metadata.namespace,
    matches: labelSelectorMatcher(spec?.selector),
    disrupted: status?.disruptedPods ?? {},
    allowed: status?.disruptionsAllowed ?? 0,
  }));
  const violating: PodInfo[] = [];
  const others: PodInfo[] = [];
  for (const info of pods) {
    const { namespace, name, labels } = info.pod.metadata;
    let isViolation = false;
    for (const budget of left) {
      if (budget.namespace !== namespace || labels === undefined || !budget.matches(labels)) continue;
      // An eviction that was granted is counted already.
      if (Object.hasOwn(budget.disrupted, name)) continue;
      budget.allowed -= 1;
      isViolation ||= budget.allowed < 0;
    }
    (isViolation ? violating : others).push(info);
  }
  return { violating, others };
}

/** Makes sums of priorities comparable where some are negative. */
const PRIORITY_OFFSET = 2 ** 31;

function sumOfPriorities({ victims }: Candidate): number {
  return victims.reduce((sum, { priority }) => sum + priority + PRIORITY_OFFSET, 0);
}

/** When the first of the most important victims began. */
function earliestStart({ victims }: Candidate): string {
  const highest = victims[0]!.priority;
  return victims
    .filter(({ priority }) => priority === highest)
    .map(startOf)
    .reduce((first, each) => (each < first ? each : first));
}

/**
 * Where preemption hurts least: the fewest budgets broken, the lowest highest priority, the
 * lowest sum of priorities, the fewest victims, those that began latest (`pickOneNodeForPreemption`).
 */
export function leastHarmful(candidates: readonly Candidate[]): Candidate | undefined {
  return candidates.reduce<Candidate | undefined>(
    (best, each) => (best === undefined || compare(each, best) < 0 ? each : best),
    undefined,
  );
}

function compare(a: Candidate, b: Candidate): number {
  return (
    a.violations - b.violations ||
    a.victims[0]!.priority - b.victims[0]!.priority ||
    sumOfPriorities(a) - sumOfPriorities(b) ||
    a.victims.length - b.victims.length ||
    (earliestStart(a) > earliestStart(b) ? -1 : earliestStart(a) < earliestStart(b) ? 1 : 0)
  );
}

const MIN_CANDIDATES_PERCENT = 10;
const MIN_CANDIDATES = 100;

/** What came of the search. */
export interface PreemptionSearch {
  readonly best: Candidate | undefined;
  /** Nodes looked at on which nobody could be sent away. */
  readonly withoutVictims: number;
}

/**
 * Looks at nodes, from a place by chance on, until there are enough to choose from
 * (minCandidateNodesPercentage and minCandidateNodesAbsolute).
 */
export function searchCandidates(
  info: PodInfo,
  nodes: readonly NodeInfo[],
  filters: readonly BoundFilter[],
  {
    budgets,
    random,
    nodeCount,
  }: { budgets: readonly PodDisruptionBudget[]; random: () => number; nodeCount: number },
): PreemptionSearch {
  const enough = Math.max(MIN_CANDIDATES, Math.trunc((nodeCount * MIN_CANDIDATES_PERCENT) / 100));
  const start = Math.trunc(random() * nodes.length);
  const found: Candidate[] = [];
  let withoutVictims = 0;
  for (let at = 0; at < nodes.length && found.length < enough; at += 1) {
    const node = nodes[(start + at) % nodes.length]!;
    const candidate = victimsOn(info, node, filters, budgets);
    if (candidate === undefined) withoutVictims += 1;
    else found.push(candidate);
  }
  return { best: leastHarmful(found), withoutVictims };
}
