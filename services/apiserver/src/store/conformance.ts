/** What every implementation of Store must do. Run by memory.test.ts and redis.test.ts. */

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CompactedError, type Store, type Stored, type StoreEvent, type WriteResult } from './store.ts';

/** An empty store and how to be rid of it. */
export interface StoreUnderTest {
  store: Store;
  dispose: () => Promise<void>;
}

export type StoreFactory = (options: { logLimit?: number }) => Promise<StoreUnderTest>;

/** A value in which `content` can be found again, with a gap for the revision. */
export function valueOf(content: string): { head: string; tail: string } {
  return { head: '{"metadata":{"resourceVersion":"', tail: `"},"content":${JSON.stringify(content)}}` };
}

/** The value as it is stored at a revision. */
export function textOf(content: string, revision: number): string {
  const { head, tail } = valueOf(content);
  return `${head}${revision}${tail}`;
}

/** The event of a write that must have succeeded. */
export function eventOf(result: WriteResult): StoreEvent {
  if (result.outcome !== 'written') throw new Error(`expected a write, got ${result.outcome}`);
  return result.event;
}

/** Writes `count` objects of a resource. */
export async function fill(
  store: Store,
  resource: string,
  count: number,
  padding = 0,
): Promise<StoreEvent[]> {
  const writes = Array.from({ length: count }, (_, i) =>
    store.create(resource, `default/${String(i).padStart(6, '0')}`, valueOf('x'.repeat(padding))),
  );
  return (await Promise.all(writes)).map(eventOf);
}

async function pagesOf(
  store: Store,
  resource: string,
  size: { limit?: number; maxBytes?: number },
  between: () => Promise<void>,
): Promise<Stored[]> {
  const first = await store.list({ resource, ...size });
  const items = [...first.items];
  let page = first;
  while (page.next !== undefined) {
    await between();
    page = await store.list({ resource, ...size, after: page.next, atRevision: first.revision });
    expect(page.revision).toBe(first.revision);
    items.push(...page.items);
    if (page.next !== undefined) expect(page.remaining).toBeGreaterThan(0);
  }
  return items;
}

/** Declares the suite. */
export function describeStore(name: string, factory: StoreFactory): void {
  describe(`${name}: store`, () => {
    let store: Store;
    let dispose: () => Promise<void>;

    beforeEach(async () => {
      ({ store, dispose } = await factory({}));
    });
    afterEach(() => dispose());

    const small = async (logLimit: number): Promise<Store> => {
      await dispose();
      ({ store, dispose } = await factory({ logLimit }));
      return store;
    };

    writes(() => store);
    fences(() => store);
    expiry(() => store);
    lists(() => store);
    events(() => store);
    compaction(small);
  });
}

