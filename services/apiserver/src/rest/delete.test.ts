import type { KubeObject } from '@orrery/api/gen/types.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { configMapsDefinition } from '../registry/configmap.ts';
import { deploymentsDefinition } from '../registry/deployment.ts';
import { podsDefinition } from '../registry/pod.ts';
import { CONFIG_MAPS, DEPLOYMENTS, configMap, deployment } from './test-support/objects.ts';
import { RestFixture } from './test-support/rest-fixture.ts';

let fixture: RestFixture;

beforeEach(async () => {
  fixture = await RestFixture.start();
});

afterEach(() => fixture.stop());

describe('delete', () => {
  beforeEach(() => {
    fixture.api.put(configMapsDefinition, configMap('a'));
    fixture.api.put(deploymentsDefinition, deployment('d'));
  });

  test('answers with a Status that names what is gone', async () => {
    const answer = await fixture.ask(`${DEPLOYMENTS}/d`, { method: 'DELETE' });
    expect(answer.code).toBe(200);
    expect(answer.json()).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: 'd', group: 'apps', kind: 'deployments', uid: 'uid-d' },
    });
  });

  test('answers with the object while it waits for finalizers, and for kinds that always do', async () => {
    const held = configMap('held');
    held.metadata.finalizers = ['example.com/x'];
    fixture.api.put(configMapsDefinition, held);
    const waiting = await fixture.ask(`${CONFIG_MAPS}/held`, { method: 'DELETE' });
    expect(waiting).toMatchObject({ code: 200 });
    expect(waiting.json()['kind']).toBe('ConfigMap');
    const old = await fixture.ask(`${CONFIG_MAPS}/held?orphanDependents=false`, { method: 'DELETE' });
    expect(old.code).toBe(202);
    fixture.api.put(podsDefinition, {
      metadata: { name: 'p', namespace: 'default' },
      spec: { containers: [] },
    } as unknown as KubeObject);
    const pod = await fixture.ask('/api/v1/namespaces/default/pods/p', { method: 'DELETE' });
    expect(pod.json()['kind']).toBe('Pod');
  });

  test.each([
    [
      'JSON',
      {
        body: '{"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":0,"propagationPolicy":"Orphan"}',
      },
    ],
    [
      'the group of the object',
      {
        body: '{"kind":"DeleteOptions","apiVersion":"apps/v1","gracePeriodSeconds":0,"propagationPolicy":"Orphan"}',
      },
    ],
    ['no kind', { body: '{"gracePeriodSeconds":0,"propagationPolicy":"Orphan"}' }],
    ['YAML', { body: 'gracePeriodSeconds: 0\npropagationPolicy: Orphan\n', type: 'application/yaml' }],
    ['the query', { query: '?gracePeriodSeconds=0&propagationPolicy=Orphan' }],
  ] as [string, { body?: string; type?: string; query?: string }][])(
    'reads options from %s',
    async (_name, { body, type = 'application/json', query = '' }) => {
      const answer = await fixture.ask(`${CONFIG_MAPS}/a${query}`, {
        method: 'DELETE',
        headers: { 'content-type': type },
        ...(body === undefined ? {} : { body }),
      });
      expect(answer.code).toBe(200);
      expect(fixture.api.last.deleteOptions).toEqual({ gracePeriodSeconds: 0, propagationPolicy: 'Orphan' });
    },
  );

  test('an empty body with a content type is no body', async () => {
    const answer = await fixture.ask(`${CONFIG_MAPS}/a`, {
      method: 'DELETE',
      headers: { 'content-type': 'application/json' },
      body: '',
    });
    expect(answer.code).toBe(200);
  });

  test.each([
    ['?dryRun=All', undefined],
    ['', '{"dryRun":["All"],"preconditions":{"uid":"u"}}'],
  ])('a dry run may be asked for by query or body: %j %j', async (query, body) => {
    await fixture.ask(`${CONFIG_MAPS}/a${query}`, {
      method: 'DELETE',
      ...(body === undefined ? {} : { body }),
    });
    expect(fixture.api.last.context?.dryRun).toBe(true);
    expect(fixture.api.last.deleteOptions).toEqual(body === undefined ? {} : { preconditions: { uid: 'u' } });
    expect((await fixture.ask(`${CONFIG_MAPS}/a`)).code).toBe(200);
  });

  test('another kind of options is refused', async () => {
    const answer = await fixture.send('DELETE', `${CONFIG_MAPS}/a`, { kind: 'Pod', apiVersion: 'v1' });
    expect(answer.code).toBe(400);
  });

  test('of a collection answers with the list of what is gone', async () => {
    fixture.api.put(configMapsDefinition, configMap('b'));
    const answer = await fixture.ask(`${CONFIG_MAPS}?fieldSelector=metadata.name!%3Da`, { method: 'DELETE' });
    expect(answer.json<{ items: object[] }>()).toMatchObject({
      kind: 'ConfigMapList',
      items: [{ metadata: { name: 'b' } }],
    });
    expect((await fixture.ask(`${CONFIG_MAPS}/a`)).code).toBe(200);
    expect((await fixture.ask(`${CONFIG_MAPS}/b`)).code).toBe(404);
  });
});
