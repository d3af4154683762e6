/** What clients may rely on and kubectl does not show: revisions, snapshots, watches, preconditions, options, forms. */

import type { ConfigMap, Deployment, KubeObject, Namespace, Pod, Secret } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';
import { Connection, readTarget } from '../support/connection.ts';
import { type Reply, type Sending, type WatchStream, Wire } from '../support/wire.ts';

const MERGE = 'application/merge-patch+json';
const STRATEGIC = 'application/strategic-merge-patch+json';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

interface Status {
  kind: 'Status';
  message: string;
  reason: string;
  code: number;
  metadata: { continue?: string };
  details?: {
    causes?: { reason: string; message: string; field?: string }[];
    retryAfterSeconds?: number;
  };
}

interface List<T> {
  kind: string;
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
  items: T[];
}

let cluster: TestCluster;
let wire: Wire;
let namespace = '';
let tests = 0;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 3 });
  wire = Wire.of(cluster.kubeconfig);
});
afterAll(async () => {
  wire.close();
  await cluster.remove();
});
beforeEach(async () => {
  tests += 1;
  namespace = `wire-${tests}`;
  await ok('POST', '/api/v1/namespaces', { body: { metadata: { name: namespace } } });
  await eventually('the default service account', async () => {
    const { code } = await wire.send('GET', `/api/v1/namespaces/${namespace}/serviceaccounts/default`);
    return code === 200;
  });
});

const core = (rest: string): string => `/api/v1/namespaces/${namespace}/${rest}`;
const apps = (rest: string): string => `/apis/apps/v1/namespaces/${namespace}/${rest}`;
const maps = (rest = ''): string => core(`configmaps${rest}`);

async function ok<T = KubeObject>(method: string, path: string, sending: Sending = {}): Promise<T> {
  const { code, text } = await wire.send(method, path, sending);
  if (code >= 300) throw new Error(`${method} ${path}: ${code} ${text}`);
  return JSON.parse(text) as T;
}

async function refused(method: string, path: string, sending: Sending = {}): Promise<Status> {
  const { code, text } = await wire.send(method, path, sending);
  const status = JSON.parse(text) as Status;
  expect(status, text).toMatchObject({ kind: 'Status', status: 'Failure', code });
  return status;
}

const createMap = (name: string, metadata: object = {}): Promise<ConfigMap> =>
  ok('POST', maps(), { body: { data: { k: '0' }, metadata: { ...metadata, name } } });
const patch = <T>(path: string, body: object, contentType = MERGE): Promise<T> =>
  ok('PATCH', path, { body, contentType });
const names = ({ items }: List<KubeObject>): string[] => items.map(({ metadata }) => metadata.name);

const podOf = (name: string, spec: object = {}): object => ({
  metadata: { name },
  spec: { containers: [{ name: 'web', image: 'web:1' }], ...spec },
});

const deploymentOf = (name: string, replicas = 1): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'web', image: 'web:1' }] },
    },
  },
});

const watched = async <T>(path: string, sending?: Sending): Promise<WatchStream<T>> => {
  const stream = await wire.watch<T>(path, sending);
  expect(stream.reply.code).toBe(200);
  return stream;
};

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

