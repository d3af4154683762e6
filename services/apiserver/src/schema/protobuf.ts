/**
 * Decodes protobuf request bodies into the JSON form of the same object.
 *
 * The envelope is upstream's `runtime.Unknown` behind four magic bytes
 * (apimachinery/pkg/runtime/serializer/protobuf); the message inside follows the type table.
 */
import { parseApiVersion } from '@orrery/api/resources.ts';
import { badRequest } from '@orrery/api/status-error.ts';
import { MalformedProtobuf, ProtobufReader, WIRE } from './protobuf-reader.ts';
import { type Field, type ScalarName, type ValueType, messageType, typeNameOf } from './table.ts';
import { microTimeFromEpoch, timeFromEpoch } from './time.ts';

/** "k8s" and a zero byte. */
const MAGIC = [0x6b, 0x38, 0x73, 0x00] as const;

type JsonObject = Record<string, unknown>;

/** What a protobuf body says. Without a kind in the envelope, `apiVersion` and `kind` are empty. */
export interface DecodedBody {
  apiVersion: string;
  kind: string;
  /** As a JSON client would have sent it, with apiVersion and kind in front when the envelope has them. */
  object: JsonObject;
}

/**
 * Decodes a body that starts with the magic bytes.
 *
 * `fallbackType` is the type of the message when the envelope does not name one. Throws StatusError BadRequest for a
 * missing magic, malformed protobuf, and kinds that the table does not have. Unknown fields are passed over, as
 * upstream does: strict field validation does not apply to protobuf.
 */
export function decodeEnvelope(body: Uint8Array, fallbackType?: string): DecodedBody {
  if (MAGIC.some((byte, index) => body[index] !== byte)) {
    throw badRequest(
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    );
  }
  try {
    const { apiVersion, kind, raw } = readUnknown(new ProtobufReader(body, MAGIC.length));
    const typeName = kind === '' ? fallbackType : typeNameOfKind(apiVersion, kind);
    if (typeName === undefined) {
      throw badRequest(
        kind === ''
          ? "Object 'Kind' is missing in protobuf body: set kind and apiVersion of the object"
          : `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`,
      );
    }
    const object: JsonObject = kind === '' ? {} : { apiVersion, kind };
    decoderOf(typeName)(new ProtobufReader(raw), object);
    return { apiVersion, kind, object };
  } catch (error) {
    if (error instanceof MalformedProtobuf) {
      throw badRequest(`unable to decode the protobuf body: ${error.message}`);
    }
    throw error;
  }
}

function typeNameOfKind(apiVersion: string, kind: string): string | undefined {
  const { group, version } = parseApiVersion(apiVersion);
  return typeNameOf(group, version, kind);
}

/** `runtime.Unknown { typeMeta = 1 { apiVersion = 1, kind = 2 }, raw = 2 }`. */
function readUnknown(reader: ProtobufReader): {
  apiVersion: string;
  kind: string;
  raw: Uint8Array;
} {
  let raw: Uint8Array = new Uint8Array();
  let typeMeta = new Map<number, string>();
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (number === 1 && wireType === WIRE.bytes) {
      typeMeta = readStrings(reader.message());
    } else if (number === 2 && wireType === WIRE.bytes) {
      raw = reader.bytes();
    } else {
      reader.skip(wireType);
    }
  }
  return { apiVersion: typeMeta.get(1) ?? '', kind: typeMeta.get(2) ?? '', raw };
}

/** The length-delimited fields of a small message, as strings by number. */
function readStrings(reader: ProtobufReader): Map<number, string> {
  const strings = new Map<number, string>();
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (wireType === WIRE.bytes) {
      strings.set(number, reader.string());
    } else {
      reader.skip(wireType);
    }
  }
  return strings;
}

/** The integer fields of a small message, by number. */
function readIntegers(reader: ProtobufReader): Map<number, number> {
  const integers = new Map<number, number>();
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (wireType === WIRE.varint) {
      integers.set(number, reader.int64());
    } else {
      reader.skip(wireType);
    }
  }
  return integers;
}

type MessageDecoder = (reader: ProtobufReader, into: JsonObject) => void;
type FieldDecoder = (reader: ProtobufReader, wireType: number, into: JsonObject) => void;
type ValueDecoder = (reader: ProtobufReader) => unknown;

const decoders = new Map<string, MessageDecoder>();

/** The decoder of a type, compiled when first needed. Types may contain themselves, so fields are looked up late. */
function decoderOf(typeName: string): MessageDecoder {
  const known = decoders.get(typeName);
  if (known !== undefined) {
    return known;
  }
  let fields: Map<number, FieldDecoder> | undefined;
  const decoder: MessageDecoder = (reader, into) => {
    fields ??= new Map(messageType(typeName).fields.map((field) => [field.number, compileField(field)]));
    while (!reader.done) {
      const { number, wireType } = reader.tag();
      const decodeField = fields.get(number);
      if (decodeField === undefined) {
        reader.skip(wireType);
      } else {
        decodeField(reader, wireType, into);
      }
    }
  };
  decoders.set(typeName, decoder);
  return decoder;
}