function writes(current: () => Store): void {
  describe('writes', () => {
    it('stores an object with the revision of its creation in it', async () => {
      const store = current();
      const event = eventOf(await store.create('pods', 'a/x', valueOf('one')));
      expect(event).toEqual({
        resource: 'pods',
        revision: 1,
        previous: 0,
        type: 'ADDED',
        key: 'a/x',
        value: textOf('one', 1),
        before: undefined,
      });
      expect(await store.get('pods', 'a/x')).toEqual({ key: 'a/x', revision: 1, value: textOf('one', 1) });
    });

    it('knows nothing of objects that were not created', async () => {
      expect(await current().get('pods', 'a/x')).toBeUndefined();
    });

    it('refuses to create what exists, and shows it', async () => {
      const store = current();
      await store.create('pods', 'a/x', valueOf('one'));
      const stored = { key: 'a/x', revision: 1, value: textOf('one', 1) };
      expect(await store.create('pods', 'a/x', valueOf('two'))).toEqual({
        outcome: 'conflict',
        current: stored,
      });
      expect(await store.currentRevision()).toBe(1);
    });

    it('updates an object that has the expected revision, and tells what was before', async () => {
      const store = current();
      await store.create('pods', 'a/x', valueOf('one'));
      const event = eventOf(await store.update('pods', 'a/x', 1, valueOf('two')));
      expect(event).toMatchObject({ revision: 2, previous: 1, type: 'MODIFIED', key: 'a/x' });
      expect(event.value).toBe(textOf('two', 2));
      expect(event.before).toBe(textOf('one', 1));
      expect(await store.get('pods', 'a/x')).toEqual({ key: 'a/x', revision: 2, value: textOf('two', 2) });
    });

    it('refuses to update or delete another revision, even one that begins alike', async () => {
      const store = current();
      const revisions = (await fill(store, 'pods', 12)).map(({ revision }) => revision);
      const last = { resource: 'pods', key: 'default/000011', revision: revisions.at(-1) ?? 0 };
      expect(last.revision).toBe(12);
      for (const expected of [1, 11, 13, 120]) {
        const updated = await store.update('pods', last.key, expected, valueOf('two'));
        const deleted = await store.delete('pods', last.key, expected, valueOf('two'));
        expect([updated.outcome, deleted.outcome]).toEqual(['conflict', 'conflict']);
      }
      expect(await store.currentRevision()).toBe(12);
    });

    it('refuses to update or delete what is not there', async () => {
      const store = current();
      const conflict = { outcome: 'conflict', current: undefined };
      expect(await store.update('pods', 'a/x', 1, valueOf('two'))).toEqual(conflict);
      expect(await store.delete('pods', 'a/x', 1, valueOf('two'))).toEqual(conflict);
    });

    it('deletes an object, and its last state carries the revision of the deletion', async () => {
      const store = current();
      await store.create('pods', 'a/x', valueOf('one'));
      const event = eventOf(await store.delete('pods', 'a/x', 1, valueOf('last')));
      expect(event).toMatchObject({ revision: 2, previous: 1, type: 'DELETED', value: textOf('last', 2) });
      expect(event.before).toBe(textOf('one', 1));
      expect(await store.get('pods', 'a/x')).toBeUndefined();
      expect((await store.list({ resource: 'pods' })).items).toEqual([]);
    });

    it('creates again after a deletion', async () => {
      const store = current();
      await store.create('pods', 'a/x', valueOf('one'));
      await store.delete('pods', 'a/x', 1, valueOf('last'));
      const event = eventOf(await store.create('pods', 'a/x', valueOf('again')));
      expect(event).toMatchObject({ revision: 3, type: 'ADDED', before: undefined });
    });

    it('keeps text outside ASCII, quotes and line breaks as they are', async () => {
      const store = current();
      const content = 'Grüße, 你好, 🪐 "quoted" \\ back\nslash \u0000 and \ud83d\ude80';
      await store.create('configmaps', 'a/x', valueOf(content));
      await store.update('configmaps', 'a/x', 1, valueOf(`${content}!`));
      expect((await store.get('configmaps', 'a/x'))?.value).toBe(textOf(`${content}!`, 2));
      const { events: logged } = await store.eventsAfter('configmaps', 0, 10);
      expect(logged.map(({ value }) => value)).toEqual([textOf(content, 1), textOf(`${content}!`, 2)]);
      expect(logged[1]?.before).toBe(textOf(content, 1));
    });

    it('gives every write a revision of its own without gaps, over all resources', async () => {
      const store = current();
      const done = await Promise.all(
        ['pods', 'nodes', 'services'].map((resource) => fill(store, resource, 40)),
      );
      const revisions = done.flat().map(({ revision }) => revision);
      expect(revisions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 120 }, (_, i) => i + 1));
    });

    it('lets exactly one of many concurrent updates of a revision win', async () => {
      const store = current();
      await store.create('pods', 'a/x', valueOf('start'));
      for (let revision = 1; revision <= 5; revision += 1) {
        const tries = Array.from({ length: 20 }, (_, i) =>
          store.update('pods', 'a/x', revision, valueOf(`try ${i}`)),
        );
        const outcomes = (await Promise.all(tries)).map(({ outcome }) => outcome);
        expect(outcomes.filter((outcome) => outcome === 'written')).toHaveLength(1);
        expect(outcomes.filter((outcome) => outcome === 'conflict')).toHaveLength(19);
      }
    });
  });
}

