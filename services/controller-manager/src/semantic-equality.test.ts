import { expect, test } from 'vitest';
import { withCondition } from './conditions.ts';
import { semanticallyEqual } from './semantic-equality.ts';

test.each([
  [{ a: 1 }, { a: 1, b: undefined }, true],
  [{ a: [] }, {}, true],
  [{ a: {} }, { a: undefined }, true],
  [undefined, {}, true],
  [{ a: 0 }, {}, false],
  [{ a: '' }, {}, false],
  [{ a: false }, {}, false],
  [{ a: [1, 2] }, { a: [2, 1] }, false],
  [{ a: { b: [{ c: 1 }] } }, { a: { b: [{ c: 1 }] } }, true],
  [[{}], [], false],
  [{ a: [] }, { a: 'x' }, false],
])('%j and %j: %s', (a, b, expected) => {
  expect(semanticallyEqual(a, b)).toBe(expected);
  expect(semanticallyEqual(b, a)).toBe(expected);
});

test('a condition keeps the time of its transition while its status stays', () => {
  const first = { type: 'A', status: 'True', reason: 'One', message: 'm', lastTransitionTime: '1' };
  const sameStatus = { ...first, reason: 'Two', lastTransitionTime: '2' };
  expect(withCondition([first], { ...first, message: 'other', lastTransitionTime: '2' })).toEqual([first]);
  expect(withCondition([first], sameStatus)).toEqual([{ ...sameStatus, lastTransitionTime: '1' }]);
  expect(withCondition([first], { ...sameStatus, status: 'False' })).toEqual([
    { ...sameStatus, status: 'False' },
  ]);
});
