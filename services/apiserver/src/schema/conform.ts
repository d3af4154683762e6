/**
 * Makes a JSON value conform to its type, as decoding into Go's structs and encoding again does upstream: unknown
 * fields are pruned and reported, nulls and empty optional values are dropped, quantities and times become canonical,
 * and a value of the wrong JSON type is refused.
 */
import { canonicalQuantity } from '@orrery/api/quantity.ts';
import { badRequest } from '@orrery/api/status-error.ts';
import { MAX_FIELD_PROBLEMS, formatPath } from './json.ts';
import { type Field, type ScalarName, type ValueType, groupVersionKindOf, messageType } from './table.ts';
import { canonicalMicroTime, canonicalTime, timeParseError } from './time.ts';

type JsonObject = Record<string, unknown>;

export interface Conformed {
  /** The argument itself when nothing had to change; otherwise a copy that shares all unchanged parts. */
  object: JsonObject;
  /** Paths of pruned fields in order of appearance, such as `spec.template.spec.containers[0].bar`. */
  unknown: string[];
}

/**
 * Upstream has two ways into its structs, each with words of its own for a value of the wrong type: the decoder of JSON,
 * and the converter of maps (apimachinery/pkg/runtime/converter.go), which strategic merge patches go through.
 */
export type Dialect = 'decoder' | 'converter';

/**
 * Conforms a value to a type of the table. Never changes its argument.
 *
 * Throws StatusError BadRequest for a value of the wrong type, in the words of upstream's decoder
 * (sigs.k8s.io/json, wrapped by apiserver's `transformDecodeError`): `Deployment in version "v1" cannot be handled as a
 * Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`.
 */
export function conform(typeName: string, value: unknown, dialect: Dialect = 'decoder'): Conformed {
  const walk: Walk = { path: [], struct: '', unknown: [], dialect };
  try {
    const object = conformerOf(typeName)(value, walk) as JsonObject;
    return { object, unknown: walk.unknown };
  } catch (error) {
    if (error instanceof Nonconforming) {
      const { version, kind } = groupVersionKindOf(typeName);
      throw badRequest(
        `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: ${error.message}`,
      );
    }
    throw error;
  }
}

/** A value that its type cannot hold; the message is upstream's. */
class Nonconforming extends Error {}

/** Where the walk is. Only read when something is wrong, so that the usual case builds no strings. */
interface Walk {
  /** Field names and list indexes from the root. Maps hold no objects, so their keys never matter. */
  readonly path: (string | number)[];
  /** The Go struct that holds the present field. */
  struct: string;
  readonly unknown: string[];
  readonly dialect: Dialect;
}

/** Returns its argument when it conforms as it is, and undefined when nothing of it remains. */
type Conformer = (value: unknown, walk: Walk) => unknown;

interface ConformField {
  readonly conform: Conformer;
  readonly isDropped: (value: unknown) => boolean;
}

const conformers = new Map<string, Conformer>();

function conformerOf(typeName: string): Conformer {
  let conformer = conformers.get(typeName);
  if (conformer === undefined) {
    conformer = compileMessage(typeName);
    conformers.set(typeName, conformer);
  }
  return conformer;
}

function compileMessage(typeName: string): Conformer {
  const struct = groupVersionKindOf(typeName).kind;
  let fields: Map<string, ConformField> | undefined;
  return (value, walk) => {
    if (!isObject(value)) {
      throw mismatch(value, goTypeName({ form: 'message', name: typeName }), walk);
    }
    fields ??= compileFields(typeName);
    const outerStruct = walk.struct;
    walk.struct = struct;
    let copy: JsonObject | undefined;
    for (const key of Object.keys(value)) {
      const before = value[key];
      const after = conformField(fields.get(key), key, before, walk);
      if (after !== before && copy === undefined) {
        copy = entriesBefore(value, key);
      }
      if (copy !== undefined && after !== undefined) {
        copy[key] = after;
      }
    }
    walk.struct = outerStruct;
    return copy ?? value;
  };
}

/** Types may contain themselves, so a message's fields are compiled when its first value comes. */
function compileFields(typeName: string): Map<string, ConformField> {
  const fields = new Map<string, ConformField>();
  for (const [name, field] of messageType(typeName).jsonFields) {
    fields.set(name, { conform: compileType(field.type), isDropped: droppedValues(field) });
  }
  return fields;
}

