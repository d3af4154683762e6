import { describe, expect, it } from 'vitest';
import { type OpenApiResource, openApiDocument, openApiHash, openApiIndex, openApiPath } from './openapi.ts';

const ALL = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const READ_WRITE = ['get', 'patch', 'update'];

const deployments: OpenApiResource = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  namespaced: true,
  verbs: ALL,
  subresources: [
    { name: 'status', group: 'apps', version: 'v1', kind: 'Deployment', verbs: READ_WRITE },
    { name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: READ_WRITE },
  ],
};
const nodes: OpenApiResource = {
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  namespaced: false,
  verbs: ALL,
  subresources: [],
};
const bindings: OpenApiResource = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  namespaced: true,
  verbs: ['get'],
  subresources: [{ name: 'binding', group: '', version: 'v1', kind: 'Binding', verbs: ['create'] }],
};

const APPS = '/apis/apps/v1/namespaces/{namespace}/deployments';
const apps = openApiDocument({ group: 'apps', version: 'v1' }, [deployments, nodes]);
const core = openApiDocument({ group: '', version: 'v1' }, [deployments, nodes, bindings]);

interface Operation {
  parameters: { name: string; in: string }[];
  'x-kubernetes-action': string;
  'x-kubernetes-group-version-kind': object;
  operationId: string;
}

function operation(document: typeof apps, path: string, method: string): Operation {
  return document.paths[path]?.[method] as Operation;
}

const schema = (name: string): Record<string, unknown> =>
  apps.components.schemas[name] as Record<string, unknown>;
const property = (type: string, name: string): unknown =>
  (schema(type)['properties'] as Record<string, unknown>)[name];

describe('paths', () => {
  it('are those of the group version alone', () => {
    expect(Object.keys(apps.paths)).toEqual([
      '/apis/apps/v1/deployments',
      APPS,
      `${APPS}/{name}`,
      `${APPS}/{name}/scale`,
      `${APPS}/{name}/status`,
    ]);
    expect(Object.keys(core.paths)).toEqual([
      '/api/v1/namespaces/{namespace}/pods/{name}',
      '/api/v1/namespaces/{namespace}/pods/{name}/binding',
      '/api/v1/nodes',
      '/api/v1/nodes/{name}',
    ]);
  });

  it('offer what the verbs say', () => {
    const methods = (path: string) => Object.keys(apps.paths[path] ?? {}).toSorted();
    expect(methods(APPS)).toEqual(['delete', 'get', 'parameters', 'post']);
    expect(methods(`${APPS}/{name}`)).toEqual(['delete', 'get', 'parameters', 'patch', 'put']);
    expect(methods(`${APPS}/{name}/scale`)).toEqual(['get', 'parameters', 'patch', 'put']);
    expect(Object.keys(core.paths['/api/v1/namespaces/{namespace}/pods/{name}/binding'] ?? {})).toContain(
      'post',
    );
  });

  it.each(['patch', 'put'])(
    'let kubectl see that the server validates fields and dry-runs (%s)',
    (method) => {
      const found = operation(apps, `${APPS}/{name}`, method);
      expect(found['x-kubernetes-group-version-kind']).toEqual({
        group: 'apps',
        version: 'v1',
        kind: 'Deployment',
      });
      const query = found.parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name);
      expect(query).toEqual(expect.arrayContaining(['fieldValidation', 'dryRun', 'fieldManager']));
    },
  );

  it('name the kind that a subresource speaks', () => {
    expect(operation(apps, `${APPS}/{name}/scale`, 'get')['x-kubernetes-group-version-kind']).toEqual({
      group: 'autoscaling',
      version: 'v1',
      kind: 'Scale',
    });
  });

  it('have operations with ids of their own', () => {
    const operations = [apps, core].flatMap(({ paths }) =>
      Object.values(paths).flatMap(Object.values<object>),
    );
    const ids = operations.flatMap((found) => ('operationId' in found ? [found.operationId] : []));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain('patchAppsV1NamespacedDeployment');
    expect(ids).toContain('listAppsV1DeploymentForAllNamespaces');
  });
});

