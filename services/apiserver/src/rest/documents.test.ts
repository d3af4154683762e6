import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RestFixture } from './test-support/rest-fixture.ts';

let fixture: RestFixture;

beforeAll(async () => {
  fixture = await RestFixture.start();
});

afterAll(() => fixture.stop());

const AGGREGATED =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json';

interface DiscoveredResource {
  resource: string;
  scope: string;
  singularResource: string;
  verbs: string[];
  shortNames?: string[];
  categories?: string[];
  subresources?: { subresource: string; responseKind: object; verbs: string[] }[];
}

interface DiscoveryList {
  kind: string;
  apiVersion: string;
  items: { metadata: { name: string }; versions: { version: string; resources: DiscoveredResource[] }[] }[];
}

function discover(path: string, accept = AGGREGATED): ReturnType<RestFixture['ask']> {
  return fixture.ask(path, { headers: { accept } });
}

describe('aggregated discovery', () => {
  test('is told by its content type', async () => {
    const answer = await discover('/apis?timeout=32s');
    expect(answer.headers['content-type']).toBe(
      'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
    );
    expect(answer.json<DiscoveryList>()).toMatchObject({
      kind: 'APIGroupDiscoveryList',
      apiVersion: 'apidiscovery.k8s.io/v2',
    });
  });

  test('falls back to v2beta1 for clients that know no other', async () => {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList';
    const answer = await discover('/api', accept);
    expect(answer.json()).toMatchObject({ apiVersion: 'apidiscovery.k8s.io/v2beta1' });
  });

  test('lists homes of old versions after the groups in which objects are stored', async () => {
    const { items } = (await discover('/apis')).json<DiscoveryList>();
    const groups = items.map(({ metadata }) => metadata.name);
    expect(groups.indexOf('apps')).toBeLessThan(groups.indexOf('extensions'));
    const autoscaling = items.find(({ metadata }) => metadata.name === 'autoscaling');
    expect(autoscaling?.versions.map(({ version }) => version)).toEqual(['v2', 'v1']);
  });

  test('shows a resource with everything that clients need of it', async () => {
    const { items } = (await discover('/apis')).json<DiscoveryList>();
    const apps = items.find(({ metadata }) => metadata.name === 'apps');
    const deployments = apps?.versions[0]?.resources.find(({ resource }) => resource === 'deployments');
    expect(deployments).toEqual({
      resource: 'deployments',
      responseKind: { group: 'apps', version: 'v1', kind: 'Deployment' },
      scope: 'Namespaced',
      singularResource: 'deployment',
      verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
      shortNames: ['deploy'],
      categories: ['all'],
      subresources: [
        {
          subresource: 'scale',
          responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
          verbs: ['get', 'patch', 'update'],
        },
        {
          subresource: 'status',
          responseKind: { group: 'apps', version: 'v1', kind: 'Deployment' },
          verbs: ['get', 'patch', 'update'],
        },
      ],
    });
  });

  test('gives short names and categories to one group only', async () => {
    const { items } = (await discover('/apis')).json<DiscoveryList>();
    const old = items.find(({ metadata }) => metadata.name === 'extensions')?.versions[0]?.resources ?? [];
    expect(old.map(({ resource }) => resource)).toEqual(['deployments', 'replicasets']);
    for (const resource of old) {
      expect(resource).not.toHaveProperty('shortNames');
      expect(resource).not.toHaveProperty('categories');
    }
  });

  test('the core group has no name, and bindings that can only be created', async () => {
    const { items } = (await discover('/api')).json<DiscoveryList>();
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['']);
    const bindings = items[0]?.versions[0]?.resources.find(({ resource }) => resource === 'bindings');
    expect(bindings?.verbs).toEqual(['create']);
  });

  test('shows reviews, which can only be created, in a group of their own', async () => {
    const { items } = (await discover('/apis')).json<DiscoveryList>();
    const group = items.find(({ metadata }) => metadata.name === 'authentication.k8s.io');
    expect(group?.versions[0]?.resources).toEqual([
      {
        resource: 'selfsubjectreviews',
        responseKind: { group: 'authentication.k8s.io', version: 'v1', kind: 'SelfSubjectReview' },
        scope: 'Cluster',
        singularResource: 'selfsubjectreview',
        verbs: ['create'],
      },
      expect.objectContaining({ resource: 'tokenreviews', verbs: ['create'] }),
    ]);
  });

  test('is not sent again to a client that has it', async () => {
    const { etag } = (await discover('/apis')).headers;
    expect(etag).toMatch(/^"[0-9A-F]{128}"$/);
    const again = await fixture.ask('/apis', { headers: { accept: AGGREGATED, 'if-none-match': etag! } });
    expect(again.code).toBe(304);
    expect(again.text).toBe('');
  });
});

