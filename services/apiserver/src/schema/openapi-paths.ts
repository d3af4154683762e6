/** The `paths` of OpenAPI v3 documents: URLs and operations of the resources served. */
import type { OpenApiResource, OpenApiSubresource } from './openapi.ts';
import { type Schema, schemaReference } from './openapi-schemas.ts';
import { typeNameOf } from './table.ts';

/** Operations by HTTP method, and `parameters` shared by all of them. */
type PathItem = Record<string, object>;
export type OpenApiPaths = Record<string, PathItem>;

interface Kind {
  group: string;
  version: string;
  kind: string;
}

/** Types that operations send and return; their schemas belong into the document. */
type TypeCollector = Set<string>;

const PATCH_MEDIA_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];

/** The paths of some resources, and the types that they speak of. */
export function resourcePaths(resources: readonly OpenApiResource[]): {
  paths: OpenApiPaths;
  types: ReadonlySet<string>;
} {
  const types: TypeCollector = new Set();
  const paths: OpenApiPaths = {};
  for (const resource of resources) {
    const prefix = resource.group === '' ? '/api' : `/apis/${resource.group}`;
    const root = `${prefix}/${resource.version}`;
    const collection = `${root}${resource.namespaced ? '/namespaces/{namespace}' : ''}/${resource.plural}`;
    if (resource.namespaced && resource.verbs.includes('list')) {
      paths[`${root}/${resource.plural}`] = allNamespacesItem(resource, types);
    }
    addItem(paths, collection, collectionItem(resource, types));
    addItem(paths, `${collection}/{name}`, objectItem(resource, types));
    for (const subresource of resource.subresources) {
      const path = `${collection}/{name}/${subresource.name}`;
      addItem(paths, path, subresourceItem(resource, subresource, types));
    }
  }
  return { paths: Object.fromEntries(Object.entries(paths).toSorted(byKey)), types };
}

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}

/** A path without operations is left out. */
function addItem(paths: OpenApiPaths, path: string, item: PathItem): void {
  if (Object.keys(item).some((key) => key !== 'parameters')) {
    paths[path] = item;
  }
}

function allNamespacesItem(resource: OpenApiResource, types: TypeCollector): PathItem {
  const id = `list${resource.kind}ForAllNamespaces`;
  return { get: listOperation(resource, id, types), parameters: [PRETTY] };
}

function collectionItem(resource: OpenApiResource, types: TypeCollector): PathItem {
  const name = scopedName(resource);
  const item: PathItem = {};
  if (resource.verbs.includes('list')) {
    item['get'] = listOperation(resource, `list${name}`, types);
  }
  if (resource.verbs.includes('create')) {
    item['post'] = bodyOperation(resource, 'post', `create${name}`, [200, 201, 202], types);
  }
  if (resource.verbs.includes('deletecollection')) {
    item['delete'] = {
      ...operation(resource, 'deletecollection', `deletecollection${name}`, resource, types),
      parameters: [...LIST_PARAMETERS, ...DELETE_PARAMETERS, DRY_RUN],
      requestBody: deleteBody(types),
      responses: responses([200], statusSchema(types)),
    };
  }
  item['parameters'] = pathParameters(resource, false);
  return item;
}

function objectItem(resource: OpenApiResource, types: TypeCollector): PathItem {
  const name = scopedName(resource);
  const item = objectOperations(resource, resource, name, resource.verbs, types);
  if (resource.verbs.includes('delete')) {
    item['delete'] = {
      ...operation(resource, 'delete', `delete${name}`, resource, types),
      parameters: [...DELETE_PARAMETERS, DRY_RUN],
      requestBody: deleteBody(types),
      responses: responses([200, 202], statusSchema(types)),
    };
  }
  item['parameters'] = pathParameters(resource, true);
  return item;
}

function subresourceItem(
  resource: OpenApiResource,
  subresource: OpenApiSubresource,
  types: TypeCollector,
): PathItem {
  const name = scopedName(resource) + capitalise(subresource.name);
  const item = objectOperations(resource, subresource, name, subresource.verbs, types);
  if (subresource.verbs.includes('create')) {
    item['post'] = bodyOperation(resource, 'post', `create${name}`, [200, 201, 202], types, subresource);
  }
  item['parameters'] = pathParameters(resource, true);
  return item;
}

/** What an object and most of its subresources offer alike: get, put and patch. */
function objectOperations(
  resource: OpenApiResource,
  kind: Kind,
  name: string,
  verbs: readonly string[],
  types: TypeCollector,
): PathItem {
  const item: PathItem = {};
  if (verbs.includes('get')) {
    item['get'] = {
      ...operation(resource, 'get', `read${name}`, kind, types),
      responses: responses([200], kindSchema(kind, types)),
    };
  }
  if (verbs.includes('update')) {
    item['put'] = bodyOperation(resource, 'put', `replace${name}`, [200, 201], types, kind);
  }
  if (verbs.includes('patch')) {
    const content = PATCH_MEDIA_TYPES.map((type) => [type, { schema: { type: 'object' } }]);
    item['patch'] = {
      ...operation(resource, 'patch', `patch${name}`, kind, types),
      parameters: [...WRITE_PARAMETERS, FORCE],
      requestBody: { required: true, content: Object.fromEntries(content) as object },
      responses: responses([200, 201], kindSchema(kind, types)),
    };
  }
  return item;
}

