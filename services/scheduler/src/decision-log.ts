/**
 * The latest decision about each pod, for those who ask why (`./orrery explain-scheduling`). What a
 * decision has worked out anyway is kept as it is, up to a limit, and put into words when
 * somebody asks.
 */

import type { DecisionTrace } from './cycle.ts';
import type { PodInfo } from './snapshot/pod-info.ts';

/** What came of a decision. */
export interface DecisionOutcome {
  /** The node that was chosen; undefined when none was. */
  readonly nodeName: string | undefined;
  /** Why none was. */
  readonly message: string | undefined;
  /** The node that the pod is promised, and the pods that have to leave it. */
  readonly nominatedNode: string | undefined;
  readonly victims: readonly string[];
}

interface Entry {
  readonly info: PodInfo;
  readonly atMs: number;
  readonly trace: DecisionTrace;
  readonly outcome: DecisionOutcome;
  readonly weight: number;
}

/** One node in an explanation: rejected by a plugin, or with its points. */
export interface ExplainedNode {
  readonly name: string;
  readonly rejectedBy?: string;
  readonly reasons?: readonly string[];
  /** Points of each plugin with its weight in them, in the order of `plugins`. */
  readonly points?: readonly number[];
  readonly total?: number;
}

/** The answer to those who ask; JSON. */
export interface Explanation extends DecisionOutcome {
  readonly pod: string;
  readonly uid: string;
  /** RFC 3339, on the cluster's clock. */
  readonly at: string;
  /** Nodes that exist. */
  readonly nodeCount: number;
  /** Nodes that were not looked at, because enough others were found. */
  readonly skipped: number;
  /** Plugins that gave points, with their weights. */
  readonly plugins: readonly { readonly name: string; readonly weight: number }[];
  readonly nodes: readonly ExplainedNode[];
}

/** Decisions that are kept at most. */
const MAX_DECISIONS = 1_000;
/** Verdicts and points that are kept at most, of all decisions together: about 2 MiB. */
const MAX_VALUES = 150_000;

export class DecisionLog {
  /** By key of the pod, the oldest decision first. */
  readonly #entries = new Map<string, Entry>();
  #values = 0;

  record(info: PodInfo, atMs: number, trace: DecisionTrace, outcome: DecisionOutcome): void {
    this.#drop(info.key);
    const weight = trace.rejected.length + trace.feasible.length * (trace.scores.length + 1);
    this.#entries.set(info.key, { info, atMs, trace, outcome, weight });
    this.#values += weight;
    for (const key of this.#entries.keys()) {
      if (this.#entries.size <= MAX_DECISIONS && this.#values <= MAX_VALUES) return;
      if (key !== info.key) this.#drop(key);
    }
  }

  /** Undefined for a pod about which nothing is kept. */
  explain(podKey: string): Explanation | undefined {
    const entry = this.#entries.get(podKey);
    if (entry === undefined) return undefined;
    const { info, atMs, trace, outcome } = entry;
    const { nodeCount, rejected, rejections, feasible, scores } = trace;
    const refused = rejected.map((node, index) => {
      const { plugin, rejection } = rejections[index]!;
      return { name: node.name, rejectedBy: plugin.name, reasons: rejection.reasons };
    });
    const possible = feasible.map((node, index) => {
      const points = scores.map(({ plugin, values }) => plugin.weight * values[index]!);
      return { name: node.name, points, total: points.reduce((sum, each) => sum + each, 0) };
    });
    return {
      ...outcome,
      pod: info.key,
      uid: info.uid,
      at: new Date(atMs).toISOString(),
      nodeCount,
      skipped: nodeCount - rejected.length - feasible.length,
      plugins: scores.map(({ plugin: { name, weight } }) => ({ name, weight })),
      nodes: [...possible.sort((a, b) => b.total - a.total), ...refused],
    };
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#values -= entry.weight;
  }
}
