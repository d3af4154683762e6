import type { KubeObject } from '@orrery/api/gen/types.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { definitionOf, type Json, sample } from '../registry/sample-objects.ts';
import { decodeObject, encodeObject, encodeUnstored, storeName } from './encoding.ts';
import { compileFieldSelector, selectionChanged } from './field-selector.ts';

describe('a field selector', () => {
  const pod = (phase: string): KubeObject =>
    sample('pods', { spec: { nodeName: 'n1', containers: [] }, status: { phase } });

  it.each([
    ['metadata.name=web', true],
    ['metadata.name==web,metadata.namespace=default', true],
    ['metadata.namespace!=default', false],
    ['spec.nodeName=n1,status.phase!=Succeeded,status.phase!=Failed', true],
    ['status.phase!=Running', false],
    ['spec.host=n1', true],
    ['status.nominatedNodeName=', true],
  ])('%s matches a pod: %j', (text, expected) => {
    expect(compileFieldSelector(definitionOf('pods'), text)!(pod('Running'))).toBe(expected);
  });

  it('that is empty selects nothing in particular', () => {
    expect(compileFieldSelector(definitionOf('pods'), '')).toBeUndefined();
  });

  it.each([
    ['pods', 'spec.image=x', 'field label not supported: spec.image'],
    [
      'configmaps',
      'data=x',
      '"data" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ],
    [
      'configmaps',
      'constructor=x',
      '"constructor" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ],
    ['pods', 'toString=x', 'field label not supported: toString'],
    ['nodes', 'metadata.namespace=x', 'field label not supported: metadata.namespace'],
    ['pods', 'spec.nodeName', "invalid selector: 'spec.nodeName'; can't understand 'spec.nodeName'"],
  ])('on %s with %s is refused', (resource, text, message) => {
    expect(() => compileFieldSelector(definitionOf(resource), text)).toThrow(
      expect.objectContaining({ code: 400, message }),
    );
  });
});

describe('what moves an object in or out of selections', () => {
  const changed = (before: Json, after: Json): boolean =>
    selectionChanged(
      definitionOf('pods'),
      sample('pods', { status: before }, before),
      sample('pods', { status: after }, after),
    );

  it.each([
    [{ labels: { a: '1' } }, { labels: { a: '2' } }, true],
    [{}, { labels: { a: '1' } }, true],
    [{ phase: 'Pending' }, { phase: 'Running' }, true],
    [{ labels: { a: '1' } }, { labels: { a: '1' }, annotations: { b: '2' } }, false],
    [{ message: 'a' }, { message: 'b' }, false],
  ])('%o to %o: %j', (before, after, expected) => {
    expect(changed(before, after)).toBe(expected);
  });
});

describe('the stored form', () => {
  it('has the revision in its gap and neither kind nor apiVersion, whatever texts the object holds', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.string()),
        fc.integer({ min: 1, max: 2 ** 50 }),
        (data, revision) => {
          const object = {
            kind: 'ConfigMap',
            apiVersion: 'v1',
            ...sample('configmaps', {}, { resourceVersion: 'old', annotations: data }),
            data: { resourceVersion: '"resourceVersion":""', ...data },
          } as KubeObject;
          const { head, tail } = encodeObject(object);
          const { kind: _kind, apiVersion: _apiVersion, ...rest } = object;
          const expected = { ...rest, metadata: { ...rest.metadata, resourceVersion: String(revision) } };
          const decoded = decodeObject({ value: `${head}${revision}${tail}` });
          expect(decoded).toEqual(JSON.parse(JSON.stringify(expected)));
          expect(decodeObject({ value: encodeUnstored(object) }).metadata).not.toHaveProperty(
            'resourceVersion',
          );
        },
      ),
    );
  });

  it('is kept under the plural name with the group', () => {
    expect(storeName(definitionOf('pods'))).toBe('pods');
    expect(storeName(definitionOf('deployments'))).toBe('deployments.apps');
  });
});