function fences(current: () => Store): void {
  describe('fences', () => {
    const lease = 'kube-system/scheduler';
    const uid = 'first';

    it('lets a write through only with the epoch that was set last', async () => {
      const store = current();
      const fenced = (epoch: number) =>
        store.create('pods', `a/x${epoch}`, valueOf('one'), { fence: { lease, uid, epoch } });
      expect((await fenced(1)).outcome).toBe('fenced');
      await store.create('leases', lease, valueOf('lease'), { setFence: { lease, uid, epoch: 1 } });
      expect((await fenced(1)).outcome).toBe('written');
      await store.update('leases', lease, 1, valueOf('lease'), { setFence: { lease, uid, epoch: 2 } });
      expect((await fenced(1)).outcome).toBe('fenced');
      expect((await fenced(3)).outcome).toBe('fenced');
      expect((await fenced(2)).outcome).toBe('written');
    });

    it('takes a lease that was deleted and made again for another one', async () => {
      const store = current();
      await store.create('leases', lease, valueOf('lease'), { setFence: { lease, uid, epoch: 0 } });
      await store.delete('leases', lease, 1, valueOf('lease'));
      const again = { lease, uid: 'second', epoch: 0 };
      await store.create('leases', lease, valueOf('lease'), { setFence: again });
      const outcomes = [{ lease, uid, epoch: 0 }, again].map(async (fence) => {
        const { outcome } = await store.create('pods', `a/${fence.uid}`, valueOf('one'), { fence });
        return outcome;
      });
      expect(await Promise.all(outcomes)).toEqual(['fenced', 'written']);
    });

    it('fences updates and deletions too, and changes nothing then', async () => {
      const store = current();
      await store.create('pods', 'a/x', valueOf('one'));
      const options = { fence: { lease, uid, epoch: 7 } };
      expect((await store.update('pods', 'a/x', 1, valueOf('two'), options)).outcome).toBe('fenced');
      expect((await store.delete('pods', 'a/x', 1, valueOf('two'), options)).outcome).toBe('fenced');
      expect(await store.get('pods', 'a/x')).toEqual({ key: 'a/x', revision: 1, value: textOf('one', 1) });
      expect(await store.currentRevision()).toBe(1);
    });

    it('sets no fence with a write that fails', async () => {
      const store = current();
      await store.create('leases', lease, valueOf('lease'), { setFence: { lease, uid, epoch: 1 } });
      await store.update('leases', lease, 99, valueOf('lease'), { setFence: { lease, uid, epoch: 2 } });
      const write = await store.create('pods', 'a/x', valueOf('one'), { fence: { lease, uid, epoch: 1 } });
      expect(write.outcome).toBe('written');
    });
  });
}

function expiry(current: () => Store): void {
  describe('expiry', () => {
    it('names what has expired, the earliest first and with its value', async () => {
      const store = current();
      await store.create('events', 'a/late', valueOf('late'), { expiresAtMs: 2_000 });
      await store.create('events', 'a/early', valueOf('early'), { expiresAtMs: 1_000 });
      await store.create('events', 'a/never', valueOf('never'));
      expect(await store.expired(999, 10)).toEqual([]);
      const early = { resource: 'events', key: 'a/early', revision: 2, value: textOf('early', 2) };
      expect(await store.expired(1_999, 10)).toEqual([early]);
      expect((await store.expired(2_000, 10)).map(({ key }) => key)).toEqual(['a/early', 'a/late']);
      expect(await store.expired(2_000, 1)).toEqual([early]);
    });

    it('starts anew with every write, and ends with a write that has none', async () => {
      const store = current();
      await store.create('events', 'a/x', valueOf('one'), { expiresAtMs: 1_000 });
      await store.update('events', 'a/x', 1, valueOf('two'), { expiresAtMs: 3_000 });
      expect(await store.expired(2_000, 10)).toEqual([]);
      expect((await store.expired(3_000, 10)).map(({ revision }) => revision)).toEqual([2]);
      await store.update('events', 'a/x', 2, valueOf('three'));
      expect(await store.expired(9_000, 10)).toEqual([]);
    });

    it('forgets what was deleted', async () => {
      const store = current();
      await store.create('events', 'a/x', valueOf('one'), { expiresAtMs: 1_000 });
      await store.delete('events', 'a/x', 1, valueOf('last'), { expiresAtMs: 1_000 });
      expect(await store.expired(9_000, 10)).toEqual([]);
    });
  });
}

