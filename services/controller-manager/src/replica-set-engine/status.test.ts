import { describe, expect, test } from 'vitest';
import { pod, ready, replicaSet } from '../test-support/objects.ts';
import { podFromTemplate } from '../pod-control/pod-template.ts';
import { BURST_REPLICAS, planReplicas } from './plan.ts';
import { nextAvailabilityMs } from '../pods.ts';
import { replicaStatus } from './status.ts';

const NOW_MS = Date.parse('2026-01-01T00:01:00Z');

const PODS = [
  pod('old', { status: ready('True', '2026-01-01T00:00:00Z') }),
  pod('fresh', { status: ready('True', '2026-01-01T00:00:55Z') }),
  pod('starting', { status: { phase: 'Pending' } }),
  pod('other', { metadata: { labels: { app: 'web', more: 'no' } }, status: ready('False') }),
  pod('leaving', { metadata: { deletionTimestamp: '2026-01-01T00:00:59Z' }, status: ready('True') }),
  pod('ended', { status: { phase: 'Failed' } }),
];

function statusOf(minReadySeconds: number, countsTerminating = true): unknown {
  const owner = replicaSet('web', 4, { metadata: { generation: 7 } });
  owner.spec.minReadySeconds = minReadySeconds;
  return replicaStatus({ owner, pods: PODS, failure: undefined, countsTerminating, nowMs: NOW_MS });
}

describe('the status of a set of replicas', () => {
  test('counts active pods by how far they are', () => {
    expect(statusOf(0)).toEqual({
      replicas: 4,
      fullyLabeledReplicas: 4,
      readyReplicas: 2,
      availableReplicas: 2,
      terminatingReplicas: 1,
      observedGeneration: 7,
    });
  });

  test('a pod is available when it has been ready for long enough', () => {
    expect(statusOf(30)).toMatchObject({ readyReplicas: 2, availableReplicas: 1 });
    expect(nextAvailabilityMs(PODS, 30, NOW_MS)).toBe(25_000);
    expect(nextAvailabilityMs(PODS, 0, NOW_MS)).toBeUndefined();
    expect(nextAvailabilityMs(PODS, 3, NOW_MS)).toBeUndefined();
  });

  test('a ReplicationController does not tell of terminating pods', () => {
    expect(statusOf(0, false)).not.toHaveProperty('terminatingReplicas');
  });

  test('the first failure stands until all is well', () => {
    const owner = replicaSet('web', 1);
    const input = { owner, pods: [], countsTerminating: true, nowMs: NOW_MS };
    const failed = replicaStatus({ ...input, failure: { reason: 'FailedCreate', message: 'first' } });
    const again = replicaStatus({
      ...input,
      owner: { ...owner, status: failed },
      failure: { reason: 'FailedDelete', message: 'second' },
    });
    expect(again.conditions).toEqual(failed.conditions);
    expect(
      replicaStatus({ ...input, owner: { ...owner, status: failed }, failure: undefined }).conditions,
    ).toBeUndefined();
  });
});

describe('the plan of a set of replicas', () => {
  const active = ['a', 'b', 'c'].map((name) => pod(name, { status: ready(name === 'b' ? 'False' : 'True') }));
  const plan = (wanted: number): { create: number; remove: string[] } => {
    const { create, remove } = planReplicas({ active, wanted, related: () => active, nowMs: NOW_MS });
    return { create, remove: remove.map(({ metadata }) => metadata.name) };
  };

  test('creates what is missing, removes what is too much, least useful first', () => {
    expect(plan(5)).toEqual({ create: 2, remove: [] });
    expect(plan(3)).toEqual({ create: 0, remove: [] });
    expect(plan(2)).toEqual({ create: 0, remove: ['b'] });
    expect(plan(0).remove.sort()).toEqual(['a', 'b', 'c']);
  });

  test('goes no further than a burst at a time', () => {
    expect(plan(2_000)).toEqual({ create: BURST_REPLICAS, remove: [] });
  });
});

test('a pod comes from the template, is named after its owner and managed by it', () => {
  const owner = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: 'x'.repeat(70),
    uid: 'u',
    controller: true,
  };
  const made = podFromTemplate(
    { metadata: { labels: { app: 'web' } }, spec: { containers: [] } },
    'default',
    owner,
  );
  expect(made.metadata).toEqual({
    namespace: 'default',
    generateName: `${'x'.repeat(70)}-`,
    labels: { app: 'web' },
    ownerReferences: [owner],
  });
});
