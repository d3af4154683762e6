/**
 * The type table: what every Kubernetes type that is served looks like, as data.
 *
 * One source for protobuf decoding, the strict check of JSON, strategic merge and OpenAPI. It is generated
 * (services/lib/api/generate) and parsed here type by type, when a type is first asked for.
 */
import schema from '@orrery/api/gen/schema.json' with { type: 'json' };

/** Types without fields of their own. The capitalised ones are messages in protobuf with a JSON form of their own. */
export type ScalarName =
  | 'bool'
  | 'bytes'
  | 'int32'
  | 'int64'
  | 'string'
  | 'FieldsV1'
  | 'IntOrString'
  | 'MicroTime'
  | 'Quantity'
  | 'RawExtension'
  | 'Time';

export type ValueType =
  | { readonly form: 'scalar'; readonly name: ScalarName }
  | { readonly form: 'message'; readonly name: string }
  | { readonly form: 'map'; readonly value: ValueType }
  /** `boxed` lists are wrapped in a message in protobuf, though not in JSON. */
  | { readonly form: 'list'; readonly item: ValueType; readonly boxed: boolean };

/** How server-side apply sees a field: keys of a keyed list, a set, or one value owned as a whole. */
export type ApplyStrategy = { readonly keys: readonly string[] } | 'set' | 'atomic';

export interface Field {
  readonly name: string;
  /** Field number in protobuf. */
  readonly number: number;
  readonly type: ValueType;
  /** A zero value is meaningful: Go holds a pointer. */
  readonly pointer: boolean;
  /** A message in protobuf whose fields belong to the parent in JSON. */
  readonly inline: boolean;
  readonly required: boolean;
  /** Strategic merge merges the list: by this key, or as a set of scalars when the key is empty. */
  readonly mergeKey: string | undefined;
  /** Strategic merge replaces the object instead of merging into it. */
  readonly replace: boolean;
  /** Strategic merge may name the keys that stay. */
  readonly retainKeys: boolean;
  /** Undefined for scalars, objects and plain lists, which follow the defaults of their form. */
  readonly apply: ApplyStrategy | undefined;
}

/** What kind of kind a type is, see facts.ts of the generator; undefined for types that only occur inside others. */
export type KindScope = 'namespaced' | 'cluster' | 'request' | 'options' | 'list';

export interface MessageType {
  readonly name: string;
  readonly scope: KindScope | undefined;
  /** Server-side apply owns values of this type as a whole. */
  readonly atomic: boolean;
  /** As in protobuf, in order of declaration; inline messages are fields here. */
  readonly fields: readonly Field[];
  /** As in JSON: inline messages dissolved; `apiVersion` and `kind` included for kinds, with number 0. */
  readonly jsonFields: ReadonlyMap<string, Field>;
}

interface Table {
  groups: Readonly<Record<string, string>>;
  kinds: Readonly<Record<string, KindScope | undefined>>;
  atomic: readonly string[];
  types: Readonly<Record<string, Readonly<Record<string, string>> | undefined>>;
}

const table = schema as unknown as Table;
const atomicTypes = new Set(table.atomic);
const directoryByGroup = new Map(
  Object.entries(table.groups).map(([directory, group]) => [group, directory]),
);
const parsed = new Map<string, MessageType>();

/** A type of the table by its name, such as `core.v1.PodSpec`. Throws when the table does not have it. */
export function messageType(name: string): MessageType {
  const known = parsed.get(name);
  if (known !== undefined) {
    return known;
  }
  const fields = Object.hasOwn(table.types, name) ? table.types[name] : undefined;
  if (fields === undefined) {
    throw new Error(`the type table has no type ${name}: add its kind to services/lib/api/generate/facts.ts`);
  }
  const type = new LazyMessageType(name, fields);
  parsed.set(name, type);
  return type;
}

/**
 * The type of a kind in a group version, or undefined when it is not known. Options and Status belong to every group
 * version, as upstream's `metav1.AddToGroupVersion` has it.
 */
