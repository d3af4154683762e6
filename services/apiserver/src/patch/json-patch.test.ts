import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_JSON_PATCH_OPERATIONS, jsonPatch } from './json-patch.ts';

const REFUSED = {
  code: 422,
  reason: 'Invalid',
  message: 'the server rejected our request due to an error in our request',
  details: {},
};

describe('operations', () => {
  it.each<[string, unknown, object[], unknown]>([
    ['add a key', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    ['add over a key', { a: 1 }, [{ op: 'add', path: '/a', value: null }], { a: null }],
    ['add into a list', { a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
    ['add at the end of a list', { a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    ['add behind the last index', { a: [1] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2] }],
    ['add in an element of a list', [{ a: 1 }], [{ op: 'add', path: '/0/b', value: 2 }], [{ a: 1, b: 2 }]],
    ['add the whole document', { a: 1 }, [{ op: 'add', path: '', value: { b: 2 } }], { b: 2 }],
    [
      'add under names with / and ~',
      { 'a/b': {} },
      [{ op: 'add', path: '/a~1b/c~0d', value: 1 }],
      { 'a/b': { 'c~d': 1 } },
    ],
    ['add under the escaped name ~1', {}, [{ op: 'add', path: '/~01', value: 1 }], { '~1': 1 }],
    ['add under an empty name', {}, [{ op: 'add', path: '/', value: 1 }], { '': 1 }],
    ['remove a key', { a: 1, b: 2 }, [{ op: 'remove', path: '/a' }], { b: 2 }],
    ['remove an element', { a: [1, 2, 3] }, [{ op: 'remove', path: '/a/1' }], { a: [1, 3] }],
    ['replace a key', { a: 1 }, [{ op: 'replace', path: '/a', value: 2 }], { a: 2 }],
    ['replace an element', { a: [1, 2] }, [{ op: 'replace', path: '/a/0', value: 3 }], { a: [3, 2] }],
    ['replace the whole document', { a: 1 }, [{ op: 'replace', path: '', value: {} }], {}],
    [
      'move a key',
      { a: { x: 1 }, b: {} },
      [{ op: 'move', from: '/a/x', path: '/b/y' }],
      { a: {}, b: { y: 1 } },
    ],
    ['move within a list', { a: [1, 2, 3] }, [{ op: 'move', from: '/a/0', path: '/a/2' }], { a: [2, 3, 1] }],
    ['move a key onto itself', { a: 1 }, [{ op: 'move', from: '/a', path: '/a' }], { a: 1 }],
    ['copy a key', { a: { x: 1 } }, [{ op: 'copy', from: '/a', path: '/b' }], { a: { x: 1 }, b: { x: 1 } }],
    [
      'test, whatever the order of keys',
      { a: { x: 1, y: [2] } },
      [{ op: 'test', path: '/a', value: { y: [2], x: 1 } }],
      { a: { x: 1, y: [2] } },
    ],
    ['test for null where there is nothing', {}, [{ op: 'test', path: '/a', value: null }], {}],
    [
      'follow each other',
      {},
      [
        { op: 'add', path: '/a', value: {} },
        { op: 'add', path: '/a/b', value: 1 },
      ],
      { a: { b: 1 } },
    ],
  ])('%s', (_, document, patch, patched) => {
    const before = JSON.stringify(document);
    expect(jsonPatch(document, patch)).toEqual(patched);
    expect(JSON.stringify(document)).toBe(before);
  });

  it.each<[string, unknown, object[]]>([
    ['remove of what is not there', {}, [{ op: 'remove', path: '/a' }]],
    ['remove of the whole document', {}, [{ op: 'remove', path: '' }]],
    ['replace of what is not there', {}, [{ op: 'replace', path: '/a', value: 1 }]],
    ['add under what is not there', {}, [{ op: 'add', path: '/a/b', value: 1 }]],
    ['add under a scalar', { a: 1 }, [{ op: 'add', path: '/a/b', value: 1 }]],
    ['add behind the end of a list', { a: [] }, [{ op: 'add', path: '/a/1', value: 1 }]],
    ['add at no index', { a: [] }, [{ op: 'add', path: '/a/x', value: 1 }]],
    ['an index with a leading zero', { a: [1, 2] }, [{ op: 'remove', path: '/a/01' }]],
    ['remove at the end sign', { a: [1] }, [{ op: 'remove', path: '/a/-' }]],
    ['add without a value', {}, [{ op: 'add', path: '/a' }]],
    ['move of what is not there', {}, [{ op: 'move', from: '/a', path: '/b' }]],
    ['move into itself', { a: {} }, [{ op: 'move', from: '/a', path: '/a/b' }]],
    ['copy from nowhere', {}, [{ op: 'copy', path: '/b' }]],
    ['a test that fails', { a: 1 }, [{ op: 'test', path: '/a', value: 2 }]],
    ['a test under what is not there', {}, [{ op: 'test', path: '/a/b', value: null }]],
    ['an unknown operation', {}, [{ op: 'merge', path: '/a', value: 1 }]],
    ['a path without a slash', {}, [{ op: 'add', path: 'a', value: 1 }]],
    ['an inherited name', {}, [{ op: 'remove', path: '/toString' }]],
  ])('refuse %s, without saying which', (_, document, patch) => {
    expect(() => jsonPatch(document, patch)).toThrow(expect.objectContaining(REFUSED));
  });
});

describe('a patch', () => {
  it.each([
    [{}, 'json: cannot unmarshal object into Go value of type jsonpatch.Patch'],
    ['x', 'json: cannot unmarshal string into Go value of type jsonpatch.Patch'],
    [[1], 'json: cannot unmarshal number into Go value of type jsonpatch.Operation'],
    [
      [{ op: 1 }],
      'error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string',
    ],
  ])('cannot be %j', (patch, message) => {
    expect(() => jsonPatch({}, patch)).toThrow(
      expect.objectContaining({ code: 400, reason: 'BadRequest', message }),
    );
  });

  it('may have so many operations and no more', () => {
    const operations = Array.from({ length: MAX_JSON_PATCH_OPERATIONS + 1 }, () => ({
      op: 'test',
      path: '/a',
    }));
    expect(jsonPatch({}, operations.slice(1))).toEqual({});
    expect(() => jsonPatch({}, operations)).toThrow(
      expect.objectContaining({ code: 413, reason: 'RequestEntityTooLarge' }),
    );
  });

  it('shares what it does not touch', () => {
    const original = { metadata: {}, spec: { containers: [{ name: 'a' }, { name: 'b' }] } };
    const patched = jsonPatch(original, [
      { op: 'add', path: '/spec/containers/0/image', value: 'x' },
    ]) as typeof original;
    expect(patched.metadata).toBe(original.metadata);
    expect(patched.spec.containers[1]).toBe(original.spec.containers[1]);
  });

  it('that adds and then removes leaves the document as it was', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.string(),
        fc.jsonValue(),
        (document, name, value) => {
          fc.pre(!Object.hasOwn(document, name));
          const path = `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
          const added = jsonPatch(document, [
            { op: 'add', path, value },
            { op: 'test', path, value },
          ]);
          expect(jsonPatch(added, [{ op: 'remove', path }])).toEqual(document);
        },
      ),
    );
  });
});
