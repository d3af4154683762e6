/** Lists and watches as clients rely on them: one snapshot over pages, revisions, bookmarks, 410. */

import type { ConfigMap, KubeObject, Pod, Secret } from '@orrery/api/gen/types.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import { Connection, readTarget } from '../support/connection.ts';
import {
  MERGE,
  TABLE,
  type Status,
  type List,
  cluster,
  namespace,
  core,
  maps,
  ok,
  refused,
  createMap,
  patch,
  names,
  podOf,
  watched,
} from '../support/wire-suite.ts';

describe('a list in chunks', () => {
  beforeEach(async () => {
    for (let index = 0; index < 10; index += 1) await createMap(`m${index}`);
  });

  it('is one snapshot while writes go on', async () => {
    const first = await ok<List<ConfigMap>>('GET', maps('?limit=4'));
    expect(first.metadata.remainingItemCount).toBe(first.items.length === 4 ? 7 : undefined);
    await ok('DELETE', maps('/m7'));
    await patch(maps('/m8'), { data: { k: 'changed' } });
    await createMap('m99');
    const all = [...first.items];
    let { continue: token } = first.metadata;
    while (token !== undefined) {
      const page = await ok<List<ConfigMap>>('GET', maps(`?limit=4&continue=${encodeURIComponent(token)}`));
      expect(page.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
      all.push(...page.items);
      token = page.metadata.continue;
    }
    // kube-root-ca.crt is in every namespace, and comes first.
    expect(all.map(({ metadata }) => metadata.name)).toEqual([
      'kube-root-ca.crt',
      ...Array.from({ length: 10 }, (_, index) => `m${index}`),
    ]);
    expect(all.find(({ metadata }) => metadata.name === 'm8')?.data).toEqual({ k: '0' });
  });

  it('leaves the count of the rest out when it selects, and refuses a token that is not its own', async () => {
    const page = await ok<List<ConfigMap>>(
      'GET',
      maps(`?limit=1&fieldSelector=metadata.name!=kube-root-ca.crt`),
    );
    expect(names(page)).toEqual(['m0']);
    expect(page.metadata.continue).toBeDefined();
    expect(page.metadata.remainingItemCount).toBeUndefined();
    expect(await refused('GET', maps('?limit=1&continue=nonsense'))).toMatchObject({
      code: 400,
      reason: 'BadRequest',
      message: expect.stringMatching(/^invalid continue token: continue key is not valid/),
    });
    const both = `?limit=1&continue=${page.metadata.continue}&resourceVersion=${page.metadata.resourceVersion}`;
    expect(await refused('GET', maps(both))).toMatchObject({
      code: 400,
      message: 'specifying resource version is not allowed when using continue',
    });
  });
});

describe('resourceVersion and resourceVersionMatch', () => {
  let old = '';
  beforeEach(async () => {
    await createMap('a');
    old = (await ok<List<ConfigMap>>('GET', maps())).metadata.resourceVersion;
    await createMap('b');
  });

  it('of a list choose between now and exactly then', async () => {
    const list = (query: string): Promise<List<ConfigMap>> => ok('GET', maps(`?${query}`));
    const now = ['a', 'b', 'kube-root-ca.crt'];
    const then = ['a', 'kube-root-ca.crt'];
    expect(names(await list(''))).toEqual(now);
    expect(names(await list('resourceVersion=0'))).toEqual(now);
    expect(names(await list(`resourceVersion=${old}`))).toEqual(now);
    expect(names(await list(`resourceVersion=${old}&resourceVersionMatch=NotOlderThan`))).toEqual(now);
    expect(names(await list('resourceVersion=0&resourceVersionMatch=NotOlderThan'))).toEqual(now);
    expect(names(await list(`resourceVersion=${old}&resourceVersionMatch=Exact`))).toEqual(then);
    // As always before there was a match: a limit makes it exact, and "0" ignores the limit.
    expect(names(await list(`resourceVersion=${old}&limit=500`))).toEqual(then);
    expect(names(await list('resourceVersion=0&limit=1'))).toEqual(now);
    expect(names(await list('limit=-1'))).toEqual(now);
    const exact = await list(`resourceVersion=${old}&resourceVersionMatch=Exact`);
    expect(exact.metadata.resourceVersion).toBe(old);
  });

  it.each([
    ['resourceVersionMatch=Exact', 'resourceVersionMatch is forbidden unless resourceVersion is provided'],
    [
      'resourceVersionMatch=NotOlderThan',
      'resourceVersionMatch is forbidden unless resourceVersion is provided',
    ],
    [
      'resourceVersion=0&resourceVersionMatch=Exact',
      'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    ],
    ['sendInitialEvents=true', 'sendInitialEvents is forbidden for list'],
    [
      'watch=true&resourceVersionMatch=NotOlderThan',
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    ],
    [
      'watch=true&sendInitialEvents=true',
      'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    ],
  ])('refuses %s', async (query, message) => {
    const status = await refused('GET', maps(`?${query}`));
    expect(status).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(status.message).toContain(message);
  });

  it('answers 400 to what is not a number', async () => {
    const status = await refused('GET', maps('?resourceVersion=tomorrow'));
    expect(status).toMatchObject({ code: 400, reason: 'BadRequest' });
    expect(status.message).toContain('invalid resource version');
  });

  it.each(['', '/a'])('of the future is 504 for %s after a wait', async (name) => {
    const status = await refused('GET', maps(`${name}?resourceVersion=999999999`));
    expect(status).toMatchObject({ code: 504, reason: 'Timeout' });
    expect(status.message).toMatch(/^Timeout: Too large resource version: 999999999, current: \d+$/);
    expect(status.details).toMatchObject({
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    });
  });
});

describe('a watch', () => {
  it('without a revision tells the present state, then what changes, in order', async () => {
    await createMap('a');
    const stream = await watched<ConfigMap>(maps('?watch=true'));
    expect(stream.reply.headers['content-type']).toBe('application/json');
    const initial = await stream.take(2);
    expect(initial.map(({ type, object }) => `${type} ${object.metadata.name}`)).toEqual([
      'ADDED a',
      'ADDED kube-root-ca.crt',
    ]);
    const changed = await patch<ConfigMap>(maps('/a'), { data: { k: '1' } });
    await ok('DELETE', maps('/a'));
    const [modified, deleted] = await stream.take(2);
    expect(modified).toMatchObject({ type: 'MODIFIED', object: { kind: 'ConfigMap', apiVersion: 'v1' } });
    expect(modified!.object.metadata.resourceVersion).toBe(changed.metadata.resourceVersion);
    expect(deleted).toMatchObject({ type: 'DELETED', object: { data: { k: '1' } } });
    // The deletion is a revision of its own.
    expect(Number(deleted!.object.metadata.resourceVersion)).toBeGreaterThan(
      Number(changed.metadata.resourceVersion),
    );
    stream.close();
  });

  it('from the revision of a list misses nothing and repeats nothing', async () => {
    await createMap('a');
    const { metadata } = await ok<List<ConfigMap>>('GET', maps());
    await patch(maps('/a'), { data: { k: '1' } });
    const stream = await watched<ConfigMap>(
      maps(`?watch=true&resourceVersion=${metadata.resourceVersion}&fieldSelector=metadata.name=a`),
    );
    await patch(maps('/a'), { data: { k: '2' } });
    const lines = await stream.take(2);
    expect(lines.map(({ type, object }) => [type, object.data?.['k']])).toEqual([
      ['MODIFIED', '1'],
      ['MODIFIED', '2'],
    ]);
    stream.close();
  });

  it('turns a change of selected labels into ADDED and DELETED', async () => {
    const { metadata } = await ok<List<ConfigMap>>('GET', maps());
    const stream = await watched<ConfigMap>(
      maps(`?watch=true&labelSelector=in%3Dyes&resourceVersion=${metadata.resourceVersion}`),
    );
    await createMap('a');
    await patch(maps('/a'), { metadata: { labels: { in: 'yes' } } });
    const out = await patch<ConfigMap>(maps('/a'), { metadata: { labels: { in: 'no' } } });
    const [added, deleted] = await stream.take(2);
    expect(added).toMatchObject({ type: 'ADDED', object: { metadata: { labels: { in: 'yes' } } } });
    expect(deleted).toMatchObject({
      type: 'DELETED',
      object: { metadata: { labels: { in: 'yes' }, resourceVersion: out.metadata.resourceVersion } },
    });
    stream.close();
  });

  it('with sendInitialEvents marks the end of the initial state', async () => {
    await createMap('a');
    const stream = await watched<ConfigMap>(
      maps(
        '?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=60',
      ),
    );
    const lines = await stream.take(3);
    expect(lines.map(({ type }) => type)).toEqual(['ADDED', 'ADDED', 'BOOKMARK']);
    const bookmark = lines[2]!.object;
    expect(bookmark).toMatchObject({
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } },
    });
    expect(Number(bookmark.metadata.resourceVersion)).toBeGreaterThanOrEqual(
      Number(lines[0]!.object.metadata.resourceVersion),
    );
    await createMap('b');
    expect(await stream.next()).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'b' } } });
    stream.close();
  });

  it('ends after timeoutSeconds, with a bookmark where bookmarks are wanted', async () => {
    const { metadata } = await ok<List<ConfigMap>>('GET', maps());
    const query = `?watch=1&timeoutSeconds=1&resourceVersion=${metadata.resourceVersion}`;
    const [plain, bookmarked] = await Promise.all([
      watched<Pod>(core(`pods${query}`)),
      watched<Pod>(core(`pods${query}&allowWatchBookmarks=true`)),
    ]);
    expect(await plain.rest()).toEqual([]);
    const [bookmark, ...more] = await bookmarked.rest();
    expect(more).toEqual([]);
    expect(bookmark).toMatchObject({ type: 'BOOKMARK', object: { kind: 'Pod', apiVersion: 'v1' } });
    expect(Number(bookmark!.object.metadata.resourceVersion)).toBeGreaterThanOrEqual(
      Number(metadata.resourceVersion),
    );
  });

  it('at a revision of the future stays silent; with sendInitialEvents it is 504', async () => {
    const stream = await watched<ConfigMap>(maps('?watch=true&resourceVersion=999999999&timeoutSeconds=1'));
    await createMap('a');
    expect(await stream.rest()).toEqual([]);
    const query =
      '?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=999999999';
    expect(await refused('GET', maps(query))).toMatchObject({ code: 504, reason: 'Timeout' });
  });

  it('of one object by its path, and by the deprecated prefix', async () => {
    await createMap('a');
    await createMap('b');
    const byName = await watched<ConfigMap>(`${maps('/b')}?watch=true`);
    expect((await byName.next()).object.metadata.name).toBe('b');
    byName.close();
    const byPrefix = await watched<ConfigMap>(`/api/v1/watch/namespaces/${namespace}/configmaps/b`);
    expect((await byPrefix.next()).object.metadata.name).toBe('b');
    byPrefix.close();
  });

  it('of a Table sends the columns once', async () => {
    await createMap('a');
    interface Table {
      kind: string;
      columnDefinitions?: { name: string }[];
      rows: { cells: unknown[]; object: KubeObject }[];
    }
    const stream = await watched<Table>(maps('?watch=true'), { accept: TABLE });
    const [first, second] = await stream.take(2);
    expect(first!.object.kind).toBe('Table');
    expect(first!.object.columnDefinitions?.map(({ name }) => name)).toEqual(['Name', 'Data', 'Age']);
    expect(first!.object.rows[0]?.cells[0]).toBe('a');
    expect(first!.object.rows[0]?.object.kind).toBe('PartialObjectMetadata');
    expect(second!.object.columnDefinitions ?? []).toEqual([]);
    expect(second!.object.rows[0]?.cells[0]).toBe('kube-root-ca.crt');
    stream.close();
  });
});