function compileField(field: Field): FieldDecoder {
  const { name, type } = field;
  if (type.form === 'message' && field.inline) {
    return (reader, wireType, into) => {
      expectWireType(WIRE.bytes, wireType, name);
      decoderOf(type.name)(reader.message(), into);
    };
  }
  if (type.form === 'list') {
    return compileList(name, type.item);
  }
  if (type.form === 'map') {
    return compileMap(name, type.value);
  }
  const decode = compileValue(type);
  const wanted = wireTypeOf(type);
  const keepZero = field.pointer || field.required;
  return (reader, wireType, into) => {
    expectWireType(wanted, wireType, name);
    const value = decode(reader);
    // Go writes plain scalars even when they are zero; only behind a pointer was a zero meant. Required fields
    // keep theirs too, because JSON clients always send those.
    const absent = value === undefined || (!keepZero && (value === '' || value === 0 || value === false));
    if (!absent) {
      into[name] = value;
    }
  };
}

function compileList(name: string, itemType: ValueType): FieldDecoder {
  const decode = compileValue(itemType);
  const wanted = wireTypeOf(itemType);
  return (reader, wireType, into) => {
    const items = (into[name] ??= []) as unknown[];
    if (wanted === WIRE.varint && wireType === WIRE.bytes) {
      for (const packed = reader.message(); !packed.done;) {
        items.push(decode(packed));
      }
      return;
    }
    expectWireType(wanted, wireType, name);
    items.push(decode(reader) ?? null);
  };
}

/** One map entry per field occurrence: a message with the key as 1 and the value as 2, each left out when zero. */
function compileMap(name: string, valueType: ValueType): FieldDecoder {
  const decode = compileValue(valueType);
  return (reader, wireType, into) => {
    expectWireType(WIRE.bytes, wireType, name);
    const map = (into[name] ??= {}) as JsonObject;
    const entry = reader.message();
    let key = '';
    let value: unknown;
    while (!entry.done) {
      const tag = entry.tag();
      if (tag.number === 1 && tag.wireType === WIRE.bytes) {
        key = entry.string();
      } else if (tag.number === 2) {
        expectWireType(wireTypeOf(valueType), tag.wireType, name);
        value = decode(entry);
      } else {
        entry.skip(tag.wireType);
      }
    }
    // Maps hold length-delimited values only, whose zero value is what an empty one decodes to.
    map[key] = value ?? decode(new ProtobufReader(Uint8Array.of(0))) ?? null;
  };
}

function compileValue(type: ValueType): ValueDecoder {
  if (type.form === 'message') {
    return (reader) => {
      const object: JsonObject = {};
      decoderOf(type.name)(reader.message(), object);
      return object;
    };
  }
  if (type.form === 'list') {
    const decodeItems = compileList('items', type.item);
    return (reader) => readBox(reader.message(), decodeItems);
  }
  if (type.form === 'map') {
    throw new Error('protobuf has no maps inside lists or maps');
  }
  return SCALARS[type.name];
}

/** A list in a message of its own, as the only field `items = 1`. */
function readBox(reader: ProtobufReader, decodeItems: FieldDecoder): unknown[] {
  const box: { items: unknown[] } = { items: [] };
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (number === 1) {
      decodeItems(reader, wireType, box);
    } else {
      reader.skip(wireType);
    }
  }
  return box.items;
}

const VARINT_SCALARS = new Set<ScalarName>(['bool', 'int32', 'int64']);

function wireTypeOf(type: ValueType): number {
  return type.form === 'scalar' && VARINT_SCALARS.has(type.name) ? WIRE.varint : WIRE.bytes;
}

function expectWireType(wanted: number, actual: number, field: string): void {
  if (wanted !== actual) {
    throw new MalformedProtobuf(`proto: wrong wireType = ${actual} for field ${field}`);
  }
}

const SCALARS: Readonly<Record<ScalarName, ValueDecoder>> = {
  bool: (reader) => reader.bool(),
  int32: (reader) => reader.int32(),
  int64: (reader) => reader.int64(),
  string: (reader) => reader.string(),
  bytes: (reader) => Buffer.from(reader.bytes()).toString('base64'),
  // Quantity { string = 1 }; an unset one is zero.
  Quantity: (reader) => readStrings(reader.message()).get(1) || '0',
  IntOrString: decodeIntOrString,
  Time: (reader) => {
    const time = readIntegers(reader.message());
    return time.size === 0 ? undefined : timeFromEpoch(time.get(1) ?? 0);
  },
  MicroTime: (reader) => {
    const time = readIntegers(reader.message());
    return time.size === 0 ? undefined : microTimeFromEpoch(time.get(1) ?? 0, time.get(2) ?? 0);
  },
  RawExtension: decodeEmbeddedJson,
  FieldsV1: decodeEmbeddedJson,
};

/** `IntOrString { type = 1, intVal = 2, strVal = 3 }`; type 1 is the string. */
function decodeIntOrString(reader: ProtobufReader): number | string {
  const message = reader.message();
  let isString = false;
  let number = 0;
  let text = '';
  while (!message.done) {
    const tag = message.tag();
    if (tag.number === 1 && tag.wireType === WIRE.varint) {
      isString = message.int64() === 1;
    } else if (tag.number === 2 && tag.wireType === WIRE.varint) {
      number = message.int32();
    } else if (tag.number === 3 && tag.wireType === WIRE.bytes) {
      text = message.string();
    } else {
      message.skip(tag.wireType);
    }
  }
  return isString ? text : number;
}

/** Messages whose only field holds JSON text. */
function decodeEmbeddedJson(reader: ProtobufReader): unknown {
  const text = readStrings(reader.message()).get(1) ?? '';
  if (text === '') {
    return undefined;
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new MalformedProtobuf('an embedded object is not JSON');
  }
}
