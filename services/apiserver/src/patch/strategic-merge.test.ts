import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { strategicMerge } from './strategic-merge.ts';

type Json = Record<string, unknown>;

const mergePod = (original: Json, patch: unknown): Json => strategicMerge('core.v1.Pod', original, patch);
/** Merges pod specs, which have most of the lists that merge. */
const mergeSpec = (original: Json, patch: unknown): unknown =>
  mergePod({ spec: original }, { spec: patch })['spec'];

const a = { name: 'a', image: 'a:1' };
const b = { name: 'b', image: 'b:1' };
const c = { name: 'c', image: 'c:1' };

describe('objects', () => {
  it.each<[string, Json, Json, Json]>([
    ['merge', { nodeName: 'n', hostNetwork: true }, { nodeName: 'm' }, { nodeName: 'm', hostNetwork: true }],
    [
      'lose keys that are null',
      { nodeName: 'n', hostname: 'h' },
      { nodeName: null, priority: null },
      { hostname: 'h' },
    ],
    [
      'merge in maps too',
      { nodeSelector: { x: '1', y: '2' } },
      { nodeSelector: { y: null, z: '3' } },
      { nodeSelector: { x: '1', z: '3' } },
    ],
    [
      'that are new lose their nulls',
      {},
      { securityContext: { runAsUser: null, fsGroup: 1 } },
      { securityContext: { fsGroup: 1 } },
    ],
    [
      'replace what is no object',
      { nodeSelector: 'x' },
      { nodeSelector: { a: 'b' } },
      { nodeSelector: { a: 'b' } },
    ],
    [
      'are replaced by $patch: replace',
      { nodeSelector: { x: '1' } },
      { nodeSelector: { $patch: 'replace', y: '2' } },
      { nodeSelector: { y: '2' } },
    ],
    [
      'are emptied by $patch: delete',
      { nodeSelector: { x: '1' } },
      { nodeSelector: { $patch: 'delete' } },
      { nodeSelector: {} },
    ],
    [
      'merge by $patch: merge',
      { nodeSelector: { x: '1' } },
      { nodeSelector: { $patch: 'merge', y: '2' } },
      { nodeSelector: { x: '1', y: '2' } },
    ],
    [
      'that are new keep no directives',
      {},
      { nodeSelector: { $patch: 'replace', y: '2' } },
      { nodeSelector: { y: '2' } },
    ],
    [
      'without a merge key in a list replace the list',
      { tolerations: [{ key: 'x' }] },
      { tolerations: [{ key: 'y' }] },
      { tolerations: [{ key: 'y' }] },
    ],
  ])('%s', (_, original, patch, merged) => {
    expect(mergeSpec(original, patch)).toEqual(merged);
  });

  it('replace the whole object at the root', () => {
    expect(mergePod({ spec: { nodeName: 'n' } }, { $patch: 'replace', metadata: { name: 'p' } })).toEqual({
      metadata: { name: 'p' },
    });
  });

  it('of a field with the strategy replace are replaced whole', () => {
    const budget = { spec: { selector: { matchLabels: { a: 'b' } }, minAvailable: 1 } };
    const patch = { spec: { selector: { matchLabels: { c: 'd' } } } };
    expect(strategicMerge('policy.v1.PodDisruptionBudget', budget, patch)).toEqual({
      spec: { selector: { matchLabels: { c: 'd' } }, minAvailable: 1 },
    });
  });

  it('keep only the keys in $retainKeys', () => {
    const deployment = { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } };
    const patch = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } };
    expect(strategicMerge('apps.v1.Deployment', deployment, patch)).toEqual({
      spec: { strategy: { type: 'Recreate' } },
    });
  });

  it('keep only the keys in $retainKeys as elements of lists too', () => {
    const volumes = [{ name: 'v', emptyDir: {} }];
    const patch = { volumes: [{ $retainKeys: ['name', 'hostPath'], name: 'v', hostPath: { path: '/x' } }] };
    expect(mergeSpec({ volumes }, patch)).toEqual({ volumes: [{ name: 'v', hostPath: { path: '/x' } }] });
  });
});

