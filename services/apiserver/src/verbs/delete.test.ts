import type { KubeObject, Pod, Service } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { definitionOf, type Json, sample } from '../registry/sample-objects.ts';
import type { DeleteOptions } from './api.ts';
import { planDelete } from './delete.ts';
import { ApiFixture, dryRun, namesOf, refusalOf, requestContext } from './test-support/api-fixture.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const at = (seconds: number): string => formatTime(NOW_MS + seconds * 1000);
const MINE = 'example.com/wait';
const running = { nodeName: 'n1', containers: [], terminationGracePeriodSeconds: 30 };

/** The plan in short: what happens, with the metadata that it is about. */
function plan(resource: string, metadata: Json, fields: Json, options: DeleteOptions): unknown {
  const object = sample(resource, fields, metadata);
  const decided = planDelete(definitionOf(resource), object, options, NOW_MS);
  if (decided.action === 'none') return 'none';
  const after = decided.action === 'remove' ? decided.last : decided.next;
  const { finalizers, deletionTimestamp, deletionGracePeriodSeconds, generation } = after.metadata;
  const shown = { finalizers, deletionTimestamp, deletionGracePeriodSeconds, generation };
  const present = Object.entries(shown).filter(([, value]) => value !== undefined);
  return [decided.action, Object.fromEntries(present)];
}

const deleted = { deletionTimestamp: at(-5), deletionGracePeriodSeconds: 0 };

