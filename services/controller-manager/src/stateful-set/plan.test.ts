import type { Pod, StatefulSet } from '@orrery/api/gen/types.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claim, meta, pod, ready, TEMPLATE } from '../test-support/objects.ts';
import {
  claimOwners,
  claimsOf,
  identityLabels,
  isStaleClaim,
  mendedOwners,
  ordinalOf,
  statefulPod,
} from './identity.ts';
import { planSteps, type StatefulView, type Step } from './plan.ts';
import { statefulSetStatus } from './status.ts';

const NOW_MS = Date.parse('2026-01-01T01:00:00Z');

function statefulSet(spec: Partial<StatefulSet['spec']> = {}, status?: StatefulSet['status']): StatefulSet {
  return {
    metadata: meta('kafka'),
    spec: {
      replicas: 3,
      serviceName: 'kafka',
      selector: { matchLabels: { app: 'web' } },
      template: TEMPLATE,
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  };
}

type State = 'ready' | 'waiting' | 'leaving' | 'failed' | 'done';

interface Member {
  ordinal: number;
  is?: State;
  revision?: string;
}

function member({ ordinal, is = 'ready', revision = 'new' }: Member): Pod {
  const phases = { failed: { phase: 'Failed' }, done: { phase: 'Succeeded' }, waiting: { phase: 'Pending' } };
  return pod(`kafka-${ordinal}`, {
    metadata: {
      labels: { app: 'web', ...identityLabels(statefulSet(), ordinal), 'controller-revision-hash': revision },
      ...(is === 'leaving' ? { deletionTimestamp: '2026-01-01T00:30:00Z' } : {}),
    },
    status: is === 'ready' || is === 'leaving' ? ready('True') : phases[is],
  });
}

function view(set: StatefulSet, members: readonly Member[]): StatefulView {
  return { set, currentRevision: 'old', updateRevision: 'new', pods: members.map(member), nowMs: NOW_MS };
}

/** `+2 new` for a creation, `-2` for a deletion. */
function text(step: Step): string {
  if (step.kind === 'create') return `+${step.ordinal} ${step.revision}`;
  return `${step.kind === 'delete' ? '-' : 'label '}${step.pod.metadata.name.slice('kafka-'.length)}`;
}

const steps = (set: StatefulSet, members: readonly Member[]): string[] =>
  planSteps(view(set, members)).map(text);
const PARALLEL = statefulSet({ podManagementPolicy: 'Parallel' });
const rolling = (rollingUpdate: object, more: Partial<StatefulSet['spec']> = {}): StatefulSet =>
  statefulSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate }, ...more });
const old = (ordinal: number, is: State = 'ready'): Member => ({ ordinal, is, revision: 'old' });
const fresh = (ordinal: number, is: State = 'ready'): Member => ({ ordinal, is });

