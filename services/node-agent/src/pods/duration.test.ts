import { expect, test } from 'vitest';
import { formatDuration } from './duration.ts';

test.each([
  [0, '0s'],
  [0.9, '0s'],
  [350, '350ms'],
  [999.9, '999ms'],
  [1_000, '1s'],
  [1_200, '1.2s'],
  [1_234.5, '1.234s'],
  [59_999, '59.999s'],
  [60_000, '1m0s'],
  [62_500, '1m2.5s'],
  [3_600_000, '1h0m0s'],
  [3_723_004, '1h2m3.004s'],
])('%d ms is printed as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
