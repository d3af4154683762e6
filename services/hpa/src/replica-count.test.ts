import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MetricError, replicaCount, type ReplicaCountInput } from './replica-count.ts';
import { NOW_MS, pod, type PodFacts, usageOf } from './test-support/pods.ts';

function count(facts: readonly PodFacts[], percent: number, change: Partial<ReplicaCountInput> = {}) {
  return replicaCount({
    pods: facts.map(pod),
    usageOf,
    resource: 'cpu',
    target: { kind: 'utilization', percent },
    currentReplicas: facts.length,
    tolerance: { scaleUp: 0.1, scaleDown: 0.1 },
    nowMs: NOW_MS,
    ...change,
  });
}

const times = (n: number, facts: PodFacts): PodFacts[] => Array.from({ length: n }, () => facts);

const justStarted = { startedSecondsAgo: 60, readySecondsAgo: 20 };

// The cases follow pkg/controller/podautoscaler/replica_calculator_test.go.
describe('replicas by utilization', () => {
  it.each<[string, PodFacts[], number, number]>([
    ['more when usage is over the target', [{ cpu: 300 }, { cpu: 500 }, { cpu: 700 }], 30, 5],
    ['fewer when usage is under the target', [...times(4, { cpu: 200 }), { cpu: 200 }], 50, 2],
    ['the same within ten percent over', times(3, { cpu: 550 }), 50, 3],
    ['the same within ten percent under', times(3, { cpu: 450 }), 50, 3],
    ['more just outside the tolerance', times(3, { cpu: 560 }), 50, 4],
    ['none at all to zero usage, the bounds are for others', times(2, { cpu: 0 }), 50, 0],
    ['more, a missing pod counted as idle', [{}, { cpu: 900 }, { cpu: 900 }], 50, 4],
    ['the same, when idle missing pods turn the direction', [...times(3, {}), { cpu: 600 }], 50, 4],
    ['fewer, a missing pod counted as busy', [{}, ...times(4, { cpu: 100 })], 50, 3],
    ['the same, when busy missing pods turn the direction', [{}, {}, { cpu: 100 }], 50, 3],
    [
      'fewer over a high target, missing pods counted at the target',
      [{}, ...times(3, { cpu: 1_000 })],
      200,
      3,
    ],
    [
      'more, an unready pod counted as idle',
      [{ ...justStarted, cpu: 2_000 }, ...times(2, { cpu: 900 })],
      50,
      4,
    ],
    ['fewer, an unready pod left out', [{ ...justStarted, cpu: 2_000 }, ...times(3, { cpu: 100 })], 50, 1],
    ['more, a pending pod counted as idle', [{ phase: 'Pending' }, ...times(2, { cpu: 1_000 })], 50, 4],
    [
      'the same, whatever failed and deleted pods use',
      [{ phase: 'Failed', cpu: 9_000 }, { deleted: true, cpu: 9_000 }, { cpu: 500 }, { cpu: 500 }],
      50,
      4,
    ],
  ])('%s', (_what, facts, percent, replicas) => {
    expect(count(facts, percent).replicas).toBe(replicas);
  });

  it('reports whole percents and the average of the pods that count', () => {
    const facts = [{ cpu: 333 }, { cpu: 334 }, { ...justStarted, cpu: 9_000 }];
    expect(count(facts, 33)).toMatchObject({ utilizationPercent: 33, averageMilli: 333 });
  });

  it('honours a tolerance per direction', () => {
    const tolerance = { scaleUp: 0, scaleDown: 0.5 };
    expect(count(times(4, { cpu: 510 }), 50, { tolerance }).replicas).toBe(5);
    expect(count(times(4, { cpu: 260 }), 50, { tolerance }).replicas).toBe(4);
  });
});