function lists(current: () => Store): void {
  describe('lists', () => {
    const keys = ['a', 'a-b/x', 'a/x', 'a/y', 'a0/x', 'ab/x', 'b/x', 'node-1', 'node-10', 'node-2'];

    beforeEach(async () => {
      for (const key of keys.toReversed()) await current().create('things', key, valueOf(key));
    });

    it('shows everything in key order at the present revision', async () => {
      const page = await current().list({ resource: 'things' });
      expect(page.items.map(({ key }) => key)).toEqual(keys);
      expect(page).toMatchObject({ revision: keys.length, next: undefined, remaining: 0 });
      expect(page.items[0]).toEqual({ key: 'a', revision: 10, value: textOf('a', 10) });
    });

    it('takes a namespace for a whole word, not for a prefix', async () => {
      const inNamespace = async (namespace: string): Promise<string[]> =>
        (await current().list({ resource: 'things', namespace })).items.map(({ key }) => key);
      expect(await inNamespace('a')).toEqual(['a/x', 'a/y']);
      expect(await inNamespace('a-b')).toEqual(['a-b/x']);
      expect(await inNamespace('ab')).toEqual(['ab/x']);
      expect(await inNamespace('node-1')).toEqual([]);
    });

    it('pages within a namespace', async () => {
      const first = await current().list({ resource: 'things', namespace: 'a', limit: 1 });
      expect(first).toMatchObject({ next: 'a/x', remaining: 1 });
      const second = await current().list({ resource: 'things', namespace: 'a', limit: 1, after: 'a/x' });
      expect(second.items.map(({ key }) => key)).toEqual(['a/y']);
      expect(second).toMatchObject({ next: undefined, remaining: 0 });
    });

    it('starts a namespace at its beginning when told to go on after an earlier key', async () => {
      const page = await current().list({ resource: 'things', namespace: 'ab', after: 'a/y' });
      expect(page.items.map(({ key }) => key)).toEqual(['ab/x']);
    });

    it('says how many remain', async () => {
      const page = await current().list({ resource: 'things', limit: 4 });
      expect(page).toMatchObject({ next: 'a/y', remaining: 6 });
      expect((await current().list({ resource: 'things', limit: 10 })).next).toBeUndefined();
    });

    it('ends a page with the object that makes it large enough, now and in the past', async () => {
      const store = current();
      for (let i = 0; i < 120; i += 1)
        await store.create('large', `a/${String(i).padStart(3, '0')}`, valueOf('x'.repeat(1_000)));
      const atRevision = await store.currentRevision();
      const page = await store.list({ resource: 'large', maxBytes: 60_000 });
      expect(page.items.length).toBeGreaterThan(50);
      expect(page.items.length).toBeLessThan(60);
      expect(page).toMatchObject({ next: page.items.at(-1)?.key, remaining: 120 - page.items.length });
      expect((await store.list({ resource: 'large', maxBytes: 1, limit: 10 })).items).toHaveLength(1);
      expect((await store.list({ resource: 'large', maxBytes: 1_000_000 })).next).toBeUndefined();
      await store.delete('large', 'a/001', page.items[1]!.revision, valueOf('gone'));
      const past = await store.list({ resource: 'large', after: 'a/000', atRevision, maxBytes: 1_500 });
      expect(past.items.map(({ key }) => key)).toEqual(['a/001', 'a/002']);
      expect(past).toMatchObject({ next: 'a/002', remaining: 117 });
    });

    it('is empty for a resource that has no objects', async () => {
      const page = await current().list({ resource: 'others' });
      expect(page).toEqual({ items: [], revision: keys.length, next: undefined, remaining: 0 });
    });

    it('shows a past state: changed, created and deleted objects as they were', async () => {
      const store = current();
      await store.update('things', 'a/x', 8, valueOf('changed'));
      await store.update('things', 'a/x', 11, valueOf('changed twice'));
      await store.delete('things', 'b/x', 4, valueOf('gone'));
      await store.create('things', 'a/new', valueOf('new'));
      await store.delete('things', 'a/y', 7, valueOf('gone'));
      await store.create('things', 'a/y', valueOf('again'));
      await store.create('others', 'a/x', valueOf('another resource'));

      const past = await store.list({ resource: 'things', atRevision: 10 });
      expect(past.items.map(({ key, value }) => [key, value])).toEqual(
        keys.map((key, i) => [key, textOf(key, keys.length - i)]),
      );
      expect(past).toMatchObject({ revision: 10, remaining: 0, next: undefined });
      const some = await store.list({ resource: 'things', namespace: 'a', atRevision: 12, limit: 1 });
      expect(some.items).toEqual([{ key: 'a/x', revision: 12, value: textOf('changed twice', 12) }]);
      expect(some).toMatchObject({ next: 'a/x', remaining: 1 });
    });

    it('gives the state at the first page whatever is written between pages', async () => {
      const store = current();
      const operation = fc.record({
        kind: fc.constantFrom('create', 'update', 'delete'),
        key: fc.constantFrom(...keys, 'a/a', 'a/z', 'b/y', 'z'),
      });
      let round = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(operation, { maxLength: 40 }),
          fc.integer({ min: 1, max: 5 }),
          fc.constantFrom(undefined, 1, 100, 1_000),
          async (ops, limit, maxBytes) => {
            const resource = `things${(round += 1)}`;
            for (const key of keys) await store.create(resource, key, valueOf(key));
            const before = await store.list({ resource });
            const pending = [...ops];
            const change = async (): Promise<void> => {
              for (const { kind, key } of pending.splice(0, 7)) {
                const revision = (await store.get(resource, key))?.revision ?? 0;
                if (kind === 'create') await store.create(resource, key, valueOf('created'));
                else if (kind === 'update') await store.update(resource, key, revision, valueOf('updated'));
                else await store.delete(resource, key, revision, valueOf('deleted'));
              }
            };
            const size = maxBytes === undefined ? { limit } : { limit, maxBytes };
            expect(await pagesOf(store, resource, size, change)).toEqual(before.items);
          },
        ),
        { numRuns: 25 },
      );
    });
  });
}

