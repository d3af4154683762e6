/** Joins descriptors and facts into the compact type table that `src/gen/schema.json` holds. */
import {
  type DescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  type FileDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import { type Kinds, type TypeFacts, atomicTypes, groups, kinds, types as facts } from './facts.ts';

/**
 * The type table. A field is one string: its number in protobuf, its type, then its flags, as in
 * `"6 []apps.v1.DeploymentCondition merge=type"`.
 *
 * A type is a scalar (`string bool int32 int64 bytes`), a special message (`Quantity IntOrString Time MicroTime
 * RawExtension FieldsV1`), a type of this table, `[]T`, `map[string]T`, or `map[string]boxed[]T` for lists that protobuf
 * wraps in a message. The flags are the keys of `TypeFacts`, where facts.ts says what they mean.
 */
export interface TypeTable {
  /** Group as the wire spells it, by the first part of a type's name. */
  groups: Record<string, string>;
  /** Types that are kinds of their own (they carry apiVersion and kind), with their scope. */
  kinds: Record<string, keyof Kinds>;
  /** Types that server-side apply owns as a whole. */
  atomic: string[];
  types: Record<string, Record<string, string>>;
}

/** Messages with a JSON form of their own, by their name in the descriptors. */
const SPECIAL: Readonly<Record<string, string>> = {
  'k8s.io.apimachinery.pkg.api.resource.Quantity': 'Quantity',
  'k8s.io.apimachinery.pkg.util.intstr.IntOrString': 'IntOrString',
  'k8s.io.apimachinery.pkg.runtime.RawExtension': 'RawExtension',
  'k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1': 'FieldsV1',
  'k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime': 'MicroTime',
  'k8s.io.apimachinery.pkg.apis.meta.v1.Time': 'Time',
};

const SCALARS: Readonly<Partial<Record<Type, string>>> = {
  [Type.BOOL]: 'bool',
  [Type.BYTES]: 'bytes',
  [Type.INT32]: 'int32',
  [Type.INT64]: 'int64',
  [Type.STRING]: 'string',
};

/** Every kind in the facts, its list, and all that can be reached from them, in a fixed order. */
export function buildTable(files: ReadonlyMap<string, FileDescriptorProto>): TypeTable {
  const messages = indexMessages(files);
  const table: TypeTable = { groups: { ...groups }, kinds: {}, atomic: [], types: {} };
  const pending: string[] = [];
  for (const [version, byScope] of Object.entries(kinds)) {
    for (const [scope, names] of Object.entries(byScope)) {
      for (const name of names.split(' ')) {
        const type = `${version}.${name}`;
        table.kinds[type] = scope as keyof Kinds;
        pending.push(type);
        if (messages.has(`${type}List`)) {
          table.kinds[`${type}List`] = 'list';
          pending.push(`${type}List`);
        }
      }
    }
  }
  for (let type = pending.pop(); type !== undefined; type = pending.pop()) {
    if (table.types[type] !== undefined) {
      continue;
    }
    const message = messages.get(type);
    if (message === undefined) {
      throw new Error(`facts.ts names ${type}, which the descriptors do not have`);
    }
    const { fields, references } = tableFields(type, message, messages);
    table.types[type] = fields;
    pending.push(...references);
  }
  table.types = Object.fromEntries(Object.entries(table.types).sort(([a], [b]) => (a < b ? -1 : 1)));
  table.atomic = Object.entries(atomicTypes).flatMap(([version, names]) =>
    names.split(' ').map((name) => `${version}.${name}`),
  );
  rejectStaleFacts(table);
  return table;
}

/** A mistyped or outdated fact would otherwise be silently without effect. */
function rejectStaleFacts(table: TypeTable): void {
  const stale = [...Object.keys(facts), ...table.atomic].filter((type) => table.types[type] === undefined);
  if (stale.length > 0) {
    throw new Error(`facts.ts speaks of types that no kept kind reaches: ${stale.join(', ')}`);
  }
}

function indexMessages(files: ReadonlyMap<string, FileDescriptorProto>): Map<string, DescriptorProto> {
  const messages = new Map<string, DescriptorProto>();
  for (const file of files.values()) {
    for (const message of file.messageType) {
      messages.set(shortName(`${file.package}.${message.name}`), message);
    }
  }
  return messages;
}

/** `k8s.io.api.core.v1.Pod` is `core.v1.Pod`; `k8s.io.apimachinery.pkg.apis.meta.v1.Time` is `Time`. */
function shortName(fullName: string): string {
  return SPECIAL[fullName] ?? fullName.replace(/^k8s\.io\.(api|apimachinery\.pkg\.apis)\./, '');
}

function tableFields(
  type: string,
  message: DescriptorProto,
  messages: ReadonlyMap<string, DescriptorProto>,
): { fields: Record<string, string>; references: string[] } {
  const flags = new FieldFlags(type, facts[type] ?? {});
  const references: string[] = [];
  const fields: Record<string, string> = {};
  for (const field of message.field) {
    const { text, reference } = fieldType(field, message, messages);
    if (reference !== undefined) {
      references.push(reference);
    }
    const name = flags.jsonName(field.name);
    fields[name] = [field.number, text, ...flags.take(name)].join(' ');
  }
  flags.rejectLeftovers();
  return { fields, references };
}

/** A type in the table's grammar, and the message of the table that it needs. */
interface FieldType {
  text: string;
  reference?: string;
}

function fieldType(
  field: FieldDescriptorProto,
  parent: DescriptorProto,
  messages: ReadonlyMap<string, DescriptorProto>,
): FieldType {
  const list = field.label === Label.REPEATED ? '[]' : '';
  if (field.type !== Type.MESSAGE) {
    const scalar = SCALARS[field.type];
    if (scalar === undefined) {
      throw new Error(
        `${parent.name}.${field.name} has protobuf type ${field.type}, which the table cannot express`,
      );
    }
    return { text: list + scalar };
  }
  const target = field.typeName.slice(1);
  const entry = parent.nestedType.find(
    (nested) => nested.options?.mapEntry && target.endsWith(`.${nested.name}`),
  );
  const value = entry?.field.find((entryField) => entryField.name === 'value');
  if (entry !== undefined && value !== undefined) {
    const valueType = mapValueType(value, entry, messages);
    return { ...valueType, text: `map[string]${valueType.text}` };
  }
  if (SPECIAL[target] !== undefined) {
    return { text: list + SPECIAL[target] };
  }
  const reference = shortName(target);
  return { text: list + reference, reference };
}

/**
 * The value type of a map. protobuf has no list inside a map, so Go's `map[string][]string` goes through a message
 * whose only field is `items`; in JSON that box is not there.
 */
function mapValueType(
  value: FieldDescriptorProto,
  entry: DescriptorProto,
  messages: ReadonlyMap<string, DescriptorProto>,
): FieldType {
  const box = value.type === Type.MESSAGE ? messages.get(shortName(value.typeName.slice(1))) : undefined;
  const items = box?.field.length === 1 ? box.field[0] : undefined;
  if (box !== undefined && items?.name === 'items') {
    return { text: `boxed${fieldType(items, box, messages).text}` };
  }
  return fieldType(value, entry, messages);
}

/** Hands out what the facts say about each field, and notices facts about fields that do not exist. */
class FieldFlags {
  readonly #type: string;
  readonly #jsonNames: ReadonlyMap<string, string>;
  readonly #flags = new Map<string, string[]>();

  constructor(type: string, { rename = '', ...facts }: TypeFacts) {
    this.#type = type;
    this.#jsonNames = new Map(rename.split(' ').map((pair) => pair.split(':') as [string, string]));
    for (const [flag, names] of Object.entries(facts)) {
      for (const name of names.split(' ')) {
        const [field = '', argument] = name.split(':');
        const flags = this.#flags.get(field) ?? [];
        flags.push(argument === undefined ? flag : `${flag}=${argument}`);
        this.#flags.set(field, flags);
      }
    }
  }

  jsonName(protobufName: string): string {
    return this.#jsonNames.get(protobufName) ?? protobufName;
  }

  take(field: string): string[] {
    const flags = this.#flags.get(field) ?? [];
    this.#flags.delete(field);
    return flags;
  }

  rejectLeftovers(): void {
    if (this.#flags.size > 0) {
      throw new Error(`facts.ts: ${this.#type} has no field ${[...this.#flags.keys()].join(', ')}`);
    }
  }
}
