/** The trees of an agent, by name. */

import type { Clock } from '@orrery/kit/clock.ts';
import type { FileTree, TreeStore } from './file-system.ts';
import type { Journals } from './journals.ts';
import { type Budget, MemoryTree, TreeFiles } from './memory-tree.ts';
import type { TreeChange } from './tree-change.ts';

const MEBIBYTE = 1024 * 1024;

export interface TreesOptions {
  /** The cluster's clock. */
  clock: Clock;
  /** How much one tree may hold. */
  limitBytes?: number;
  /** How much all may hold together: a program that writes without end must not fill this machine. */
  totalBytes?: number;
  /** Where trees outlive the process; without it they do not. */
  journals?: Journals;
  /** Whether a tree is made anew after a restart, and so needs no journal. */
  isVolatile?: (name: string) => boolean;
  /** Gives a tree what it holds from the start; the journal knows only what comes after. */
  prepare?: (tree: FileTree) => void;
}

export class Trees implements TreeStore {
  /** How much one tree may hold unless it is told otherwise. */
  readonly limitBytes: number;
  readonly #clock: Clock;
  readonly #budget: Budget;
  readonly #journals: Journals | undefined;
  readonly #isVolatile: (name: string) => boolean;
  readonly #prepare: (tree: FileTree) => void;
  /** Those in use; of the others there are journals. */
  readonly #trees = new Map<string, MemoryTree>();

  constructor(options: TreesOptions) {
    const { clock, limitBytes = 64 * MEBIBYTE, totalBytes = 256 * MEBIBYTE } = options;
    this.#clock = clock;
    this.limitBytes = limitBytes;
    this.#budget = { totalBytes, usedBytes: 0 };
    this.#journals = options.journals;
    this.#isVolatile = options.isVolatile ?? (() => false);
    this.#prepare = options.prepare ?? (() => undefined);
  }

  open(name: string): MemoryTree {
    return this.find(name) ?? this.#make(name);
  }

  find(name: string): MemoryTree | undefined {
    const tree = this.#trees.get(name);
    return tree === undefined && this.#journals?.has(name) === true ? this.#make(name) : tree;
  }

  remove(name: string): void {
    this.#trees.get(name)?.raw.release();
    this.#trees.delete(name);
    this.#journals?.remove(name);
  }

  /** Whether a tree is in use: opened since this process began. */
  isOpen(name: string): boolean {
    return this.#trees.has(name);
  }

  /** Of all trees that there are, open or not. */
  names(): Set<string> {
    return new Set([...this.#trees.keys(), ...(this.#journals?.names() ?? [])]);
  }

  /** Removes all trees whose names begin so. Looks at every name. */
  removeAll(prefix: string): void {
    for (const name of this.names()) if (name.startsWith(prefix)) this.remove(name);
  }

  #make(name: string): MemoryTree {
    const raw = new TreeFiles({ clock: this.#clock, limitBytes: this.limitBytes, budget: this.#budget });
    const tree = new MemoryTree(name, raw);
    this.#prepare(tree);
    if (this.#journals !== undefined && !this.#isVolatile(name)) keepIn(this.#journals, name, raw);
    this.#trees.set(name, tree);
    return tree;
  }
}

/** Does again what was kept of a tree, and keeps what is done from now on. */
function keepIn(journals: Journals, name: string, raw: TreeFiles): void {
  for (const { head, body } of journals.read(name)) raw.apply(head as TreeChange, body);
  const journal = journals.open(name, {
    get sizeBytes() {
      return raw.sizeBytes;
    },
    *snapshot() {
      for (const [head, body] of raw.snapshot()) yield { head, body };
    },
  });
  raw.onChange = (head, body) => journal.append({ head, body });
}
