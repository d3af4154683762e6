import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAccept, parseMediaType } from './media-type.ts';

describe('parseMediaType', () => {
  test.each([
    [undefined, { type: '', parameters: {} }],
    ['', { type: '', parameters: {} }],
    ['Application/JSON; charset=utf-8', { type: 'application/json', parameters: { charset: 'utf-8' } }],
    [
      'application/json;as=Table;V="v1" ; junk',
      { type: 'application/json', parameters: { as: 'Table', v: 'v1' } },
    ],
  ])('%j', (header, expected) => {
    expect(parseMediaType(header)).toEqual(expected);
  });
});

describe('parseAccept', () => {
  const types = (header: string | undefined): string[] => parseAccept(header).map(({ type }) => type);

  test.each([
    [undefined, ['*/*']],
    ['  ', ['*/*']],
    [
      'application/vnd.kubernetes.protobuf,application/json',
      ['application/vnd.kubernetes.protobuf', 'application/json'],
    ],
    ['a/b;q=0.5, c/d', ['c/d', 'a/b']],
    ['*/*, application/*, application/json', ['application/json', 'application/*', '*/*']],
    ['a/b;q=0, c/d', ['c/d']],
    ['a/b;q=seven, c/d;q=0.9', ['a/b', 'c/d']],
    [', ,a/b', ['a/b']],
  ])('%j', (header, expected) => {
    expect(types(header)).toEqual(expected);
  });

  const clause = fc.record({
    type: fc.constantFrom('application/json', 'application/yaml', 'text/plain', 'application/*', '*/*'),
    q: fc.option(
      fc.integer({ min: 0, max: 10 }).map((tenths) => tenths / 10),
      { nil: undefined },
    ),
  });

  test('orders by weight, and never invents or repeats a clause', () => {
    fc.assert(
      fc.property(fc.array(clause, { minLength: 1, maxLength: 8 }), (clauses) => {
        const header = clauses.map(({ type, q }) => (q === undefined ? type : `${type};q=${q}`)).join(', ');
        const parsed = parseAccept(header);
        const wanted = clauses.filter(({ q }) => q !== 0);
        expect(parsed.map(({ type }) => type).toSorted()).toEqual(wanted.map(({ type }) => type).toSorted());
        const weights = parsed.map(({ parameters }) => Number(parameters['q'] ?? 1));
        expect(weights).toEqual(weights.toSorted((a, b) => b - a));
      }),
    );
  });

  test('reads anything without failing', () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        for (const { type } of parseAccept(header)) expect(type).not.toBe('');
      }),
    );
  });
});