function conformField(field: ConformField | undefined, key: string, value: unknown, walk: Walk): unknown {
  if (field === undefined) {
    if (walk.unknown.length < MAX_FIELD_PROBLEMS) {
      walk.unknown.push(formatPath([...walk.path, key]));
    }
    return undefined;
  }
  if (value === null) {
    return undefined;
  }
  walk.path.push(key);
  const conformed = field.conform(value, walk);
  walk.path.pop();
  return field.isDropped(conformed) ? undefined : conformed;
}

function entriesBefore(object: JsonObject, end: string): JsonObject {
  const copy: JsonObject = {};
  for (const key of Object.keys(object)) {
    if (key === end) {
      break;
    }
    copy[key] = object[key];
  }
  return copy;
}

/**
 * Values that Go's `omitempty` leaves out on the way back to JSON. Upstream stores protobuf, which cannot even express
 * an empty list, so a client never gets one back. Required fields have no `omitempty`.
 */
function droppedValues(field: Field): (value: unknown) => boolean {
  if (field.required || field.number === 0) {
    return never;
  }
  switch (field.type.form) {
    case 'list':
      return (value) => (value as unknown[]).length === 0;
    case 'map':
      return isEmptyObject;
    case 'message':
      return never;
    case 'scalar':
      return field.pointer ? never : isZero;
  }
}

const never = (): boolean => false;
const isZero = (value: unknown): boolean => value === '' || value === 0 || value === false;

function isEmptyObject(value: unknown): boolean {
  for (const _ in value as JsonObject) {
    return false;
  }
  return true;
}

function compileType(type: ValueType): Conformer {
  switch (type.form) {
    case 'message':
      return (value, walk) => conformerOf(type.name)(value, walk);
    case 'list':
      return compileList(type);
    case 'map':
      return compileMap(type);
    case 'scalar':
      return SCALARS[type.name];
  }
}

function compileList(type: ValueType & { form: 'list' }): Conformer {
  const conformItem = compileType(type.item);
  const goType = goTypeName(type);
  const zero = zeroOf(type.item);
  return (value, walk) => {
    if (!Array.isArray(value)) {
      throw mismatch(value, goType, walk);
    }
    const before = value as unknown[];
    let copy: unknown[] | undefined;
    for (let index = 0; index < before.length; index++) {
      walk.path.push(index);
      // A null in a list is the zero value in Go.
      const item = before[index] === null ? zero : (conformItem(before[index], walk) ?? zero);
      walk.path.pop();
      if (item !== before[index]) {
        copy ??= [...before];
        copy[index] = item;
      }
    }
    return copy ?? before;
  };
}

function compileMap(type: ValueType & { form: 'map' }): Conformer {
  const conformValue = compileType(type.value);
  const goType = goTypeName(type);
  const zero = zeroOf(type.value);
  return (value, walk) => {
    if (!isObject(value)) {
      throw mismatch(value, goType, walk);
    }
    let copy: JsonObject | undefined;
    for (const key of Object.keys(value)) {
      const before = value[key];
      const after = before === null ? zero : (conformValue(before, walk) ?? zero);
      if (after !== before) {
        copy ??= { ...value };
        copy[key] = after;
      }
    }
    return copy ?? value;
  };
}

const ZERO_BY_SCALAR: Readonly<Partial<Record<ScalarName, unknown>>> = {
  bool: false,
  int32: 0,
  int64: 0,
  IntOrString: 0,
  Quantity: '0',
  Time: null,
  MicroTime: null,
  RawExtension: null,
  FieldsV1: null,
};

