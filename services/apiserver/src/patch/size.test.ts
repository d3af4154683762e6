/** Large and hostile patches: one request must not keep the server from all others. */
import { performance } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { MAX_COPIED_BYTES, MAX_JSON_PATCH_OPERATIONS, jsonPatch } from './json-patch.ts';
import { mergePatch } from './merge-patch.ts';
import { strategicMerge } from './strategic-merge.ts';

const COUNT = MAX_JSON_PATCH_OPERATIONS;
/** Linear work takes some tens of milliseconds; copying everything for each key took half a minute. */
const LONGEST_MS = 5_000;

const numbers = Array.from({ length: COUNT }, (_, index) => index);
const names = numbers.map((each) => `k${each}`);
const data = Object.fromEntries(names.map((name) => [name, 'v']));
const nulls = Object.fromEntries(names.map((name) => [name, null]));
const env = names.map((name) => ({ name, value: 'v' }));
const podWith = (containerEnv: unknown): { spec: object } => ({
  spec: { containers: [{ name: 'c', env: containerEnv }] },
});

describe('ten thousand changes take no longer than reading them', () => {
  it.each<[string, () => unknown, unknown]>([
    [
      'a merge patch that adds keys',
      () => mergePatch({ data: { a: 'b' } }, { data }),
      { data: { a: 'b', ...data } },
    ],
    ['a merge patch that removes keys', () => mergePatch({ data }, { data: nulls }), { data: {} }],
    [
      'a strategic merge that adds keys',
      () => strategicMerge('core.v1.ConfigMap', { data: {} }, { data }),
      { data },
    ],
    [
      'a strategic merge that adds elements',
      () => strategicMerge('core.v1.Pod', podWith([]), podWith(env)),
      podWith(env),
    ],
    [
      'a strategic merge that deletes elements',
      () =>
        strategicMerge(
          'core.v1.Pod',
          podWith(env),
          podWith(names.map((name) => ({ name, $patch: 'delete' }))),
        ),
      podWith([]),
    ],
    [
      'a strategic merge that deletes scalars',
      () =>
        strategicMerge(
          'core.v1.ConfigMap',
          { metadata: { finalizers: names } },
          { metadata: { '$deleteFromPrimitiveList/finalizers': names } },
        ),
      { metadata: { finalizers: [] } },
    ],
    [
      'a strategic merge that retains nothing',
      () => strategicMerge('core.v1.ConfigMap', { data }, { data: { $retainKeys: [] } }),
      { data: {} },
    ],
    [
      'a JSON patch that adds keys',
      () =>
        jsonPatch(
          { data: {} },
          names.map((name) => ({ op: 'add', path: `/data/${name}`, value: 'v' })),
        ),
      { data },
    ],
    [
      'a JSON patch that removes elements',
      () =>
        jsonPatch(
          { list: names },
          names.map(() => ({ op: 'remove', path: '/list/0' })),
        ),
      { list: [] },
    ],
  ])('%s', (_, patch, patched) => {
    const startedMs = performance.now();
    const result = patch();
    expect(performance.now() - startedMs).toBeLessThan(LONGEST_MS);
    expect(result).toEqual(patched);
  });
});

describe('copies of a JSON patch', () => {
  /** Each operation copies all that there is: doubled forty times. */
  const doublings = Array.from({ length: 40 }, (_, index) => ({
    op: 'copy',
    from: '/a',
    path: `/a/b${index}`,
  }));

  it('may not grow the document without end', () => {
    expect(() => jsonPatch({ a: { x: 'y'.repeat(100) } }, doublings)).toThrow(
      expect.objectContaining({ code: 422, reason: 'Invalid' }),
    );
  });

  it('may add so many bytes and no more', () => {
    const quarter = 'x'.repeat(MAX_COPIED_BYTES / 4 - '""'.length);
    const copies = ['b', 'c', 'd', 'e', 'f'].map((name) => ({ op: 'copy', from: '/a', path: `/${name}` }));
    expect(Object.keys(jsonPatch({ a: quarter }, copies.slice(1)) as object)).toHaveLength(5);
    expect(() => jsonPatch({ a: quarter }, copies)).toThrow(expect.objectContaining({ code: 422 }));
  });

  it('are values of their own', () => {
    const patched = jsonPatch({ a: { list: [1] } }, [
      { op: 'copy', from: '/a', path: '/b' },
      { op: 'add', path: '/b/list/-', value: 2 },
      { op: 'copy', from: '/b', path: '/c' },
      { op: 'remove', path: '/b/list/0' },
      { op: 'add', path: '/c/x', value: 3 },
    ]);
    expect(patched).toEqual({ a: { list: [1] }, b: { list: [2] }, c: { list: [1, 2], x: 3 } });
  });
});