describe('optimistic concurrency', () => {
  it('refuses a PUT and a PATCH from an old revision, and takes a PUT without one', async () => {
    const created = await createMap('a');
    const updated = await patch<ConfigMap>(maps('/a'), { data: { k: '1' } });
    const message =
      'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again';
    const old = { ...created, data: { k: 'old' } };
    expect(await refused('PUT', maps('/a'), { body: old })).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message,
      details: { name: 'a', kind: 'configmaps' },
    });
    const { resourceVersion } = created.metadata;
    expect(
      await refused('PATCH', maps('/a'), { body: { metadata: { resourceVersion } }, contentType: MERGE }),
    ).toMatchObject({ code: 409, reason: 'Conflict', message });
    const { resourceVersion: current } = updated.metadata;
    const body = { ...updated, data: { k: '2' } };
    const put = await ok<ConfigMap>('PUT', maps('/a'), { body });
    expect(Number(put.metadata.resourceVersion)).toBeGreaterThan(Number(current));
    const unconditional = { metadata: { name: 'a' }, data: { k: '3' } };
    expect(await ok('PUT', maps('/a'), { body: unconditional })).toMatchObject({
      data: { k: '3' },
      metadata: { uid: created.metadata.uid, creationTimestamp: created.metadata.creationTimestamp },
    });
  });

  it('refuses another uid, another name, and an update without revision where the kind demands one', async () => {
    const created = await createMap('a');
    const elsewhere = { ...created, metadata: { ...created.metadata, uid: 'x' } };
    const conflict = await refused('PUT', maps('/a'), { body: elsewhere });
    expect(conflict).toMatchObject({ code: 409, reason: 'Conflict' });
    expect(conflict.message).toContain(
      `Precondition failed: UID in precondition: x, UID in object meta: ${created.metadata.uid}`,
    );
    expect(await refused('PUT', maps('/a'), { body: { metadata: { name: 'zz' } } })).toMatchObject({
      code: 400,
      message: 'the name of the object (zz) does not match the name on the URL (a)',
    });
    const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    await ok('POST', leases, { body: { metadata: { name: 'l' } } });
    const lease = await refused('PUT', `${leases}/l`, { body: { metadata: { name: 'l' } } });
    expect(lease).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(lease.message).toContain('metadata.resourceVersion');
    expect(lease.message).toContain('must be specified for an update');
  });

  it('keeps the revision, and tells no watcher, when nothing changes', async () => {
    const created = await createMap('a');
    const stream = await watched<ConfigMap>(
      maps(`?watch=true&resourceVersion=${created.metadata.resourceVersion}`),
    );
    const patched = await patch<ConfigMap>(maps('/a'), { data: { k: '0' } });
    expect(patched.metadata.resourceVersion).toBe(created.metadata.resourceVersion);
    const put = await ok<ConfigMap>('PUT', maps('/a'), { body: created });
    expect(put.metadata.resourceVersion).toBe(created.metadata.resourceVersion);
    await patch(maps('/a'), { data: { k: 'real' } });
    expect(await stream.next()).toMatchObject({ type: 'MODIFIED', object: { data: { k: 'real' } } });
    stream.close();
  });

  it('creates by PUT only the kinds that allow it', async () => {
    expect(await refused('PUT', maps('/none'), { body: { metadata: { name: 'none' } } })).toMatchObject({
      code: 404,
      reason: 'NotFound',
      message: 'configmaps "none" not found',
    });
    const lease = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/none`;
    const { code } = await wire.send('PUT', lease, { body: { metadata: { name: 'none' } } });
    expect(code).toBe(201);
  });
});

describe('creation', () => {
  it('makes a name from generateName, and wants one of both', async () => {
    const long = 'g'.repeat(70);
    const made = await ok<ConfigMap>('POST', maps(), { body: { metadata: { generateName: long } } });
    expect(made.metadata.name).toMatch(/^g{58}[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(made.metadata.generateName).toBe(long);
    const status = await refused('POST', maps(), { body: { metadata: {} } });
    expect(status).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(status.message).toContain('name or generateName is required');
  });

  it('sets what belongs to the server and wipes what clients may not set', async () => {
    const made = await createMap('a', {
      uid: 'mine',
      creationTimestamp: '2001-01-01T00:00:00Z',
      deletionTimestamp: '2001-01-01T00:00:00Z',
      generation: 7,
    });
    expect(made.metadata.uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
    expect(made.metadata.creationTimestamp).toMatch(/^20[2-9]\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(made.metadata.creationTimestamp).not.toContain('2001');
    expect(made.metadata.deletionTimestamp).toBeUndefined();
    expect(made.metadata.generation).toBeUndefined();
  });

  it.each([
    [
      { metadata: { name: 'a', resourceVersion: '5' } },
      500,
      'resourceVersion should not be set on objects to be created',
    ],
    [
      { metadata: { name: 'a', namespace: 'elsewhere' } },
      400,
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
    [
      { kind: 'Secret', apiVersion: 'v1', metadata: { name: 'a' } },
      400,
      'Secret in version "v1" cannot be handled as a ConfigMap',
    ],
    [
      { kind: 'ConfigMap', apiVersion: 'v2', metadata: { name: 'a' } },
      400,
      'ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v2"',
    ],
  ])('refuses %j', async (body, code, message) => {
    const status = await refused('POST', maps(), { body });
    expect(status.code).toBe(code);
    expect(status.message).toContain(message);
  });

  it('says AlreadyExists, and NotFound for a namespace that is missing', async () => {
    await createMap('a');
    expect(await refused('POST', maps(), { body: { metadata: { name: 'a' } } })).toMatchObject({
      code: 409,
      reason: 'AlreadyExists',
      message: 'configmaps "a" already exists',
    });
    const nowhere = '/api/v1/namespaces/nowhere/configmaps';
    expect(await refused('POST', nowhere, { body: { metadata: { name: 'a' } } })).toMatchObject({
      code: 404,
      reason: 'NotFound',
      message: 'namespaces "nowhere" not found',
    });
  });
});

describe('generation and status', () => {
  const path = (): string => apps('deployments/paused');
  beforeEach(async () => {
    const object = deploymentOf('paused', 0) as Deployment;
    await ok('POST', apps('deployments'), { body: { ...object, status: { replicas: 9 } } });
  });

  it('counts changes of spec, not of labels or status', async () => {
    const generation = async (change: object): Promise<number | undefined> =>
      (await patch<Deployment>(path(), change)).metadata.generation;
    expect((await ok<Deployment>('GET', path())).metadata.generation).toBe(1);
    expect(await generation({ metadata: { labels: { a: 'b' } } })).toBe(1);
    expect(await generation({ spec: { minReadySeconds: 1 } })).toBe(2);
    expect(await generation({ spec: { minReadySeconds: 1 } })).toBe(2);
    expect(await generation({ metadata: { generation: 40 } })).toBe(2);
  });

  it('keeps status out of the object and spec out of the status', async () => {
    const created = await ok<Deployment>('GET', path());
    expect(created.status?.replicas ?? 0).toBe(0);
    const both = { spec: { minReadySeconds: 5 }, status: { collisionCount: 3 } };
    const main = await patch<Deployment>(path(), both);
    expect([main.spec.minReadySeconds, main.status?.collisionCount]).toEqual([5, undefined]);
    const status = await patch<Deployment>(`${path()}/status`, {
      spec: { minReadySeconds: 9 },
      status: { collisionCount: 3 },
    });
    expect([status.spec.minReadySeconds, status.status?.collisionCount]).toEqual([5, 3]);
    expect(status.metadata.generation).toBe(main.metadata.generation);
  });

  it('lets annotations come with the status, as controllers send them, but no labels of a Deployment', async () => {
    const before = await ok<Deployment>('GET', path());
    const metadata = { annotations: { a: '1' }, labels: { a: '1' } };
    const after = await patch<Deployment>(`${path()}/status`, { metadata });
    expect(after.metadata.annotations?.['a']).toBe('1');
    expect(after.metadata.labels).toEqual(before.metadata.labels);
    expect(after.metadata.generation).toBe(before.metadata.generation);
  });

  it('scales through the scale subresource', async () => {
    const scale = await patch<Deployment>(`${path()}/scale`, { spec: { replicas: 2 } });
    expect(scale).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: { name: 'paused', namespace },
      spec: { replicas: 2 },
      status: { selector: 'app=paused' },
    });
    const deployment = await ok<Deployment>('GET', path());
    expect([deployment.spec.replicas, deployment.metadata.generation]).toEqual([2, 2]);
  });
});

describe('deletion', () => {
  it('answers a Status with the uid, and respects preconditions', async () => {
    const { metadata } = await createMap('a');
    expect(await refused('DELETE', maps('/a'), { body: { preconditions: { uid: 'zzz' } } })).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message: expect.stringContaining(
        `the UID in the precondition (zzz) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
      ),
    });
    const stale = { preconditions: { resourceVersion: '1' } };
    expect(await refused('DELETE', maps('/a'), { body: stale })).toMatchObject({
      code: 409,
      reason: 'Conflict',
    });
    expect(await ok('DELETE', maps('/a'), { body: { preconditions: { uid: metadata.uid } } })).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: 'a', kind: 'configmaps', uid: metadata.uid },
    });
    expect(await refused('DELETE', maps('/a'))).toMatchObject({ code: 404, reason: 'NotFound' });
  });

  it('takes an empty body, and refuses a policy that there is not', async () => {
    await createMap('a');
    expect(await refused('DELETE', maps('/a?propagationPolicy=Sometimes'))).toMatchObject({
      code: 422,
      reason: 'Invalid',
      message: expect.stringContaining('propagationPolicy'),
    });
    await ok('DELETE', maps('/a'), { body: '', contentType: 'application/json' });
  });

  it('waits for finalizers, takes no new ones, and is over with the last', async () => {
    const finalizers = ['example.com/a', 'example.com/b'];
    const created = await createMap('held', { finalizers });
    const stream = await watched<ConfigMap>(
      maps(`?watch=true&resourceVersion=${created.metadata.resourceVersion}`),
    );
    const deleting = await ok<ConfigMap>('DELETE', maps('/held'));
    expect(deleting.kind).toBe('ConfigMap');
    expect(deleting.metadata).toMatchObject({ deletionGracePeriodSeconds: 0, finalizers });
    expect(deleting.metadata.deletionTimestamp).toBeDefined();
    const more = { metadata: { finalizers: [...finalizers, 'example.com/c'] } };
    expect(await refused('PATCH', maps('/held'), { body: more, contentType: MERGE })).toMatchObject({
      code: 422,
      message: expect.stringContaining('no new finalizers can be added if the object is being deleted'),
    });
    await patch(maps('/held'), { metadata: { finalizers: ['example.com/b'] } });
    const last = await patch<ConfigMap>(maps('/held'), { metadata: { finalizers: null } });
    expect(last.metadata.name).toBe('held');
    expect(await refused('GET', maps('/held'))).toMatchObject({ code: 404 });
    expect((await stream.take(3)).map(({ type }) => type)).toEqual(['MODIFIED', 'MODIFIED', 'DELETED']);
    stream.close();
  });

  it('raises the generation of what is held', async () => {
    const held = deploymentOf('held', 0) as Deployment;
    Object.assign(held.metadata, { finalizers: ['example.com/a'] });
    await ok('POST', apps('deployments'), { body: held });
    const deleting = await ok<Deployment>('DELETE', apps('deployments/held'));
    expect(deleting.metadata.generation).toBe(2);
    const released = await patch<Deployment>(apps('deployments/held'), { metadata: { finalizers: null } });
    expect(released.metadata.generation).toBe(2);
  });

  it('of a pod is graceful, can be shortened but not lengthened, and is at once with grace 0', async () => {
    // Nobody stops what runs on a node that nobody hosts.
    await ok('POST', core('pods'), { body: podOf('slow', { nodeName: 'nobody' }) });
    const first = await ok<Pod>('DELETE', core('pods/slow'));
    expect(first.metadata).toMatchObject({ deletionGracePeriodSeconds: 30, generation: 2 });
    const longer = await ok<Pod>('DELETE', core('pods/slow?gracePeriodSeconds=60'));
    expect(longer.metadata.deletionTimestamp).toBe(first.metadata.deletionTimestamp);
    const shorter = await ok<Pod>('DELETE', core('pods/slow?gracePeriodSeconds=5'));
    expect(shorter.metadata.deletionGracePeriodSeconds).toBe(5);
    expect(Date.parse(shorter.metadata.deletionTimestamp!)).toBeLessThan(
      Date.parse(first.metadata.deletionTimestamp!),
    );
    expect((await ok<Pod>('DELETE', core('pods/slow?gracePeriodSeconds=0'))).kind).toBe('Pod');
    expect(await refused('GET', core('pods/slow'))).toMatchObject({ code: 404 });
  });

  it('of a pod that has no node is at once', async () => {
    await ok('POST', core('pods'), { body: podOf('unplaced', { schedulerName: 'nobody' }) });
    expect((await ok<Pod>('DELETE', core('pods/unplaced'))).kind).toBe('Pod');
    expect(await refused('GET', core('pods/unplaced'))).toMatchObject({ code: 404 });
  });

  it('of a collection takes what the selectors say, and returns it', async () => {
    await createMap('a', { labels: { g: '1' } });
    await createMap('b', { labels: { g: '2' } });
    await createMap('c', { labels: { g: '1' } });
    const deleted = await ok<List<ConfigMap>>('DELETE', maps('?labelSelector=g%3D1'));
    expect(deleted.kind).toBe('ConfigMapList');
    expect(names(deleted)).toEqual(['a', 'c']);
    expect(names(await ok('GET', maps()))).toEqual(['b', 'kube-root-ca.crt']);
  });
});

