/**
 * A multimap from parents to the ids of their children. Most parents have one child, and there may
 * be ten thousand of them: a lone id is kept without a set around it.
 */
export class Siblings {
  readonly #ids = new Map<string, string | Set<string>>();

  /** In the order in which they were added. */
  of(parent: string): readonly string[] {
    const ids = this.#ids.get(parent);
    if (ids === undefined) return NONE;
    return typeof ids === 'string' ? [ids] : [...ids];
  }

  add(parent: string, id: string): void {
    const ids = this.#ids.get(parent);
    if (ids === undefined) this.#ids.set(parent, id);
    else if (typeof ids !== 'string') ids.add(id);
    else if (ids !== id) this.#ids.set(parent, new Set([ids, id]));
  }

  delete(parent: string, id: string): void {
    const ids = this.#ids.get(parent);
    if (typeof ids === 'object') ids.delete(id);
    if (ids === id || (typeof ids === 'object' && ids.size === 0)) this.#ids.delete(parent);
  }
}

const NONE: readonly string[] = [];