describe('selectors', () => {
  it('by field: names, phases, types', async () => {
    await createMap('a');
    await createMap('b');
    const list = async (path: string): Promise<string[]> => names(await ok('GET', path));
    expect(await list(maps('?fieldSelector=metadata.name%3Db'))).toEqual(['b']);
    expect(await list(maps('?fieldSelector=metadata.name!%3Db,metadata.name!%3Dkube-root-ca.crt'))).toEqual([
      'a',
    ]);
    await ok<Secret>('POST', core('secrets'), { body: { metadata: { name: 's' }, type: 'example.com/x' } });
    expect(await list(core('secrets?fieldSelector=type%3Dexample.com/x'))).toEqual(['s']);
    await ok('POST', core('pods'), { body: podOf('p', { nodeName: 'nobody' }) });
    expect(await list(core('pods?fieldSelector=spec.nodeName%3Dnobody,status.phase!%3DFailed'))).toEqual([
      'p',
    ]);
    expect(await list('/api/v1/pods?fieldSelector=spec.nodeName%3Dnobody,status.phase%3DFailed')).toEqual([]);
    await ok('DELETE', core('pods/p?gracePeriodSeconds=0'));
  });

  it('refuses fields it does not know and labels it cannot read', async () => {
    expect(await refused('GET', core('pods?fieldSelector=spec.foo%3D1'))).toMatchObject({
      code: 400,
      reason: 'BadRequest',
      message: expect.stringContaining('field label not supported: spec.foo'),
    });
    expect(await refused('GET', maps('?labelSelector=a%20b'))).toMatchObject({
      code: 400,
      message: expect.stringContaining('unable to parse requirement'),
    });
  });
});

