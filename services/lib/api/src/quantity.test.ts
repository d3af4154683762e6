import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalQuantity,
  compareQuantities,
  fromBytes,
  fromMilli,
  isQuantity,
  milliValue,
  wholeValue,
} from './quantity.ts';

describe('the canonical form', () => {
  it.each([
    ['0', '0'],
    ['0.000', '0'],
    ['-0', '0'],
    ['0Gi', '0'],
    ['1', '1'],
    ['+5', '5'],
    ['0.5', '500m'],
    ['.5', '500m'],
    ['1.', '1'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['1.5', '1500m'],
    ['100000', '100k'],
    ['123456', '123456'],
    ['1000k', '1M'],
    ['1000000M', '1T'],
    ['1000E', '1e21'],
    ['2500u', '2500u'],
    ['1000n', '1u'],
    ['0.1n', '1n'],
    ['-0.1n', '-1n'],
    ['-500m', '-500m'],
    ['-1000m', '-1'],
    ['1e3', '1e3'],
    ['1E3', '1e3'],
    ['1e4', '10e3'],
    ['12e-3', '12e-3'],
    ['1e0', '1'],
    ['5000e3', '5e6'],
    ['1e30', '1e30'],
    ['1024Mi', '1Gi'],
    ['1.5Gi', '1536Mi'],
    ['1000Ki', '1000Ki'],
    ['1023Ki', '1023Ki'],
    ['2048Ei', '9223372036854775807'],
    ['0.5Ki', '512'],
    ['0.1Gi', '107374182400m'],
    ['0.5Mi', '512Ki'],
    ['-1024Mi', '-1Gi'],
    ['16Gi', '16Gi'],
    ['1E', '1E'],
  ])('of %s is %s', (text, expected) => {
    expect(canonicalQuantity(text)).toBe(expected);
  });

  it.each([
    '',
    ' ',
    'm',
    '1 ',
    '1e',
    '1x',
    '1mi',
    '1ki',
    '1K',
    '1..5',
    '1.5.5',
    '--1',
    '0x1',
    '1Gii',
    '.',
    'NaN',
  ])('does not exist of %j', (text) => {
    expect(canonicalQuantity(text)).toBeUndefined();
    expect(isQuantity(text)).toBe(false);
    expect(() => milliValue(text)).toThrow(RangeError);
    expect(() => wholeValue(text)).toThrow(RangeError);
  });
});

describe('the value', () => {
  it.each([
    ['0', 0, 0],
    ['1', 1000, 1],
    ['100m', 100, 1],
    ['1m', 1, 1],
    ['1u', 1, 1],
    ['1001u', 2, 1],
    ['1999m', 1999, 2],
    ['-1500m', -1500, -2],
    ['-1u', -1, -1],
    ['2k', 2_000_000, 2000],
    ['1Ki', 1_024_000, 1024],
    ['1e3', 1_000_000, 1000],
  ])('of %s is %i in thousandths and %i whole, rounded away from zero', (text, milli, whole) => {
    expect(milliValue(text)).toBe(milli);
    expect(wholeValue(text)).toBe(whole);
  });

  it('of many bytes is exact', () => {
    expect(wholeValue('4Pi')).toBe(2 ** 52);
    expect(wholeValue(`${2 ** 53 - 1}`)).toBe(2 ** 53 - 1);
  });

  it('stays what it is when thousands of others were asked for', () => {
    for (let i = 0; i < 5_000; i += 1) expect(milliValue(`${i}m`)).toBe(i);
    expect(milliValue('7m')).toBe(7);
  });
});

describe('comparison', () => {
  it.each([
    ['1', '1000m', 0],
    ['1Gi', '1G', 1],
    ['-1', '1', -1],
    ['1n', '0', 1],
    ['0.5', '1e-1', 1],
  ])('of %s with %s is %i', (a, b, expected) => {
    expect(compareQuantities(a, b)).toBe(expected);
    expect(compareQuantities(b, a)).toBe(expected === 0 ? 0 : -expected);
  });
});

const suffixes = ['', 'n', 'u', 'm', 'k', 'M', 'G', 'T', 'Ki', 'Mi', 'Gi', 'Ti', 'e3', 'E-3', 'e7'];
const quantity = fc
  .tuple(
    fc.constantFrom('', '-', '+'),
    fc.nat(1_000_000),
    fc.option(fc.nat(9999), { nil: undefined }),
    fc.constantFrom(...suffixes),
  )
  .map(([sign, whole, part, suffix]) => `${sign}${whole}${part === undefined ? '' : `.${part}`}${suffix}`);

describe('any quantity', () => {
  it('is in canonical form the same amount, without a fraction, and its own canonical form', () => {
    fc.assert(
      fc.property(quantity, (text) => {
        const canonical = canonicalQuantity(text)!;
        expect(canonical).toMatch(/^-?\d+([numkMGTPE]|[KMGTPE]i|e-?\d+)?$/);
        expect(compareQuantities(text, canonical)).toBe(0);
        expect(canonicalQuantity(canonical)).toBe(canonical);
      }),
    );
  });

  it('comes back from its thousandths', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 50), max: 2 ** 50 }), (milli) => {
        expect(milliValue(fromMilli(milli))).toBe(milli);
        expect(canonicalQuantity(fromMilli(milli))).toBe(fromMilli(milli));
      }),
    );
  });
});

it.each([
  [0, '0'],
  [1500, '1500m'],
  [2000, '2'],
  [100_000_000, '100k'],
  [-500, '-500m'],
])('%i thousandths are written %s', (milli, expected) => {
  expect(fromMilli(milli)).toBe(expected);
});

it.each([
  [0, '0'],
  [1000, '1k'],
  [1024, '1Ki'],
  [524_288_000, '500Mi'],
  [524_288_001, '524288001'],
])('%i bytes are written %s', (bytes, expected) => {
  expect(fromBytes(bytes)).toBe(expected);
});
