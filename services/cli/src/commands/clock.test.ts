import { describe, expect, test } from 'vitest';
import { describeClock, parseChange } from './clock.ts';

describe('what the clock is set to', () => {
  test.each([
    ['60', { speed: '60' }],
    ['0.5', { speed: '0.5' }],
    ['1000', { speed: '1000' }],
    ['pause', { paused: 'true' }],
    ['resume', { paused: 'false' }],
  ])('%s', (word, change) => {
    expect(parseChange(word)).toEqual(change);
  });

  test.each(['0', '-1', '1001', 'fast', '', '1e3', '60x'])('not %j', (word) => {
    expect(() => parseChange(word)).toThrow(`"${word}" is nothing to set the clock to`);
  });
});

describe('the clock in words', () => {
  const NOW_MS = Date.UTC(2026, 0, 1);
  const at = (aheadMs: number) => ({ rate: 1, realMs: NOW_MS, clusterMs: NOW_MS + aheadMs });

  test('says how far apart the two times are', () => {
    const lines = (aheadMs: number) =>
      describeClock({ speed: 1, paused: false, anchor: at(aheadMs) }, NOW_MS)[1];
    expect(lines(0)).toBe('real time     2026-01-01T00:00:00.000Z');
    expect(lines(90_000)).toBe('real time     2026-01-01T00:00:00.000Z, 1 min 30 s behind it');
    expect(lines(-86_400_000)).toBe('real time     2026-01-01T00:00:00.000Z, 1 d 0 h ahead of it');
  });

  test('says how fast it runs, also while it stands still', () => {
    const pace = (speed: number, paused: boolean) =>
      describeClock({ speed, paused, anchor: at(0) }, NOW_MS)[2];
    expect(pace(1, false)).toBe('speed         as fast as real time');
    expect(pace(60, false)).toBe('speed         60 times as fast as real time');
    expect(pace(60, true)).toBe('speed         paused; 60 times as fast as real time when resumed');
  });
});
