/** The trees of an agent, by name. */

import type { Clock } from '@orrery/kit/clock.ts';
import type { TreeStore } from './file-system.ts';
import { type Budget, MemoryTree, TreeFiles } from './memory-tree.ts';

const MEBIBYTE = 1024 * 1024;

export interface TreesOptions {
  /** The cluster's clock. */
  clock: Clock;
  /** How much one tree may hold. */
  limitBytes?: number;
  /** How much all may hold together: a program that writes without end must not fill this machine. */
  totalBytes?: number;
}

export class Trees implements TreeStore {
  /** How much one tree may hold unless it is told otherwise. */
  readonly limitBytes: number;
  readonly #clock: Clock;
  readonly #budget: Budget;
  readonly #trees = new Map<string, MemoryTree>();

  constructor({ clock, limitBytes = 64 * MEBIBYTE, totalBytes = 256 * MEBIBYTE }: TreesOptions) {
    this.#clock = clock;
    this.limitBytes = limitBytes;
    this.#budget = { totalBytes, usedBytes: 0 };
  }

  open(name: string): MemoryTree {
    return this.find(name) ?? this.#make(name);
  }

  find(name: string): MemoryTree | undefined {
    return this.#trees.get(name);
  }

  remove(name: string): void {
    const tree = this.find(name);
    if (tree === undefined) return;
    tree.raw.release();
    this.#trees.delete(name);
  }

  #make(name: string): MemoryTree {
    const tree = new MemoryTree(
      name,
      new TreeFiles({ clock: this.#clock, limitBytes: this.limitBytes, budget: this.#budget }),
    );
    this.#trees.set(name, tree);
    return tree;
  }
}
