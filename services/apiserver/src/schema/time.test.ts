import { expect, it } from 'vitest';
import {
  canonicalMicroTime,
  canonicalTime,
  microTimeFromEpoch,
  timeFromEpoch,
  timeParseError,
} from './time.ts';

it.each([
  ['2026-01-31T10:20:30Z', '2026-01-31T10:20:30Z'],
  ['2026-01-31T10:20:30.999Z', '2026-01-31T10:20:30Z'],
  ['2026-01-31T10:20:30+02:00', '2026-01-31T08:20:30Z'],
  ['1969-12-31T23:59:59.5Z', '1969-12-31T23:59:59Z'],
  ['2026-02-30T00:00:00Z', undefined],
  ['2026-01-31 10:20:30Z', undefined],
  ['2026-01-31', undefined],
  ['', undefined],
])('the instant %j is %j in whole seconds of UTC', (text, canonical) => {
  expect(canonicalTime(text)).toBe(canonical);
});

it.each([
  ['2026-01-31T10:20:30Z', '2026-01-31T10:20:30.000000Z'],
  ['2026-01-31T10:20:30.1234567Z', '2026-01-31T10:20:30.123456Z'],
  ['2026-01-31T10:20:30.5-01:00', '2026-01-31T11:20:30.500000Z'],
  ['soon', undefined],
])('the instant %j is %j in microseconds of UTC', (text, canonical) => {
  expect(canonicalMicroTime(text)).toBe(canonical);
});

it('seconds since 1970 become text', () => {
  expect(timeFromEpoch(1_769_854_830)).toBe('2026-01-31T10:20:30Z');
  expect(microTimeFromEpoch(1_769_854_830, 7_000)).toBe('2026-01-31T10:20:30.000007Z');
});

it.each([
  ['soon', 'parsing time "soon" as "2006-01-02T15:04:05Z07:00": cannot parse "soon" as "2006"'],
  ['2026-01-31', 'parsing time "2026-01-31" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"'],
  [
    '2026-01-31T10:20:30',
    'parsing time "2026-01-31T10:20:30" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00"',
  ],
  ['2026-01-31T10:20:30Zzz', 'parsing time "2026-01-31T10:20:30Zzz": extra text: "zz"'],
  ['2026-13-31T10:20:30Z', 'parsing time "2026-13-31T10:20:30Z": value out of range'],
])('the reason why %j is no instant reads as in Go', (text, reason) => {
  expect(timeParseError(text)).toBe(reason);
});
