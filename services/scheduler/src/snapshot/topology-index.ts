/**
 * What decisions ask about pods on other nodes, kept current change by change, so that a decision
 * looks at no node but its candidates, however many nodes and pods there are. Upstream counts anew
 * in every cycle (podtopologyspread and interpodaffinity, PreFilter), on many cores.
 */

import type { Pod } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import type { Labels } from '@orrery/api/selectors.ts';
import { DomainCounts } from './domain-counts.ts';
import { addCount, type NodeState } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';
import { type AffinityTerm, type NamespaceLabels, termConcerns } from './pod-terms.ts';

/** Which pods to count, on which nodes, in which domains. */
export interface DomainQuery {
  /** The same for queries that mean the same. */
  readonly key: string;
  readonly topologyKey: string;
  readonly matchesPod: (info: PodInfo) => boolean;
  /** Nodes that count, all of them when absent; asked once for each version of a node. */
  readonly matchesNode?: (node: NodeState) => boolean;
}

/** Queries that are kept; more belong to pods that have long been placed. */
const MAX_QUERIES = 256;

interface Counted {
  readonly query: DomainQuery;
  readonly counts: DomainCounts;
  /** The domain of each node that counts. */
  readonly domainOf: Map<NodeState, string>;
}

/** A term that pods here have, and where they are. */
interface PresentTerm {
  readonly term: AffinityTerm;
  readonly weight: number;
  /** Nodes by how many pods with the term they have. */
  readonly nodes: Map<NodeState, number>;
  /** Pods by domain: nodes without the label are in none. */
  readonly domains: Map<string, number>;
}

/** A present term that is about the pod in question. */
export interface ConcerningTerm {
  readonly topologyKey: string;
  readonly weight: number;
  /** Pods with the term by domain; all above 0. */
  readonly domains: ReadonlyMap<string, number>;
}

/** Required affinity of present pods counts as a preference of so much (hardPodAffinityWeight). */
const HARD_AFFINITY_WEIGHT = 1;

export class TopologyIndex {
  readonly #counted = new Map<string, Counted>();
  readonly #antiAffinity = new Map<string, PresentTerm>();
  readonly #preferences = new Map<string, PresentTerm>();
  readonly #namespaces = new Map<string, Labels>();
  readonly #namespaceLabels: NamespaceLabels = (name) => this.#namespaces.get(name);

  readonly #nodes: () => Iterable<NodeState>;

  /** `nodes`: all that exist, asked when a query is new. */
  constructor(nodes: () => Iterable<NodeState>) {
    this.#nodes = nodes;
  }

  /** Terms by namespace labels are asked anew after it. */
  setNamespace(name: string, labels: Labels): void {
    const isSame = jsonEqual(this.#namespaces.get(name) ?? {}, labels);
    this.#namespaces.set(name, labels);
    if (!isSame) this.#counted.clear();
  }

  removeNamespace(name: string): void {
    this.#namespaces.delete(name);
  }

  concerns(term: AffinityTerm, pod: Pod): boolean {
    return termConcerns(term, pod, this.#namespaceLabels);
  }

  /** The counts of a query: made by one look at everything the first time, kept from then on. */
  domains(query: DomainQuery): DomainCounts {
    const known = this.#counted.get(query.key);
    if (known !== undefined) {
      // The least recently asked are the first to be forgotten.
      this.#counted.delete(query.key);
      this.#counted.set(query.key, known);
      return known.counts;
    }
    if (this.#counted.size >= MAX_QUERIES) {
      const [oldest] = this.#counted.keys();
      this.#counted.delete(oldest!);
    }
    const counted: Counted = { query, counts: new DomainCounts(), domainOf: new Map() };
    for (const node of this.#nodes()) join(counted, node);
    this.#counted.set(query.key, counted);
    return counted.counts;
  }

  /** Required anti-affinity of pods that are here against this one. */
  antiAffinityAgainst(pod: Pod): ConcerningTerm[] {
    return this.#concerning(this.#antiAffinity, pod);
  }

  /** What pods that are here would like, or not like, to be near this one. */
  preferencesAbout(pod: Pod): ConcerningTerm[] {
    return this.#concerning(this.#preferences, pod);
  }

  /** The node has come into being (1) or is about to go (-1), with the pods that are on it. */
  countNode(node: NodeState, sign: 1 | -1): void {
    for (const counted of this.#counted.values()) {
      if (sign > 0) join(counted, node);
      else leave(counted, node);
    }
    for (const terms of [this.#antiAffinity, this.#preferences]) {
      for (const present of terms.values()) {
        const pods = present.nodes.get(node);
        if (pods !== undefined) addToDomain(present, node, sign * pods);
      }
    }
  }

  /** The pod has come to the node (1) or left it (-1). */
  countPod(node: NodeState, info: PodInfo, sign: 1 | -1): void {
    for (const { query, counts, domainOf } of this.#counted.values()) {
      const domain = domainOf.get(node);
      if (domain !== undefined && query.matchesPod(info)) counts.addPods(domain, sign);
    }
    const { affinity, antiAffinity, preferred } = info.terms;
    for (const term of antiAffinity) countTerm(this.#antiAffinity, { term, weight: 0 }, node, sign);
    for (const term of affinity) {
      countTerm(this.#preferences, { term, weight: HARD_AFFINITY_WEIGHT }, node, sign);
    }
    for (const weighted of preferred) countTerm(this.#preferences, weighted, node, sign);
  }

  #concerning(terms: ReadonlyMap<string, PresentTerm>, pod: Pod): ConcerningTerm[] {
    const result: ConcerningTerm[] = [];
    for (const { term, weight, domains } of terms.values()) {
      if (domains.size > 0 && this.concerns(term, pod)) {
        result.push({ topologyKey: term.topologyKey, weight, domains });
      }
    }
    return result;
  }
}

function join({ query, counts, domainOf }: Counted, node: NodeState): void {
  const domain = labelOf(node, query.topologyKey);
  if (domain === undefined || query.matchesNode?.(node) === false) return;
  domainOf.set(node, domain);
  counts.addNode(domain, matching(query, node), 1);
}

function leave({ query, counts, domainOf }: Counted, node: NodeState): void {
  const domain = domainOf.get(node);
  if (domain === undefined) return;
  domainOf.delete(node);
  counts.addNode(domain, matching(query, node), -1);
}

function matching(query: DomainQuery, { pods }: NodeState): number {
  let count = 0;
  for (const info of pods.values()) if (query.matchesPod(info)) count += 1;
  return count;
}

/** The value of a label; undefined when the node has none. */
export function labelOf({ labels }: { labels: Labels }, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function countTerm(
  terms: Map<string, PresentTerm>,
  { term, weight }: { term: AffinityTerm; weight: number },
  node: NodeState,
  sign: 1 | -1,
): void {
  const key = `${weight} ${term.key}`;
  let present = terms.get(key);
  if (present === undefined) {
    present = { term, weight, nodes: new Map(), domains: new Map() };
    terms.set(key, present);
  }
  addCount(present.nodes, node, sign);
  if (node.known) addToDomain(present, node, sign);
  if (present.nodes.size === 0) terms.delete(key);
}

function addToDomain({ term, domains }: PresentTerm, node: NodeState, by: number): void {
  const domain = labelOf(node, term.topologyKey);
  if (domain !== undefined) addCount(domains, domain, by);
}
