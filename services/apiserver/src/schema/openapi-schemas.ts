/** The `components.schemas` of OpenAPI v3 documents: types of the table as JSON schemas. */
import { type Field, type ScalarName, type ValueType, groupVersionKindOf, messageType } from './table.ts';

interface Reference {
  $ref: string;
}

/** A JSON schema, as far as OpenAPI documents of Kubernetes use it. */
export type Schema = Record<string, unknown>;

/** The schemas of these types and of all that they refer to, sorted by name. */
export function reachableSchemas(typeNames: Iterable<string>): Record<string, Schema> {
  const schemas = new Map<string, Schema>();
  const pending = [...typeNames];
  for (let typeName = pending.pop(); typeName !== undefined; typeName = pending.pop()) {
    const name = schemaName(typeName);
    if (!schemas.has(name)) {
      const special = SPECIAL[typeName];
      schemas.set(name, special?.schema ?? messageSchema(typeName, pending));
    }
  }
  return Object.fromEntries([...schemas].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** A reference to a type of the table, or to one of the special ones (`Time`). */
export function schemaReference(typeName: string): Reference {
  return { $ref: `#/components/schemas/${schemaName(typeName)}` };
}

const MACHINERY = 'io.k8s.apimachinery.pkg';

/** Messages with a JSON form of their own, which are schemas of their own in OpenAPI. */
const SPECIAL: Readonly<Record<string, { name: string; schema: Schema } | undefined>> = {
  FieldsV1: { name: `${MACHINERY}.apis.meta.v1.FieldsV1`, schema: { type: 'object' } },
  IntOrString: {
    name: `${MACHINERY}.util.intstr.IntOrString`,
    schema: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  },
  MicroTime: {
    name: `${MACHINERY}.apis.meta.v1.MicroTime`,
    schema: { type: 'string', format: 'date-time' },
  },
  Quantity: {
    name: `${MACHINERY}.api.resource.Quantity`,
    schema: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  },
  RawExtension: { name: `${MACHINERY}.runtime.RawExtension`, schema: { type: 'object' } },
  Time: {
    name: `${MACHINERY}.apis.meta.v1.Time`,
    schema: { type: 'string', format: 'date-time' },
  },
};

const PLAIN: Readonly<Partial<Record<ScalarName, Schema>>> = {
  bool: { type: 'boolean' },
  bytes: { type: 'string', format: 'byte' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  string: { type: 'string' },
};

/** `core.v1.Pod` is `io.k8s.api.core.v1.Pod`; `meta.v1.ObjectMeta` lives in apimachinery. */
function schemaName(typeName: string): string {
  const special = SPECIAL[typeName];
  if (special !== undefined) {
    return special.name;
  }
  return typeName.startsWith('meta.') ? `${MACHINERY}.apis.${typeName}` : `io.k8s.api.${typeName}`;
}

function messageSchema(typeName: string, pending: string[]): Schema {
  const type = messageType(typeName);
  const properties: Record<string, Schema> = {};
  const required: string[] = [];
  for (const [name, field] of type.jsonFields) {
    properties[name] = fieldSchema(field, pending);
    if (field.required) {
      required.push(name);
    }
  }
  return {
    type: 'object',
    properties,
    ...(required.length > 0 && { required: required.toSorted() }),
    ...(type.atomic && { 'x-kubernetes-map-type': 'atomic' }),
    ...(type.scope !== undefined && {
      'x-kubernetes-group-version-kind': [groupVersionKind(typeName)],
    }),
  };
}

/** Options and Status belong to the core group on the wire. */
function groupVersionKind(typeName: string): { group: string; version: string; kind: string } {
  const gvk = groupVersionKindOf(typeName);
  return typeName.startsWith('meta.') ? { ...gvk, group: '' } : gvk;
}

function fieldSchema(field: Field, pending: string[]): Schema {
  const extensions = { ...patchExtensions(field), ...applyExtensions(field) };
  const schema = valueSchema(field.type, pending);
  // OpenAPI 3.0 ignores everything beside a $ref, so that one goes into an allOf when it has company.
  return '$ref' in schema && Object.keys(extensions).length > 0
    ? { allOf: [schema], ...extensions }
    : { ...schema, ...extensions };
}

function patchExtensions({ mergeKey, retainKeys, replace }: Field): Schema {
  const strategies = [
    ...(mergeKey === undefined ? [] : ['merge']),
    ...(retainKeys ? ['retainKeys'] : []),
    ...(replace ? ['replace'] : []),
  ];
  return {
    ...(strategies.length > 0 && { 'x-kubernetes-patch-strategy': strategies.join(',') }),
    ...(mergeKey !== undefined && mergeKey !== '' && { 'x-kubernetes-patch-merge-key': mergeKey }),
  };
}

function applyExtensions({ type, apply }: Field): Schema {
  if (type.form !== 'list') {
    return apply === 'atomic' ? { 'x-kubernetes-map-type': 'atomic' } : {};
  }
  if (typeof apply === 'object') {
    return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': apply.keys };
  }
  return { 'x-kubernetes-list-type': apply ?? 'atomic' };
}

function valueSchema(type: ValueType, pending: string[]): Schema {
  switch (type.form) {
    case 'list':
      return { type: 'array', items: valueSchema(type.item, pending) };
    case 'map':
      return { type: 'object', additionalProperties: valueSchema(type.value, pending) };
    case 'message':
      pending.push(type.name);
      return { ...schemaReference(type.name) };
    case 'scalar': {
      const plain = PLAIN[type.name];
      if (plain === undefined) {
        pending.push(type.name);
        return { ...schemaReference(type.name) };
      }
      return { ...plain };
    }
  }
}
