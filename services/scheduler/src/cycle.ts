/** One decision: which node a pod goes to (pkg/scheduler/schedule_one.go, schedulePod). */

import { EquivalenceClass, EquivalenceClasses } from './equivalence.ts';
import type { Diagnosis } from './fit-error.ts';
import type { FilterPlugin, PodFilter, Rejection, ScorePlugin } from './plugins/plugin.ts';
import type { Profile } from './plugins/registry.ts';
import { Nominator } from './preemption/nominator.ts';
import type { NodeInfo } from './snapshot/node-info.ts';
import type { PodInfo } from './snapshot/pod-info.ts';
import type { Snapshot } from './snapshot/snapshot.ts';

/** The points of one plugin for each feasible node, in range and without its weight. */
export interface PluginScores {
  readonly plugin: ScorePlugin;
  readonly values: readonly number[];
}

/** How a decision came about. */
export interface DecisionTrace {
  readonly nodeCount: number;
  /** Nodes that a plugin kept the pod from, and why: two lists of one length, since there may be thousands. */
  readonly rejected: readonly NodeInfo[];
  readonly rejections: readonly NodeRejection[];
  readonly feasible: readonly NodeInfo[];
  /** Of feasible nodes; empty when there was nothing to choose. */
  readonly scores: readonly PluginScores[];
}

export type Decision =
  | {
      readonly nodeName: string;
      readonly evaluatedNodes: number;
      readonly feasibleNodes: number;
      readonly trace: DecisionTrace;
    }
  | {
      readonly nodeName: undefined;
      readonly diagnosis: Diagnosis;
      /** Nodes that might take the pod if others left, and the filters that would have to let it in. */
      readonly helpable: readonly NodeInfo[];
      readonly filters: readonly BoundFilter[];
      /** Where the pod is of a class of which more is known. */
      readonly equivalents?: EquivalenceClass | undefined;
      readonly trace: DecisionTrace;
    };

/** With fewer nodes than this, all are looked at. */
const MIN_FEASIBLE_NODES = 100;
const MIN_PERCENTAGE = 5;

/**
 * How many feasible nodes are enough to choose from (numFeasibleNodesToFind): half of
 * them in a small cluster, a falling share in a larger one, at least 5 % and 100; or the share that
 * is configured, in percent.
 */
export function feasibleNodesToFind(nodeCount: number, configured = 0): number {
  if (nodeCount < MIN_FEASIBLE_NODES) return nodeCount;
  const adaptive = Math.max(MIN_PERCENTAGE, 50 - Math.trunc(nodeCount / 125));
  const percentage = configured === 0 ? adaptive : configured;
  return Math.max(MIN_FEASIBLE_NODES, Math.trunc((nodeCount * percentage) / 100));
}

/** A plugin and what it found out about one pod. */
export interface BoundFilter {
  readonly plugin: FilterPlugin;
  readonly podFilter: PodFilter;
}

/** The filters that have a say about this pod, or why it is unfit for any node. */
interface PreFiltered {
  readonly filters: readonly BoundFilter[];
  readonly unfit?: { readonly plugin: FilterPlugin; readonly reason: string };
}

function runPreFilters(filters: readonly FilterPlugin[], pod: PodInfo, snapshot: Snapshot): PreFiltered {
  const bound: BoundFilter[] = [];
  for (const plugin of filters) {
    const podFilter = plugin.preFilter(pod, snapshot);
    if (podFilter === undefined) continue;
    if ('unfit' in podFilter) return { filters: bound, unfit: { plugin, reason: podFilter.unfit } };
    bound.push({ plugin, podFilter });
  }
  return { filters: bound };
}

/** What the plugins have to say about a pod before nodes are looked at; nobody when it is unfit for any. */
export function preFilter(profile: Profile, pod: PodInfo, snapshot: Snapshot): readonly BoundFilter[] {
  const { filters, unfit } = runPreFilters(profile.filters, pod, snapshot);
  return unfit === undefined ? filters : [];
}

