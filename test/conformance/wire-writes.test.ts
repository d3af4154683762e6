/** Writes as clients rely on them: preconditions, names, generations, options. */

import type { ConfigMap, Deployment } from '@orrery/api/gen/types.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Reply } from '../support/wire.ts';
import {
  MERGE,
  STRATEGIC,
  wire,
  namespace,
  core,
  apps,
  maps,
  ok,
  refused,
  createMap,
  patch,
  deploymentOf,
  watched,
} from '../support/wire-suite.ts';

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
