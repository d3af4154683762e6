import type { KubeObject } from '@orrery/api/gen/types.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { configMapsDefinition } from '../registry/configmap.ts';
import { podsDefinition } from '../registry/pod.ts';
import { CONFIG_MAPS, configMap } from './test-support/objects.ts';
import { RestFixture } from './test-support/rest-fixture.ts';

let fixture: RestFixture;

beforeEach(async () => {
  fixture = await RestFixture.start();
});

afterEach(() => fixture.stop());

describe('an answer', () => {
  test('carries the object with kind and version in front, and the common headers', async () => {
    fixture.api.put(configMapsDefinition, configMap('a'));
    const answer = await fixture.ask(`${CONFIG_MAPS}/a`);
    expect(answer.code).toBe(200);
    expect(answer.text.startsWith('{"kind":"ConfigMap","apiVersion":"v1","metadata":{')).toBe(true);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-cache, private',
      'content-length': String(answer.text.length),
    });
    expect(answer.headers['audit-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('echoes the audit id of the client', async () => {
    const answer = await fixture.ask('/version', { headers: { 'audit-id': 'mine' } });
    expect(answer.headers['audit-id']).toBe('mine');
  });

  test('is YAML for those who ask for it', async () => {
    fixture.api.put(configMapsDefinition, configMap('a', { data: { answer: 'yes', time: '12:30:00' } }));
    const answer = await fixture.ask(`${CONFIG_MAPS}/a`, { headers: { accept: 'application/yaml' } });
    expect(answer.headers['content-type']).toBe('application/yaml');
    // Words that older parsers take for booleans are quoted.
    expect(answer.text).toContain('answer: "yes"');
    expect(parse(answer.text)).toMatchObject({ kind: 'ConfigMap', data: { answer: 'yes' } });
  });

  test.each([
    ['curl', '/version', 'curl/8.0', true],
    ['a client that asks', '/version?pretty=true', 'x', true],
    ['curl that does not want it', '/version?pretty=false', 'curl/8.0', false],
    ['others', '/version', 'kubectl/v1.35.2', false],
  ])('is pretty for %s: %s', async (_who, path, agent, isPretty) => {
    const { text } = await fixture.ask(path, { headers: { 'user-agent': agent } });
    expect(text.includes('\n  "major"')).toBe(isPretty);
  });

  test('is compressed when it is large and the client can read it', async () => {
    fixture.api.put(configMapsDefinition, configMap('big', { data: { a: 'x'.repeat(200_000) } }));
    const small = await fixture.ask('/version', { headers: { 'accept-encoding': 'gzip' } });
    const plain = await fixture.ask(`${CONFIG_MAPS}/big`);
    const compressed = await fixture.ask(`${CONFIG_MAPS}/big`, { headers: { 'accept-encoding': 'gzip' } });
    expect(small.headers['content-encoding']).toBeUndefined();
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(compressed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
    expect(compressed.text).toBe(plain.text);
  });
});

describe('lists', () => {
  beforeEach(() => {
    for (const name of ['a', 'b', 'c']) fixture.api.put(configMapsDefinition, configMap(name));
  });

  test('carry items without kind and version', async () => {
    const list = (await fixture.ask(CONFIG_MAPS)).json<{ items: object[]; metadata: object }>();
    expect(list).toMatchObject({
      kind: 'ConfigMapList',
      apiVersion: 'v1',
      metadata: { resourceVersion: '103' },
    });
    expect(list.items).toHaveLength(3);
    expect(list.items[0]).not.toHaveProperty('kind');
    expect(list.metadata).not.toHaveProperty('continue');
  });

  test('are empty lists, not missing ones', async () => {
    const list = (await fixture.ask('/api/v1/namespaces/other/configmaps')).json();
    expect(list['items']).toEqual([]);
  });

  test('say how to go on and how much is left', async () => {
    const { metadata } = (await fixture.ask(`${CONFIG_MAPS}?limit=2`)).json<{ metadata: object }>();
    expect(metadata).toEqual({ resourceVersion: '103', continue: 'more', remainingItemCount: 1 });
  });

  test('hand all parameters to the verbs as they are', async () => {
    await fixture.ask(
      '/api/v1/configmaps?limit=5&continue=x&resourceVersion=7&resourceVersionMatch=Exact&labelSelector=a%3Db',
    );
    const { selection, ...options } = fixture.api.last.list ?? {};
    expect(options).toEqual({
      limit: 5,
      continueToken: 'x',
      resourceVersion: '7',
      resourceVersionMatch: 'Exact',
    });
    expect(selection?.labels?.({ a: 'b' })).toBe(true);
    expect(selection?.labels?.({ a: 'c' })).toBe(false);
  });

  test('select by fields', async () => {
    const list = (await fixture.ask(`${CONFIG_MAPS}?fieldSelector=metadata.name%3Db`)).json<{
      items: object[];
    }>();
    expect(list.items).toMatchObject([{ metadata: { name: 'b' } }]);
  });

  test.each([
    ['labelSelector=a+in', 400, 'unable to parse requirement'],
    ['fieldSelector=spec.x%3D1', 400, 'field'],
    ['limit=many', 400, 'strconv.ParseInt: parsing "many": invalid syntax'],
    ['sendInitialEvents=true', 422, 'sendInitialEvents is forbidden for list'],
  ])('refuse %s', async (query, code, message) => {
    const answer = await fixture.ask(`${CONFIG_MAPS}?${query}`);
    expect(answer.code).toBe(code);
    expect(answer.json()['message']).toContain(message);
  });
});

describe('tables', () => {
  interface Table {
    kind: string;
    columnDefinitions: { name: string; priority: number }[];
    rows: {
      cells: unknown[];
      conditions?: object[];
      object?: { kind: string; metadata: { name: string } };
    }[];
  }

  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
  const table = async (path: string): Promise<Table> =>
    (await fixture.ask(path, { headers: { accept } })).json<Table>();

  beforeEach(() => {
    fixture.api.put(configMapsDefinition, configMap('a'));
    fixture.api.put(configMapsDefinition, configMap('b', { data: {} }));
  });

  test('have columns, cells with ages on the cluster’s clock, and the metadata of each object', async () => {
    await fixture.clock.advance(90_000);
    const answer = await table(CONFIG_MAPS);
    expect(answer).toMatchObject({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { resourceVersion: '102' },
    });
    expect(answer.columnDefinitions.map(({ name }) => name)).toEqual(['Name', 'Data', 'Age']);
    expect(answer.rows.map(({ cells }) => cells)).toEqual([
      ['a', 1, '90s'],
      ['b', 0, '90s'],
    ]);
    expect(answer.rows[0]?.object).toMatchObject({
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { name: 'a' },
    });
    expect(answer.rows[0]).not.toHaveProperty('conditions');
  });

  test('carry as much of each object as is asked for', async () => {
    expect((await table(`${CONFIG_MAPS}?includeObject=None`)).rows[0]).not.toHaveProperty('object');
    expect((await table(`${CONFIG_MAPS}?includeObject=Object`)).rows[0]?.object).toMatchObject({
      kind: 'ConfigMap',
      apiVersion: 'v1',
      data: { a: '1' },
    });
    const refused = await fixture.ask(`${CONFIG_MAPS}?includeObject=Some`, { headers: { accept } });
    expect(refused.code).toBe(422);
  });

  test('of one object have one row', async () => {
    expect((await table(`${CONFIG_MAPS}/b`)).rows.map(({ cells }) => cells[0])).toEqual(['b']);
  });

  test('mark finished pods', async () => {
    fixture.api.put(podsDefinition, {
      metadata: { name: 'done', namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
      status: { phase: 'Succeeded' },
    } as unknown as KubeObject);
    const { rows } = await table('/api/v1/namespaces/default/pods');
    expect(rows[0]?.conditions).toMatchObject([{ type: 'Completed', status: 'True', reason: 'Succeeded' }]);
  });
});

test('metadata alone, for collectors of garbage', async () => {
  fixture.api.put(configMapsDefinition, configMap('a'));
  const one = await fixture.ask(`${CONFIG_MAPS}/a`, {
    headers: { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' },
  });
  const list = await fixture.ask(CONFIG_MAPS, {
    headers: { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' },
  });
  const partial = {
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: expect.objectContaining({ name: 'a', resourceVersion: '101' }) as object,
  };
  expect(one.json()).toEqual(partial);
  expect(list.json()).toEqual({
    kind: 'PartialObjectMetadataList',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: '101' },
    items: [partial],
  });
});
