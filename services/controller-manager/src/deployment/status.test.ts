import type { DeploymentCondition } from '@orrery/api/gen/types.ts';
import { describe, expect, test } from 'vitest';
import { findCondition } from '../conditions.ts';
import { deployment, replicaSet } from '../test-support/objects.ts';
import { rollingLimits } from './limits.ts';
import type { Rollout } from './rollout.ts';
import { deploymentStatus, type NewSetOutcome, progressCheckMs } from './status.ts';

const NOW_MS = Date.parse('2026-01-01T01:00:00Z');

function progressing(reason: string, status = 'True', updated = '2026-01-01T00:59:00Z'): DeploymentCondition {
  return {
    type: 'Progressing',
    status,
    reason,
    message: '',
    lastUpdateTime: updated,
    lastTransitionTime: updated,
  };
}

function rollout(
  conditions: DeploymentCondition[],
  counts: { replicas: number; available: number; old?: number },
  spec: Parameters<typeof deployment>[1] = {},
): Rollout {
  const newSet = replicaSet('web-new', 3, {
    status: {
      replicas: counts.replicas,
      readyReplicas: counts.available,
      availableReplicas: counts.available,
    },
  });
  const old = counts.old ?? 0;
  const oldSets =
    old === 0 ? [] : [replicaSet('web-old', old, { status: { replicas: old, availableReplicas: old } })];
  return { deployment: { ...deployment(3, spec), status: { conditions } }, newSet, oldSets };
}

function progress(input: Rollout, newSetOutcome?: NewSetOutcome): DeploymentCondition | undefined {
  return findCondition(
    deploymentStatus({ rollout: input, newSetOutcome, nowMs: NOW_MS }).conditions,
    'Progressing',
  );
}

describe('the condition Progressing', () => {
  test.each([
    [
      'a new set',
      progress(rollout([], { replicas: 0, available: 0 }), { kind: 'created', name: 'web-new' }),
      'NewReplicaSetCreated',
      'Created new replica set "web-new"',
    ],
    [
      'a set that was there',
      progress(rollout([], { replicas: 0, available: 0 }), { kind: 'found', name: 'web-new' }),
      'FoundNewReplicaSet',
      'Found new replica set "web-new"',
    ],
    [
      'more pods',
      progress(rollout([progressing('NewReplicaSetCreated')], { replicas: 2, available: 0 })),
      'ReplicaSetUpdated',
      'ReplicaSet "web-new" is progressing.',
    ],
    [
      'all there',
      progress(rollout([progressing('ReplicaSetUpdated')], { replicas: 3, available: 3 })),
      'NewReplicaSetAvailable',
      'ReplicaSet "web-new" has successfully progressed.',
    ],
    [
      'too late',
      progress(
        rollout([progressing('ReplicaSetUpdated', 'True', '2026-01-01T00:00:00Z')], {
          replicas: 0,
          available: 0,
        }),
      ),
      'ProgressDeadlineExceeded',
      'ReplicaSet "web-new" has timed out progressing.',
    ],
    [
      'paused',
      progress(rollout([progressing('ReplicaSetUpdated')], { replicas: 1, available: 0 }, { paused: true })),
      'DeploymentPaused',
      'Deployment is paused',
    ],
    [
      'resumed',
      progress(rollout([progressing('DeploymentPaused', 'Unknown')], { replicas: 0, available: 0 })),
      'DeploymentResumed',
      'Deployment is resumed',
    ],
    [
      'refused',
      progress(rollout([], { replicas: 0, available: 0 }), { kind: 'failed', message: 'no' }),
      'ReplicaSetCreateError',
      'no',
    ],
  ])('%s', (_name, condition, reason, message) => {
    expect([condition?.reason, condition?.message]).toEqual([reason, message]);
  });

  test('a complete rollout stays so when pods fail later', () => {
    const done = progressing('NewReplicaSetAvailable', 'True', '2026-01-01T00:00:00Z');
    expect(progress(rollout([done], { replicas: 3, available: 1 }))).toEqual(done);
  });

  test('each progress puts the deadline off but is no transition', () => {
    const condition = progress(rollout([progressing('ReplicaSetUpdated')], { replicas: 2, available: 1 }));
    expect([condition?.lastUpdateTime, condition?.lastTransitionTime]).toEqual([
      '2026-01-01T01:00:00Z',
      '2026-01-01T00:59:00Z',
    ]);
  });

  test('without a deadline there is none', () => {
    const spec = { progressDeadlineSeconds: 2 ** 31 - 1 };
    expect(
      progress(rollout([progressing('ReplicaSetUpdated')], { replicas: 1, available: 0 }, spec)),
    ).toBeUndefined();
  });
});

test('counts of zero are left out, as the API does', () => {
  const { conditions: _, ...counts } = deploymentStatus({
    rollout: rollout([], { replicas: 2, available: 0, old: 1 }),
    newSetOutcome: undefined,
    nowMs: NOW_MS,
  });
  expect(counts).toEqual({
    observedGeneration: 1,
    replicas: 3,
    updatedReplicas: 2,
    availableReplicas: 1,
    unavailableReplicas: 3,
  });
});

test('the failure of a set is the failure of the Deployment, and goes with it', () => {
  const failure = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'quota' };
  const failing = rollout([], { replicas: 0, available: 0 });
  const newSet = replicaSet('web-new', 3, { status: { replicas: 0, conditions: [failure] } });
  const status = deploymentStatus({
    rollout: { ...failing, newSet },
    newSetOutcome: undefined,
    nowMs: NOW_MS,
  });
  expect(findCondition(status.conditions, 'ReplicaFailure')).toMatchObject(failure);
  const healed = { ...failing, deployment: { ...failing.deployment, status } };
  const after = deploymentStatus({ rollout: healed, newSetOutcome: undefined, nowMs: NOW_MS });
  expect(findCondition(after.conditions, 'ReplicaFailure')).toBeUndefined();
});

test.each([
  ['in progress', [progressing('ReplicaSetUpdated')], 541_000],
  ['overdue', [progressing('ReplicaSetUpdated', 'True', '2026-01-01T00:00:00Z')], 1_000],
  ['done', [progressing('NewReplicaSetAvailable')], undefined],
  ['failed', [progressing('ProgressDeadlineExceeded', 'False')], undefined],
])('the deadline is looked at again when it is due: %s', (_name, conditions, expected) => {
  expect(progressCheckMs(deployment(3), { conditions }, NOW_MS)).toBe(expected);
});

test.each([
  ['25%', '25%', 10, { maxSurge: 3, maxUnavailable: 2 }],
  ['25%', '25%', 1, { maxSurge: 1, maxUnavailable: 0 }],
  ['0%', '10%', 5, { maxSurge: 0, maxUnavailable: 1 }],
  [0, 0, 5, { maxSurge: 0, maxUnavailable: 1 }],
  [2, 7, 5, { maxSurge: 2, maxUnavailable: 5 }],
  ['100%', '100%', 3, { maxSurge: 3, maxUnavailable: 3 }],
  ['25%', '25%', 0, { maxSurge: 0, maxUnavailable: 0 }],
])('maxSurge %s and maxUnavailable %s of %i', (maxSurge, maxUnavailable, replicas, expected) => {
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } };
  expect(rollingLimits(deployment(replicas, { strategy }))).toEqual(expected);
});
