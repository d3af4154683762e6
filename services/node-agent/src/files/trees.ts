/** The trees of an agent, by name. */

import type { Clock } from '@orrery/kit/clock.ts';
import type { TreeStore } from './file-system.ts';
import type { JournalRecord } from './journal-record.ts';
import type { Journals } from './journals.ts';
import { type Budget, MemoryTree, TreeFiles } from './memory-tree.ts';
import type { SharedLogs } from './shared-logs.ts';
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
  /** Where trees are that all agents of the cluster have together, and which those are. */
  shared?: { logs: SharedLogs; has: (name: string) => boolean };
  /** Whether a tree is made anew after a restart, and so needs no journal. */
  isVolatile?: (name: string) => boolean;
  /** Gives a tree what it holds from the start; the journal knows only what comes after. */
  prepare?: (tree: MemoryTree) => void;
}

export class Trees implements TreeStore {
  /** How much one tree may hold unless it is told otherwise. */
  readonly limitBytes: number;
  readonly #clock: Clock;
  readonly #budget: Budget;
  readonly #journals: Journals | undefined;
  readonly #shared: TreesOptions['shared'];
  readonly #isVolatile: (name: string) => boolean;
  readonly #prepare: (tree: MemoryTree) => void;
  /** Those in use; of the others there are journals. */
  readonly #trees = new Map<string, MemoryTree>();

  constructor(options: TreesOptions) {
    const { clock, limitBytes = 64 * MEBIBYTE, totalBytes = 256 * MEBIBYTE } = options;
    this.#clock = clock;
    this.limitBytes = limitBytes;
    this.#budget = { totalBytes, usedBytes: 0 };
    this.#journals = options.journals;
    this.#shared = options.shared;
    this.#isVolatile = options.isVolatile ?? (() => false);
    this.#prepare = options.prepare ?? (() => undefined);
  }

  open(name: string): MemoryTree {
    return this.find(name) ?? this.#make(name);
  }

  find(name: string): MemoryTree | undefined {
    const tree = this.#trees.get(name);
    const isKept = (): boolean =>
      this.#sharedOf(name)?.has(name) === true || this.#journals?.has(name) === true;
    return tree === undefined && isKept() ? this.#make(name) : tree;
  }

  remove(name: string): void {
    this.#trees.get(name)?.raw.release();
    this.#trees.delete(name);
    this.#journals?.remove(name);
    this.#sharedOf(name)?.remove(name);
  }

  /** Whether a tree is in use: opened since this process began. */
  isOpen(name: string): boolean {
    return this.#trees.has(name);
  }

  /** Of all trees that there are, open or not. */
  names(): Set<string> {
    const kept = [...(this.#journals?.names() ?? []), ...(this.#shared?.logs.names() ?? [])];
    return new Set([...this.#trees.keys(), ...kept]);
  }

  /** Removes all trees whose names begin so. Looks at every name. */
  removeAll(prefix: string): void {
    for (const name of this.names()) if (name.startsWith(prefix)) this.remove(name);
  }

  #sharedOf(name: string): SharedLogs | undefined {
    return this.#shared?.has(name) === true ? this.#shared.logs : undefined;
  }

  #make(name: string): MemoryTree {
    const raw = new TreeFiles({ clock: this.#clock, limitBytes: this.limitBytes, budget: this.#budget });
    const tree = new MemoryTree(name, raw);
    this.#prepare(tree);
    const shared = this.#sharedOf(name);
    if (shared !== undefined) shareIn(shared, name, raw, this.#journals);
    else if (this.#journals !== undefined && !this.#isVolatile(name)) keepIn(this.#journals, name, raw);
    this.#trees.set(name, tree);
    return tree;
  }
}

/** What has been written from now on is everybody's; so is what a journal of an earlier version has. */
function shareIn(logs: SharedLogs, name: string, raw: TreeFiles, journals: Journals | undefined): void {
  const state = {
    get sizeBytes() {
      return raw.sizeBytes;
    },
    apply: ({ head, body }: JournalRecord) => raw.apply(head as TreeChange, body),
    *snapshot() {
      for (const [head, body] of raw.snapshot()) yield { head, body };
    },
  };
  raw.shared = logs.open(name, state, journals?.read(name));
  journals?.remove(name);
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
