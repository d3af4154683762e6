import type { HorizontalPodAutoscalerBehavior } from '@orrery/api/gen/types.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BehaviorInput, limitRate, stabilize, toleranceOf } from './behavior.ts';
import { ScaleHistory } from './scale-history.ts';

const NOW_MS = 10_000_000;

function input(change: Partial<BehaviorInput>): BehaviorInput {
  return {
    behavior: undefined,
    history: new ScaleHistory(),
    currentReplicas: 10,
    desiredReplicas: 10,
    minReplicas: 1,
    maxReplicas: 1_000,
    nowMs: NOW_MS,
    ...change,
  };
}

/** What was recommended, by seconds ago. */
function recommended(...entries: [secondsAgo: number, replicas: number][]): ScaleHistory {
  const history = new ScaleHistory();
  for (const [secondsAgo, replicas] of entries) history.recommended(replicas, NOW_MS - secondsAgo * 1_000);
  return history;
}

function scaled(...entries: [secondsAgo: number, change: number][]): ScaleHistory {
  const history = new ScaleHistory();
  for (const [secondsAgo, change] of entries) history.scaled(change, NOW_MS - secondsAgo * 1_000);
  return history;
}

describe('stabilisation', () => {
  const upSlowly: HorizontalPodAutoscalerBehavior = { scaleUp: { stabilizationWindowSeconds: 60 } };
  it.each<[string, Partial<BehaviorInput>, number, string]>([
    ['up at once', { desiredReplicas: 20, history: recommended([10, 10]) }, 20, 'ReadyForNewScale'],
    [
      'down to the highest of five minutes',
      { desiredReplicas: 2, history: recommended([299, 7], [100, 3]) },
      7,
      'ScaleDownStabilized',
    ],
    [
      'not up for what was recommended',
      { desiredReplicas: 2, history: recommended([100, 50]) },
      10,
      'ScaleDownStabilized',
    ],
    [
      'down when the higher is older than five minutes',
      { desiredReplicas: 2, history: recommended([300, 9]) },
      2,
      'ReadyForNewScale',
    ],
    [
      'up to the lowest of a window asked for',
      { behavior: upSlowly, desiredReplicas: 30, history: recommended([59, 12]) },
      12,
      'ScaleUpStabilized',
    ],
    [
      'down at once when asked for',
      {
        behavior: { scaleDown: { stabilizationWindowSeconds: 0 } },
        desiredReplicas: 2,
        history: recommended([1, 9]),
      },
      2,
      'ReadyForNewScale',
    ],
  ])('%s', (_what, change, replicas, reason) => {
    expect(stabilize(input(change))).toMatchObject({ replicas, reason });
  });

  it('keeps between what is and what is wanted', () => {
    const numbers = fc.integer({ min: 0, max: 100 });
    fc.assert(
      fc.property(
        numbers,
        numbers,
        fc.array(fc.tuple(fc.integer({ min: 0, max: 600 }), numbers)),
        (currentReplicas, desiredReplicas, past) => {
          const { replicas } = stabilize(
            input({ currentReplicas, desiredReplicas, history: recommended(...past) }),
          );
          expect(replicas).toBeGreaterThanOrEqual(Math.min(currentReplicas, desiredReplicas));
          expect(replicas).toBeLessThanOrEqual(Math.max(currentReplicas, desiredReplicas));
        },
      ),
    );
  });
});

describe('limits', () => {
  const pods = (value: number, periodSeconds = 60) => ({
    policies: [{ type: 'Pods', value, periodSeconds }],
  });
  const percent = (value: number) => ({ policies: [{ type: 'Percent', value, periodSeconds: 60 }] });
  const both = [
    { type: 'Pods', value: 1, periodSeconds: 60 },
    { type: 'Percent', value: 50, periodSeconds: 60 },
  ];
  it.each<[string, Partial<BehaviorInput>, number, string]>([
    ['doubling, by default', { desiredReplicas: 100 }, 20, 'ScaleUpLimit'],
    ['four at once, by default', { currentReplicas: 1, desiredReplicas: 100 }, 5, 'ScaleUpLimit'],
    [
      'doubling within the period counts what was added',
      { desiredReplicas: 100, history: scaled([5, 5]) },
      10,
      'ScaleUpLimit',
    ],
    [
      'what was added before the period does not count',
      { desiredReplicas: 100, history: scaled([15, 5]) },
      20,
      'ScaleUpLimit',
    ],
    ['the maximum', { desiredReplicas: 100, maxReplicas: 15 }, 15, 'TooManyReplicas'],
    ['the minimum', { desiredReplicas: 0, minReplicas: 3 }, 3, 'TooFewReplicas'],
    ['all at once down, by default', { desiredReplicas: 1 }, 1, 'DesiredWithinRange'],
    ['pods up', { behavior: { scaleUp: pods(3) }, desiredReplicas: 100 }, 13, 'ScaleUpLimit'],
    [
      'percent up, rounded up',
      { behavior: { scaleUp: percent(15) }, desiredReplicas: 100 },
      12,
      'ScaleUpLimit',
    ],
    ['pods down', { behavior: { scaleDown: pods(2) }, desiredReplicas: 1 }, 8, 'ScaleDownLimit'],
    [
      'percent down, rounded down',
      { behavior: { scaleDown: percent(15) }, desiredReplicas: 1 },
      8,
      'ScaleDownLimit',
    ],
    [
      'pods down counts what went already',
      { behavior: { scaleDown: pods(2) }, desiredReplicas: 1, history: scaled([30, -2]) },
      10,
      'ScaleDownLimit',
    ],
    [
      'the most of several up',
      { behavior: { scaleUp: { policies: both } }, desiredReplicas: 99 },
      15,
      'ScaleUpLimit',
    ],
    [
      'the least of several up',
      { behavior: { scaleUp: { policies: both, selectPolicy: 'Min' } }, desiredReplicas: 99 },
      11,
      'ScaleUpLimit',
    ],
    [
      'the most of several down',
      { behavior: { scaleDown: { policies: both } }, desiredReplicas: 1 },
      5,
      'ScaleDownLimit',
    ],
    [
      'the least of several down',
      { behavior: { scaleDown: { policies: both, selectPolicy: 'Min' } }, desiredReplicas: 1 },
      9,
      'ScaleDownLimit',
    ],
    [
      'no way up',
      { behavior: { scaleUp: { selectPolicy: 'Disabled' } }, desiredReplicas: 99 },
      10,
      'ScaleUpLimit',
    ],
    [
      'no way down',
      { behavior: { scaleDown: { selectPolicy: 'Disabled' } }, desiredReplicas: 1 },
      10,
      'ScaleDownLimit',
    ],
    ['none at rest', {}, 10, 'DesiredWithinRange'],
  ])('%s', (_what, change, replicas, reason) => {
    expect(limitRate(input(change))).toMatchObject({ replicas, reason });
  });
});

describe('tolerance', () => {
  it('is a tenth unless given', () => {
    expect(toleranceOf(undefined)).toEqual({ scaleUp: 0.1, scaleDown: 0.1 });
    expect(toleranceOf({ scaleUp: { tolerance: '50m' } })).toEqual({ scaleUp: 0.05, scaleDown: 0.1 });
  });
});

describe('a history', () => {
  it('forgets what no rule may look back on', () => {
    const history = scaled([3_600, 5]);
    history.recommended(1, NOW_MS - 3_600_000);
    history.recommended(2, NOW_MS);
    history.scaled(1, NOW_MS);
    expect(history.recommendations(10 ** 9, NOW_MS)).toEqual([2]);
    expect(history.change(10 ** 9, NOW_MS)).toBe(1);
  });
});