describe('legacy discovery', () => {
  test.each([
    ['/api', { kind: 'APIVersions', versions: ['v1'] }],
    [
      '/apis/apps',
      { kind: 'APIGroup', name: 'apps', preferredVersion: { groupVersion: 'apps/v1', version: 'v1' } },
    ],
    ['/apis/apps/v1', { kind: 'APIResourceList', groupVersion: 'apps/v1' }],
    ['/api/v1', { kind: 'APIResourceList', groupVersion: 'v1' }],
    ['/api/v1/', { kind: 'APIResourceList', groupVersion: 'v1' }],
  ])('%s', async (path, expected) => {
    const answer = await discover(path, 'application/json');
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.json()).toMatchObject(expected);
  });

  test('names every group with its preferred version', async () => {
    const { groups } = (await discover('/apis', '*/*')).json<{
      groups: { name: string; preferredVersion: object }[];
    }>();
    expect(groups.find(({ name }) => name === 'autoscaling')?.preferredVersion).toEqual({
      groupVersion: 'autoscaling/v2',
      version: 'v2',
    });
    expect(groups.every(({ name }) => name !== '')).toBe(true);
  });

  test('lists subresources beside their resources', async () => {
    const { resources } = (await discover('/apis/apps/v1', '*/*')).json<{ resources: { name: string }[] }>();
    expect(resources).toContainEqual({
      name: 'deployments/scale',
      singularName: '',
      namespaced: true,
      group: 'autoscaling',
      version: 'v1',
      kind: 'Scale',
      verbs: ['get', 'patch', 'update'],
    });
  });
});

describe('the ways into a pod', () => {
  test.each([
    ['log', 'Pod', ['get']],
    ['exec', 'PodExecOptions', ['create', 'get']],
    ['attach', 'PodAttachOptions', ['create', 'get']],
    ['portforward', 'PodPortForwardOptions', ['create', 'get']],
  ])('are listed as subresources: %s', async (name, kind, verbs) => {
    const { resources } = (await discover('/api/v1', '*/*')).json<{ resources: { name: string }[] }>();
    expect(resources).toContainEqual({
      name: `pods/${name}`,
      singularName: '',
      namespaced: true,
      kind,
      verbs,
    });
  });
});