describe('ownerReferences', () => {
  const ownedBy = ({ metadata }: ConfigMap): object => ({
    ownerReferences: [
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        name: metadata.name,
        uid: metadata.uid,
        blockOwnerDeletion: true,
      },
    ],
  });
  const gone = (name: string): Promise<boolean> =>
    eventually(`${name} is gone`, async () => (await wire.send('GET', maps(`/${name}`))).code === 404);

  it('background: the owner goes at once, dependents follow', async () => {
    const owner = await createMap('owner');
    await createMap('child', ownedBy(owner));
    const answer = await ok('DELETE', maps('/owner?propagationPolicy=Background'));
    expect(answer.kind).toBe('Status');
    expect(await refused('GET', maps('/owner'))).toMatchObject({ code: 404 });
    await gone('child');
  });

  it('foreground: the owner stays until its dependents are gone', async () => {
    const owner = await createMap('owner');
    const child = ownedBy(owner);
    await createMap('child', { ...child, finalizers: ['example.com/hold'] });
    const deleting = await ok<ConfigMap>('DELETE', maps('/owner?propagationPolicy=Foreground'));
    expect(deleting.metadata.finalizers).toEqual(['foregroundDeletion']);
    await eventually('the child is being deleted', async () => {
      const found = await ok<ConfigMap>('GET', maps('/child'));
      return found.metadata.deletionTimestamp !== undefined;
    });
    expect((await ok<ConfigMap>('GET', maps('/owner'))).metadata.finalizers).toEqual(['foregroundDeletion']);
    await patch(maps('/child'), { metadata: { finalizers: null } });
    await gone('owner');
  });

  it('orphan: dependents lose the reference and stay', async () => {
    const owner = await createMap('owner');
    await createMap('child', ownedBy(owner));
    await ok('DELETE', maps('/owner?propagationPolicy=Orphan'));
    await gone('owner');
    expect((await ok<ConfigMap>('GET', maps('/child'))).metadata.ownerReferences ?? []).toEqual([]);
  });

  it('of an owner that never was: the dependent goes', async () => {
    const owner = await createMap('owner');
    const stranger = {
      ...owner,
      metadata: { ...owner.metadata, uid: '00000000-0000-4000-8000-000000000000' },
    };
    await createMap('child', ownedBy(stranger));
    await gone('child');
  });

  it('allow one controller only', async () => {
    const ref = (uid: string): object => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: uid,
      uid,
      controller: true,
    });
    const body = { metadata: { name: 'child', ownerReferences: [ref('a'), ref('b')] } };
    const status = await refused('POST', maps(), { body });
    expect(status).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(status.message).toContain('Only one reference can have Controller set to true');
  });
});