describe('schemas', () => {
  it('refer only to each other', () => {
    for (const { paths, components } of [apps, core]) {
      const references = JSON.stringify({ paths, components }).matchAll(
        /"\$ref":"#\/components\/schemas\/([^"]+)"/g,
      );
      const missing = [...references]
        .map(([, name = '']) => name)
        .filter((name) => !(name in components.schemas));
      expect(missing).toEqual([]);
    }
  });

  it('of kinds say which kind they are', () => {
    expect(schema('io.k8s.api.apps.v1.Deployment')['x-kubernetes-group-version-kind']).toEqual([
      { group: 'apps', version: 'v1', kind: 'Deployment' },
    ]);
    expect(schema('io.k8s.api.apps.v1.DeploymentSpec')).not.toHaveProperty('x-kubernetes-group-version-kind');
  });

  it.each<[string, string, object]>([
    ['apps.v1.DeploymentSpec', 'replicas', { type: 'integer', format: 'int32' }],
    [
      'apps.v1.DeploymentSpec',
      'strategy',
      {
        allOf: [{ $ref: '#/components/schemas/io.k8s.api.apps.v1.DeploymentStrategy' }],
        'x-kubernetes-patch-strategy': 'retainKeys',
      },
    ],
    [
      'apps.v1.DeploymentSpec',
      'template',
      { $ref: '#/components/schemas/io.k8s.api.core.v1.PodTemplateSpec' },
    ],
    [
      'core.v1.PodSpec',
      'volumes',
      {
        type: 'array',
        'x-kubernetes-patch-strategy': 'merge,retainKeys',
        'x-kubernetes-patch-merge-key': 'name',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      },
    ],
    [
      'core.v1.Container',
      'ports',
      {
        'x-kubernetes-patch-merge-key': 'containerPort',
        'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
      },
    ],
    ['core.v1.PodSpec', 'tolerations', { type: 'array', 'x-kubernetes-list-type': 'atomic' }],
    [
      'core.v1.PodSpec',
      'nodeSelector',
      { type: 'object', additionalProperties: { type: 'string' }, 'x-kubernetes-map-type': 'atomic' },
    ],
    [
      'core.v1.ResourceRequirements',
      'limits',
      {
        additionalProperties: { $ref: '#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity' },
      },
    ],
    ['core.v1.Volume', 'emptyDir', { $ref: '#/components/schemas/io.k8s.api.core.v1.EmptyDirVolumeSource' }],
  ])('of %s.%s', (type, name, expected) => {
    expect(property(`io.k8s.api.${type}`, name)).toMatchObject(expected);
  });

  it('know sets, required fields, atomic types and texts with a form of their own', () => {
    const machinery = 'io.k8s.apimachinery.pkg';
    expect(property(`${machinery}.apis.meta.v1.ObjectMeta`, 'finalizers')).toEqual({
      type: 'array',
      items: { type: 'string' },
      'x-kubernetes-patch-strategy': 'merge',
      'x-kubernetes-list-type': 'set',
    });
    expect(schema('io.k8s.api.apps.v1.DeploymentSpec')['required']).toEqual(['selector', 'template']);
    expect(schema(`${machinery}.apis.meta.v1.LabelSelector`)['x-kubernetes-map-type']).toBe('atomic');
    expect(schema(`${machinery}.apis.meta.v1.Time`)).toEqual({ type: 'string', format: 'date-time' });
    expect(schema(`${machinery}.util.intstr.IntOrString`)['format']).toBe('int-or-string');
  });
});

it('a kind without a type is named, with the way to add it', () => {
  expect(() =>
    openApiDocument({ group: 'apps', version: 'v1' }, [{ ...deployments, kind: 'Gadget' }]),
  ).toThrow(/Gadget of apps\/v1 is not in the type table: .*facts\.ts/);
});

it('the index leads to each document by its hash', () => {
  const hash = openApiHash('{}');
  expect(hash).toMatch(/^[0-9A-F]{128}$/);
  const paths = [
    { group: 'apps', version: 'v1' },
    { group: '', version: 'v1' },
  ].map(openApiPath);
  expect(openApiIndex(new Map(paths.map((path) => [path, hash])))).toEqual({
    paths: {
      'api/v1': { serverRelativeURL: `/openapi/v3/api/v1?hash=${hash}` },
      'apis/apps/v1': { serverRelativeURL: `/openapi/v3/apis/apps/v1?hash=${hash}` },
    },
  });
});
