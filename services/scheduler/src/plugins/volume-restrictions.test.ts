import type { PersistentVolumeClaim, Pod } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { podInfo } from '../snapshot/pod-info.ts';
import { makePod } from '../test-support/fake-cluster.ts';
import { NO_STORAGE, snapshotOf } from '../test-support/verdicts.ts';
import type { PodFilter } from './plugin.ts';
import { volumeRestrictions } from './volume-restrictions.ts';

const IN_USE = 'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode';

const claim = (name: string, mode: string): PersistentVolumeClaim => ({
  metadata: { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '' },
  spec: { accessModes: [mode] },
});

const plugin = volumeRestrictions({
  ...NO_STORAGE,
  claim: (key) =>
    ({
      'default/alone': claim('alone', 'ReadWriteOncePod'),
      'default/shared': claim('shared', 'ReadWriteOnce'),
    })[key],
});

const using = (name: string, claimName: string, nodeName?: string): Pod =>
  makePod({
    name,
    spec: {
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }],
      ...(nodeName === undefined ? {} : { nodeName }),
    },
  });

const NODES = [{ name: 'a' }, { name: 'b' }];

function filterFor(
  pod: Pod,
  bound: Pod[],
): { filter: PodFilter; reasons: (node: string) => readonly string[] } {
  const snapshot = snapshotOf(NODES, bound);
  const filter = plugin.preFilter(podInfo(pod), snapshot);
  if (filter === undefined || 'unfit' in filter) throw new Error('no filter');
  return { filter, reasons: (node) => filter.filter(snapshot.node(node)!)?.reasons ?? [] };
}

describe('VolumeRestrictions', () => {
  it('has nothing to say about pods without such a claim', () => {
    const snapshot = snapshotOf(NODES, [using('old', 'shared', 'a')]);
    expect(plugin.preFilter(podInfo(makePod({ name: 'p' })), snapshot)).toBeUndefined();
    expect(plugin.preFilter(podInfo(using('p', 'shared')), snapshot)).toBeUndefined();
  });

  it('lets one pod have the claim, and no other anywhere', () => {
    const free = filterFor(using('p', 'alone'), []);
    expect(free.reasons('a')).toEqual([]);
    const taken = filterFor(using('p', 'alone'), [using('old', 'alone', 'a')]);
    expect([taken.reasons('a'), taken.reasons('b')]).toEqual([[IN_USE], [IN_USE]]);
  });

  it('passes when the pod that has it is supposed to be gone', () => {
    const old = using('old', 'alone', 'a');
    const { filter, reasons } = filterFor(using('p', 'alone'), [old]);
    const node = snapshotOf(NODES).node('a')!;
    filter.count!(podInfo(old), node, -1);
    expect(reasons('a')).toEqual([]);
    filter.count!(podInfo(old), node, 1);
    expect(reasons('a')).toEqual([IN_USE]);
    filter.count!(podInfo(using('other', 'shared')), node, 1);
    filter.count!(podInfo(old), node, -1);
    expect(reasons('a')).toEqual([]);
  });
});