/** Whether nothing but the nodes stands in the pod's way now. */
export function isFit(profile: Profile, pod: PodInfo, snapshot: Snapshot): boolean {
  return runPreFilters(profile.filters, pod, snapshot).unfit === undefined;
}

/** Whether verdicts on the pod depend on more than the node in question. */
export function spansNodes(profile: Profile, pod: PodInfo, snapshot: Snapshot): boolean {
  return runPreFilters(profile.filters, pod, snapshot).filters.some(({ podFilter }) => podFilter.spansNodes);
}

/** Whether one node could take the pod now, beside those that it is promised to. */
export function fitsNode(
  profile: Profile,
  pod: PodInfo,
  node: NodeInfo,
  { snapshot, nominator }: { snapshot: Snapshot; nominator: Nominator },
): boolean {
  const { filters, unfit } = runPreFilters(profile.filters, pod, snapshot);
  return unfit === undefined && rejectionOn(nominator, pod, filters, node) === undefined;
}

/** The nodes that pre-filters leave over, and who narrowed them down. */
function candidates(
  filters: readonly BoundFilter[],
  snapshot: Snapshot,
): { nodes: readonly NodeInfo[]; by: string[] } {
  let names: ReadonlySet<string> | undefined;
  const by: string[] = [];
  for (const { plugin, podFilter } of filters) {
    if (podFilter.nodeNames === undefined) continue;
    const these = podFilter.nodeNames;
    names = names === undefined ? these : new Set([...names].filter((name) => these.has(name)));
    by.push(plugin.name);
  }
  if (names === undefined) return { nodes: snapshot.nodes, by };
  const nodes = Array.from(names, (name) => snapshot.node(name)).filter((node) => node !== undefined);
  return { nodes, by: by.sort() };
}

export interface CycleOptions {
  profile: Profile;
  snapshot: Snapshot;
  /** A number in [0, 1): decides between nodes of equal score. */
  random: () => number;
  /** Who was promised which node; nobody unless given. */
  nominator?: Nominator;
}

/** Makes decisions one after another, each starting at the node where the one before stopped looking. */
export class SchedulingCycle {
  readonly #profile: Profile;
  readonly #snapshot: Snapshot;
  readonly #random: () => number;
  readonly #nominator: Nominator;
  readonly #classes = new EquivalenceClasses();
  #nextStartIndex = 0;

  constructor({ profile, snapshot, random, nominator = new Nominator() }: CycleOptions) {
    this.#profile = profile;
    this.#snapshot = snapshot;
    this.#random = random;
    this.#nominator = nominator;
  }

  /** Decides without side effects but the start index: the caller assumes the pod. */
  decide(pod: PodInfo): Decision {
    const nodeCount = this.#snapshot.nodes.length;
    if (nodeCount === 0) return nowhere({ nodeCount, reasons: new Map(), plugins: new Set() });
    const { filters, unfit } = runPreFilters(this.#profile.filters, pod, this.#snapshot);
    if (unfit !== undefined) {
      const plugins = new Set([unfit.plugin.name]);
      return nowhere({ nodeCount, reasons: new Map(), unfit: unfit.reason, plugins });
    }
    const promised = this.#promisedNode(pod, filters);
    if (promised !== undefined) {
      const trace = { nodeCount, rejected: [], rejections: [], feasible: [promised], scores: [] };
      return { nodeName: promised.name, evaluatedNodes: 1, feasibleNodes: 1, trace };
    }
    const equivalents = this.#equivalents(pod, filters);
    if (equivalents !== undefined) return hopeless(equivalents, filters, nodeCount);
    const { nodes, by } = candidates(filters, this.#snapshot);
    const reasons = new Map<string, number>();
    const plugins = new Set(by);
    const helpable: NodeInfo[] = [];
    const rejected: NodeInfo[] = [];
    const rejections: NodeRejection[] = [];
    const { feasible, evaluatedNodes } = this.#findFeasible(pod, filters, nodes, (node, why) => {
      const { plugin, rejection } = why;
      rejected.push(node);
      rejections.push(why);
      plugins.add(plugin.name);
      if (rejection.resolvable) helpable.push(node);
      for (const reason of rejection.reasons) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    });
    if (feasible.length === 0) {
      const made = this.#remember(pod, filters, rejected, rejections);
      if (made !== undefined) return hopeless(made, filters, nodeCount);
      const passedOver = nodeCount - nodes.length;
      if (passedOver > 0) reasons.set(`node(s) didn't satisfy plugin(s) [${by.join(' ')}]`, passedOver);
      const trace = { nodeCount, rejected, rejections, feasible, scores: [] };
      return { nodeName: undefined, diagnosis: { nodeCount, reasons, plugins }, helpable, filters, trace };
    }
    const scores: PluginScores[] = [];
    const best = feasible.length === 1 ? feasible[0]! : this.#choose(pod, feasible, scores);
    const trace = { nodeCount, rejected, rejections, feasible, scores };
    return { nodeName: best.name, evaluatedNodes, feasibleNodes: feasible.length, trace };
  }

