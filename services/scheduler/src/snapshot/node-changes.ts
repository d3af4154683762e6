/** Which nodes have changed since somebody looked last, so that he need not look at all of them again. */

import type { NodeInfo } from './node-info.ts';

/** Whoever is further behind than half of this looks at all nodes. */
const MAX_CHANGES = 16_384;

export class NodeChanges {
  #changed: NodeInfo[] = [];
  /** The place of the first change that is kept. */
  #first = 0;

  /** After the latest change. */
  get end(): number {
    return this.#first + this.#changed.length;
  }

  note(node: NodeInfo): void {
    if (this.#changed.length === MAX_CHANGES) {
      this.#changed = this.#changed.slice(MAX_CHANGES / 2);
      this.#first += MAX_CHANGES / 2;
    }
    this.#changed.push(node);
  }

  /** The nodes of all changes from a place on, each as often as it has changed; undefined when they are not known any more. */
  since(place: number): readonly NodeInfo[] | undefined {
    return place < this.#first ? undefined : this.#changed.slice(place - this.#first);
  }
}