function listOperation(resource: OpenApiResource, id: string, types: TypeCollector): object {
  const list = { ...resource, kind: `${resource.kind}List` };
  return {
    ...operation(resource, 'list', id, resource, types),
    parameters: [...LIST_PARAMETERS, WATCH, ALLOW_BOOKMARKS, SEND_INITIAL_EVENTS],
    responses: responses([200], kindSchema(list, types)),
  };
}

function bodyOperation(
  resource: OpenApiResource,
  action: 'post' | 'put',
  id: string,
  codes: readonly number[],
  types: TypeCollector,
  kind: Kind = resource,
): object {
  const schema = kindSchema(kind, types);
  return {
    ...operation(resource, action, id, kind, types),
    parameters: WRITE_PARAMETERS,
    requestBody: { required: true, content: { '*/*': { schema } } },
    responses: responses(codes, schema),
  };
}

function operation(
  resource: OpenApiResource,
  action: string,
  id: string,
  { group, version, kind }: Kind,
  types: TypeCollector,
): object {
  kindSchema(resource, types);
  const groupName = resource.group === '' ? 'core' : (resource.group.split('.')[0] ?? '');
  const verbLength = /^[a-z]+/.exec(id)?.[0].length ?? 0;
  const place = capitalise(groupName) + capitalise(resource.version);
  return {
    tags: [`${groupName}_${resource.version}`],
    operationId: id.slice(0, verbLength) + place + id.slice(verbLength),
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group, version, kind },
  };
}

function kindSchema({ group, version, kind }: Kind, types: TypeCollector): Schema {
  const typeName = typeNameOf(group, version, kind);
  if (typeName === undefined) {
    throw new Error(
      `${kind} of ${group}/${version} is not in the type table: add it to services/lib/api/generate/facts.ts`,
    );
  }
  types.add(typeName);
  return { ...schemaReference(typeName) };
}

function statusSchema(types: TypeCollector): Schema {
  return kindSchema({ group: '', version: 'v1', kind: 'Status' }, types);
}

function deleteBody(types: TypeCollector): object {
  const schema = kindSchema({ group: '', version: 'v1', kind: 'DeleteOptions' }, types);
  return { content: { '*/*': { schema } } };
}

const REASON_BY_CODE: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
};

function responses(codes: readonly number[], schema: Schema): object {
  const answers = codes.map((code) => [
    code,
    { description: REASON_BY_CODE[code], content: { 'application/json': { schema } } },
  ]);
  return { ...Object.fromEntries(answers), 401: { description: 'Unauthorized' } } as object;
}

function scopedName({ namespaced, kind }: OpenApiResource): string {
  return namespaced ? `Namespaced${kind}` : kind;
}

function capitalise(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function parameter(name: string, type: string, place: 'query' | 'path' = 'query'): object {
  return {
    name,
    in: place,
    ...(place === 'path' && { required: true }),
    schema: { type, uniqueItems: true },
  };
}

function pathParameters({ namespaced }: OpenApiResource, named: boolean): object[] {
  return [
    ...(named ? [parameter('name', 'string', 'path')] : []),
    ...(namespaced ? [parameter('namespace', 'string', 'path')] : []),
    PRETTY,
  ];
}

const PRETTY = parameter('pretty', 'string');
const DRY_RUN = parameter('dryRun', 'string');
const FORCE = parameter('force', 'boolean');
const WATCH = parameter('watch', 'boolean');
const ALLOW_BOOKMARKS = parameter('allowWatchBookmarks', 'boolean');
const SEND_INITIAL_EVENTS = parameter('sendInitialEvents', 'boolean');
const WRITE_PARAMETERS = [
  DRY_RUN,
  parameter('fieldManager', 'string'),
  parameter('fieldValidation', 'string'),
];
const DELETE_PARAMETERS = [
  parameter('gracePeriodSeconds', 'integer'),
  parameter('orphanDependents', 'boolean'),
  parameter('propagationPolicy', 'string'),
];
const LIST_PARAMETERS = [
  parameter('continue', 'string'),
  parameter('fieldSelector', 'string'),
  parameter('labelSelector', 'string'),
  parameter('limit', 'integer'),
  parameter('resourceVersion', 'string'),
  parameter('resourceVersionMatch', 'string'),
  parameter('timeoutSeconds', 'integer'),
];