describe('the plan of a deletion', () => {
  it.each<[string, Json, DeleteOptions, unknown]>([
    ['nothing to wait for', {}, {}, ['remove', { generation: 1 }]],
    ['a grace that the kind does not have', {}, { gracePeriodSeconds: 60 }, ['remove', { generation: 1 }]],
    [
      'a finalizer',
      { finalizers: [MINE] },
      {},
      [
        'mark',
        { finalizers: [MINE], deletionTimestamp: at(0), deletionGracePeriodSeconds: 0, generation: 2 },
      ],
    ],
    ['a finalizer, deleted before', { ...deleted, finalizers: [MINE] }, {}, 'none'],
    [
      'Foreground',
      {},
      { propagationPolicy: 'Foreground' },
      [
        'mark',
        {
          finalizers: ['foregroundDeletion'],
          deletionTimestamp: at(0),
          deletionGracePeriodSeconds: 0,
          generation: 2,
        },
      ],
    ],
    [
      'Orphan, by its old name',
      { finalizers: [MINE] },
      { orphanDependents: true },
      [
        'mark',
        {
          finalizers: [MINE, 'orphan'],
          deletionTimestamp: at(0),
          deletionGracePeriodSeconds: 0,
          generation: 2,
        },
      ],
    ],
    [
      'Foreground, again',
      { ...deleted, finalizers: ['foregroundDeletion'] },
      { propagationPolicy: 'Foreground' },
      'none',
    ],
    ['no policy after Foreground', { ...deleted, finalizers: ['foregroundDeletion'] }, {}, 'none'],
    [
      'Background after Foreground',
      { ...deleted, finalizers: ['foregroundDeletion'] },
      { propagationPolicy: 'Background' },
      ['remove', { ...deleted, generation: 1 }],
    ],
    [
      'Orphan after Foreground',
      { ...deleted, finalizers: ['foregroundDeletion', MINE] },
      { propagationPolicy: 'Orphan' },
      ['mark', { ...deleted, finalizers: [MINE, 'orphan'], generation: 1 }],
    ],
  ])('of a Deployment with %s', (_what, metadata, options, expected) => {
    expect(plan('deployments', { generation: 1, ...metadata }, {}, options)).toEqual(expected);
  });

  const pending = { deletionTimestamp: at(20), deletionGracePeriodSeconds: 30 };
  it.each<[string, Json, Json, DeleteOptions, unknown]>([
    [
      'its own grace',
      {},
      { spec: running },
      {},
      ['mark', { deletionTimestamp: at(30), deletionGracePeriodSeconds: 30, generation: 2 }],
    ],
    [
      'the grace that was asked for',
      {},
      { spec: running },
      { gracePeriodSeconds: 5 },
      ['mark', { deletionTimestamp: at(5), deletionGracePeriodSeconds: 5, generation: 2 }],
    ],
    [
      'a negative grace, which counts as a second',
      {},
      { spec: running },
      { gracePeriodSeconds: -3 },
      ['mark', { deletionTimestamp: at(1), deletionGracePeriodSeconds: 1, generation: 2 }],
    ],
    [
      'no node',
      {},
      { spec: { containers: [] } },
      {},
      ['remove', { deletionTimestamp: at(0), deletionGracePeriodSeconds: 0, generation: 2 }],
    ],
    [
      'its work done',
      {},
      { spec: running, status: { phase: 'Succeeded' } },
      {},
      ['remove', { deletionTimestamp: at(0), deletionGracePeriodSeconds: 0, generation: 2 }],
    ],
    [
      'no grace and a finalizer',
      { finalizers: [MINE] },
      { spec: running },
      { gracePeriodSeconds: 0 },
      [
        'mark',
        { finalizers: [MINE], deletionTimestamp: at(0), deletionGracePeriodSeconds: 0, generation: 2 },
      ],
    ],
    ['a deletion under way', pending, { spec: running }, {}, 'none'],
    ['a longer grace than before', pending, { spec: running }, { gracePeriodSeconds: 60 }, 'none'],
    [
      'a shorter default than was asked for first',
      { deletionTimestamp: at(50), deletionGracePeriodSeconds: 60 },
      { spec: running },
      {},
      'none',
    ],
    [
      'its work done, but a deletion under way',
      pending,
      { spec: running, status: { phase: 'Failed' } },
      {},
      'none',
    ],
    [
      'another policy while grace runs',
      pending,
      { spec: running },
      { propagationPolicy: 'Foreground' },
      'none',
    ],
    [
      'a shorter grace, which counts from the first request',
      pending,
      { spec: running },
      { gracePeriodSeconds: 12 },
      ['mark', { deletionTimestamp: at(2), deletionGracePeriodSeconds: 12, generation: 1 }],
    ],
    [
      'no grace left',
      pending,
      { spec: running },
      { gracePeriodSeconds: 0 },
      ['remove', { deletionTimestamp: at(-10), deletionGracePeriodSeconds: 0, generation: 1 }],
    ],
  ])('of a pod with %s', (_what, metadata, fields, options, expected) => {
    expect(plan('pods', { generation: 1, ...metadata }, fields, options)).toEqual(expected);
  });

  it('refuses policies that do not exist or contradict each other', () => {
    const refused = (options: DeleteOptions) => () => plan('configmaps', {}, {}, options);
    expect(refused({ propagationPolicy: 'Later' })).toThrow(
      'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Later": supported values: "Background", "Foreground", "Orphan", "nil"',
    );
    expect(refused({ propagationPolicy: 'Orphan', orphanDependents: false })).toThrow(
      'orphanDependents and deletionPropagation cannot be both set',
    );
  });

  it('comes to rest: whatever was asked before, the same request again changes nothing', () => {
    const options = fc.record(
      {
        gracePeriodSeconds: fc.integer({ min: -1, max: 60 }),
        propagationPolicy: fc.constantFrom('Background', 'Foreground', 'Orphan'),
      },
      { requiredKeys: [] },
    );
    const object = fc.record({
      finalizers: fc.subarray([MINE, 'example.com/more']),
      spec: fc.constantFrom<Json>(running, { containers: [] }),
    });
    fc.assert(
      fc.property(
        object,
        fc.array(options, { maxLength: 3 }),
        options,
        ({ finalizers, spec }, before, last) => {
          const definition = definitionOf('pods');
          let present = sample<KubeObject>('pods', { spec }, { finalizers, generation: 1 });
          for (const each of [...before, last]) {
            const decided = planDelete(definition, present, each, NOW_MS);
            if (decided.action === 'remove') return;
            const grace = present.metadata.deletionGracePeriodSeconds ?? Number.POSITIVE_INFINITY;
            if (decided.action === 'mark') present = decided.next;
            expect(present.metadata.deletionGracePeriodSeconds).toBeLessThanOrEqual(grace);
            expect(present.metadata.generation).toBe(2);
          }
          expect(planDelete(definition, present, last, NOW_MS)).toEqual({ action: 'none' });
        },
      ),
    );
  });
});