describe('the steps of a StatefulSet', () => {
  it.each<[string, StatefulSet, Member[], string[]]>([
    ['begin with the first pod alone', statefulSet(), [], ['+0 new']],
    ['wait for it', statefulSet(), [fresh(0, 'waiting')], []],
    ['go on with the second when it is ready', statefulSet(), [fresh(0)], ['+1 new']],
    ['fill a gap before anything else', statefulSet(), [fresh(0), fresh(2)], ['+1 new']],
    ['wait for a pod on its way out', statefulSet(), [fresh(0), fresh(1, 'leaving'), fresh(2)], []],
    ['take away a failed pod', statefulSet(), [fresh(0), fresh(1, 'failed'), fresh(2)], ['-1']],
    ['take away a pod that has ended', statefulSet(), [fresh(0, 'done')], ['-0']],
    ['are none when all is well', statefulSet(), [fresh(0), fresh(1), fresh(2)], []],
    ['begin with the first ordinal', statefulSet({ ordinals: { start: 5 } }), [], ['+5 new']],
    [
      'leave pods below the first ordinal to go',
      statefulSet({ ordinals: { start: 1 }, replicas: 2 }),
      [fresh(0), fresh(1), fresh(2)],
      ['-0'],
    ],
    ['without order make all at once', PARALLEL, [fresh(1, 'waiting')], ['+0 new', '+2 new']],
    ['take away the highest first', statefulSet({ replicas: 1 }), [fresh(0), fresh(1), fresh(2)], ['-2']],
    ['wait until it is gone', statefulSet({ replicas: 1 }), [fresh(0), fresh(1), fresh(2, 'leaving')], []],
    [
      'take nothing away while a lower pod is not well',
      statefulSet({ replicas: 2 }),
      [fresh(0), fresh(1, 'waiting'), fresh(2)],
      [],
    ],
    [
      'take away a broken pod when all below are well',
      statefulSet({ replicas: 2 }),
      [fresh(0), fresh(1), fresh(2, 'waiting')],
      ['-2'],
    ],
    [
      'without order take away all at once',
      statefulSet({ replicas: 1, podManagementPolicy: 'Parallel' }),
      [fresh(0), fresh(1), fresh(2)],
      ['-2', '-1'],
    ],
    ['update from the top', statefulSet(), [old(0), old(1), old(2)], ['-2']],
    ['wait for the updated pod', statefulSet(), [old(0), old(1), fresh(2, 'waiting')], []],
    ['go on downwards', statefulSet(), [old(0), old(1), fresh(2)], ['-1']],
    ['stop at the partition', rolling({ partition: 2 }), [old(0), old(1), fresh(2)], []],
    ['make pods below the partition as they were', rolling({ partition: 2 }), [old(0)], ['+1 old']],
    [
      'make pods from the partition on as they will be',
      rolling({ partition: 2 }),
      [old(0), old(1)],
      ['+2 new'],
    ],
    [
      'replace as many as may be unavailable',
      rolling({ maxUnavailable: 2 }),
      [old(0), old(1), old(2)],
      ['-2', '-1'],
    ],
    [
      'count broken ones among them',
      rolling({ maxUnavailable: 2 }, { podManagementPolicy: 'Parallel' }),
      [old(0), old(1, 'waiting'), old(2)],
      ['-2', '-1'],
    ],
    ['replace a broken pod, and no other besides', PARALLEL, [old(0), old(1, 'waiting'), old(2)], ['-1']],
    [
      'leave updates to the user with OnDelete',
      statefulSet({ updateStrategy: { type: 'OnDelete' } }),
      [old(0), old(1), old(2)],
      [],
    ],
    [
      'make new pods with OnDelete',
      statefulSet({ updateStrategy: { type: 'OnDelete' } }),
      [old(0), old(1)],
      ['+2 new'],
    ],
    ['scale down before they update', statefulSet({ replicas: 2 }), [old(0), old(1), old(2)], ['-2']],
  ])('%s', (_case, set, members, expected) => {
    expect(steps(set, members)).toEqual(expected);
  });

  it('wait until a pod has been ready for its time', () => {
    expect(steps(statefulSet({ minReadySeconds: 7_200 }), [fresh(0)])).toEqual([]);
    expect(steps(statefulSet({ minReadySeconds: 60 }), [fresh(0)])).toEqual(['+1 new']);
  });

  it('are none when the set is on its way out', () => {
    const leaving = statefulSet();
    leaving.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    expect(steps(leaving, [])).toEqual([]);
  });

  it('give a pod the labels of its identity again', () => {
    const changed = view(statefulSet(), [fresh(0), fresh(1), fresh(2)]);
    changed.pods[0]!.metadata.labels = { app: 'web', 'controller-revision-hash': 'new' };
    expect(planSteps(changed).map(text)).toEqual(['label 0']);
  });

  it('lead from any state to the wanted one, in order and within the limits', () => {
    const state = fc.constantFrom<State>('ready', 'ready', 'waiting', 'leaving', 'failed');
    const members = fc.uniqueArray(
      fc.record({ ordinal: fc.nat(7), is: state, revision: fc.constantFrom('old', 'new') }),
      { selector: ({ ordinal }) => ordinal, maxLength: 8 },
    );
    const sets = fc.record({
      replicas: fc.nat(5),
      podManagementPolicy: fc.constantFrom('OrderedReady', 'Parallel'),
      maxUnavailable: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(
        members,
        sets,
        fc.infiniteStream(fc.boolean()),
        (start, { maxUnavailable, ...spec }, coin) => {
          const set = rolling({ maxUnavailable, partition: 0 }, spec);
          let present: Member[] = start;
          for (let turn = 0; turn < 400; turn += 1) {
            const planned = planSteps(view(set, present));
            const isSettled = present.every(({ is }) => is === 'ready');
            if (planned.length === 0 && isSettled) break;
            if (spec.podManagementPolicy === 'OrderedReady' && maxUnavailable === 1) {
              expect(planned.length).toBeLessThanOrEqual(1);
            }
            present = nextState(present, planned, () => coin.next().value as boolean);
          }
          expect(
            present.map(({ ordinal, is, revision = 'new' }) => `${ordinal} ${is} ${revision}`).sort(),
          ).toEqual(Array.from({ length: spec.replicas }, (_, ordinal) => `${ordinal} ready new`));
        },
      ),
    );
  });
});

/** The steps carried out, and some of what is under way come to its end. */
function nextState(present: readonly Member[], planned: readonly Step[], coin: () => boolean): Member[] {
  const removed = new Set(
    planned.flatMap((step) => (step.kind === 'delete' ? [step.pod.metadata.name] : [])),
  );
  const kept = present.flatMap((each): Member[] => {
    if (removed.has(`kafka-${each.ordinal}`)) return [{ ...each, is: 'leaving' }];
    if (each.is === 'leaving') return coin() ? [] : [each];
    return each.is === 'waiting' && coin() ? [{ ...each, is: 'ready' }] : [each];
  });
  const made = planned.flatMap((step): Member[] =>
    step.kind === 'create' ? [{ ordinal: step.ordinal, is: 'waiting', revision: step.revision }] : [],
  );
  return [...kept, ...made];
}

describe('the identity of a pod', () => {
  const volumeClaimTemplates = [claim('data')];
  const set = statefulSet({ volumeClaimTemplates });

  it('is in its name, labels, host name and claims', () => {
    const made = statefulPod(
      set,
      {
        ...TEMPLATE,
        spec: {
          ...TEMPLATE.spec!,
          volumes: [
            { name: 'data', emptyDir: {} },
            { name: 'tmp', emptyDir: {} },
          ],
        },
      },
      'kafka-abc',
      2,
    );
    expect(made.metadata).toMatchObject({
      name: 'kafka-2',
      labels: {
        app: 'web',
        'statefulset.kubernetes.io/pod-name': 'kafka-2',
        'apps.kubernetes.io/pod-index': '2',
        'controller-revision-hash': 'kafka-abc',
      },
    });
    expect(made.spec).toMatchObject({
      hostname: 'kafka-2',
      subdomain: 'kafka',
      volumes: [{ name: 'tmp' }, { name: 'data', persistentVolumeClaim: { claimName: 'data-kafka-2' } }],
    });
    expect(claimsOf(set, 2).map(({ metadata }) => metadata)).toEqual([
      { name: 'data-kafka-2', namespace: 'default', labels: { app: 'web' } },
    ]);
  });

  it.each([
    ['kafka-0', 0],
    ['kafka-17', 17],
    ['kafka-01', undefined],
    ['kafka-x', undefined],
    ['kafka-2-3', undefined],
    ['other-1', undefined],
  ])('of %s is %s', (name, expected) => {
    expect(ordinalOf(set, pod(name))).toBe(expected);
  });
});

describe('the retention of claims', () => {
  const retaining = (whenDeleted: string, whenScaled: string): StatefulSet =>
    statefulSet({ persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled } });
  const kept = member(fresh(1));
  const condemned = member(fresh(4));

  it.each<[string, string, Pod, number, string[]]>([
    ['Retain', 'Retain', kept, 1, []],
    ['Retain', 'Retain', condemned, 4, []],
    ['Delete', 'Retain', kept, 1, ['StatefulSet']],
    ['Delete', 'Retain', condemned, 4, ['StatefulSet']],
    ['Retain', 'Delete', kept, 1, []],
    ['Retain', 'Delete', condemned, 4, ['Pod']],
    ['Delete', 'Delete', kept, 1, ['StatefulSet']],
    ['Delete', 'Delete', condemned, 4, ['Pod']],
  ])('%s when deleted and %s when scaled gives %o', (whenDeleted, whenScaled, owner, ordinal, kinds) => {
    expect(claimOwners(retaining(whenDeleted, whenScaled), ordinal, owner).map(({ kind }) => kind)).toEqual(
      kinds,
    );
  });

  it('changes hands when the policy changes, but never takes a claim from somebody else', () => {
    const owned = claim('data-kafka-1', {
      metadata: { ownerReferences: claimOwners(retaining('Delete', 'Retain'), 1, kept) },
    });
    expect(mendedOwners(owned, retaining('Delete', 'Retain'), 1, kept)).toBeUndefined();
    expect(mendedOwners(owned, retaining('Retain', 'Retain'), 1, kept)).toEqual([]);
    const foreign = { apiVersion: 'v1', kind: 'Thing', name: 't', uid: 'x', controller: true };
    const taken = claim('data-kafka-1', { metadata: { ownerReferences: [foreign] } });
    expect(mendedOwners(taken, retaining('Delete', 'Retain'), 1, kept)).toBeUndefined();
  });

  it('keeps a new pod from a claim that goes with its predecessor', () => {
    const going = claim('data-kafka-4', {
      metadata: { ownerReferences: claimOwners(retaining('Retain', 'Delete'), 4, condemned) },
    });
    expect(isStaleClaim(going, statefulSet(), 4)).toBe(true);
    expect(isStaleClaim(claim('data-kafka-4'), statefulSet(), 4)).toBe(false);
  });
});

describe('the status', () => {
  it('counts pods by what they are and where they come from', () => {
    const members = [old(0), fresh(1, 'waiting'), fresh(2)];
    expect(statefulSetStatus(view(statefulSet(), members), undefined)).toEqual({
      observedGeneration: 1,
      replicas: 3,
      readyReplicas: 2,
      availableReplicas: 2,
      currentReplicas: 1,
      updatedReplicas: 2,
      currentRevision: 'old',
      updateRevision: 'new',
      collisionCount: 0,
    });
  });

  it('makes the new revision the current one when all pods have it and serve', () => {
    const done = statefulSetStatus(view(statefulSet(), [fresh(0), fresh(1), fresh(2)]), 0);
    expect(done).toMatchObject({ currentRevision: 'new', currentReplicas: 3, updatedReplicas: 3 });
    const partly = statefulSetStatus(view(rolling({ partition: 1 }), [old(0), fresh(1), fresh(2)]), 0);
    expect(partly).toMatchObject({ currentRevision: 'old', currentReplicas: 1, updatedReplicas: 2 });
  });
});
