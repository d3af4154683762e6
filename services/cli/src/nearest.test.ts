import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearest } from './nearest.ts';

describe('nearest', () => {
  const names = ['redis', 'nats', 'apiserver', 'controller-manager', 'scheduler', 'hpa', 'node-agent'];

  it.each([
    { word: 'schedular', meant: 'scheduler' },
    { word: 'apisrever', meant: 'apiserver' },
    { word: 'HPA', meant: 'hpa' },
    { word: 'cont', meant: 'controller-manager' },
    { word: 'nat', meant: 'nats' },
    { word: 'xyz', meant: undefined },
    { word: 'etcd', meant: undefined },
    { word: '', meant: undefined },
  ])('takes "$word" for $meant', ({ word, meant }) => {
    expect(nearest(word, names)).toBe(meant);
  });
});

describe('editDistance', () => {
  const word = fc.string({ maxLength: 8 });

  it('is 0 for equal words only, and the same both ways', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
      }),
    );
  });

  it('is at most 1 after one slip', () => {
    fc.assert(
      fc.property(word, fc.nat(), (text, where) => {
        const at = where % (text.length + 1);
        expect(editDistance(text, `${text.slice(0, at)}x${text.slice(at)}`)).toBe(1);
        const swapped = text.slice(0, at) + (text[at + 1] ?? '') + (text[at] ?? '') + text.slice(at + 2);
        expect(editDistance(text, swapped)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
