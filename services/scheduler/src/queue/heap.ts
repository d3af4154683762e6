/** A binary heap whose items can be found and removed by key (pkg/scheduler/backend/heap). */

export interface HeapOptions<T> {
  /** Unique among the items in the heap, and constant while an item is in it. */
  key: (item: T) => string;
  /** Whether `a` comes out before `b`; must not change while they are in the heap. */
  before: (a: T, b: T) => boolean;
}

export class Heap<T> {
  readonly #items: T[] = [];
  readonly #positions = new Map<string, number>();
  readonly #key: (item: T) => string;
  readonly #before: (a: T, b: T) => boolean;

  constructor({ key, before }: HeapOptions<T>) {
    this.#key = key;
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  get(key: string): T | undefined {
    const position = this.#positions.get(key);
    return position === undefined ? undefined : this.#items[position];
  }

  /** The item that comes out next. */
  peek(): T | undefined {
    return this.#items[0];
  }

  /** @throws Error when there is an item of that key already. */
  push(item: T): void {
    const key = this.#key(item);
    if (this.#positions.has(key)) throw new Error(`the heap holds ${key} already`);
    this.#put(item, this.#items.length);
    this.#up(this.#items.length - 1);
  }

  pop(): T | undefined {
    const first = this.#items[0];
    return first === undefined ? undefined : this.delete(this.#key(first));
  }

  delete(key: string): T | undefined {
    const position = this.#positions.get(key);
    if (position === undefined) return undefined;
    const item = this.#items[position];
    const last = this.#items.pop()!;
    this.#positions.delete(key);
    if (position < this.#items.length) {
      this.#put(last, position);
      this.#up(position);
      this.#down(this.#positions.get(this.#key(last))!);
    }
    return item;
  }

  #put(item: T, position: number): void {
    this.#items[position] = item;
    this.#positions.set(this.#key(item), position);
  }

  #swap(a: number, b: number): void {
    const item = this.#items[a]!;
    this.#put(this.#items[b]!, a);
    this.#put(item, b);
  }

  #up(position: number): void {
    let child = position;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.#before(this.#items[child]!, this.#items[parent]!)) return;
      this.#swap(child, parent);
      child = parent;
    }
  }

  #down(position: number): void {
    let parent = position;
    for (;;) {
      let first = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < this.#items.length && this.#before(this.#items[child]!, this.#items[first]!))
          first = child;
      }
      if (first === parent) return;
      this.#swap(first, parent);
      parent = first;
    }
  }
}