  /** The pod's class, if it is known to fit nowhere. */
  #equivalents(pod: PodInfo, filters: readonly BoundFilter[]): EquivalenceClass | undefined {
    // Who holds a promise is judged otherwise by that one node.
    if (this.#nominator.nodeOf(pod.uid) !== undefined) return undefined;
    const found = this.#classes.find(pod, filters);
    if (found?.isHopeless((node) => rejectionOn(this.#nominator, pod, filters, node)) !== false) return found;
    this.#classes.forget(pod, filters);
    return undefined;
  }

  /** Every node has rejected the pod. */
  #remember(
    pod: PodInfo,
    filters: readonly BoundFilter[],
    rejected: readonly NodeInfo[],
    rejections: readonly NodeRejection[],
  ): EquivalenceClass | undefined {
    if (this.#nominator.nodeOf(pod.uid) !== undefined) return undefined;
    const make = (): EquivalenceClass => new EquivalenceClass(this.#snapshot, rejected, rejections);
    return this.#classes.remember(pod, filters, make);
  }

  /** Looks at nodes in turn until there are enough to choose from (findNodesThatPassFilters). */
  #findFeasible(
    pod: PodInfo,
    filters: readonly BoundFilter[],
    nodes: readonly NodeInfo[],
    onRejected: (node: NodeInfo, why: NodeRejection) => void,
  ): { feasible: NodeInfo[]; evaluatedNodes: number } {
    const enough = feasibleNodesToFind(nodes.length, this.#profile.percentageOfNodesToScore);
    const start = this.#nextStartIndex;
    const feasible: NodeInfo[] = [];
    let evaluatedNodes = 0;
    while (evaluatedNodes < nodes.length && feasible.length < enough) {
      const node = nodes[(start + evaluatedNodes) % nodes.length]!;
      evaluatedNodes += 1;
      const why = rejectionOn(this.#nominator, pod, filters, node);
      if (why === undefined) feasible.push(node);
      else onRejected(node, why);
    }
    this.#nextStartIndex = (start + evaluatedNodes) % this.#snapshot.nodes.length;
    return { feasible, evaluatedNodes };
  }

  /** The node that the pod was promised, if it fits there now. */
  #promisedNode(pod: PodInfo, filters: readonly BoundFilter[]): NodeInfo | undefined {
    const name = this.#nominator.nodeOf(pod.uid);
    const node = name === undefined ? undefined : this.#snapshot.node(name);
    if (node === undefined || rejectionOn(this.#nominator, pod, filters, node) !== undefined)
      return undefined;
    return filters.every(({ podFilter }) => podFilter.nodeNames?.has(node.name) !== false) ? node : undefined;
  }

  /** Adds the points that decide to `given`. */
  #choose(pod: PodInfo, feasible: readonly NodeInfo[], given: PluginScores[]): NodeInfo {
    const totals = Array.from<number>({ length: feasible.length }).fill(0);
    for (const plugin of this.#profile.scores) {
      const scorer = plugin.preScore(pod, feasible, this.#snapshot);
      if (scorer === undefined) continue;
      const scores = feasible.map((node) => scorer.score(node));
      scorer.normalize?.(scores);
      given.push({ plugin, values: scores });
      for (let index = 0; index < scores.length; index += 1) totals[index]! += scores[index]! * plugin.weight;
    }
    return feasible[this.#indexOfBest(totals)]!;
  }

  /** One of the highest, each with the same chance, in one pass (selectHost). */
  #indexOfBest(totals: readonly number[]): number {
    let best = 0;
    let ties = 1;
    for (let index = 1; index < totals.length; index += 1) {
      const difference = totals[index]! - totals[best]!;
      if (difference > 0) {
        best = index;
        ties = 1;
      } else if (difference === 0) {
        ties += 1;
        if (this.#random() * ties < 1) best = index;
      }
    }
    return best;
  }
}

export interface NodeRejection {
  readonly plugin: FilterPlugin;
  readonly rejection: Rejection;
}

/** What every node has against pods of this class. */
function hopeless(
  equivalents: EquivalenceClass,
  filters: readonly BoundFilter[],
  nodeCount: number,
): Decision {
  const { reasons, plugins, rejected, rejections } = equivalents;
  const helpable = rejected.filter((_, index) => rejections[index]!.rejection.resolvable);
  const trace = { nodeCount, rejected, rejections, feasible: [], scores: [] };
  const diagnosis = { nodeCount, reasons, plugins };
  return { nodeName: undefined, diagnosis, helpable, filters, equivalents, trace };
}

/** Nothing that happens on nodes would help. */
function nowhere(diagnosis: Diagnosis): Decision {
  const trace = { nodeCount: diagnosis.nodeCount, rejected: [], rejections: [], feasible: [], scores: [] };
  return { nodeName: undefined, diagnosis, helpable: [], filters: [], trace };
}

/**
 * Why the node cannot take the pod. Room that was promised to others as important is not
 * free; but who is promised may never come, so the pod has to fit without them as well
 * (RunFilterPluginsWithNominatedPods).
 */
function rejectionOn(
  nominator: Nominator,
  pod: PodInfo,
  filters: readonly BoundFilter[],
  node: NodeInfo,
): NodeRejection | undefined {
  const promised = nominator.on(node.name);
  if (promised.length > 0) {
    const others = promised.filter((each) => each.uid !== pod.uid && each.priority >= pod.priority);
    const why = others.length === 0 ? undefined : rejectionBeside(others, filters, node);
    if (why !== undefined) return why;
  }
  return firstRejection(filters, node);
}

/** As if the others were on the node already. */
function rejectionBeside(
  others: readonly PodInfo[],
  filters: readonly BoundFilter[],
  node: NodeInfo,
): NodeRejection | undefined {
  const copy = node.copy();
  const suppose = (sign: 1 | -1): void => {
    for (const other of others) {
      copy.count(other, sign);
      for (const { podFilter } of filters) podFilter.count?.(other, node, sign);
    }
  };
  suppose(1);
  const why = firstRejection(filters, copy);
  suppose(-1);
  return why;
}

/** What was said of the node before: nodes of one kind are rejected for one reason, and there may be thousands of them. */
let latest: NodeRejection | undefined;

function firstRejection(filters: readonly BoundFilter[], node: NodeInfo): NodeRejection | undefined {
  for (const { plugin, podFilter } of filters) {
    const rejection = podFilter.filter(node);
    if (rejection === undefined) continue;
    if (latest?.plugin !== plugin || latest.rejection !== rejection) latest = { plugin, rejection };
    return latest;
  }
  return undefined;
}