describe('dryRun', () => {
  it('answers as the real thing and changes nothing', async () => {
    const { metadata } = await createMap('kept');
    const made = await ok<ConfigMap>('POST', maps('?dryRun=All'), { body: { metadata: { name: 'a' } } });
    expect(made.metadata.uid).toBeDefined();
    expect(made.metadata.resourceVersion).toBeUndefined();
    expect(await refused('GET', maps('/a'))).toMatchObject({ code: 404 });
    expect(
      await ok('PATCH', maps('/kept?dryRun=All'), { body: { data: { k: 'dry' } }, contentType: MERGE }),
    ).toMatchObject({ data: { k: 'dry' } });
    await ok('DELETE', maps('/kept?dryRun=All'));
    const kept = await ok<ConfigMap>('GET', maps('/kept'));
    expect([kept.metadata.resourceVersion, kept.data]).toEqual([metadata.resourceVersion, { k: '0' }]);
    const again = { body: { metadata: { name: 'kept' } } };
    expect(await refused('POST', maps('?dryRun=All'), again)).toMatchObject({ code: 409 });
    const status = await refused('POST', maps('?dryRun=Some'), again);
    expect(status.message).toContain('dryRun: Unsupported value: []string{"Some"}: supported values: "All"');
  });

  it('allocates no address', async () => {
    const body = { metadata: { name: 'dry' }, spec: { ports: [{ port: 80 }] } };
    await ok('POST', core('services?dryRun=All'), { body });
    const ip = '10.96.77.77';
    const fixed = { ...body, spec: { ...body.spec, clusterIP: ip } };
    await ok('POST', core('services?dryRun=All'), { body: fixed });
    expect(await ok('POST', core('services'), { body: fixed })).toMatchObject({ spec: { clusterIP: ip } });
  });
});