describe('OpenAPI', () => {
  interface Index {
    paths: Record<string, { serverRelativeURL: string }>;
  }

  async function urlOf(key: string): Promise<string> {
    return (await fixture.ask('/openapi/v3')).json<Index>().paths[key]!.serverRelativeURL;
  }

  test('the index leads to documents that clients may keep', async () => {
    const answer = await fixture.ask(`${await urlOf('apis/apps/v1')}&timeout=32s`, {
      headers: { accept: 'application/json', 'accept-encoding': 'gzip' },
    });
    expect(answer.code).toBe(200);
    expect(answer.headers['etag']).toMatch(/^"[0-9A-F]{128}"$/);
    expect(answer.headers['expires']).toBeDefined();
    expect(answer.json()).toMatchObject({ openapi: '3.0.0' });
  });

  test('a patch operation tells kubectl that the server validates fields', async () => {
    const { paths } = (await fixture.ask('/openapi/v3/apis/apps/v1')).json<{
      paths: Record<string, { patch?: { parameters: { name: string }[] } }>;
    }>();
    const { patch } = paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']!;
    expect(patch).toMatchObject({
      'x-kubernetes-group-version-kind': { group: 'apps', version: 'v1', kind: 'Deployment' },
    });
    expect(patch?.parameters.map(({ name }) => name)).toContain('fieldValidation');
  });

  test('an outdated hash is redirected', async () => {
    const answer = await fixture.ask('/openapi/v3/apis/apps/v1?hash=OLD');
    expect(answer.code).toBe(301);
    expect(answer.headers['location']).toBe(await urlOf('apis/apps/v1'));
  });

  test('a document that the client has is not sent again', async () => {
    const url = await urlOf('apis/apps/v1');
    const { etag } = (await fixture.ask(url)).headers;
    expect((await fixture.ask(url, { headers: { 'if-none-match': etag! } })).code).toBe(304);
  });

  test.each([
    ['/openapi/v2', '*/*', 404],
    ['/openapi/v2', 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf', 200],
    ['/openapi/v3/apis/no/v1', '*/*', 404],
    ['/openapi/v3', 'application/com.github.proto-openapi.spec.v3@v1.0+protobuf', 406],
    ['/openapi/v3/api/v1', 'application/com.github.proto-openapi.spec.v3@v1.0+protobuf', 406],
  ])('%s as %s is %i', async (path, accept, code) => {
    expect((await fixture.ask(path, { headers: { accept } })).code).toBe(code);
  });
});

describe('health', () => {
  test.each([
    ['/healthz', 200, 'ok'],
    ['/livez?verbose', 200, '[+]ping ok\nlivez check passed\n'],
    ['/readyz?verbose', 200, '[+]ping ok\n[+]apiserver ok\nreadyz check passed\n'],
    ['/readyz/apiserver', 200, 'ok'],
  ])('%s', async (path, code, text) => {
    const answer = await fixture.ask(path);
    expect(answer).toMatchObject({ code, text });
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
  });

  test('readiness fails without telling strangers why; the rest stays well', async () => {
    fixture.notReady = 'the store does not answer';
    try {
      expect(await fixture.ask('/readyz')).toMatchObject({
        code: 500,
        text: '[+]ping ok\n[-]apiserver failed: reason withheld\nreadyz check failed\n',
      });
      expect(await fixture.ask('/readyz?exclude=apiserver')).toMatchObject({ code: 200, text: 'ok' });
      expect((await fixture.ask('/livez')).code).toBe(200);
    } finally {
      fixture.notReady = undefined;
    }
  });

  test('there is no check of another name', async () => {
    expect((await fixture.ask('/readyz/nothing')).code).toBe(404);
  });
});

describe('the rest', () => {
  test('the version can be read by clients that compare it', async () => {
    const version = (await fixture.ask('/version')).json();
    expect(version).toMatchObject({ major: '1', minor: '34', gitTreeState: 'clean' });
    expect(version['gitVersion']).toMatch(/^v1\.34\.\d+\+orrery$/);
  });

  test('the root lists all paths in order', async () => {
    const { paths } = (await fixture.ask('/')).json<{ paths: string[] }>();
    expect(paths).toEqual(paths.toSorted());
    expect(paths).toEqual(
      expect.arrayContaining(['/api/v1', '/apis/apps/v1', '/openapi/v3', '/readyz/ping']),
    );
  });

  test('an unknown path is answered with the known ones', async () => {
    const answer = await fixture.ask('/no/such/path');
    expect(answer.code).toBe(404);
    expect(answer.json()).toHaveProperty('paths');
  });

  test.each([
    '/apis/example.com/v1/things',
    '/apis/example.com/v1',
    '/apis/apps/v9/deployments',
    '/api/v2/pods',
  ])('%s is a page that does not exist', async (path) => {
    const answer = await fixture.ask(path);
    expect(answer.code).toBe(404);
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(answer.text).toBe('404 page not found\n');
  });

  test('metrics count requests by verb, resource and code', async () => {
    await fixture.ask('/api/v1/namespaces/default/pods/none');
    const { text, headers } = await fixture.ask('/metrics');
    expect(headers['content-type']).toContain('text/plain');
    expect(text).toContain('apiserver_request_total{verb="GET",resource="pods",code="404"} 1');
    expect(text).toContain('apiserver_request_duration_seconds_count{verb="GET",resource="pods"} 1');
  });

  test('documents can only be read', async () => {
    expect((await fixture.ask('/version', { method: 'POST' })).code).toBe(405);
  });
});