function events(current: () => Store): void {
  describe('events', () => {
    it('chain by resource: each names the revision before it', async () => {
      const store = current();
      await store.create('pods', 'a/x', valueOf('1'));
      await store.create('nodes', 'n', valueOf('2'));
      await store.update('pods', 'a/x', 1, valueOf('3'));
      await store.create('pods', 'a/y', valueOf('4'));
      await store.delete('nodes', 'n', 2, valueOf('5'));
      const chain = async (resource: string): Promise<[number, number, string][]> =>
        (await store.eventsAfter(resource, 0, 10)).events.map(({ revision, previous, type }) => [
          revision,
          previous,
          type,
        ]);
      expect(await chain('pods')).toEqual([
        [1, 0, 'ADDED'],
        [3, 1, 'MODIFIED'],
        [4, 3, 'ADDED'],
      ]);
      expect(await chain('nodes')).toEqual([
        [2, 0, 'ADDED'],
        [5, 2, 'DELETED'],
      ]);
    });

    it('come out of the log as the writes reported them', async () => {
      const store = current();
      const written = [
        eventOf(await store.create('pods', 'a/x', valueOf('one'))),
        eventOf(await store.update('pods', 'a/x', 1, valueOf('two'))),
        eventOf(await store.delete('pods', 'a/x', 2, valueOf('three'))),
      ];
      expect((await store.eventsAfter('pods', 0, 10)).events).toEqual(written);
    });

    it('come in pages that say whether more follow', async () => {
      const store = current();
      const written = await fill(store, 'pods', 7);
      await store.create('nodes', 'n', valueOf('node'));
      const first = await store.eventsAfter('pods', 0, 5);
      expect(first).toMatchObject({ more: true, head: 7, revision: 5 });
      const second = await store.eventsAfter('pods', 5, 5);
      expect(second).toMatchObject({ more: false, head: 7, revision: 8 });
      expect([...first.events, ...second.events]).toEqual(written);
      expect(await store.eventsAfter('pods', 2, 5)).toMatchObject({ more: false });
      expect(await store.eventsAfter('pods', 7, 5)).toEqual({
        events: [],
        more: false,
        head: 7,
        revision: 8,
      });
    });

    it('are found behind thousands of events of other resources', async () => {
      const store = current();
      await store.create('nodes', 'n1', valueOf('first'));
      await fill(store, 'pods', 2_500);
      await store.create('nodes', 'n2', valueOf('second'));
      await fill(store, 'services', 10);
      const page = await store.eventsAfter('nodes', 1, 10);
      expect(page.events.map(({ key, previous }) => [key, previous])).toEqual([['n2', 1]]);
      expect(page).toMatchObject({ more: false, head: 2_502, revision: 2_512 });
    });

    it('show where everything stands', async () => {
      const store = current();
      expect(await store.heads()).toEqual({ revision: 0, resources: new Map() });
      await fill(store, 'pods', 3);
      await store.create('nodes', 'n', valueOf('node'));
      await store.delete('pods', 'default/000001', 2, valueOf('gone'));
      const resources = new Map(Object.entries({ pods: 5, nodes: 4 }));
      expect(await store.heads()).toEqual({ revision: 5, resources });
    });
  });
}