describe('fieldValidation', () => {
  const text = (name: string): string =>
    `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"${name}"},"spec":{"foo":1,"replicas":0,"replicas":0,` +
    `"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}`;
  const post = (name: string, query: string): Promise<Reply> =>
    wire.send('POST', apps(`deployments${query}`), { body: text(name) });

  it('strict refuses unknown and duplicate fields', async () => {
    const { code, text: answer } = await post('strict', '?fieldValidation=Strict');
    expect(code).toBe(400);
    expect(JSON.parse(answer)).toMatchObject({
      reason: 'BadRequest',
      message:
        'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.foo", duplicate field "spec.replicas"',
    });
  });

  it.each(['', '?fieldValidation=Warn'])('warns with %j', async (query) => {
    const { code, headers } = await post('warned', query);
    expect(code).toBe(201);
    expect(headers['warning']).toBe(
      '299 - "unknown field \\"spec.foo\\"", 299 - "duplicate field \\"spec.replicas\\""',
    );
  });

  it('can be ignored, and other words cannot', async () => {
    const { code, headers } = await post('ignored', '?fieldValidation=Ignore');
    expect([code, headers['warning']]).toEqual([201, undefined]);
    const wrong = await post('wrong', '?fieldValidation=Maybe');
    expect(wrong.code).toBe(422);
    expect(wrong.text).toContain('fieldValidation');
  });

  it('reads patches too', async () => {
    await ok('POST', apps('deployments'), { body: deploymentOf('patched', 0) });
    const body = { spec: { foo: 1 } };
    for (const contentType of [MERGE, STRATEGIC]) {
      const status = await refused('PATCH', apps('deployments/patched?fieldValidation=Strict'), {
        body,
        contentType,
      });
      expect(status.message).toContain('strict decoding error: unknown field "spec.foo"');
    }
  });
});