/** More than the log keeps (20,000 entries). */
const WRITES_BEYOND_THE_LOG = 21_000;
const CONNECTIONS = 16;

describe('a revision that the log has forgotten', () => {
  it('is 410 for a watch, an exact list and the next page of one, which can go on all the same', async () => {
    for (let index = 0; index < CONNECTIONS; index += 1) await createMap(`busy-${index}`);
    const first = await ok<List<ConfigMap>>('GET', maps('?limit=10'));
    const { resourceVersion: old, continue: token = '' } = first.metadata;
    const target = readTarget(cluster.kubeconfig);
    const writers = Array.from({ length: CONNECTIONS }, async (_, index) => {
      const connection = await Connection.open(target);
      for (let write = 0; write < WRITES_BEYOND_THE_LOG / CONNECTIONS; write += 1) {
        const body = `{"data":{"k":"${write + 1}"}}`;
        const { code } = await connection.request('PATCH', maps(`/busy-${index}`), body, MERGE);
        if (code !== 200) throw new Error(`write ${write} answered ${code}`);
      }
      connection.close();
    });
    await Promise.all(writers);

    const stream = await watched<Status>(maps(`?watch=true&resourceVersion=${old}`));
    const [error, ...more] = await stream.rest();
    expect(more).toEqual([]);
    expect(error).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } });
    expect(error!.object.message).toMatch(new RegExp(`^too old resource version: ${old} \\(\\d+\\)$`));

    const exact = maps(`?resourceVersion=${old}&resourceVersionMatch=Exact`);
    expect(await refused('GET', exact)).toMatchObject({
      code: 410,
      reason: 'Expired',
      message: 'The resourceVersion for the provided list is too old.',
    });
    const page = maps(`?limit=10&continue=${encodeURIComponent(token)}`);
    const expired = await refused('GET', page);
    expect(expired).toMatchObject({ code: 410, reason: 'Expired' });
    expect(expired.message).toMatch(/^The provided continue parameter is too old/);
    const rest = await ok<List<ConfigMap>>(
      'GET',
      maps(`?limit=10&continue=${encodeURIComponent(expired.metadata.continue!)}`),
    );
    expect(new Set([...names(first), ...names(rest)]).size).toBe(CONNECTIONS + 1);
    expect(rest.items.at(0)?.metadata.name).not.toBe(first.items.at(0)?.metadata.name);
  });
});
