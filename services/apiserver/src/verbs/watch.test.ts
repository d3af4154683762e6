import type { KubeObject } from '@orrery/api/gen/types.ts';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StoreEvent } from '../store/store.ts';
import type { Selection, WatchEvent, WatchOptions } from './api.ts';
import { decodeObject } from './encoding.ts';
import { ApiFixture, refusalOf } from './test-support/api-fixture.ts';
import { viewEvent } from './watch.ts';

let fixture: ApiFixture;
beforeEach(async () => {
  fixture = await ApiFixture.start({ logLimit: 60 });
});
afterEach(() => fixture.close());

const selectX: Selection = { labels: (labels) => labels?.['app'] === 'x' };

const label = (name: string, app: string) =>
  fixture.patch('configmaps', name, ({ metadata }) => {
    metadata.labels = { app };
  });

const createLabelled = (name: string, app: string, namespace = 'default') =>
  fixture.create('configmaps', { metadata: { name, namespace, labels: { app } } });

describe('a watch', () => {
  it.each([undefined, '0'])(
    'from resourceVersion %j begins with the present state',
    async (resourceVersion) => {
      await createLabelled('b', 'x');
      await createLabelled('a', 'x');
      const watch = await fixture.watch(
        'configmaps',
        resourceVersion === undefined ? {} : { resourceVersion },
      );
      expect(watch.told).toEqual(['ADDED a', 'ADDED b']);
      await createLabelled('c', 'x');
      await fixture.delivered();
      expect(watch.told).toEqual(['ADDED a', 'ADDED b', 'ADDED c']);
      expect(watch.initialEventsEndedAt).toBeUndefined();
    },
  );

  it('from a revision tells exactly what came after it, in order', async () => {
    const { revision } = await createLabelled('a', 'x');
    await createLabelled('b', 'x');
    await label('a', 'y');
    const watch = await fixture.watch('configmaps', { resourceVersion: String(revision) });
    await fixture.delete('configmaps', 'b');
    await fixture.delivered();
    expect(watch.told).toEqual(['ADDED b', 'MODIFIED a', 'DELETED b']);
    expect(watch.handle.revision).toBe(await fixture.store.currentRevision());
  });

  it('with sendInitialEvents says when the state is complete, and at which revision', async () => {
    await createLabelled('a', 'x');
    const watch = await fixture.watch('configmaps', {
      sendInitialEvents: true,
      resourceVersionMatch: 'NotOlderThan',
    });
    expect(watch.told).toEqual(['ADDED a']);
    expect(watch.initialEventsEndedAt).toBe(await fixture.store.currentRevision());
  });

  it('without initial events and from no revision begins now', async () => {
    await createLabelled('a', 'x');
    const watch = await fixture.watch('configmaps', {
      sendInitialEvents: false,
      resourceVersionMatch: 'NotOlderThan',
    });
    await createLabelled('b', 'x');
    await fixture.delivered();
    expect(watch.told).toEqual(['ADDED b']);
  });

  it('with sendInitialEvents waits for its revision, and fails with 504 when it does not come', async () => {
    const options = { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' };
    const revision = (await fixture.store.currentRevision()) + 1;
    const refused = refusalOf(
      fixture.watch('configmaps', { ...options, resourceVersion: String(revision + 9) }),
    );
    const watching = fixture.watch('configmaps', { ...options, resourceVersion: String(revision) });
    await createLabelled('a', 'x');
    await fixture.realClock.advance(3_100);
    expect((await watching).told).toEqual(['ADDED a']);
    expect(await refused).toMatchObject({ code: 504, reason: 'Timeout' });
  });

  it('from a revision that is yet to come is silent until then', async () => {
    const future = (await fixture.store.currentRevision()) + 1;
    const watch = await fixture.watch('configmaps', { resourceVersion: String(future) });
    expect(watch.handle.revision).toBe(future);
    await createLabelled('a', 'x');
    await createLabelled('b', 'x');
    await fixture.delivered();
    expect(watch.told).toEqual(['ADDED b']);
  });

  it('sees one namespace, or one object', async () => {
    const inOther = await fixture.watch('configmaps', { namespace: 'other', resourceVersion: '0' });
    const ofA = await fixture.watch('configmaps', { namespace: 'default', name: 'a' });
    await createLabelled('a', 'x');
    await createLabelled('b', 'x');
    await createLabelled('a', 'x', 'other');
    await fixture.delivered();
    expect(inOther.told).toEqual(['ADDED a']);
    expect(ofA.received.map(({ value }) => decodeObject({ value }).metadata.namespace)).toEqual(['default']);
  });

  it('tells of objects that enter and leave its selection', async () => {
    const watch = await fixture.watch('configmaps', { selection: selectX });
    await createLabelled('a', 'y');
    await label('a', 'x');
    await fixture.patch('configmaps', 'a', ({ metadata }) => {
      metadata.annotations = { n: '1' };
    });
    const left = await label('a', 'z');
    await fixture.delete('configmaps', 'a');
    await fixture.delivered();
    expect(watch.told).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
    const last = decodeObject(watch.received[2]!);
    // The object as it was, at the revision of the change that took it away.
    expect(last.metadata).toMatchObject({ labels: { app: 'x' }, resourceVersion: String(left.revision) });
  });

  it('sees an object go whose last write, with the last finalizer, also took it out of the selection', async () => {
    await fixture.create('configmaps', {
      metadata: { name: 'a', labels: { app: 'x' }, finalizers: ['example.com/wait'] },
    });
    const { revision } = await fixture.delete('configmaps', 'a');
    const resourceVersion = String(revision);
    const inX = await fixture.watch('configmaps', { selection: selectX, resourceVersion });
    const selectY: Selection = { labels: (labels) => labels?.['app'] === 'y' };
    const inY = await fixture.watch('configmaps', { selection: selectY, resourceVersion });
    await fixture.patch('configmaps', 'a', ({ metadata }) => {
      metadata.labels = { app: 'y' };
      delete metadata.finalizers;
    });
    await fixture.delivered();
    expect(inX.told).toEqual(['DELETED a']);
    expect(inY.told).toEqual([]);
  });

  it('ends its deliveries when it is stopped', async () => {
    const watch = await fixture.watch('configmaps');
    watch.handle.stop();
    await createLabelled('a', 'x');
    await fixture.delivered();
    expect(watch.told).toEqual([]);
  });

  it('is told 410 when the store was rolled back', async () => {
    const watch = await fixture.watch('configmaps');
    fixture.store.rollBack();
    await fixture.delivered();
    expect(watch.errors).toMatchObject([
      { code: 410, reason: 'Expired', message: expect.stringContaining('too old resource version') },
    ]);
  });

  it('from a revision of before a rollback is 410', async () => {
    const { revision } = await createLabelled('a', 'x');
    fixture.store.rollBack();
    const refusal = await refusalOf(fixture.watch('configmaps', { resourceVersion: String(revision) }));
    expect(refusal).toMatchObject({ code: 410, reason: 'Expired' });
    expect(refusal.message).toMatch(new RegExp(String.raw`^too old resource version: ${revision} \(\d+\)$`));
  });

  it.each<[WatchOptions, string]>([
    [
      { sendInitialEvents: true },
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    ],
    [
      { resourceVersionMatch: 'NotOlderThan', resourceVersion: '1' },
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    ],
    [{ resourceVersion: 'x' }, 'invalid resource version'],
  ])('with %o is refused', async (options, message) => {
    expect(await refusalOf(fixture.watch('configmaps', options))).toMatchObject({
      message: expect.stringContaining(message),
    });
  });
});

describe('an event in the eyes of a selection', () => {
  const valueOf = (app: string): string => JSON.stringify({ metadata: { name: 'a', labels: { app } } });
  const eventOf = (type: StoreEvent['type'], before: string | undefined, after: string): StoreEvent => ({
    resource: 'configmaps',
    revision: 7,
    previous: 3,
    type,
    key: 'default/a',
    value: valueOf(after),
    before: before === undefined ? undefined : valueOf(before),
  });

  it.each<[StoreEvent['type'], string | undefined, string, WatchEvent['type'] | undefined]>([
    ['ADDED', undefined, 'x', 'ADDED'],
    ['ADDED', undefined, 'y', undefined],
    ['MODIFIED', 'x', 'x', 'MODIFIED'],
    ['MODIFIED', 'y', 'x', 'ADDED'],
    ['MODIFIED', 'x', 'y', 'DELETED'],
    ['MODIFIED', 'y', 'y', undefined],
    // Nothing that a selector can see has changed, says another replica.
    ['MODIFIED', undefined, 'x', 'MODIFIED'],
    ['MODIFIED', undefined, 'y', undefined],
    ['DELETED', 'x', 'x', 'DELETED'],
    ['DELETED', 'y', 'y', undefined],
    ['DELETED', 'x', 'y', 'DELETED'],
    ['DELETED', 'y', 'x', undefined],
    ['DELETED', undefined, 'x', 'DELETED'],
    ['DELETED', undefined, 'y', undefined],
  ])('%s from %j to %j is %j', (type, before, after, seen) => {
    const view = viewEvent(eventOf(type, before, after), selectX);
    expect(view?.type).toBe(seen);
    // What is seen is the object as the selection knew it: one that matches.
    if (view !== undefined) expect(decodeObject(view).metadata.labels).toEqual({ app: 'x' });
  });

  it('is itself without a selection, so that its encoding can be shared', () => {
    const event = eventOf('MODIFIED', 'x', 'y');
    expect(viewEvent(event, undefined)).toMatchObject({ type: 'MODIFIED', source: event });
    expect(viewEvent(event, {})).toMatchObject({ type: 'MODIFIED', source: event });
  });
});

type Step = { act: 'put' | 'delete' | 'finish' | 'deliver'; name: string; app: string };

it('a watch with a selection always adds up to the filtered list, whatever is written and however it interleaves', async () => {
  const step = fc.record<Step>({
    act: fc.constantFrom('put', 'put', 'put', 'delete', 'finish', 'deliver'),
    name: fc.constantFrom('a', 'b', 'c'),
    app: fc.constantFrom('x', 'y'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.nat(10), async (steps, startAt) => {
      const each = await ApiFixture.start();
      const known = new Map<string, KubeObject>();
      const watch = async (resourceVersion: string): Promise<() => void> => {
        const recorder = await each.watch('configmaps', { selection: selectX, resourceVersion });
        return () => {
          for (const { type, value } of recorder.received) {
            const object = decodeObject({ value });
            const { name } = object.metadata;
            expect(known.has(name)).toBe(type !== 'ADDED');
            if (type === 'DELETED') known.delete(name);
            else known.set(name, object);
          }
        };
      };
      let replay: (() => void) | undefined;
      for (const [index, { act, name, app }] of steps.entries()) {
        if (index === startAt) {
          const page = await each.list('configmaps', { selection: selectX });
          for (const item of page.items) known.set(decodeObject(item).metadata.name, decodeObject(item));
          replay = await watch(String(page.revision));
        }
        await carryOut(each, act, name, app);
      }
      replay ??= await watch('0');
      await each.delivered();
      replay();
      const { items } = await each.list('configmaps', { selection: selectX });
      expect([...known.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))).toEqual(
        items.map(decodeObject),
      );
      await each.close();
    }),
    { numRuns: 60 },
  );
});

/** Odd names are kept by a finalizer, so that they go with an update. */
async function carryOut(each: ApiFixture, act: Step['act'], name: string, app: string): Promise<void> {
  const relabel = (object: KubeObject): void => {
    object.metadata.labels = { app };
    if (act === 'finish') delete object.metadata.finalizers;
  };
  const finalizers = name === 'b' ? ['example.com/wait'] : undefined;
  if (act === 'deliver') return each.delivered();
  try {
    if (act === 'delete') await each.delete('configmaps', name);
    else await each.patch('configmaps', name, relabel);
  } catch {
    await each.create('configmaps', { metadata: { name, labels: { app }, finalizers } });
  }
}
