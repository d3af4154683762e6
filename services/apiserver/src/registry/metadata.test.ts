import type { KubeObject } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { validateMetadata, validateMetadataUpdate } from './metadata.ts';
import { definitionOf, type Json, sample, texts } from './sample-objects.ts';

const configMaps = definitionOf('configmaps');

const found = (metadata: Json, resource = 'configmaps'): string[] =>
  texts(validateMetadata(definitionOf(resource), sample(resource, {}, metadata)));

const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'u' };

describe('validateMetadata', () => {
  it.each<[string, Json, RegExp[]]>([
    ['no name', { name: '' }, [/^metadata\.name: Required value: name or generateName is required$/]],
    [
      'a bad prefix',
      { generateName: 'Ab-' },
      [/^metadata\.generateName: Invalid value: "Ab-": a lowercase RFC 1123 sub/],
    ],
    ['a prefix that ends in a dash', { generateName: 'a-' }, []],
    ['no namespace', { namespace: '' }, [/^metadata\.namespace: Required value$/]],
    [
      'a bad namespace',
      { namespace: 'a.b' },
      [/^metadata\.namespace: Invalid value: "a\.b": must not contain dots$/],
    ],
    [
      'a bad label key',
      { labels: { 'a b': 'c' } },
      [/^metadata\.labels: Invalid value: "a b": name part must consist/],
    ],
    [
      'a bad label value',
      { labels: { a: 'b c' } },
      [/^metadata\.labels: Invalid value: "b c": a valid label must be/],
    ],
    ['annotation keys in any case', { annotations: { 'Example.COM/a': 'any text' } }, []],
    [
      'a bad annotation key',
      { annotations: { 'a b': '' } },
      [/^metadata\.annotations: Invalid value: "a b": name part must consist/],
    ],
    [
      'too many annotations',
      { annotations: { a: 'x'.repeat(262_144) } },
      [/^metadata\.annotations: Too long: may not be more than 262144 bytes$/],
    ],
    [
      'a finalizer without a domain',
      { finalizers: ['mine'] },
      [
        /^metadata\.finalizers\[0\]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified$/,
      ],
    ],
    ['finalizers with a domain', { finalizers: ['example.com/mine', 'orphan'] }, []],
    [
      'finalizers that exclude each other',
      { finalizers: ['orphan', 'foregroundDeletion'] },
      [/finalizer orphan and foregroundDeletion cannot be both set$/],
    ],
    [
      'an incomplete owner',
      { ownerReferences: [{ apiVersion: 'apps/v1', kind: '', name: '', uid: '' }] },
      [
        /^metadata\.ownerReferences\.kind: Invalid value: "": must not be empty$/,
        /^metadata\.ownerReferences\.name: /,
        /^metadata\.ownerReferences\.uid: /,
      ],
    ],
    [
      'two managing owners',
      {
        ownerReferences: [
          { ...owner, controller: true },
          { ...owner, name: 'other', controller: true },
        ],
      },
      [/Found "true" in references for ReplicaSet\/rs and ReplicaSet\/other$/],
    ],
  ])('judges %s', (_case, metadata, expected) => {
    const actual = found(metadata);
    expect(actual).toHaveLength(expected.length);
    for (const [index, pattern] of expected.entries()) expect(actual[index]).toMatch(pattern);
  });

  it('forbids a namespace on cluster-scoped objects', () => {
    expect(found({ namespace: 'default' }, 'nodes')).toEqual([
      'metadata.namespace: Forbidden: not allowed on this type',
    ]);
  });
});

describe('validateMetadataUpdate', () => {
  const change = (before: Json, after: Json): string[] =>
    texts(
      validateMetadataUpdate(
        configMaps,
        sample<KubeObject>('configmaps', {}, after),
        sample<KubeObject>('configmaps', {}, before),
      ),
    );

  it('keeps what identifies the object', () => {
    expect(change({}, { uid: 'other' })).toEqual([
      'metadata.uid: Invalid value: "other": field is immutable',
    ]);
    expect(change({ deletionTimestamp: '2026-01-01T00:00:00Z' }, {})).toEqual([
      'metadata.deletionTimestamp: Invalid value: null: field is immutable',
    ]);
  });

  it('lets finalizers go but not come while the object is deleted', () => {
    const deleted = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['a.io/x', 'a.io/y'] };
    expect(change(deleted, { ...deleted, finalizers: ['a.io/x'] })).toEqual([]);
    expect(change(deleted, { ...deleted, finalizers: ['a.io/z'] })).toEqual([
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a.io/z"}',
    ]);
  });
});