describe('CPU of a pod says nothing', () => {
  const readings: [string, PodFacts, boolean][] = [
    ['without a Ready condition', { ready: 'absent' }, false],
    ['while it starts and is unready', { startedSecondsAgo: 100, ready: 'False' }, false],
    [
      'for a window after it became ready, while it starts',
      { startedSecondsAgo: 100, readySecondsAgo: 59 },
      false,
    ],
    ['but does after that window', { startedSecondsAgo: 100, readySecondsAgo: 60 }, true],
    ['when it never became ready', { startedSecondsAgo: 600, ready: 'False', readySecondsAgo: 590 }, false],
    [
      'but does when it lost readiness later',
      { startedSecondsAgo: 600, ready: 'False', readySecondsAgo: 100 },
      true,
    ],
  ];
  it.each(readings)('%s', (_what, facts, says) => {
    const alone = () => count([{ ...facts, cpu: 1_000 }], 50);
    if (says) expect(alone().replicas).toBe(2);
    else expect(alone).toThrow('did not receive metrics for targeted pods (pods might be unready)');
  });

  it('but its memory does', () => {
    const memory = count([{ ...justStarted, cpu: 1_000 }], 50, {
      resource: 'memory',
      target: { kind: 'averageValue', milli: 500 },
    });
    expect(memory.replicas).toBe(2);
  });
});

describe('replicas by average value', () => {
  const target = { kind: 'averageValue', milli: 400 } as const;
  it.each<[string, PodFacts[], number]>([
    ['more', times(2, { cpu: 800 }), 4],
    ['fewer, a missing pod counted at the target', [{}, ...times(3, { cpu: 100 })], 2],
    ['more, a missing pod counted as idle', [{}, ...times(2, { cpu: 900 })], 5],
  ])('%s', (_what, facts, replicas) => {
    const found = count(facts, 0, { target });
    expect(found.replicas).toBe(replicas);
    expect(found.utilizationPercent).toBeUndefined();
  });
});

describe('no number', () => {
  it.each<[string, PodFacts[], string]>([
    [
      'without pods',
      [],
      'unable to get metrics for resource cpu: no metrics returned from resource metrics API',
    ],
    [
      'without samples',
      [{}],
      'unable to get metrics for resource cpu: no metrics returned from resource metrics API',
    ],
    ['without a request', [{ cpu: 100, request: null }], 'missing request for cpu in container web of Pod '],
    ['when all requests are zero', [{ cpu: 100, request: '0' }], 'no metrics returned matched known pods'],
  ])('%s', (_what, facts, message) => {
    expect(() => count(facts, 50)).toThrow(MetricError);
    expect(() => count(facts, 50)).toThrow(message);
  });
});

describe('whatever the pods', () => {
  const facts = fc.record({
    cpu: fc.option(fc.integer({ min: 0, max: 3_000 }), { nil: undefined }),
    phase: fc.constantFrom('Running', 'Running', 'Pending', 'Failed'),
    startedSecondsAgo: fc.constantFrom(60, 3_600),
    ready: fc.constantFrom('True' as const, 'False' as const),
    deleted: fc.boolean(),
  });
  const present = (given: { cpu: number | undefined }): PodFacts => {
    const { cpu, ...rest } = given;
    return cpu === undefined ? rest : { ...rest, cpu };
  };

  it('a pod more without samples never changes the direction', () => {
    fc.assert(
      fc.property(
        fc.array(facts, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 10, max: 150 }),
        (given, percent) => {
          const known = given.map(present);
          let without: number;
          try {
            without = count(known, percent).replicas;
          } catch (error) {
            if (error instanceof MetricError) return;
            throw error;
          }
          const current = known.length + 1;
          const withMissing = count([...known, {}], percent, { currentReplicas: current }).replicas;
          if (without < known.length) expect(withMissing).toBeLessThanOrEqual(current);
          else if (without > known.length)
            expect(withMissing).toBeGreaterThanOrEqual(Math.min(current, without));
        },
      ),
    );
  });

  it('more load never asks for fewer', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 2_000 }), { minLength: 1, maxLength: 10 }), (loads) => {
        const at = (factor: number) =>
          count(
            loads.map((cpu) => ({ cpu: cpu * factor })),
            50,
          ).replicas;
        expect(at(2)).toBeGreaterThanOrEqual(at(1));
      }),
    );
  });
});
