import type { ReplicaSet } from '@orrery/api/gen/types.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deployment, replicaSet } from '../test-support/objects.ts';
import { DESIRED_REPLICAS, MAX_REPLICAS } from './annotations.ts';
import { isScalingEvent, planScale } from './proportional.ts';
import type { Rollout } from './rollout.ts';

/** A set that was sized when the Deployment wanted `desired` with room for `max`. */
function sized(
  name: string,
  replicas: number,
  desired: number,
  max: number,
  available = replicas,
): ReplicaSet {
  return replicaSet(name, replicas, {
    metadata: { annotations: { [DESIRED_REPLICAS]: String(desired), [MAX_REPLICAS]: String(max) } },
    status: { replicas, availableReplicas: available },
  });
}

function rollout(
  wanted: number,
  maxSurge: number,
  newSet: ReplicaSet | undefined,
  ...oldSets: ReplicaSet[]
): Rollout {
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable: 0 } };
  return { deployment: deployment(wanted, { strategy }), newSet, oldSets };
}

function sizes(input: Rollout): Record<string, number> {
  return Object.fromEntries(planScale(input).map((each) => [each.replicaSet.metadata.name, each.replicas]));
}

describe('scaling a Deployment', () => {
  test('is noticed by the size that active sets remember', () => {
    expect(isScalingEvent(rollout(5, 1, sized('new', 3, 3, 4)))).toBe(true);
    expect(isScalingEvent(rollout(3, 1, sized('new', 3, 3, 4)))).toBe(false);
    expect(isScalingEvent(rollout(5, 1, sized('new', 0, 3, 4)))).toBe(false);
  });

  test.each([
    ['a single set takes it all', rollout(5, 1, sized('new', 3, 3, 4)), { new: 5 }],
    [
      'the only active set is an old one',
      rollout(5, 1, sized('new', 0, 3, 4), sized('old', 3, 3, 4)),
      { old: 5 },
    ],
    ['to zero', rollout(0, 0, sized('new', 3, 6, 6), sized('old', 3, 6, 6)), { new: 0, old: 0 }],
    [
      'in proportion up',
      rollout(20, 0, sized('new', 5, 10, 10, 0), sized('old', 5, 10, 10)),
      { new: 10, old: 10 },
    ],
    [
      'in proportion down',
      rollout(5, 0, sized('new', 2, 10, 10, 0), sized('old', 8, 10, 10)),
      { new: 1, old: 4 },
    ],
    [
      'what rounding leaves goes to the largest',
      rollout(11, 0, sized('new', 3, 10, 10, 0), sized('old', 7, 10, 10)),
      { old: 8, new: 3 },
    ],
    [
      'when the new set is saturated, old ones go',
      rollout(3, 1, sized('new', 3, 3, 4), sized('old', 1, 4, 5)),
      { old: 0 },
    ],
  ])('%s', (_name, input, expected) => {
    expect(sizes(input)).toEqual(expected);
  });

  test('a set whose size is right still learns the new desired size, or the rollout would never go on', () => {
    expect(sizes(rollout(3, 1, sized('new', 3, 4, 5)))).toEqual({ new: 3 });
  });

  test('the parts always add up to what is allowed, and none is negative', () => {
    const parts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(parts, fc.integer({ min: 0, max: 200 }), fc.nat(10), (counts, wanted, maxSurge) => {
        const total = counts.reduce((sum, each) => sum + each, 0);
        const sets = counts.map((count, index) => sized(`set-${index}`, count, total, total, 0));
        const [newSet, ...oldSets] = sets;
        const changed = sizes(rollout(wanted, maxSurge, newSet, ...oldSets));
        const after = sets.map(({ metadata, spec }) => changed[metadata.name] ?? spec.replicas ?? 0);
        expect(after.reduce((sum, each) => sum + each, 0)).toBe(wanted === 0 ? 0 : wanted + maxSurge);
        expect(Math.min(...after)).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
