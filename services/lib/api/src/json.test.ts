import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonClone, jsonEqual } from './json.ts';

describe('equality of JSON values', () => {
  it.each<[unknown, unknown, boolean]>([
    [1, 1, true],
    [1, '1', false],
    [null, null, true],
    [null, {}, false],
    [{}, [], false],
    [[], {}, false],
    [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
    [[1, 2], [2, 1], false],
    [[1], [1, 2], false],
    [{ a: undefined }, {}, true],
    [{}, { a: undefined }, true],
    [{ a: undefined }, { b: 1 }, false],
    [{ a: null }, {}, false],
    [{ a: { b: [1] } }, { a: { b: [1] } }, true],
    [{ a: { b: [1] } }, { a: { b: [2] } }, false],
  ])('%j and %j: %j', (a, b, expected) => {
    expect(jsonEqual(a, b)).toBe(expected);
    expect(jsonEqual(b, a)).toBe(expected);
  });

  it('is that of their texts with sorted keys', () => {
    const sorted = (value: unknown): string =>
      JSON.stringify(value, (_key, each: unknown) =>
        typeof each === 'object' && each !== null && !Array.isArray(each)
          ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
          : each,
      );
    const small = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom<unknown>(0, 1, '', 'a', null, true),
        fc.array(tie('value'), { maxLength: 2 }),
        fc.dictionary(fc.constantFrom('a', 'b'), tie('value')),
      ),
    })).value;
    fc.assert(
      fc.property(small, small, (a, b) => {
        expect(jsonEqual(a, b)).toBe(sorted(a) === sorted(b));
      }),
    );
  });
});

describe('a copy', () => {
  it('is equal and shares nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const copy = jsonClone(value);
        expect(JSON.stringify(copy)).toBe(JSON.stringify(value));
        expect(jsonEqual(copy, value)).toBe(true);
      }),
    );
    const inner = { b: [1] };
    const copy = jsonClone({ a: inner });
    copy.a.b.push(2);
    expect(inner).toEqual({ b: [1] });
  });

  it('leaves out what is undefined', () => {
    expect(Object.keys(jsonClone({ a: undefined, b: 1 }))).toEqual(['b']);
  });

  it('takes a key named __proto__ for data', () => {
    const value = JSON.parse('{"__proto__":{"x":1}}') as Record<string, unknown>;
    const copy = jsonClone(value);
    expect(JSON.stringify(copy)).toBe('{"__proto__":{"x":1}}');
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
  });
});
