/** Forms of an answer, who may ask, and the old home of workloads. */

import type { ConfigMap, Deployment } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { Wire } from '../support/wire.ts';
import {
  type List,
  cluster,
  wire,
  namespace,
  core,
  apps,
  maps,
  ok,
  refused,
  createMap,
  deploymentOf,
  watched,
} from '../support/wire-suite.ts';

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