describe('forms of an answer', () => {
  it('gives metadata alone when that is asked for', async () => {
    await createMap('a');
    const accept = (kind: string): string => `application/json;as=${kind};g=meta.k8s.io;v=v1`;
    const one = await ok<ConfigMap>('GET', maps('/a'), { accept: accept('PartialObjectMetadata') });
    expect(one).toMatchObject({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' });
    expect(one.data).toBeUndefined();
    const list = await ok<List<ConfigMap>>('GET', maps(), { accept: accept('PartialObjectMetadataList') });
    expect(list.kind).toBe('PartialObjectMetadataList');
    expect(list.items.map(({ data }) => data)).toEqual([undefined, undefined]);
  });

  it('is 406 for what it cannot write, and 415 for what it cannot read', async () => {
    const unacceptable = await wire.send('GET', maps(), { accept: 'text/html' });
    expect(unacceptable.code).toBe(406);
    expect(unacceptable.text).toContain('only the following media types are accepted');
    expect(await refused('POST', maps(), { body: 'x', contentType: 'text/plain' })).toMatchObject({
      code: 415,
      reason: 'UnsupportedMediaType',
    });
    await createMap('a');
    expect(await refused('PATCH', maps('/a'), { body: {}, contentType: 'application/json' })).toMatchObject({
      code: 415,
      reason: 'UnsupportedMediaType',
    });
  });

  it('is 405 for a method, and 404 for a resource, that there is not', async () => {
    expect(await refused('POST', maps('/a'), { body: {} })).toMatchObject({
      code: 405,
      reason: 'MethodNotAllowed',
      message: 'the server does not allow this method on the requested resource',
    });
    const missing = await wire.send('GET', core('gadgets'));
    expect(missing.code).toBe(404);
  });

  it('reads YAML', async () => {
    const body = `metadata:\n  name: from-yaml\ndata:\n  k: "1"\n`;
    expect(await ok('POST', maps(), { body, contentType: 'application/yaml' })).toMatchObject({
      data: { k: '1' },
    });
  });
});

describe('who may ask', () => {
  it('anybody for health and version; a certificate for all else', async () => {
    const anybody = Wire.of(cluster.kubeconfig, { anonymous: true });
    try {
      for (const path of ['/healthz', '/livez', '/readyz', '/version']) {
        expect((await anybody.send('GET', path)).code, path).toBe(200);
      }
      for (const path of ['/api', '/apis', '/openapi/v3', maps(), '/metrics']) {
        expect((await anybody.send('GET', path)).code, path).toBe(401);
      }
      expect((await anybody.send('POST', maps(), { body: { metadata: { name: 'x' } } })).code).toBe(401);
      expect(await refused('GET', maps('/x'))).toMatchObject({ code: 404 });
    } finally {
      anybody.close();
    }
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

describe('extensions/v1beta1', () => {
  it('is the same Deployment as apps/v1, and says that it is old', async () => {
    const old = `/apis/extensions/v1beta1/namespaces/${namespace}/deployments`;
    const object = deploymentOf('both', 1) as Deployment;
    const { selector: _, ...spec } = object.spec;
    const body = { ...object, apiVersion: 'extensions/v1beta1', spec };
    const { code, headers, text } = await wire.send('POST', old, { body });
    expect([code, headers['warning']]).toEqual([201, expect.stringContaining('deprecated')]);
    expect(JSON.parse(text)).toMatchObject({
      kind: 'Deployment',
      apiVersion: 'extensions/v1beta1',
      // Defaulted from the labels of the template, as it was then.
      spec: { selector: { matchLabels: { app: 'both' } } },
    });
    const now = await ok<Deployment>('GET', apps('deployments/both'));
    expect(now.apiVersion).toBe('apps/v1');
    const put = await ok<Deployment>('PUT', apps('deployments/both'), {
      body: {
        ...now,
        spec: { ...now.spec, replicas: 0 },
        metadata: { ...now.metadata, resourceVersion: '' },
      },
    });
    const then = await ok<Deployment>('GET', `${old}/both`);
    expect([then.apiVersion, then.spec.replicas, then.metadata.uid]).toEqual([
      'extensions/v1beta1',
      0,
      put.metadata.uid,
    ]);
    const stream = await watched<Deployment>(`${old}?watch=true`);
    expect((await stream.next()).object.apiVersion).toBe('extensions/v1beta1');
    stream.close();
  });
});

describe('a namespace', () => {
  it('goes after its content, and takes nothing new meanwhile', async () => {
    await createMap('held', { finalizers: ['example.com/hold'] });
    await createMap('free');
    const path = `/api/v1/namespaces/${namespace}`;
    const deleting = await ok<Namespace>('DELETE', path);
    expect(deleting).toMatchObject({ kind: 'Namespace', status: { phase: 'Terminating' } });
    const status = await refused('POST', maps(), { body: { metadata: { name: 'late' } } });
    expect(status).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      details: { causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }] },
    });
    expect(status.message).toContain(
      `unable to create new content in namespace ${namespace} because it is being terminated`,
    );
    await eventually('only what is held is left', async () => {
      const left = await ok<List<ConfigMap>>('GET', maps());
      return names(left).join() === 'held';
    });
    await eventually('the namespace says what it waits for', async () => {
      const { status: said } = await ok<Namespace>('GET', path);
      return said?.conditions?.some(
        ({ type, status: is }) => type === 'NamespaceFinalizersRemaining' && is === 'True',
      );
    });
    await patch(maps('/held'), { metadata: { finalizers: null } });
    await eventually('the namespace is gone', async () => (await wire.send('GET', path)).code === 404);
  });

  it('that the cluster needs stays', async () => {
    for (const name of ['default', 'kube-system', 'kube-public']) {
      expect(await refused('DELETE', `/api/v1/namespaces/${name}`)).toMatchObject({
        code: 403,
        reason: 'Forbidden',
        message: expect.stringContaining('this namespace may not be deleted'),
      });
    }
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