describe('DELETE', () => {
  let fixture: ApiFixture;
  beforeEach(async () => {
    fixture = await ApiFixture.start();
  });
  afterEach(() => fixture.close());

  it('removes the object; watchers see its last state at the revision of the deletion', async () => {
    const { object, revision } = await fixture.create('configmaps');
    const watch = await fixture.watch('configmaps', { resourceVersion: String(revision) });
    const result = await fixture.delete('configmaps', 'web');
    expect(result).toMatchObject({ gone: true, object: { metadata: { uid: object.metadata.uid } } });
    expect(await refusalOf(fixture.get('configmaps', 'web'))).toMatchObject({ code: 404 });
    await fixture.delivered();
    expect(watch.told).toEqual(['DELETED web']);
    expect(JSON.parse(watch.received[0]!.value)).toMatchObject({
      metadata: { resourceVersion: String(result.revision) },
      data: { 'a.txt': 'text' },
    });
  });

  it('of what is not there is 404', async () => {
    expect(await refusalOf(fixture.delete('configmaps', 'web'))).toMatchObject({
      code: 404,
      message: 'configmaps "web" not found',
    });
  });

  it.each([
    ['uid', { uid: 'u2' }, 'the UID in the precondition (u2) does not match the UID in record ('],
    [
      'resourceVersion',
      { resourceVersion: '1' },
      'the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (',
    ],
  ])('with another %s than the object has is a conflict', async (_what, preconditions, message) => {
    await fixture.create('configmaps');
    expect(await refusalOf(fixture.delete('configmaps', 'web', { preconditions }))).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message: expect.stringContaining(message),
    });
    await expect(fixture.get('configmaps', 'web')).resolves.toBeDefined();
  });

  it('with the uid and resourceVersion of the object removes it', async () => {
    const { object } = await fixture.create('configmaps');
    const { uid, resourceVersion } = object.metadata;
    const preconditions = { uid, resourceVersion };
    expect(await fixture.delete('configmaps', 'web', { preconditions })).toMatchObject({ gone: true });
  });

  it('of a running pod waits, then goes with grace 0', async () => {
    await fixture.create('pods', { spec: { nodeName: 'n1', containers: [{ name: 'a', image: 'b' }] } });
    const first = await fixture.delete('pods', 'web');
    expect(first).toMatchObject({ gone: false });
    expect(await fixture.get<Pod>('pods', 'web')).toMatchObject({
      metadata: {
        deletionTimestamp: formatTime(fixture.clock.now() + 30_000),
        deletionGracePeriodSeconds: 30,
        generation: 2,
      },
    });
    expect((await fixture.delete('pods', 'web')).revision).toBe(first.revision);
    expect(await fixture.delete('pods', 'web', { gracePeriodSeconds: 0 })).toMatchObject({ gone: true });
  });

  it('of a namespace begins its end and keeps it until its content is gone', async () => {
    await fixture.create('namespaces', { metadata: { name: 'team' } });
    const { object, gone } = await fixture.delete('namespaces', 'team');
    expect(gone).toBe(false);
    expect(object).toMatchObject({
      metadata: { deletionTimestamp: formatTime(fixture.clock.now()) },
      status: { phase: 'Terminating' },
    });
    const refusal = await refusalOf(fixture.create('configmaps', { metadata: { namespace: 'team' } }));
    expect(refusal).toMatchObject({ code: 403 });
  });

  it('of the namespace default is forbidden', async () => {
    expect(await refusalOf(fixture.delete('namespaces', 'default'))).toMatchObject({
      code: 403,
      message: 'namespaces "default" is forbidden: this namespace may not be deleted',
    });
  });

  it('frees the addresses of a service, which a dry run does not', async () => {
    const { object } = await fixture.create('services');
    const { clusterIP } = (object as Service).spec;
    const again = () =>
      fixture.create('services', { metadata: { name: 'other' }, spec: { clusterIP, ports: [{ port: 80 }] } });
    await fixture.delete('services', 'web', {}, dryRun());
    await expect(fixture.get('services', 'web')).resolves.toBeDefined();
    expect(await refusalOf(again())).toMatchObject({ code: 422 });
    await fixture.delete('services', 'web');
    await expect(again()).resolves.toBeDefined();
  });

  it('tries again when somebody else wrote in between', async () => {
    await fixture.create('configmaps');
    const remove = fixture.store.delete.bind(fixture.store);
    let interfered = 0;
    fixture.store.delete = async (...args) => {
      if (interfered < 3) {
        interfered += 1;
        await fixture.patch('configmaps', 'web', ({ metadata }) => {
          metadata.annotations = { n: String(interfered) };
        });
      }
      return remove(...args);
    };
    expect(await fixture.delete('configmaps', 'web')).toMatchObject({
      gone: true,
      object: { metadata: { annotations: { n: '3' } } },
    });
  });

  it('of a collection deletes what the list selects, and returns it as it was', async () => {
    for (const name of ['a', 'b', 'c', 'd']) {
      const labels = name === 'c' ? {} : { app: 'x' };
      const finalizers = name === 'd' ? [MINE] : undefined;
      await fixture.create('configmaps', { metadata: { name, labels, finalizers } });
    }
    await fixture.create('configmaps', { metadata: { name: 'a', namespace: 'other', labels: { app: 'x' } } });
    const result = await fixture.api.deleteCollection(
      definitionOf('configmaps'),
      { namespace: 'default', selection: { labels: (labels) => labels?.['app'] === 'x' } },
      {},
      requestContext(),
    );
    expect(namesOf(result)).toEqual(['a', 'b', 'd']);
    expect((await fixture.list('configmaps')).items.map(({ key }) => key)).toEqual([
      'default/c',
      'default/d',
      'other/a',
    ]);
  });

  it('of a collection does not mind what somebody else deletes meanwhile', async () => {
    for (const name of ['a', 'b']) await fixture.create('configmaps', { metadata: { name } });
    const get = fixture.store.get.bind(fixture.store);
    fixture.store.get = async (resource, key) => (key === 'default/a' ? undefined : get(resource, key));
    await fixture.api.deleteCollection(
      definitionOf('configmaps'),
      { namespace: 'default' },
      {},
      requestContext(),
    );
    expect(namesOf(await fixture.list('configmaps'))).toEqual(['a']);
  });
});