function zeroOf(type: ValueType): unknown {
  switch (type.form) {
    case 'scalar':
      return ZERO_BY_SCALAR[type.name] ?? '';
    case 'list':
      return null;
    case 'map':
    case 'message':
      return {};
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const QUANTITY_PATTERN = '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$';

const SCALARS: Readonly<Record<ScalarName, Conformer>> = {
  bool: (value, walk) => (typeof value === 'boolean' ? value : refuse(value, 'bool', walk)),
  string: (value, walk) => (typeof value === 'string' ? value : refuse(value, 'string', walk)),
  int32: (value, walk) =>
    typeof value === 'number' && (value | 0) === value ? value : refuse(value, 'int32', walk),
  int64: (value, walk) => (Number.isInteger(value) ? value : refuse(value, 'int64', walk)),
  bytes: (value, walk) => {
    if (typeof value !== 'string') {
      throw mismatch(value, '[]uint8', walk);
    }
    return BASE64.test(value) ? value : canonicalBase64(value);
  },
  Quantity: conformQuantity,
  IntOrString: (value, walk) => (typeof value === 'string' ? value : SCALARS.int32(value, walk)),
  Time: (value, walk) => conformTime(value, canonicalTime, walk),
  MicroTime: (value, walk) => conformTime(value, canonicalMicroTime, walk),
  RawExtension: (value) => value,
  FieldsV1: (value) => value,
};

/** Canonical forms of texts seen before: a cluster repeats few quantities in many pods. */
const quantities = new Map<string, string>();
const MAX_QUANTITIES = 4096;

function conformQuantity(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : typeof value === 'string' ? value.trim() : '';
  let canonical = quantities.get(text);
  if (canonical === undefined) {
    canonical = canonicalQuantity(text);
    if (canonical === undefined) {
      throw new Nonconforming(`quantities must match the regular expression '${QUANTITY_PATTERN}'`);
    }
    if (quantities.size >= MAX_QUANTITIES) {
      quantities.clear();
    }
    quantities.set(text, canonical);
  }
  return canonical;
}

function refuse(value: unknown, goType: string, walk: Walk): never {
  throw mismatch(value, goType, walk);
}

function conformTime(value: unknown, canonical: (text: string) => string | undefined, walk: Walk): string {
  if (typeof value !== 'string') {
    throw mismatch(value, 'string', walk);
  }
  const time = canonical(value);
  if (time === undefined) {
    throw new Nonconforming(timeParseError(value));
  }
  return time;
}

/** Go's decoder passes over line breaks in base64 and refuses everything else that does not belong. */
function canonicalBase64(text: string): string {
  const joined = text.replace(/[\r\n]/g, '');
  if (BASE64.test(joined)) {
    return joined;
  }
  const firstBad = /[^A-Za-z0-9+/\r\n]/.exec(text)?.index ?? text.length - (joined.length % 4);
  throw new Nonconforming(`illegal base64 data at input byte ${firstBad}`);
}

/** Go's UnmarshalTypeError: the innermost struct and the names of the fields from the root, without indexes. */
function mismatch(value: unknown, goType: string, walk: Walk): Nonconforming {
  if (walk.dialect === 'converter') return new Nonconforming(conversionProblem(value, goType));
  const found = `json: cannot unmarshal ${describeValue(value, goType)} into Go`;
  if (walk.path.length === 0) {
    return new Nonconforming(`${found} value of type ${goType}`);
  }
  const fields = walk.path.filter((segment) => typeof segment === 'string').join('.');
  return new Nonconforming(`${found} struct field ${walk.struct}.${fields} of type ${goType}`);
}

/** The converter says neither which field nor, for most scalars, which value. */
function conversionProblem(value: unknown, goType: string): string {
  const kind = convertedKind(value);
  if (goType.startsWith('[]')) return `cannot restore slice from ${kind}`;
  if (goType.startsWith('map[') || goType === RESOURCE_LIST) return `cannot restore map from ${kind}`;
  if (goType.includes('.')) return `cannot restore struct from: ${kind}`;
  // Go could turn a whole number into a string, one character of that code, which the converter will not.
  const converts = typeof value === 'number' && (goType === 'string' ? kind === 'int64' : goType !== 'bool');
  return converts ? `cannot convert ${kind} to ${goType}` : `unrecognized type: ${goType}`;
}

function convertedKind(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'string' ? 'string' : Array.isArray(value) ? 'slice' : 'map';
}

function describeValue(value: unknown, goType: string): string {
  if (typeof value === 'number') {
    return goType.startsWith('int') ? `number ${value}` : 'number';
  }
  if (typeof value === 'boolean') {
    return 'bool';
  }
  if (value === null) {
    return 'null';
  }
  return typeof value === 'string' ? 'string' : Array.isArray(value) ? 'array' : 'object';
}

const RESOURCE_LIST = 'v1.ResourceList';

/** The name that Go prints for a type. Named string types (`v1.PullPolicy`) are strings to the table. */
function goTypeName(type: ValueType): string {
  switch (type.form) {
    case 'list':
      return `[]${goTypeName(type.item)}`;
    case 'map':
      return isQuantity(type.value) ? RESOURCE_LIST : `map[string]${goTypeName(type.value)}`;
    case 'message': {
      const { version, kind } = groupVersionKindOf(type.name);
      return `${version}.${kind}`;
    }
    case 'scalar':
      return type.name === 'bytes' ? '[]uint8' : type.name;
  }
}

function isQuantity(type: ValueType): boolean {
  return type.form === 'scalar' && type.name === 'Quantity';
}
