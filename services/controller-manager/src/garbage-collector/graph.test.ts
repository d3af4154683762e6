import type { KubeObject, OwnerReference } from '@orrery/api/gen/types.ts';
import { ConfigMaps } from '@orrery/api/resources.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { meta } from '../test-support/objects.ts';
import { OwnerGraph } from './graph.ts';
import { verdictOn } from './plan.ts';

function owner(uid: string, more: Partial<OwnerReference> = {}): OwnerReference {
  return { apiVersion: 'v1', kind: 'ConfigMap', name: uid, uid, ...more };
}

function object(
  uid: string,
  owners: OwnerReference[] = [],
  more: Partial<KubeObject['metadata']> = {},
): KubeObject {
  const { namespace } = meta(uid);
  return { metadata: { ...meta(uid), namespace, uid, ownerReferences: owners, ...more } };
}

const FOREGROUND = { deletionTimestamp: 'x', finalizers: ['foregroundDeletion'] };

describe('the graph of owners', () => {
  test('looks at an object whose owner is not known, not at one whose owner is', () => {
    const graph = new OwnerGraph();
    expect([...graph.put(ConfigMaps, object('child', [owner('parent')]))]).toEqual(['child']);
    graph.put(ConfigMaps, object('parent'));
    expect([...graph.put(ConfigMaps, object('other', [owner('parent')]))]).toEqual([]);
  });

  test('looks at the dependents of what is gone', () => {
    const graph = new OwnerGraph();
    graph.put(ConfigMaps, object('parent'));
    graph.put(ConfigMaps, object('a', [owner('parent')]));
    graph.put(ConfigMaps, object('b', [owner('parent')]));
    expect([...graph.remove('parent')].sort()).toEqual(['a', 'b']);
  });

  test('looks at an owner that is deleted in the foreground, at its dependents, and again when one that blocks it is gone', () => {
    const graph = new OwnerGraph();
    graph.put(ConfigMaps, object('parent'));
    graph.put(ConfigMaps, object('blocker', [owner('parent', { blockOwnerDeletion: true })]));
    graph.put(ConfigMaps, object('free', [owner('parent')]));
    expect([...graph.put(ConfigMaps, object('parent', [], FOREGROUND))].sort()).toEqual([
      'blocker',
      'free',
      'parent',
    ]);
    expect(graph.blockersOf('parent').map(({ uid }) => uid)).toEqual(['blocker']);
    expect([...graph.remove('free')]).toEqual([]);
    expect([...graph.put(ConfigMaps, object('blocker', [owner('parent')]))]).toEqual(['parent']);
  });

  test('looks once at an owner that gives its dependents up', () => {
    const graph = new OwnerGraph();
    const orphaning = object('parent', [], { deletionTimestamp: 'x', finalizers: ['orphan'] });
    expect([...graph.put(ConfigMaps, orphaning)]).toEqual(['parent']);
    expect([...graph.put(ConfigMaps, orphaning)]).toEqual([]);
  });

  test('knows exactly the dependents that the present objects name, after any history', () => {
    const uid = fc.constantFrom('a', 'b', 'c', 'd');
    const change = fc.record({
      uid,
      owners: fc.option(fc.uniqueArray(uid, { maxLength: 3 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const graph = new OwnerGraph();
        const present = new Map<string, string[]>();
        for (const each of changes) {
          if (each.owners === undefined) {
            graph.remove(each.uid);
            present.delete(each.uid);
          } else {
            graph.put(
              ConfigMaps,
              object(
                each.uid,
                each.owners.map((name) => owner(name)),
              ),
            );
            present.set(each.uid, each.owners);
          }
        }
        for (const parent of ['a', 'b', 'c', 'd']) {
          const expected = [...present].filter(([, owners]) => owners.includes(parent)).map(([name]) => name);
          expect(
            graph
              .dependentsOf(parent)
              .map((each) => each.uid)
              .sort(),
          ).toEqual(expected.sort());
        }
      }),
    );
  });
});

describe('the verdict on an object', () => {
  const solid = { reference: owner('solid'), state: 'solid' as const };
  const dangling = { reference: owner('dangling'), state: 'dangling' as const };
  const waiting = { reference: owner('waiting'), state: 'waiting' as const };
  const alone = { finalizers: [], hasDependents: false, hasWaitingDependent: false };

  test.each([
    ['nobody owns it', { owners: [], ...alone }, { kind: 'keep' }],
    ['its owner lives', { owners: [solid], ...alone }, { kind: 'keep' }],
    [
      'one of its owners lives',
      { owners: [solid, dangling, waiting], ...alone },
      { kind: 'strip', uids: ['dangling', 'waiting'] },
    ],
    [
      'no owner is left',
      { owners: [dangling], ...alone },
      { kind: 'delete', policy: 'Background', unblock: false },
    ],
    [
      'a finalizer says how',
      { owners: [dangling], ...alone, finalizers: ['orphan'] },
      { kind: 'delete', policy: 'Orphan', unblock: false },
    ],
    [
      'its owner waits for it',
      { owners: [waiting], ...alone },
      { kind: 'delete', policy: 'Background', unblock: false },
    ],
    [
      'its owner waits, and it has dependents',
      { owners: [waiting], ...alone, hasDependents: true },
      { kind: 'delete', policy: 'Foreground', unblock: false },
    ],
    [
      'in a circle',
      { owners: [waiting], finalizers: [], hasDependents: true, hasWaitingDependent: true },
      { kind: 'delete', policy: 'Foreground', unblock: true },
    ],
  ])('%s', (_name, input, expected) => {
    expect(verdictOn(input)).toEqual(expected);
  });
});
