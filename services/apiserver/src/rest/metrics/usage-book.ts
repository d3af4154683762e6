/** The newest usage sample of each node, as node agents send them: what metrics-server would scrape. */

import { type ContainerUsage, UsageBatch } from '@orrery/proto/orrery/events.ts';

/** A node of which nothing newer is known has no metrics (metrics-server forgets it after so many scrapes). */
export const USAGE_AGE_LIMIT_MS = 60_000;

/** The nodes that are remembered; the one that was silent for longest goes first. */
const NODES_LIMIT = 16_384;

/** What the containers of one node used. */
export interface NodeUsage {
  /** End of the sample, epoch milliseconds of the cluster's clock. */
  atMs: number;
  /** Length of the sample. */
  windowMs: number;
  containers: readonly ContainerUsage[];
}

/** Holds samples as they came: few of them are ever asked for. */
export class UsageBook {
  readonly #samples = new Map<string, Uint8Array>();

  /** `source` stands for a node, whatever it is called. */
  record(source: string, data: Uint8Array): void {
    this.#samples.delete(source);
    // A copy: what came is part of a larger buffer.
    this.#samples.set(source, data.slice());
    if (this.#samples.size <= NODES_LIMIT) return;
    const [oldest] = this.#samples.keys();
    this.#samples.delete(oldest!);
  }

  /** By name of the node. What is too old, or cannot be read, is forgotten. */
  read(nowMs: number): ReadonlyMap<string, NodeUsage> {
    const nodes = new Map<string, NodeUsage>();
    for (const [source, data] of this.#samples) {
      const batch = decode(data);
      if (batch === undefined || batch.timeMs <= nowMs - USAGE_AGE_LIMIT_MS) this.#samples.delete(source);
      else
        nodes.set(batch.node, { atMs: batch.timeMs, windowMs: batch.windowMs, containers: batch.containers });
    }
    return nodes;
  }
}

function decode(data: Uint8Array): UsageBatch | undefined {
  try {
    return UsageBatch.decode(data);
  } catch {
    return undefined;
  }
}
