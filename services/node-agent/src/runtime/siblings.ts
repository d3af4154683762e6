/** A multimap from parents to the ids of their children that keeps no empty sets. */
export class Siblings {
  readonly #ids = new Map<string, Set<string>>();

  /** In the order in which they were added. */
  of(parent: string): Iterable<string> {
    return this.#ids.get(parent) ?? [];
  }

  add(parent: string, id: string): void {
    const ids = this.#ids.get(parent);
    if (ids === undefined) this.#ids.set(parent, new Set([id]));
    else ids.add(id);
  }

  delete(parent: string, id: string): void {
    const ids = this.#ids.get(parent);
    ids?.delete(id);
    if (ids?.size === 0) this.#ids.delete(parent);
  }
}
