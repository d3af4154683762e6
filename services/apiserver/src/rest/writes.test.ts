import { serviceUnavailable } from '@orrery/api/status-error.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { configMapsDefinition } from '../registry/configmap.ts';
import { deploymentsDefinition } from '../registry/deployment.ts';
import { horizontalPodAutoscalersDefinition } from '../registry/horizontalpodautoscaler.ts';
import { leasesDefinition } from '../registry/lease.ts';
import { CONFIG_MAPS, DEPLOYMENTS, OLD_DEPLOYMENTS, configMap, deployment } from './test-support/objects.ts';
import { RestFixture } from './test-support/rest-fixture.ts';

let fixture: RestFixture;

beforeEach(async () => {
  fixture = await RestFixture.start();
});

afterEach(() => fixture.stop());

describe('create and update', () => {
  test('create answers 201 with the object', async () => {
    const answer = await fixture.send('POST', CONFIG_MAPS, { metadata: { name: 'a' }, data: { x: 'y' } });
    expect(answer.code).toBe(201);
    expect(answer.json()).toMatchObject({
      kind: 'ConfigMap',
      metadata: { namespace: 'default' },
      data: { x: 'y' },
    });
    expect(fixture.api.last.context).toMatchObject({
      dryRun: false,
      user: { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] },
      traceId: answer.headers['audit-id'],
    });
  });

  test('an update without a name is not known to be about the object of the URL', async () => {
    fixture.api.put(configMapsDefinition, configMap('a'));
    const answer = await fixture.send('PUT', `${CONFIG_MAPS}/a`, { metadata: {}, data: { x: 'y' } });
    expect(answer.code).toBe(400);
    expect(answer.json()['message']).toBe(
      'the name of the object (a based on URL) was undeterminable: name must be provided',
    );
  });

  test('update answers 200, or 201 when it created the object', async () => {
    fixture.api.put(configMapsDefinition, configMap('a'));
    expect((await fixture.send('PUT', `${CONFIG_MAPS}/a`, configMap('a'))).code).toBe(200);
    const lease = '/apis/coordination.k8s.io/v1/namespaces/default/leases/l';
    expect(leasesDefinition.createsOnUpdate).toBe(true);
    expect((await fixture.send('PUT', lease, { metadata: { name: 'l', namespace: 'default' } })).code).toBe(
      201,
    );
  });

  test('status and finalize are updated apart', async () => {
    fixture.api.put(deploymentsDefinition, deployment('d'));
    await fixture.send('PUT', `${DEPLOYMENTS}/d/status`, deployment('d'));
    expect(fixture.api.last.options).toEqual({ subresource: 'status' });
    expect((await fixture.ask(`${DEPLOYMENTS}/d/status`)).json()['kind']).toBe('Deployment');
    const answer = await fixture.send('PUT', '/api/v1/namespaces/none/finalize', {
      metadata: { name: 'none' },
    });
    expect(answer.code).toBe(404);
    expect(fixture.api.last.options).toEqual({ subresource: 'finalize' });
  });

  test('a dry run reaches the verbs as one', async () => {
    await fixture.send('POST', `${CONFIG_MAPS}?dryRun=All`, { metadata: { name: 'a' } });
    expect(fixture.api.last.context?.dryRun).toBe(true);
  });

  test('another dry run is refused in upstream’s words', async () => {
    const answer = await fixture.send('POST', `${CONFIG_MAPS}?dryRun=Some`, { metadata: { name: 'a' } });
    expect(answer.code).toBe(422);
    expect(answer.json()['message']).toBe(
      'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: []string{"Some"}: supported values: "All"',
    );
  });
});