describe('lists with a merge key', () => {
  const mergeContainers = (original: Json[], patch: Json): unknown =>
    (mergeSpec({ containers: original }, patch) as { containers: unknown }).containers;

  it.each<[string, Json[], Json, Json[]]>([
    [
      'merge elements by key',
      [a, b],
      { containers: [{ name: 'b', image: 'b:2' }] },
      [a, { name: 'b', image: 'b:2' }],
    ],
    ['take new elements, in front of the rest as upstream does', [a, b], { containers: [c] }, [c, a, b]],
    [
      'order new elements by $setElementOrder',
      [a, b],
      { '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }, { name: 'c' }], containers: [c] },
      [a, b, c],
    ],
    [
      'are reordered by $setElementOrder alone',
      [a, b, c],
      { '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }, { name: 'b' }] },
      [c, a, b],
    ],
    [
      'keep elements that the order does not name near their place',
      [a, b, c],
      { '$setElementOrder/containers': [{ name: 'c' }, { name: 'b' }] },
      [a, c, b],
    ],
    ['lose elements with $patch: delete', [a, b], { containers: [{ $patch: 'delete', name: 'a' }] }, [b]],
    [
      'lose elements that are not there without complaint',
      [a],
      { containers: [{ $patch: 'delete', name: 'x' }] },
      [a],
    ],
    ['are replaced by an element $patch: replace', [a, b], { containers: [c, { $patch: 'replace' }] }, [c]],
    ['are emptied by a lone $patch: replace', [a, b], { containers: [{ $patch: 'replace' }] }, []],
    ['stay for an empty patch list', [a, b], { containers: [] }, [a, b]],
    [
      'merge deep',
      [{ name: 'a', env: [{ name: 'X', value: '1' }] }],
      { containers: [{ name: 'a', env: [{ name: 'X', value: '2' }] }] },
      [{ name: 'a', env: [{ name: 'X', value: '2' }] }],
    ],
    [
      'drop nulls and directives of new elements',
      [],
      { containers: [{ name: 'x', image: null, env: [{ name: 'E', $patch: 'delete' }] }] },
      [{ name: 'x', env: [] }],
    ],
    [
      'replace lists in elements that have no key',
      [{ name: 'a', args: ['1', '2'] }],
      { containers: [{ name: 'a', args: ['3'] }] },
      [{ name: 'a', args: ['3'] }],
    ],
    [
      'delete and change in one patch, as kubectl apply sends it',
      [a, b],
      {
        '$setElementOrder/containers': [{ name: 'c' }, { name: 'b' }],
        containers: [c, { name: 'b', image: 'b:2' }, { $patch: 'delete', name: 'a' }],
      },
      [c, { name: 'b', image: 'b:2' }],
    ],
  ])('%s', (_, original, patch, merged) => {
    expect(mergeContainers(original, patch)).toEqual(merged);
  });

  it('are made when they are missing', () => {
    expect(
      mergeSpec({}, { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }], containers: [b, a] }),
    ).toEqual({
      containers: [b, a],
    });
    expect(mergeSpec({}, { '$setElementOrder/containers': [{ name: 'a' }] })).toEqual({});
  });

  it('are deleted by null', () => {
    expect(mergeSpec({ containers: [a] }, { containers: null })).toEqual({});
  });

  it('use the key that the type says', () => {
    const ports = [{ port: 80, name: 'old' }, { port: 443 }];
    expect(
      strategicMerge(
        'core.v1.Service',
        { spec: { ports } },
        { spec: { ports: [{ port: 80, name: 'new' }] } },
      ),
    ).toEqual({
      spec: { ports: [{ port: 80, name: 'new' }, { port: 443 }] },
    });
    const conditions = [{ type: 'Ready', status: 'False' }];
    const patch = { status: { conditions: [{ type: 'Ready', status: 'True' }] } };
    expect(strategicMerge('core.v1.Node', { status: { conditions } }, patch)).toEqual(patch);
  });

  it('reach the fields of inline messages', () => {
    const items = [{ key: 'k', path: 'p' }];
    const volumes = [{ name: 'v', configMap: { name: 'm', items } }];
    expect(mergeSpec({ volumes }, { volumes: [{ name: 'v', configMap: { name: 'n' } }] })).toEqual({
      volumes: [{ name: 'v', configMap: { name: 'n', items } }],
    });
  });
});

describe('lists of scalars that merge', () => {
  const mergeFinalizers = (original: string[] | undefined, patch: Json): unknown =>
    mergePod({ metadata: { finalizers: original } }, { metadata: patch })['metadata'];

  it.each<[string, string[], Json, string[]]>([
    ['join as sets', ['a', 'b'], { finalizers: ['b', 'c'] }, ['a', 'b', 'c']],
    [
      'lose what $deleteFromPrimitiveList names',
      ['a', 'b', 'c'],
      { '$deleteFromPrimitiveList/finalizers': ['a', 'x'] },
      ['b', 'c'],
    ],
    [
      'lose and gain at once',
      ['a', 'b'],
      { '$deleteFromPrimitiveList/finalizers': ['a'], finalizers: ['c'] },
      ['c', 'b'],
    ],
    [
      'are ordered by $setElementOrder',
      ['a', 'b'],
      { '$setElementOrder/finalizers': ['c', 'b', 'a'], finalizers: ['c'] },
      ['c', 'b', 'a'],
    ],
  ])('%s', (_, original, patch, merged) => {
    expect(mergeFinalizers(original, patch)).toEqual({ finalizers: merged });
  });
});

