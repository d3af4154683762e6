import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LabelSelector } from './gen/types.ts';
import {
  everything,
  formatLabelSelector,
  type Labels,
  labelSelectorMatcher,
  mapMatcher,
  nothing,
  parseFieldSelector,
  parseLabelSelector,
} from './selectors.ts';

const labels: Labels = { app: 'web', tier: 'front', 'example.com/rank': '10', empty: '' };

describe('a label selector as text', () => {
  it.each([
    ['', true],
    ['  ', true],
    ['app=web', true],
    ['app==web', true],
    ['app = web', true],
    ['app=api', false],
    ['other=web', false],
    ['app!=api', true],
    ['app!=web', false],
    ['other!=web', true],
    ['app in (web,api)', true],
    ['app in(web)', true],
    ['app  in  ( web , api )', true],
    ['app in (api)', false],
    ['other in (web)', false],
    ['app notin (api)', true],
    ['app notin (web,api)', false],
    ['other notin (web)', true],
    ['app', true],
    ['other', false],
    ['!app', false],
    ['! other', true],
    ['empty=', true],
    ['empty=,app', true],
    ['app=', false],
    ['empty in ()', true],
    ['empty in (,a)', true],
    ['empty in (a,)', true],
    ['app=web,tier=front', true],
    ['app=web,tier=back', false],
    ['app in (web),tier notin (back),!other', true],
    ['example.com/rank>9', true],
    ['example.com/rank>10', false],
    ['example.com/rank<11', true],
    ['app>1', false],
    ['other<1', false],
    ['in=x', false],
    ['in notin (in,notin)', true],
    ['notin', false],
    ['constructor', false],
  ])('%j matches: %j', (text, expected) => {
    expect(parseLabelSelector(text)(labels)).toBe(expected);
  });

  it.each([
    ['app in', "unable to parse requirement: found '' expected: '('"],
    ['app in web', "unable to parse requirement: found 'web' expected: '('"],
    ['app in (a', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['app in (a b)', "unable to parse requirement: found 'b', expected: ',' or ')'"],
    ['app web', "unable to parse requirement: found 'web', expected: in, notin, =, ==, !=, gt, lt"],
    ['app=(', "unable to parse requirement: found '(', expected: identifier"],
    ['!', "unable to parse requirement: found '', expected: identifier"],
    ['!!app', "unable to parse requirement: found '!', expected: identifier"],
    ['app,', "found '', expected: identifier after ','"],
    ['app,,tier', "found ',', expected: identifier after ','"],
    [',app', "found ',', expected: !, identifier, or 'end of string'"],
    ['=web', "found '=', expected: !, identifier, or 'end of string'"],
    ['app=a=b', "found '=', expected: ',' or 'end of string'"],
    ['!app=web', "found '=', expected: ',' or 'end of string'"],
    ['app=a b', "found 'b', expected: ',' or 'end of string'"],
    ['-app=web', 'unable to parse requirement: <nil>: Invalid value: "-app": name part must'],
    ['a/b/c', 'unable to parse requirement: <nil>: Invalid value: "a/b/c": name part must'],
    ['/app', 'unable to parse requirement: <nil>: Invalid value: "/app": prefix part must'],
    ['Ex.com/app', 'unable to parse requirement: <nil>: Invalid value: "Ex.com/app": prefix part must'],
    ['a'.repeat(64), 'name part must be at most 63'],
    ['app=a/b', 'unable to parse requirement: values[0][app]: Invalid value: "a/b": a valid label value'],
    ['app in (a,b_)', 'values[1][app]: Invalid value: "b_"'],
    ['app>x', "values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"],
  ])('%j is refused', (text, message) => {
    expect(() => parseLabelSelector(text)).toThrow(
      expect.objectContaining({ code: 400, reason: 'BadRequest', message: expect.stringContaining(message) }),
    );
  });

  it('never fails but with 400, and ends', () => {
    const piece = fc.constantFrom(
      'a',
      'b.c/d',
      '=',
      '==',
      '!=',
      '!',
      '(',
      ')',
      ',',
      ' ',
      'in',
      'notin',
      '<',
      '1',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        try {
          parseLabelSelector(pieces.join(''))({ a: '1' });
        } catch (error) {
          expect(error).toMatchObject({ code: 400 });
        }
      }),
    );
  });
});

