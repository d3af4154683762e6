import { describe, expect, it } from 'vitest';
import { newUid, random, randomId, randomNameSuffix } from './random.ts';

describe('chance', () => {
  const many = <T>(make: () => T): T[] => Array.from({ length: 500 }, make);

  it.each<[string, () => string, RegExp]>([
    ['a uid is a UUID v4', newUid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/],
    ['an id is twelve hexadecimal digits', randomId, /^[0-9a-f]{12}$/],
    [
      'a name ends in five characters that make no words',
      () => randomNameSuffix(),
      /^[bcdfghjklmnpqrstvwxz2456789]{5}$/,
    ],
    ['or in as many as asked for', () => randomNameSuffix(10), /^[bcdfghjklmnpqrstvwxz2456789]{10}$/],
  ])('%s', (_what, make, form) => {
    const made = many(make);
    for (const each of made) expect(each).toMatch(form);
    expect(new Set(made).size).toBeGreaterThan(490);
  });

  it('a suffix may hold any character of the alphabet', () => {
    expect(new Set(randomNameSuffix(5_000)).size).toBe(27);
  });

  it('a number lies in [0, 1)', () => {
    for (const each of many(random)) {
      expect(each).toBeGreaterThanOrEqual(0);
      expect(each).toBeLessThan(1);
    }
  });
});