function compaction(small: (logLimit: number) => Promise<Store>): void {
  describe('compaction', () => {
    // Redis cuts its log by whole nodes of 100 entries, or 4 kB: large values make it exact.
    const padding = 5_000;

    it('refuses to resume from before the log, and names the oldest revision that it can', async () => {
      const store = await small(50);
      await fill(store, 'pods', 300, padding);
      const error = await store.eventsAfter('pods', 10, 10).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(CompactedError);
      const { oldestRevision } = error as CompactedError;
      expect(oldestRevision).toBeGreaterThan(10);
      expect(oldestRevision).toBeLessThanOrEqual(250);
      const page = await store.eventsAfter('pods', oldestRevision, 1_000);
      expect(page.events).toHaveLength(300 - oldestRevision);
      await expect(store.eventsAfter('pods', oldestRevision - 1, 10)).rejects.toBeInstanceOf(CompactedError);
    });

    it('refuses to list a state that the log does not reach back to', async () => {
      const store = await small(50);
      await fill(store, 'pods', 300, padding);
      await expect(store.list({ resource: 'pods', atRevision: 10 })).rejects.toBeInstanceOf(CompactedError);
      expect((await store.list({ resource: 'pods', atRevision: 280 })).items).toHaveLength(280);
    });

    it('does not concern a resource that has not changed since', async () => {
      const store = await small(50);
      await store.create('nodes', 'n', valueOf('node'));
      await fill(store, 'pods', 300, padding);
      expect(await store.eventsAfter('nodes', 1, 10)).toMatchObject({
        events: [],
        more: false,
        revision: 301,
      });
      expect((await store.list({ resource: 'nodes', atRevision: 1 })).items).toHaveLength(1);
      await expect(store.eventsAfter('nodes', 0, 10)).rejects.toBeInstanceOf(CompactedError);
    });
  });
}