describe('a label selector as an object', () => {
  it.each<[LabelSelector | undefined, boolean]>([
    [undefined, false],
    [{}, true],
    [{ matchLabels: { app: 'web' } }, true],
    [{ matchLabels: { app: 'web', tier: 'back' } }, false],
    [{ matchExpressions: [{ key: 'app', operator: 'In', values: ['web'] }] }, true],
    [{ matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }] }, false],
    [{ matchExpressions: [{ key: 'app', operator: 'Exists' }] }, true],
    [{ matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] }, false],
    [{ matchExpressions: [{ key: 'other', operator: 'DoesNotExist' }], matchLabels: { app: 'web' } }, true],
  ])('%j matches: %j', (selector, expected) => {
    expect(labelSelectorMatcher(selector)(labels)).toBe(expected);
  });

  it('takes no labels for an empty set', () => {
    expect(labelSelectorMatcher({})(undefined)).toBe(true);
    expect(labelSelectorMatcher({ matchLabels: { a: 'b' } })(undefined)).toBe(false);
  });

  it('means the same as its text, whatever the labels are', () => {
    const word = fc.constantFrom('a', 'b', 'c');
    const values = fc.uniqueArray(word, { minLength: 1 });
    const expression = fc.oneof(
      fc.record({ key: word, operator: fc.constantFrom('In', 'NotIn'), values }),
      fc.record({ key: word, operator: fc.constantFrom('Exists', 'DoesNotExist') }),
    );
    const selector = fc.record({
      matchLabels: fc.dictionary(word, word),
      matchExpressions: fc.array(expression, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(selector, fc.dictionary(word, word), (object, some) => {
        const text = formatLabelSelector(object);
        expect(parseLabelSelector(text)(some)).toBe(labelSelectorMatcher(object)(some));
      }),
    );
  });

  it('is written with its keys and values in order', () => {
    const selector: LabelSelector = {
      matchLabels: { b: 'two', a: 'one' },
      matchExpressions: [
        { key: 'e', operator: 'NotIn', values: ['y', 'x'] },
        { key: 'd', operator: 'DoesNotExist' },
        { key: 'c', operator: 'Exists' },
        { key: 'f', operator: 'In', values: ['z'] },
      ],
    };
    expect(formatLabelSelector(selector)).toBe('a=one,b=two,c,!d,e notin (x,y),f in (z)');
    expect(formatLabelSelector({})).toBe('');
  });
});

describe('a plain map', () => {
  it.each<[Labels | undefined, boolean]>([
    [undefined, false],
    [{}, false],
    [{ app: 'web' }, true],
    [{ app: 'api' }, false],
  ])('%j matches: %j', (map, expected) => {
    expect(mapMatcher(map)(labels)).toBe(expected);
  });
});

it('everything selects all, nothing none', () => {
  expect([everything({}), nothing(labels)]).toEqual([true, false]);
});

describe('a field selector', () => {
  it.each([
    ['', []],
    [',', []],
    ['a=b', [{ field: 'a', value: 'b', equal: true }]],
    ['a==b', [{ field: 'a', value: 'b', equal: true }]],
    ['a!=b', [{ field: 'a', value: 'b', equal: false }]],
    ['a=', [{ field: 'a', value: '', equal: true }]],
    [
      'spec.nodeName=n1,status.phase!=Failed',
      [
        { field: 'spec.nodeName', value: 'n1', equal: true },
        { field: 'status.phase', value: 'Failed', equal: false },
      ],
    ],
    [
      String.raw`a=b\,c\=d\\,e=f`,
      [
        { field: 'a', value: 'b,c=d\\', equal: true },
        { field: 'e', value: 'f', equal: true },
      ],
    ],
  ])('%j is read', (text, expected) => {
    expect(parseFieldSelector(text)).toEqual(expected);
  });

  it.each([
    ['a', "invalid selector: 'a'; can't understand 'a'"],
    ['a=b,c', "invalid selector: 'a=b,c'; can't understand 'c'"],
    ['a=b=c', 'invalid field selector: unescaped character in value: 61'],
    [String.raw`a=b\c`, String.raw`invalid field selector: invalid escape sequence: \c`],
    ['a=b\\', 'invalid field selector: invalid escape sequence: \\'],
  ])('%j is refused', (text, message) => {
    expect(() => parseFieldSelector(text)).toThrow(expect.objectContaining({ code: 400, message }));
  });

  it('gives every escaped value back', () => {
    const value = fc.string({ unit: fc.constantFrom('a', '\\', ',', '=', '!', ' ') });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 4 }), (values) => {
        const text = values.map((each, i) => `f${i}=${each.replaceAll(/[\\,=]/g, '\\$&')}`).join(',');
        expect(parseFieldSelector(text).map((term) => term.value)).toEqual(values);
      }),
    );
  });
});
