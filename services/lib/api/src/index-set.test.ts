import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatIndexes, indexesOf, parseIndexes } from './index-set.ts';

describe('sets of indexes', () => {
  it.each<[number[], string]>([
    [[], ''],
    [[3], '3'],
    [[3, 4], '3,4'],
    [[1, 3, 4, 5, 7], '1,3-5,7'],
    [[5, 4, 3], '3-5'],
  ])('%j are written as %j', (indexes, text) => {
    expect(formatIndexes(indexes)).toBe(text);
  });

  it.each(['x', '1-', '-1', '3-1', '1,1', '3,2', '1-3,3', '1,,2'])('%j is none', (text) => {
    expect(parseIndexes(text)).toBeUndefined();
  });

  it('come back from their text', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(60)), (indexes) => {
        const ranges = parseIndexes(formatIndexes(indexes));
        expect([...indexesOf(ranges!, 61)]).toEqual(indexes.toSorted((a, b) => a - b));
      }),
    );
  });

  it('stop at a limit, however large the text says they are', () => {
    expect([...indexesOf(parseIndexes('1,3-4000000000')!, 5)]).toEqual([1, 3, 4]);
  });
});
