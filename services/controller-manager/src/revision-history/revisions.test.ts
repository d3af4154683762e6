import type { ControllerRevision } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { pod, TEMPLATE, templateOf } from '../test-support/objects.ts';
import {
  inOrder,
  newRevision,
  nextNumber,
  revisionOf,
  revisionsToForget,
  templateData,
} from './revisions.ts';

function revision(name: string, number: number, image = name): ControllerRevision {
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    revision: number,
    data: templateData(templateOf(image)),
  };
}

const names = (revisions: readonly ControllerRevision[]): string[] =>
  revisions.map(({ metadata }) => metadata.name);

describe('a new revision', () => {
  const owner = { ...pod('agent', { metadata: { annotations: { 'kubernetes.io/change-cause': 'first' } } }) };
  const source = {
    owner,
    ownerReference: { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'agent', uid: 'u' },
    data: templateData(TEMPLATE),
    labels: { app: 'web' },
    hashLabel: 'controller-revision-hash',
  };

  it('replaces the template as a whole when it is applied as a patch', () => {
    expect(templateData(TEMPLATE)).toEqual({ spec: { template: { ...TEMPLATE, $patch: 'replace' } } });
  });

  it('is named by its data and by how often names collided', () => {
    const first = newRevision(source, 1, undefined);
    expect(first.metadata.name).toMatch(/^agent-[bcdfghjklmnpqrstvwxz2456789]+$/);
    expect(newRevision(source, 2, undefined).metadata.name).toBe(first.metadata.name);
    expect(newRevision(source, 1, 1).metadata.name).not.toBe(first.metadata.name);
    expect(newRevision({ ...source, data: {} }, 1, undefined).metadata.name).not.toBe(first.metadata.name);
  });

  it('carries the labels, the hash, the annotations and the owner', () => {
    const { metadata, revision: number } = newRevision(source, 3, undefined);
    const hash = metadata.name!.slice('agent-'.length);
    expect(metadata.labels).toEqual({ app: 'web', 'controller-revision-hash': hash });
    expect(metadata.annotations).toEqual({ 'kubernetes.io/change-cause': 'first' });
    expect(metadata.ownerReferences).toEqual([source.ownerReference]);
    expect(number).toBe(3);
  });
});

describe('a history', () => {
  const history = [revision('a', 1), revision('b', 2), revision('c', 3), revision('d', 4)];

  it('is in the order of its numbers', () => {
    expect(names(inOrder(history.toReversed()))).toEqual(['a', 'b', 'c', 'd']);
  });

  it('goes on from its highest number', () => {
    expect(nextNumber([])).toBe(1);
    expect(nextNumber(history)).toBe(5);
  });

  it('knows the newest revision of a template', () => {
    const again = [...history, revision('a2', 5, 'a')];
    expect(revisionOf(again, templateData(templateOf('a')))?.metadata.name).toBe('a2');
    expect(revisionOf(again, templateData(templateOf('x')))).toBeUndefined();
  });

  it.each<[live: string[], limit: number, forgotten: string[]]>([
    [['d'], 3, []],
    [['d'], 2, ['a']],
    [['d'], 0, ['a', 'b', 'c']],
    [['a', 'd'], 1, ['b']],
    [['a', 'b', 'c', 'd'], 0, []],
    [['d'], 10, []],
  ])('with %j in use and a limit of %i forgets %j', (live, limit, forgotten) => {
    const isLive = ({ metadata }: ControllerRevision): boolean => live.includes(metadata.name);
    expect(names(revisionsToForget(history, isLive, limit))).toEqual(forgotten);
  });
});
