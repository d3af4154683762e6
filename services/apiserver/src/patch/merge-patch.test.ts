import { jsonEqual } from '@orrery/api/json.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergePatch } from './merge-patch.ts';

describe('a merge patch', () => {
  // The examples of RFC 7386, appendix A, as far as object and patch are objects.
  it.each<[object, object, object]>([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    [{ a: 'foo' }, { a: { b: null, c: 1 } }, { a: { c: 1 } }],
  ])('of %j with %j is %j', (original, patch, merged) => {
    expect(mergePatch(original as Record<string, unknown>, patch)).toEqual(merged);
  });

  it('returns the original when it changes nothing, and shares what it does not touch', () => {
    const original = { metadata: { labels: { a: 'b' } }, spec: { replicas: 1 } };
    expect(mergePatch(original, { metadata: { labels: { a: 'b', gone: null } } })).toBe(original);
    const merged = mergePatch(original, { spec: { replicas: 2 } });
    expect(merged['metadata']).toBe(original.metadata);
    expect(original.spec.replicas).toBe(1);
  });

  it.each([
    [[], 'array'],
    ['x', 'string'],
    [null, 'null'],
    [true, 'bool'],
  ])('cannot be %j', (patch, form) => {
    expect(() => mergePatch({}, patch)).toThrow(
      expect.objectContaining({
        code: 400,
        message: expect.stringContaining(`cannot unmarshal ${form} into`) as string,
      }),
    );
  });

  it('sets a key called __proto__ as data', () => {
    const patch = JSON.parse('{"a":{"__proto__":{"polluted":true}}}') as object;
    const merged = mergePatch({ a: { b: 1 } }, patch)['a'] as Record<string, unknown>;
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
    expect(JSON.stringify(merged)).toBe('{"b":1,"__proto__":{"polluted":true}}');
  });

  it('made from the difference of two objects turns the one into the other', () => {
    fc.assert(
      fc.property(object, object, (original, target) => {
        const before = JSON.stringify(original);
        const merged = mergePatch(original, difference(original, target));
        expect(jsonEqual(merged, target)).toBe(true);
        expect(JSON.stringify(original)).toBe(before);
      }),
    );
  });
});

/** Few keys, so that two objects have some in common; no nulls, which a merge patch cannot set. */
const { object } = fc.letrec<{ object: Record<string, unknown>; value: unknown }>((tie) => ({
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), tie('value'), { maxKeys: 4 }),
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.integer({ min: 0, max: 2 }),
    fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 2 }),
    tie('object'),
  ),
}));

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function difference(
  original: Record<string, unknown>,
  target: Record<string, unknown>,
): Record<string, unknown> {
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(original)) {
    if (!Object.hasOwn(target, key)) {
      patch[key] = null;
    }
  }
  for (const [key, value] of Object.entries(target)) {
    const before = original[key];
    if (isPlainObject(before) && isPlainObject(value)) {
      patch[key] = difference(before, value);
    } else if (!jsonEqual(before, value)) {
      patch[key] = value;
    }
  }
  return patch;
}
