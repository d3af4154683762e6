import type { KubeObject } from '@orrery/api/gen/types.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { deploymentsDefinition } from '../registry/deployment.ts';
import { podsDefinition } from '../registry/pod.ts';
import { DEPLOYMENTS, deployment } from './test-support/objects.ts';
import { RestFixture } from './test-support/rest-fixture.ts';

let fixture: RestFixture;

beforeEach(async () => {
  fixture = await RestFixture.start();
});

afterEach(() => fixture.stop());

describe('scale', () => {
  const SCALE = `${DEPLOYMENTS}/d/scale`;

  beforeEach(() => {
    fixture.api.put(deploymentsDefinition, deployment('d'));
  });

  const replicas = async (): Promise<number> =>
    (await fixture.ask(`${DEPLOYMENTS}/d`)).json<{ spec: { replicas: number } }>().spec.replicas;

  test('shows replicas and selector of any workload', async () => {
    expect((await fixture.ask(SCALE)).json()).toEqual({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: {
        name: 'd',
        namespace: 'default',
        uid: 'uid-d',
        resourceVersion: '101',
        creationTimestamp: '2026-01-01T00:00:00Z',
      },
      spec: { replicas: 3 },
      status: { replicas: 0, selector: 'app=web' },
    });
  });

  test('is a table for kubectl get', async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
    const table = (await fixture.ask(SCALE, { headers: { accept } })).json<{
      kind: string;
      columnDefinitions: { name: string }[];
      rows: { cells: unknown[]; object: object }[];
    }>();
    expect(table.kind).toBe('Table');
    expect(table.columnDefinitions.map(({ name }) => name)).toEqual(['Name', 'Desired', 'Available', 'Age']);
    expect(table.rows).toHaveLength(1);
    expect(table.rows[0]?.cells.slice(0, 3)).toEqual(['d', 3, 0]);
    expect(table.rows[0]?.object).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'd' } });
  });

  test('is patched', async () => {
    const answer = await fixture.send(
      'PATCH',
      SCALE,
      { spec: { replicas: 5 } },
      {
        'content-type': 'application/merge-patch+json',
      },
    );
    expect(answer.json()).toMatchObject({ kind: 'Scale', spec: { replicas: 5 } });
    expect(await replicas()).toBe(5);
  });

  test('is updated, without a content type as old clients do', async () => {
    const body = JSON.stringify({ metadata: { name: 'd', resourceVersion: '101' }, spec: { replicas: 1 } });
    expect((await fixture.ask(SCALE, { method: 'PUT', body })).code).toBe(200);
    expect(await replicas()).toBe(1);
  });

  test('to nothing is not to leave it out', async () => {
    expect((await fixture.send('PUT', SCALE, { metadata: { name: 'd' }, spec: {} })).code).toBe(200);
    expect(await replicas()).toBe(0);
  });

  test.each([
    ['an outdated version', { metadata: { name: 'd', resourceVersion: '7' }, spec: { replicas: 1 } }, 409],
    ['another name', { metadata: { name: 'e' }, spec: { replicas: 1 } }, 400],
    ['no name', { spec: { replicas: 1 } }, 400],
    ['a negative number', { metadata: { name: 'd' }, spec: { replicas: -1 } }, 422],
  ])('%s is refused', async (_name, scale, code) => {
    expect((await fixture.send('PUT', SCALE, scale)).code).toBe(code);
    expect(await replicas()).toBe(3);
  });
});

describe('eviction', () => {
  const EVICTION = '/api/v1/namespaces/default/pods/p/eviction';
  const metadata = { name: 'p', namespace: 'default' };

  beforeEach(() => {
    fixture.api.put(podsDefinition, { metadata } as KubeObject);
  });

  test('deletes the pod with the options in it', async () => {
    const answer = await fixture.send('POST', EVICTION, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata,
      deleteOptions: { gracePeriodSeconds: 7, preconditions: { uid: 'uid-p' } },
    });
    expect(answer.json()).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      code: 201,
    });
    expect(fixture.api.last.deleteOptions).toEqual({
      gracePeriodSeconds: 7,
      preconditions: { uid: 'uid-p' },
    });
    expect((await fixture.ask('/api/v1/namespaces/default/pods/p')).code).toBe(404);
  });

  test.each([
    ['in the URL', `${EVICTION}?dryRun=All`, {}],
    ['in its options', EVICTION, { deleteOptions: { dryRun: ['All'] } }],
  ])('leaves the pod alone when a dry run is asked for %s', async (_where, path, fields) => {
    expect((await fixture.send('POST', path, { metadata, ...fields })).code).toBe(201);
    expect((await fixture.ask('/api/v1/namespaces/default/pods/p')).code).toBe(200);
  });

  test.each([
    ['another name', EVICTION, { metadata: { name: 'q' } }, 400],
    ['no name', EVICTION, {}, 400],
    ['another kind', EVICTION, { kind: 'Pod', apiVersion: 'v1', metadata }, 400],
    ['no pod', EVICTION.replace('/p/', '/q/'), { metadata: { name: 'q' } }, 404],
  ])('of %s is refused', async (_name, path, eviction, code) => {
    expect((await fixture.send('POST', path, eviction)).code).toBe(code);
    expect((await fixture.ask('/api/v1/namespaces/default/pods/p')).code).toBe(200);
  });
});

describe('binding', () => {
  const target = { kind: 'Node', name: 'n1' };

  test('by the subresource', async () => {
    const answer = await fixture.send('POST', '/api/v1/namespaces/x/pods/p/binding', {
      metadata: { name: 'p', uid: 'u' },
      target,
    });
    expect(answer.json()).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      code: 201,
    });
    expect(fixture.api.binding).toEqual({ namespace: 'x', name: 'p', uid: 'u', nodeName: 'n1' });
  });

  test('by a binding object that names its pod', async () => {
    expect(
      (await fixture.send('POST', '/api/v1/namespaces/x/bindings', { metadata: { name: 'p' }, target })).code,
    ).toBe(201);
    expect(fixture.api.binding).toEqual({ namespace: 'x', name: 'p', nodeName: 'n1' });
  });

  test.each([
    [
      'no target',
      { metadata: { name: 'p' }, target: {} },
      422,
      'Binding "p" is invalid: target.name: Required value',
    ],
    [
      'a target that is no node',
      { target: { kind: 'Pod', name: 'n' } },
      422,
      'Binding "p" is invalid: target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"',
    ],
    [
      'another pod',
      { metadata: { name: 'q' }, target },
      400,
      'name in URL does not match name in Binding object',
    ],
    [
      'another namespace',
      { metadata: { namespace: 'y' }, target },
      400,
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
  ])('%s is refused', async (_name, binding, code, message) => {
    const answer = await fixture.send('POST', '/api/v1/namespaces/x/pods/p/binding', binding);
    expect(answer.json()).toMatchObject({ code, message });
    expect(fixture.api.binding).toBeUndefined();
  });

  test('cannot be read', async () => {
    expect((await fixture.ask('/api/v1/namespaces/x/bindings')).code).toBe(405);
    expect((await fixture.ask('/api/v1/namespaces/x/pods/p/binding')).code).toBe(405);
  });
});