describe('unknown and duplicate fields', () => {
  const body = '{"metadata":{"name":"a"},"dat":{},"data":{"x":"1","x":"2"}}';
  const post = (query: string): ReturnType<RestFixture['ask']> =>
    fixture.ask(`${CONFIG_MAPS}${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });

  test.each(['', '?fieldValidation=Warn'])('are warned about by default: %j', async (query) => {
    const answer = await post(query);
    expect(answer.code).toBe(201);
    expect(answer.warnings).toEqual([
      String.raw`299 - "unknown field \"dat\""`,
      String.raw`299 - "duplicate field \"data.x\""`,
    ]);
  });

  test('are refused when validation is strict', async () => {
    const answer = await post('?fieldValidation=Strict');
    expect(answer.code).toBe(400);
    expect(answer.json()['message']).toBe(
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dat", duplicate field "data.x"',
    );
  });

  test('are passed over when they are to be ignored', async () => {
    const answer = await post('?fieldValidation=Ignore');
    expect(answer).toMatchObject({ code: 201, warnings: [] });
  });

  test('another directive is refused', async () => {
    const answer = await post('?fieldValidation=Maybe');
    expect(answer.code).toBe(422);
    expect(answer.json()['message']).toContain(
      'fieldValidation: Unsupported value: "Maybe": supported values: "", "Ignore", "Strict", "Warn"',
    );
  });

  test('warnings stay within 4 KiB and survive any characters', async () => {
    const fields = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`feld-ü-${index}\n`, 1]));
    const answer = await fixture.send('POST', CONFIG_MAPS, { metadata: { name: 'a' }, ...fields });
    expect(answer.code).toBe(201);
    const bytes = answer.warnings.reduce((sum, each) => sum + each.length, 0);
    expect(bytes).toBeLessThanOrEqual(4096);
    const decoded = Buffer.from(answer.warnings[0] ?? '', 'latin1').toString();
    expect(decoded).toContain('feld-ü-0');
  });
});

describe('paths and methods that lead nowhere', () => {
  test.each([
    ['GET', '/api/v1/gadgets', 404, 'NotFound', 'the server could not find the requested resource'],
    ['GET', '/api/v1/pods/p', 404, 'NotFound', 'the server could not find the requested resource'],
    [
      'GET',
      '/api/v1/namespaces/x/nodes',
      404,
      'NotFound',
      'the server could not find the requested resource',
    ],
    ['GET', `${CONFIG_MAPS}/a/status`, 404, 'NotFound', 'the server could not find the requested resource'],
    ['GET', `${DEPLOYMENTS}/none`, 404, 'NotFound', 'deployments.apps "none" not found'],
    [
      'POST',
      '/api/v1/pods',
      405,
      'MethodNotAllowed',
      'the server does not allow this method on the requested resource',
    ],
    [
      'DELETE',
      '/api/v1/pods',
      405,
      'MethodNotAllowed',
      'the server does not allow this method on the requested resource',
    ],
    [
      'POST',
      `${CONFIG_MAPS}/a`,
      405,
      'MethodNotAllowed',
      'the server does not allow this method on the requested resource',
    ],
    [
      'PUT',
      CONFIG_MAPS,
      405,
      'MethodNotAllowed',
      'the server does not allow this method on the requested resource',
    ],
    [
      'DELETE',
      `${DEPLOYMENTS}/d/status`,
      405,
      'MethodNotAllowed',
      'the server does not allow this method on the requested resource',
    ],
    [
      'OPTIONS',
      `${CONFIG_MAPS}/a`,
      405,
      'MethodNotAllowed',
      'the server does not allow this method on the requested resource',
    ],
  ])('%s %s is %i', async (method, path, code, reason, message) => {
    const answer = await fixture.ask(path, { method });
    expect(answer.json()).toMatchObject({ kind: 'Status', status: 'Failure', code, reason, message });
  });
});

describe('errors of the verbs', () => {
  test('reach the client whole, with a header when it should try again', async () => {
    fixture.api.nextError = serviceUnavailable('the store is away', 2);
    const answer = await fixture.ask(`${CONFIG_MAPS}/a`);
    expect(answer.code).toBe(503);
    expect(answer.headers['retry-after']).toBe('2');
    expect(answer.json()).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'the store is away',
      reason: 'ServiceUnavailable',
      details: { retryAfterSeconds: 2 },
      code: 503,
    });
  });

  test('that nobody foresaw are internal errors', async () => {
    fixture.api.nextError = new TypeError('x is not a function');
    const answer = await fixture.ask(`${CONFIG_MAPS}/a`);
    expect(answer.json()).toMatchObject({
      code: 500,
      reason: 'InternalError',
      message: 'Internal error occurred: x is not a function',
    });
  });
});

describe('versions other than the stored one', () => {
  test('show the same object under their own name, with a warning', async () => {
    fixture.api.put(deploymentsDefinition, deployment('d'));
    const answer = await fixture.ask(`${OLD_DEPLOYMENTS}/d`);
    expect(answer.json()).toMatchObject({ apiVersion: 'extensions/v1beta1', metadata: { name: 'd' } });
    expect(answer.warnings).toEqual([
      '299 - "extensions/v1beta1 Deployment is deprecated in v1.9+, unavailable in v1.16+; use apps/v1 Deployment"',
    ]);
  });

  test('fill in their own defaults', async () => {
    const { spec, metadata } = deployment('d') as unknown as { spec: object; metadata: object };
    const old = { metadata, spec: { ...spec, selector: undefined } };
    const answer = await fixture.send('POST', OLD_DEPLOYMENTS, old);
    expect(answer.code).toBe(201);
    expect(answer.json()).toMatchObject({
      spec: { selector: { matchLabels: { app: 'web' } }, strategy: { rollingUpdate: { maxSurge: 1 } } },
    });
  });

  test('are converted in lists, in writes and in patches', async () => {
    const V1 = '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers';
    const V2 = V1.replace('v1', 'v2');
    const created = await fixture.send('POST', V1, {
      metadata: { name: 'h' },
      spec: {
        scaleTargetRef: { kind: 'Deployment', name: 'd' },
        maxReplicas: 3,
        targetCPUUtilizationPercentage: 60,
      },
    });
    expect(created.json()).toMatchObject({
      apiVersion: 'autoscaling/v1',
      spec: { targetCPUUtilizationPercentage: 60 },
    });
    const metrics = [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 60 } },
      },
    ];
    expect((await fixture.ask(`${V2}/h`)).json()).toMatchObject({
      apiVersion: 'autoscaling/v2',
      spec: { metrics },
    });
    const patched = await fixture.send(
      'PATCH',
      `${V1}/h`,
      { spec: { targetCPUUtilizationPercentage: 70 } },
      {
        'content-type': 'application/merge-patch+json',
      },
    );
    expect(patched.json()).toMatchObject({ spec: { targetCPUUtilizationPercentage: 70 } });
    const list = (await fixture.ask(V1)).json<{ items: object[] }>();
    expect(list).toMatchObject({
      kind: 'HorizontalPodAutoscalerList',
      apiVersion: 'autoscaling/v1',
      items: [{ spec: { targetCPUUtilizationPercentage: 70 } }],
    });
    expect(list.items[0]).not.toHaveProperty('kind');
    expect(horizontalPodAutoscalersDefinition.ref.version).toBe('v2');
  });
});
