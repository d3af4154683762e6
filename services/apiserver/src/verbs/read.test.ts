import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryStore } from '../store/memory.ts';
import { definitionOf } from '../registry/sample-objects.ts';
import type { ListOptions, ListResult, Selection } from './api.ts';
import { list, parseResourceVersion } from './read.ts';
import { ApiFixture, namesOf, refusalOf } from './test-support/api-fixture.ts';

let fixture: ApiFixture;
beforeEach(async () => {
  fixture = await ApiFixture.start({ logLimit: 60 });
});
afterEach(() => fixture.close());

const selectX: Selection = { labels: (labels) => labels?.['app'] === 'x' };

async function createAll(...names: string[]): Promise<void> {
  for (const name of names) {
    await fixture.create('configmaps', {
      metadata: { name, labels: { app: name.startsWith('x') ? 'x' : 'y' } },
    });
  }
}

/** All pages, the first with these options. */
async function pages(options: ListOptions): Promise<ListResult[]> {
  const found = [await fixture.list('configmaps', options)];
  for (let { continueToken } = found[0]!; continueToken !== undefined;) {
    const { limit, selection, namespace } = options;
    const next = await fixture.list('configmaps', {
      continueToken,
      ...(limit === undefined ? {} : { limit }),
      ...(selection === undefined ? {} : { selection }),
      ...(namespace === undefined ? {} : { namespace }),
    });
    found.push(next);
    ({ continueToken } = next);
  }
  return found;
}

describe('GET', () => {
  it('answers what is stored, or 404', async () => {
    const { object } = await fixture.create('configmaps');
    expect(await fixture.get('configmaps', 'web')).toEqual(object);
    expect(await refusalOf(fixture.get('configmaps', 'web', 'other'))).toMatchObject({
      code: 404,
      message: 'configmaps "web" not found',
      details: { name: 'web', kind: 'configmaps' },
    });
  });

  it('waits for the revision that it must not be older than', async () => {
    const { object, revision } = await fixture.create('configmaps');
    const get = (notOlderThan: number) =>
      fixture.api.get(definitionOf('configmaps'), 'default', 'web', String(notOlderThan));
    expect(await get(revision)).toMatchObject({ revision: Number(object.metadata.resourceVersion) });
    const later = get(revision + 1);
    const never = refusalOf(get(revision + 2));
    await createAll('a');
    await fixture.realClock.advance(3_100);
    await expect(later).resolves.toBeDefined();
    expect(await never).toMatchObject({ code: 504, reason: 'Timeout' });
  });
});

