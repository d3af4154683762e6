import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Heap } from './heap.ts';

interface Item {
  key: string;
  rank: number;
}

function newHeap(): Heap<Item> {
  return new Heap<Item>({ key: ({ key }) => key, before: (a, b) => a.rank < b.rank });
}

describe('Heap', () => {
  it('gives back what is in it, lowest first, whatever was deleted from its middle', () => {
    const items = fc.uniqueArray(fc.record({ key: fc.string(), rank: fc.integer() }), {
      selector: ({ key }) => key,
    });
    fc.assert(
      fc.property(items, fc.func(fc.boolean()), (all, isDeleted) => {
        const heap = newHeap();
        for (const item of all) heap.push(item);
        const deleted = all.filter(isDeleted);
        for (const item of deleted) expect(heap.delete(item.key)).toBe(item);
        const left = all.filter((item) => !deleted.includes(item));
        const ranks: number[] = [];
        while (heap.size > 0) ranks.push(heap.pop()!.rank);
        expect(ranks).toEqual(left.map(({ rank }) => rank).toSorted((a, b) => a - b));
      }),
    );
  });

  it('finds items by key and refuses a second one of the same', () => {
    const heap = newHeap();
    const item = { key: 'a', rank: 1 };
    heap.push(item);
    expect(heap.get('a')).toBe(item);
    expect(heap.get('b')).toBeUndefined();
    expect(() => heap.push({ key: 'a', rank: 2 })).toThrow('holds a already');
    expect(heap.delete('b')).toBeUndefined();
    expect(heap.pop()).toBe(item);
    expect(heap.pop()).toBeUndefined();
  });
});