export function typeNameOf(group: string, version: string, kind: string): string | undefined {
  const shared = `meta.v1.${kind}`;
  if (table.kinds[shared] === 'options') {
    return shared;
  }
  const name = `${directoryByGroup.get(group)}.${version}.${kind}`;
  return Object.hasOwn(table.kinds, name) ? name : undefined;
}

/** Group, version and kind of a type that is a kind; the last part of any other type's name is its `kind`. */
export function groupVersionKindOf(typeName: string): {
  group: string;
  version: string;
  kind: string;
} {
  const [directory = '', version = '', kind = ''] = typeName.split('.');
  return { group: table.groups[directory] ?? directory, version, kind };
}

class LazyMessageType implements MessageType {
  readonly name: string;
  readonly scope: KindScope | undefined;
  readonly atomic: boolean;
  readonly #declarations: Readonly<Record<string, string>>;
  #fields: readonly Field[] | undefined;
  #jsonFields: ReadonlyMap<string, Field> | undefined;

  constructor(name: string, declarations: Readonly<Record<string, string>>) {
    this.name = name;
    this.scope = table.kinds[name];
    this.atomic = atomicTypes.has(name);
    this.#declarations = declarations;
  }

  get fields(): readonly Field[] {
    this.#fields ??= Object.entries(this.#declarations).map(([name, text]) => parseField(name, text));
    return this.#fields;
  }

  get jsonFields(): ReadonlyMap<string, Field> {
    this.#jsonFields ??= this.#dissolveInline();
    return this.#jsonFields;
  }

  #dissolveInline(): Map<string, Field> {
    const fields = new Map<string, Field>();
    if (this.scope !== undefined) {
      fields.set('apiVersion', parseField('apiVersion', '0 string'));
      fields.set('kind', parseField('kind', '0 string'));
    }
    for (const field of this.fields) {
      if (field.inline && field.type.form === 'message') {
        for (const [name, inner] of messageType(field.type.name).jsonFields) {
          fields.set(name, inner);
        }
      } else {
        fields.set(field.name, field);
      }
    }
    return fields;
  }
}

/** Parses one entry of schema.json; the generator's table.ts documents the grammar. */
function parseField(name: string, text: string): Field {
  const [number = '', type = '', ...flagTexts] = text.split(' ');
  const flags = new Map(flagTexts.map((flag) => flag.split('=') as [string, string | undefined]));
  return {
    name,
    number: Number(number),
    type: parseType(type),
    pointer: flags.has('pointer'),
    inline: flags.has('inline'),
    required: flags.has('required'),
    mergeKey: flags.has('merge') ? (flags.get('merge') ?? '') : undefined,
    replace: flags.has('replace'),
    retainKeys: flags.has('retainKeys'),
    apply: parseApply(flags),
  };
}

/** Server-side apply follows the merge key, unless the table says otherwise. */
function parseApply(flags: ReadonlyMap<string, string | undefined>): ApplyStrategy | undefined {
  const stated = flags.get('apply');
  if (stated === 'set' || stated === 'atomic') {
    return stated;
  }
  if (stated !== undefined) {
    return { keys: stated.split('+') };
  }
  if (!flags.has('merge')) {
    return undefined;
  }
  const mergeKey = flags.get('merge');
  return mergeKey === undefined ? 'set' : { keys: [mergeKey] };
}

function parseType(text: string): ValueType {
  if (text.startsWith('map[string]')) {
    return { form: 'map', value: parseType(text.slice('map[string]'.length)) };
  }
  if (text.startsWith('boxed[]')) {
    return { form: 'list', item: parseType(text.slice('boxed[]'.length)), boxed: true };
  }
  if (text.startsWith('[]')) {
    return { form: 'list', item: parseType(text.slice('[]'.length)), boxed: false };
  }
  return text.includes('.') ? { form: 'message', name: text } : { form: 'scalar', name: text as ScalarName };
}
