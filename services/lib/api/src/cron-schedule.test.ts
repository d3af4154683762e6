import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CronSyntaxError, isTimeZone, nextTime, parseCron } from './cron-schedule.ts';

/** Times as they are written, without seconds. */
const next = (schedule: string, after: string, zone?: string): string | undefined => {
  const atMs = nextTime(parseCron(schedule), Date.parse(after), zone);
  return atMs === undefined ? undefined : new Date(atMs).toISOString().replace(':00.000Z', 'Z');
};

describe('a schedule', () => {
  it.each([
    ['* * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:01Z'],
    ['* * * * *', '2026-01-01T00:00:59Z', '2026-01-01T00:01Z'],
    ['*/15 * * * *', '2026-01-01T00:46:00Z', '2026-01-01T01:00Z'],
    ['5/20 * * * *', '2026-01-01T00:06:00Z', '2026-01-01T00:25Z'],
    ['30 8 * * 1-5', '2026-01-02T09:00:00Z', '2026-01-05T08:30Z'],
    ['30 8 * * MON-fri', '2026-01-02T09:00:00Z', '2026-01-05T08:30Z'],
    ['0 0 1,15 * *', '2026-01-02T00:00:00Z', '2026-01-15T00:00Z'],
    ['0 0 13 * 5', '2026-01-01T00:00:00Z', '2026-01-02T00:00Z'],
    ['0 0 13 * *', '2026-01-01T00:00:00Z', '2026-01-13T00:00Z'],
    ['0 0 29 2 *', '2026-03-01T00:00:00Z', '2028-02-29T00:00Z'],
    ['0 12 ? jan,JUL ?', '2026-02-01T00:00:00Z', '2026-07-01T12:00Z'],
    ['@hourly', '2026-01-01T00:00:00Z', '2026-01-01T01:00Z'],
    ['@daily', '2026-01-01T00:00:00Z', '2026-01-02T00:00Z'],
    ['@weekly', '2026-01-01T00:00:00Z', '2026-01-04T00:00Z'],
    ['@monthly', '2026-01-01T00:00:00Z', '2026-02-01T00:00Z'],
    ['@yearly', '2026-01-01T00:00:00Z', '2027-01-01T00:00Z'],
    ['@every 90m', '2026-01-01T00:00:00Z', '2026-01-01T01:30Z'],
  ])('%s after %s is %s', (schedule, after, expected) => {
    expect(next(schedule, after)).toBe(expected);
  });

  it('never comes true on a day that does not exist', () => {
    expect(next('0 0 30 2 *', '2026-01-01T00:00:00Z')).toBeUndefined();
  });

  it.each([
    ['0 9 * * *', 'Asia/Shanghai', '2026-01-01T00:00:00Z', '2026-01-01T01:00Z'],
    ['0 0 1 * *', 'Asia/Shanghai', '2026-01-15T00:00:00Z', '2026-01-31T16:00Z'],
    ['TZ=America/New_York 0 9 * * *', undefined, '2026-07-01T00:00:00Z', '2026-07-01T13:00Z'],
    // The clocks go forward at 2:00 on 2026-03-08: 2:30 is left out that day.
    ['30 2 * * *', 'America/New_York', '2026-03-07T08:00:00Z', '2026-03-09T06:30Z'],
    // They go back at 2:00 on 2026-11-01: 1:30 comes twice.
    ['30 1 * * *', 'America/New_York', '2026-11-01T05:00:00Z', '2026-11-01T05:30Z'],
    ['30 1 * * *', 'America/New_York', '2026-11-01T05:30:00Z', '2026-11-01T06:30Z'],
    ['0 0 * * *', 'America/New_York', '2026-11-01T04:30:00Z', '2026-11-02T05:00Z'],
  ])('%s in %s after %s is %s', (schedule, zone, after, expected) => {
    expect(next(schedule, after, zone)).toBe(expected);
  });

  it('is always later, on a whole minute, and never passes one over', () => {
    const field = (max: number, min = 0): fc.Arbitrary<string> =>
      fc.oneof(
        fc.constant('*'),
        fc.integer({ min, max }).map(String),
        fc.integer({ min: 2, max: 9 }).map((step) => `*/${step}`),
      );
    const schedules = fc
      .tuple(field(59), field(23), field(28, 1), field(12, 1), field(6))
      .map((all) => all.join(' '));
    fc.assert(
      fc.property(schedules, fc.integer({ min: 0, max: 2 ** 41 }), (schedule, afterMs) => {
        const parsed = parseCron(schedule);
        const atMs = nextTime(parsed, afterMs)!;
        expect(atMs).toBeGreaterThan(afterMs);
        expect(atMs % 60_000).toBe(0);
        const between = afterMs + Math.trunc((atMs - afterMs) / 2);
        expect(nextTime(parsed, between)).toBe(atMs);
      }),
    );
  });

  it.each([
    ['', 'empty spec string'],
    ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
    ['60 * * * *', 'end of range (60) above maximum (59): 60'],
    ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
    ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
    ['*/0 * * * *', 'step of range should be a positive number: */0'],
    ['1/2/3 * * * *', 'too many slashes: 1/2/3'],
    ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
    ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
    ['@often', 'unrecognized descriptor: @often'],
    ['TZ=Nowhere * * * * *', 'provided bad location Nowhere: unknown time zone Nowhere'],
  ])('%j is refused: %s', (schedule, message) => {
    expect(() => parseCron(schedule)).toThrow(new CronSyntaxError(message));
  });
});

describe('time zones', () => {
  it('are those of the IANA database', () => {
    expect(['Asia/Shanghai', 'Etc/UTC', 'Mars/Base'].map(isTimeZone)).toEqual([true, true, false]);
  });
});
