/**
 * Which pods would have to go for another to fit, and where that hurts least: pure
 * (pkg/scheduler/framework/preemption and plugins/defaultpreemption).
 */

import type { PodDisruptionBudget } from '@orrery/api/gen/types.ts';
import { labelSelectorMatcher } from '@orrery/api/selectors.ts';
import type { BoundFilter } from '../cycle.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';

/** A node and the pods that would have to leave it. */
export interface Candidate {
  readonly node: NodeInfo;
  /** The most important first. */
  readonly victims: readonly PodInfo[];
  /** Victims whose loss their budget does not allow. */
  readonly violations: number;
  /** Of the priorities of all victims, with an offset each that makes sums of negative ones comparable. */
  readonly prioritySum: number;
  /** When the first of the most important victims began. */
  readonly earliestStart: string;
}

/** Higher priority first, then who has been running longer (`MoreImportantPod`). */
function byImportance(a: PodInfo, b: PodInfo): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  return startOf(a) < startOf(b) ? -1 : 1;
}

function startOf({ pod }: PodInfo): string {
  return pod.status?.startTime ?? pod.metadata.creationTimestamp ?? '';
}

/** What the search for victims goes by. */
export interface PreemptionView {
  readonly filters: readonly BoundFilter[];
  readonly budgets: readonly PodDisruptionBudget[];
  /** Pods that are promised a node: they are on it already, as it were. */
  readonly promised: (nodeName: string) => readonly PodInfo[];
}

/**
 * The fewest and least important pods of the node that have to go, or undefined when even
 * without all that are less important the pod would not fit (`SelectVictimsOnNode`). The filters
 * are left as they were.
 */
export function victimsOn(
  info: PodInfo,
  node: NodeInfo,
  { filters, budgets, promised }: PreemptionView,
): Candidate | undefined {
  const lower: PodInfo[] = [];
  for (const pod of node.pods.values()) if (pod.priority < info.priority) lower.push(pod);
  if (lower.length === 0) return undefined;
  const copy = node.copy();
  const suppose = (pod: PodInfo, sign: 1 | -1): void => {
    copy.count(pod, sign);
    for (const { podFilter } of filters) podFilter.count?.(pod, node, sign);
  };
  const fits = (): boolean => filters.every(({ podFilter }) => podFilter.filter(copy) === undefined);
  const others = promised(node.name).filter(
    (each) => each.uid !== info.uid && each.priority >= info.priority,
  );
  for (const pod of others) suppose(pod, 1);
  for (const pod of lower) suppose(pod, -1);
  const { victims, violations } = fits()
    ? withoutSpared(lower, budgets, suppose, fits)
    : { victims: lower, violations: -1 };
  // The filters are shared by all nodes: what was supposed is taken back.
  for (const pod of victims) suppose(pod, 1);
  for (const pod of others) suppose(pod, -1);
  return violations < 0 || victims.length === 0 ? undefined : candidateOf(node, victims, violations);
}

/** Spares as many as there is room for, those whose loss hurts most first. */
function withoutSpared(
  lower: PodInfo[],
  budgets: readonly PodDisruptionBudget[],
  suppose: (pod: PodInfo, sign: 1 | -1) => void,
  fits: () => boolean,
): { victims: PodInfo[]; violations: number } {
  const { violating, others } = byBudgets(lower.sort(byImportance), budgets);
  const victims: PodInfo[] = [];
  let violations = 0;
  const all = violating.length === 0 ? others : [...violating, ...others];
  for (let index = 0; index < all.length; index += 1) {
    const pod = all[index]!;
    suppose(pod, 1);
    if (fits()) continue;
    suppose(pod, -1);
    victims.push(pod);
    if (index < violating.length) violations += 1;
  }
  return { victims: violations === 0 ? victims : victims.sort(byImportance), violations };
}

/** Tells pods apart by whether their budgets allow their loss, one after another (`filterPodsWithPDBViolation`). */
function byBudgets(
  pods: readonly PodInfo[],
  budgets: readonly PodDisruptionBudget[],
): { violating: PodInfo[]; others: readonly PodInfo[] } {
  if (budgets.length === 0) return { violating: [], others: pods };
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

/** `victims`: at least one, the most important first. */
export function candidateOf(node: NodeInfo, victims: readonly PodInfo[], violations: number): Candidate {
  const prioritySum = sumOfPriorities(victims);
  return { node, victims, violations, prioritySum, earliestStart: earliestStart(victims) };
}

/** Makes sums of priorities comparable where some are negative. */
const PRIORITY_OFFSET = 2 ** 31;

function sumOfPriorities(victims: readonly PodInfo[]): number {
  return victims.reduce((sum, { priority }) => sum + priority + PRIORITY_OFFSET, 0);
}

function earliestStart(victims: readonly PodInfo[]): string {
  const highest = victims[0]!.priority;
  let earliest = startOf(victims[0]!);
  for (const victim of victims) {
    if (victim.priority === highest && startOf(victim) < earliest) earliest = startOf(victim);
  }
  return earliest;
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
    a.prioritySum - b.prioritySum ||
    a.victims.length - b.victims.length ||
    (a.earliestStart > b.earliestStart ? -1 : a.earliestStart < b.earliestStart ? 1 : 0)
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
  nodes: readonly NodeInfo[],
  candidateOn: (node: NodeInfo) => Candidate | undefined,
  { random, nodeCount }: { random: () => number; nodeCount: number },
): PreemptionSearch {
  const enough = Math.max(MIN_CANDIDATES, Math.trunc((nodeCount * MIN_CANDIDATES_PERCENT) / 100));
  const start = Math.trunc(random() * nodes.length);
  const found: Candidate[] = [];
  let withoutVictims = 0;
  for (let at = 0; at < nodes.length && found.length < enough; at += 1) {
    const node = nodes[(start + at) % nodes.length]!;
    const candidate = candidateOn(node);
    if (candidate === undefined) withoutVictims += 1;
    else found.push(candidate);
  }
  return { best: leastHarmful(found), withoutVictims };
}