describe('a patch that cannot be applied', () => {
  const BAD_REQUEST = { code: 400, reason: 'BadRequest' };
  const UNCLASSIFIED = { code: 500, reason: '' };

  it.each<[unknown, object, string]>([
    [[], BAD_REQUEST, 'json: cannot unmarshal array into Go value of type map[string]interface {}'],
    [{ $patch: 'append' }, UNCLASSIFIED, 'unknown patch type: append in map: map[$patch:append]'],
    [{ $foo: 1 }, BAD_REQUEST, 'invalid directive $foo'],
    [{ spec: { $retainKeys: 'type' } }, BAD_REQUEST, 'invalid patch format of retainKeys'],
    [{ spec: { $retainKeys: ['a'], nodeName: 'b' } }, BAD_REQUEST, 'invalid patch format of retainKeys'],
    [
      { spec: { '$setElementOrder/containers': {} } },
      BAD_REQUEST,
      'invalid patch format of setElementOrder list',
    ],
    [{ spec: { $setElementOrder: [] } }, BAD_REQUEST, 'invalid patch format of setElementOrder list'],
    [
      { metadata: { '$deleteFromPrimitiveList/finalizers': 'a' } },
      BAD_REQUEST,
      'invalid patch format of primitive list',
    ],
    [
      { spec: { containers: [{ image: 'x' }] } },
      UNCLASSIFIED,
      'map: map[image:x] does not contain declared merge key: name',
    ],
    [
      { spec: { containers: [{ $patch: 'delete' }] } },
      UNCLASSIFIED,
      'map: map[$patch:delete] does not contain declared merge key: name',
    ],
    [
      { spec: { containers: [{ $patch: 'merge', name: 'a' }] } },
      UNCLASSIFIED,
      'merging lists cannot yet be specified in the patch',
    ],
    [
      { spec: { containers: [{ $patch: 'x', name: 'a' }] } },
      UNCLASSIFIED,
      'unknown patch type: x in map: map[$patch:x name:a]',
    ],
    [{ spec: { containers: ['a'] } }, UNCLASSIFIED, 'expected a map, but received a string'],
    [
      { spec: { '$setElementOrder/containers': [{ name: 'a' }], containers: [c] } },
      UNCLASSIFIED,
      'The order in patch list',
    ],
    [
      { spec: { '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }], containers: [a, c] } },
      UNCLASSIFIED,
      'The order in patch list',
    ],
    [{ spec: { containers: [[]] } }, { code: 422, reason: 'Invalid' }, 'the server rejected our request'],
  ])('%j', (patch, status, message) => {
    const original = { metadata: { finalizers: ['a'] }, spec: { containers: [a] } };
    expect(() => mergePod(original, patch)).toThrow(
      expect.objectContaining({ ...status, message: expect.stringContaining(message) as string }),
    );
  });
});

describe('any patch', () => {
  const containers = fc.uniqueArray(
    fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd', 'e'), image: fc.constantFrom('1', '2') }),
    { selector: ({ name }) => name },
  );

  it('made as kubectl makes it turns one list into the other, in its order, and changes no argument', () => {
    fc.assert(
      fc.property(containers, containers, (original, target) => {
        const removed = original.filter(({ name }) => !target.some((kept) => kept.name === name));
        const patch = {
          '$setElementOrder/containers': target.map(({ name }) => ({ name })),
          containers: [...target, ...removed.map(({ name }) => ({ $patch: 'delete', name }))],
        };
        expect(mergeSpec(frozen({ containers: original }), frozen(patch))).toEqual({ containers: target });
      }),
    );
  });

  it('of elements keeps those that it does not name in their order', () => {
    fc.assert(
      fc.property(containers, containers, (original, patch) => {
        const named = new Set<unknown>(patch.map(({ name }) => name));
        const merged = mergeSpec(frozen({ containers: original }), frozen({ containers: patch })) as {
          containers: Json[];
        };
        const others = merged.containers.filter(({ name }) => !named.has(name));
        expect(others).toEqual(original.filter(({ name }) => !named.has(name)));
        expect(merged.containers.filter(({ name }) => named.has(name))).toEqual(patch);
      }),
    );
  });

  it('applied again changes nothing more', () => {
    fc.assert(
      fc.property(containers, containers, (original, patch) => {
        const once = mergePod({ spec: { containers: original } }, { spec: { containers: patch } });
        expect(mergePod(once, { spec: { containers: patch } })).toEqual(once);
      }),
    );
  });

  it('shares what it does not touch', () => {
    const original = { metadata: { name: 'p' }, spec: { containers: [a, b] } };
    const merged = mergePod(original, { spec: { containers: [{ name: 'b', image: 'b:2' }] } });
    expect(merged['metadata']).toBe(original.metadata);
    expect((merged['spec'] as typeof original.spec).containers[0]).toBe(a);
  });
});

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(frozen);
    Object.freeze(value);
  }
  return value;
}
