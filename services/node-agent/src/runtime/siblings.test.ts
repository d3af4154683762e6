import { expect, test } from 'vitest';
import { Siblings } from './siblings.ts';

test('children are kept in the order in which they came, and forgotten one by one', () => {
  const siblings = new Siblings();
  const after = (change: () => void): readonly string[] => {
    change();
    return siblings.of('parent');
  };
  expect(siblings.of('parent')).toEqual([]);
  expect(after(() => siblings.add('parent', 'a'))).toEqual(['a']);
  expect(after(() => siblings.add('parent', 'a'))).toEqual(['a']);
  expect(after(() => siblings.add('parent', 'b'))).toEqual(['a', 'b']);
  expect(after(() => siblings.delete('parent', 'c'))).toEqual(['a', 'b']);
  expect(after(() => siblings.delete('parent', 'a'))).toEqual(['b']);
  expect(after(() => siblings.delete('parent', 'b'))).toEqual([]);
  expect(after(() => siblings.add('parent', 'c'))).toEqual(['c']);
  expect(after(() => siblings.delete('other', 'c'))).toEqual(['c']);
  expect(after(() => siblings.delete('parent', 'c'))).toEqual([]);
});
