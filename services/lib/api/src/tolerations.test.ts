import { expect, test } from 'vitest';
import type { Taint, Toleration } from './gen/types.ts';
import { tolerates, toleratesTaint } from './tolerations.ts';

const TAINT: Taint = { key: 'k', value: 'v', effect: 'NoExecute' };

test.each<[string, Toleration, boolean]>([
  ['the same', { key: 'k', operator: 'Equal', value: 'v', effect: 'NoExecute' }, true],
  ['equal is the default', { key: 'k', value: 'v' }, true],
  ['another value', { key: 'k', value: 'w' }, false],
  ['any value', { key: 'k', operator: 'Exists' }, true],
  ['another key', { key: 'l', operator: 'Exists' }, false],
  ['another effect', { key: 'k', operator: 'Exists', effect: 'NoSchedule' }, false],
  ['anything', { operator: 'Exists' }, true],
  ['an unknown operator', { key: 'k', operator: 'Gt', value: 'v' }, false],
])('toleration: %s', (_name, toleration, expected) => {
  expect(tolerates(toleration, TAINT)).toBe(expected);
});

test('one toleration of several is enough, none is not', () => {
  expect(
    toleratesTaint(
      [
        { key: 'l', operator: 'Exists' },
        { key: 'k', operator: 'Exists' },
      ],
      TAINT,
    ),
  ).toBe(true);
  expect(toleratesTaint([], TAINT)).toBe(false);
  expect(toleratesTaint(undefined, TAINT)).toBe(false);
});