describe('LIST', () => {
  it('shows all in key order at the present revision, or one namespace', async () => {
    await createAll('b', 'a');
    await fixture.create('configmaps', { metadata: { name: 'c', namespace: 'other' } });
    const all = await fixture.list('configmaps');
    expect(namesOf(all)).toEqual(['a', 'b', 'c']);
    expect(all.revision).toBe(await fixture.store.currentRevision());
    expect(namesOf(await fixture.list('configmaps', { namespace: 'other' }))).toEqual(['c']);
  });

  it('selects by labels and by fields', async () => {
    await createAll('x1', 'x2', 'y1');
    const fields = fixture.api.compileFieldSelector(definitionOf('configmaps'), 'metadata.name!=x1');
    const selected = (selection: Selection) => fixture.list('configmaps', { selection });
    expect(namesOf(await selected(selectX))).toEqual(['x1', 'x2']);
    expect(namesOf(await selected({ fields: fields! }))).toEqual(['x2', 'y1']);
    expect(namesOf(await selected({ ...selectX, fields: fields! }))).toEqual(['x2']);
  });

  it('pages, saying how many remain, and shows one state on all pages', async () => {
    await createAll('a', 'b', 'c', 'd', 'e');
    const first = await fixture.list('configmaps', { limit: 2 });
    expect(first).toMatchObject({ remainingItemCount: 3 });
    await fixture.delete('configmaps', 'c');
    await createAll('cc');
    const second = await fixture.list('configmaps', { limit: 2, continueToken: first.continueToken! });
    expect(second).toMatchObject({ revision: first.revision, remainingItemCount: 1 });
    expect(namesOf(second)).toEqual(['c', 'd']);
    const third = await fixture.list('configmaps', { limit: 2, continueToken: second.continueToken! });
    expect(third).toMatchObject({ revision: first.revision });
    expect(third).toMatchObject({ continueToken: undefined, remainingItemCount: undefined });
    expect(namesOf(third)).toEqual(['e']);
  });

  it('fills pages of a selection, and tells nothing of what remains', async () => {
    await createAll('x1', 'y1', 'y2', 'x2', 'x3', 'y3', 'x4');
    const found = await pages({ limit: 2, selection: selectX });
    expect(found.map(namesOf)).toEqual([
      ['x1', 'x2'],
      ['x3', 'x4'],
      // That nothing follows is known only when the rest has been looked at, as upstream.
      ...(found.length === 3 ? [[]] : []),
    ]);
    expect(found.every(({ remainingItemCount }) => remainingItemCount === undefined)).toBe(true);
  });

  it('shows one state to a selection that has to look at very many objects', async () => {
    const store = createMemoryStore();
    const valueOf = (app: string) => ({
      head: `{"metadata":{"labels":{"app":"${app}"},"resourceVersion":"`,
      tail: '"}}',
    });
    for (let i = 0; i < 600; i += 1) {
      await store.create('configmaps', `default/c${1000 + i}`, valueOf(i < 550 ? 'y' : 'x'));
    }
    const revision = await store.currentRevision();
    const look = store.list.bind(store);
    store.list = async (request) => {
      const page = await look(request);
      const last = await store.get('configmaps', 'default/c1599');
      if (last !== undefined) await store.delete('configmaps', last.key, last.revision, valueOf('x'));
      return page;
    };
    const dependencies = { ...fixture.dependencies, store };
    const page = await list(dependencies, definitionOf('configmaps'), { limit: 100, selection: selectX });
    expect(page.items.map(({ key }) => key).slice(-2)).toEqual(['default/c1598', 'default/c1599']);
    expect(page).toMatchObject({ revision, continueToken: undefined });
    expect(page.items).toHaveLength(50);
  });

  it('ignores the limit with resourceVersion 0, as upstream does', async () => {
    await createAll('a', 'b', 'c');
    const found = await fixture.list('configmaps', { limit: 1, resourceVersion: '0' });
    expect(namesOf(found)).toEqual(['a', 'b', 'c']);
  });

  it.each<[string, ListOptions]>([
    ['Exact', { resourceVersionMatch: 'Exact' }],
    ['a limit and no match', { limit: 100 }],
  ])('shows a past state with %s', async (_what, options) => {
    await createAll('a', 'b');
    const { revision } = await fixture.list('configmaps');
    await createAll('c');
    await fixture.delete('configmaps', 'a');
    const past = await fixture.list('configmaps', { ...options, resourceVersion: String(revision) });
    expect(namesOf(past)).toEqual(['a', 'b']);
    expect(past.revision).toBe(revision);
    const atLeast = await fixture.list('configmaps', {
      resourceVersion: String(revision),
      resourceVersionMatch: 'NotOlderThan',
    });
    expect(namesOf(atLeast)).toEqual(['b', 'c']);
  });

  it('answers 410 when an exact state is no longer known', async () => {
    await createAll('a');
    const { revision } = await fixture.list('configmaps');
    await createAll(...Array.from({ length: 70 }, (_, i) => `b${i}`));
    const exact = { resourceVersion: String(revision), resourceVersionMatch: 'Exact' };
    expect(await refusalOf(fixture.list('configmaps', exact))).toMatchObject({
      code: 410,
      reason: 'Expired',
      message: 'The resourceVersion for the provided list is too old.',
      continueToken: undefined,
    });
  });

  it('answers 410 to an old token, with another that goes on in the present state', async () => {
    await createAll('a', 'b', 'c');
    const { continueToken } = await fixture.list('configmaps', { limit: 1 });
    await createAll(...Array.from({ length: 70 }, (_, i) => `d${i}`));
    const refusal = await refusalOf(fixture.list('configmaps', { limit: 1, continueToken: continueToken! }));
    expect(refusal).toMatchObject({ code: 410, reason: 'Expired' });
    expect(refusal.message).toMatch(/^The provided continue parameter is too old to display a consistent/);
    const rest = await pages({ limit: 30, continueToken: refusal.continueToken! });
    expect(rest.flatMap(namesOf)).toHaveLength(72);
    expect(namesOf(rest[0]!)[0]).toBe('b');
    expect(new Set(rest.map(({ revision }) => revision)).size).toBe(1);
  });

  it.each<[ListOptions, number, string]>([
    [{ resourceVersion: 'abc' }, 400, 'invalid resource version'],
    [{ resourceVersion: '-1' }, 400, 'invalid resource version'],
    [{ continueToken: 'nonsense' }, 400, 'invalid continue token: continue key is not valid'],
    [
      { continueToken: 'e30', resourceVersion: '5' },
      400,
      'specifying resource version is not allowed when using continue',
    ],
    [
      { resourceVersionMatch: 'Exact' },
      422,
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    ],
    [
      { resourceVersionMatch: 'Exact', resourceVersion: '0' },
      422,
      'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    ],
    [
      { resourceVersionMatch: 'Newest', resourceVersion: '1' },
      422,
      'Unsupported value: "Newest": supported values: "Exact", "NotOlderThan"',
    ],
    [
      { resourceVersionMatch: 'Exact', continueToken: 'e30' },
      422,
      'resourceVersionMatch is forbidden when continue is provided',
    ],
  ])('refuses %o with %i', async (options, code, message) => {
    expect(await refusalOf(fixture.list('configmaps', options))).toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  it('waits for a revision that comes in time', async () => {
    const revision = (await fixture.store.currentRevision()) + 1;
    const listing = fixture.list('configmaps', { resourceVersion: String(revision) });
    await fixture.realClock.advance(1_000);
    await createAll('a');
    await fixture.realClock.advance(100);
    expect(namesOf(await listing)).toEqual(['a']);
  });

  it('answers 504 when the revision does not come', async () => {
    const current = await fixture.store.currentRevision();
    const listing = refusalOf(fixture.list('configmaps', { resourceVersion: String(current + 10) }));
    await fixture.realClock.advance(3_100);
    expect((await listing).toStatus()).toMatchObject({
      code: 504,
      reason: 'Timeout',
      message: `Timeout: Too large resource version: ${current + 10}, current: ${current}`,
      details: {
        causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
        retryAfterSeconds: 1,
      },
    });
  });
});

describe('the parameter resourceVersion', () => {
  it.each([
    [undefined, undefined],
    ['', undefined],
    ['0', 0],
    ['123456789012345', 123_456_789_012_345],
  ])('%j is %j', (text, expected) => {
    expect(parseResourceVersion(text)).toBe(expected);
  });

  it.each(['1.5', ' 1', '0x1', '1e3'])('refuses %j', (text) => {
    expect(() => parseResourceVersion(text)).toThrow(
      `invalid resource version: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  });
});

/** What a random writer does between two pages. */
const write = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
  app: fc.constantFrom('x', 'y', ''),
});

it('paging always equals the whole list at the revision of the first page, whatever is written between', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(write, { maxLength: 12 }),
      fc.array(fc.array(write, { maxLength: 3 }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 4 }),
      fc.constantFrom<Selection>({}, selectX),
      async (before, between, limit, selection) => {
        const store = createMemoryStore();
        const put = async ({ name, app }: { name: string; app: string }): Promise<void> => {
          const key = `default/${name}`;
          const present = await store.get('configmaps', key);
          const head = `{"metadata":{"name":"${name}","labels":{"app":"${app}"},"resourceVersion":"`;
          const value = { head, tail: '"}}' };
          if (present === undefined) await store.create('configmaps', key, value);
          // An empty label stands for a deletion.
          else if (app === '') await store.delete('configmaps', key, present.revision, value);
          else await store.update('configmaps', key, present.revision, value);
        };
        for (const each of before) await put(each);
        const dependencies = { ...fixture.dependencies, store };
        const definition = definitionOf('configmaps');
        const whole = await list(dependencies, definition, { selection });
        const items = [];
        let token = '';
        for (let page = 0; ; page += 1) {
          const result = await list(dependencies, definition, { selection, limit, continueToken: token });
          expect(result.items.length).toBeLessThanOrEqual(limit);
          expect(result.revision).toBe(whole.revision);
          items.push(...result.items);
          if (result.remainingItemCount !== undefined) {
            expect(items.length + result.remainingItemCount).toBe(whole.items.length);
          }
          token = result.continueToken ?? '';
          if (token === '') break;
          for (const each of between[page] ?? []) await put(each);
        }
        expect(items).toEqual(whole.items);
      },
    ),
  );
});
