import { formatTime } from '@orrery/api/meta.ts';
import { describe, expect, it } from 'vitest';
import { type Finding, statusAfter, withFindings } from './status.ts';

const NOW_MS = Date.parse('2026-03-01T12:00:00Z');
const EARLIER = '2026-03-01T11:00:00Z';

const able: Finding = { type: 'AbleToScale', status: 'True', reason: 'SucceededGetScale', message: 'm' };

describe('conditions', () => {
  it('keep their time while their status stays', () => {
    const before = [{ ...able, reason: 'Old', lastTransitionTime: EARLIER }];
    expect(withFindings(before, [able], NOW_MS)).toEqual([{ ...able, lastTransitionTime: EARLIER }]);
  });

  it('get a new time when their status changes, and keep their place', () => {
    const limited: Finding = { type: 'ScalingLimited', status: 'True', reason: 'r', message: 'm' };
    const before = [
      { ...able, lastTransitionTime: EARLIER },
      { ...limited, lastTransitionTime: EARLIER },
    ];
    const after = withFindings(before, [{ ...able, status: 'False' }], NOW_MS);
    expect(after.map(({ type, lastTransitionTime }) => [type, lastTransitionTime])).toEqual([
      ['AbleToScale', formatTime(NOW_MS)],
      ['ScalingLimited', EARLIER],
    ]);
  });

  it('of one type found twice end as the last', () => {
    const found = withFindings([], [able, { ...able, reason: 'SucceededRescale' }], NOW_MS);
    expect(found.map(({ reason }) => reason)).toEqual(['SucceededRescale']);
  });
});

describe('the status', () => {
  const input = {
    currentReplicas: 2,
    desiredReplicas: 4,
    currentMetrics: [],
    findings: [able],
    nowMs: NOW_MS,
  };

  it('tells when the target was scaled last', () => {
    const before = { desiredReplicas: 2, lastScaleTime: EARLIER };
    expect(statusAfter({ ...input, before, rescaled: true }).lastScaleTime).toBe(formatTime(NOW_MS));
    expect(statusAfter({ ...input, before, rescaled: false }).lastScaleTime).toBe(EARLIER);
    expect(statusAfter({ ...input, before: undefined, rescaled: false })).not.toHaveProperty('lastScaleTime');
  });

  it('is the same object again when nothing changed', () => {
    const first = statusAfter({ ...input, before: undefined, rescaled: false });
    expect(statusAfter({ ...input, before: first, rescaled: false, nowMs: NOW_MS + 60_000 })).toEqual(first);
  });
});
