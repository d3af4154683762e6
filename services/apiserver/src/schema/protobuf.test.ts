import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conform } from './conform.ts';
import bodies from './fixtures/kubectl-1.35.2-bodies.json' with { type: 'json' };
import { decodeEnvelope } from './protobuf.ts';
import { type Field, type ValueType, messageType, typeNameOf } from './table.ts';

/** What kubectl 1.35.2 sent to a recording server, and the object that a JSON client would have sent instead. */
describe('bodies of the real kubectl', () => {
  it.each(bodies)('decodes $command', ({ body, object }) => {
    expect(decodeEnvelope(Buffer.from(body, 'base64')).object).toEqual(object);
  });

  it('keeps a zero that was meant', () => {
    const [deployment] = bodies;
    expect(deployment?.command).toContain('--replicas=0');
    expect(decodeEnvelope(Buffer.from(deployment?.body ?? '', 'base64')).object).toMatchObject({
      spec: { replicas: 0 },
    });
  });
});

describe('the envelope', () => {
  it('must begin with the magic bytes', () => {
    expect(() => decodeEnvelope(Buffer.from('{"kind":"Pod"}'))).toThrow(
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    );
  });

  it('may lack a kind when the caller knows the type', () => {
    const raw = encode({ form: 'message', name: 'meta.v1.DeleteOptions' }, { gracePeriodSeconds: 0 });
    expect(decodeEnvelope(envelope('', '', raw), 'meta.v1.DeleteOptions')).toEqual({
      apiVersion: '',
      kind: '',
      object: { gracePeriodSeconds: 0 },
    });
    expect(() => decodeEnvelope(envelope('', '', raw))).toThrow("Object 'Kind' is missing");
  });

  it('takes options with the version of any group', () => {
    const raw = encode({ form: 'message', name: 'meta.v1.DeleteOptions' }, { propagationPolicy: 'Orphan' });
    for (const apiVersion of ['v1', 'apps/v1', 'meta.k8s.io/v1']) {
      const { object } = decodeEnvelope(envelope(apiVersion, 'DeleteOptions', raw));
      expect(object).toEqual({ apiVersion, kind: 'DeleteOptions', propagationPolicy: 'Orphan' });
    }
  });

  it('is refused for a kind that is not known', () => {
    expect(() => decodeEnvelope(envelope('v1', 'Gadget', new Uint8Array()))).toThrow(
      'no kind "Gadget" is registered for version "v1"',
    );
  });
});

describe('messages', () => {
  const decodePod = (raw: Uint8Array): unknown => decodeEnvelope(envelope('v1', 'Pod', raw)).object;

  it.each([
    ['the middle of a value', Uint8Array.of(0x0a, 0x05, 0x01), 'unexpected EOF'],
    ['an endless number', Uint8Array.of(0x78, ...Array.from({ length: 11 }, () => 0xff)), 'integer overflow'],
    ['field number zero', Uint8Array.of(0x02, 0x00), 'illegal tag 0'],
    ['a group, which proto3 has not', Uint8Array.of(0x7b), 'illegal wireType 3'],
    ['the wrong wire type', Uint8Array.of(0x08, 0x01), 'wrong wireType = 0 for field metadata'],
  ])('are refused at %s', (_, raw, message) => {
    expect(() => decodePod(raw)).toThrow(message);
  });

  it('pass over fields that the table does not have, of every wire type', () => {
    const unknown = [
      [0xf8, 0x06, 0x80, 0x01],
      [0xf9, 0x06, 1, 2, 3, 4, 5, 6, 7, 8],
      [0xfa, 0x06, 2, 0xff, 0xff],
      [0xfd, 0x06, 1, 2, 3, 4],
    ].flat();
    const metadata = encode({ form: 'message', name: 'core.v1.Pod' }, { metadata: { name: 'p' } });
    expect(decodePod(Uint8Array.from([...unknown, ...metadata]))).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
    });
  });

  it('never fail with anything but BadRequest, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => {
        try {
          decodePod(raw);
        } catch (error) {
          expect(error).toMatchObject({ name: 'StatusError', code: 400, reason: 'BadRequest' });
        }
      }),
    );
  });

  it('drop zeros of plain fields and keep those of pointers and of required fields', () => {
    const spec = { hostNetwork: false, nodeName: '', priority: 0, automountServiceAccountToken: false };
    const containers = [{ name: '', image: '' }];
    const raw = encode({ form: 'message', name: 'core.v1.Pod' }, { spec: { ...spec, containers } });
    expect(decodePod(raw)).toMatchObject({
      spec: { priority: 0, automountServiceAccountToken: false, containers: [{ name: '' }] },
    });
    expect(decodePod(raw)).not.toHaveProperty('spec.hostNetwork');
    expect(decodePod(raw)).not.toHaveProperty('spec.nodeName');
    expect(decodePod(raw)).not.toHaveProperty('spec.containers.0.image');
  });
});

describe('any object of any kind', () => {
  const kinds = [
    ['v1', 'Pod'],
    ['v1', 'Event'],
    ['v1', 'Node'],
    ['v1', 'Secret'],
    ['v1', 'Service'],
    ['apps/v1', 'ControllerRevision'],
    ['apps/v1', 'Deployment'],
    ['admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration'],
    ['authorization.k8s.io/v1', 'SubjectAccessReview'],
    ['autoscaling/v2', 'HorizontalPodAutoscaler'],
    ['coordination.k8s.io/v1', 'Lease'],
    ['discovery.k8s.io/v1', 'EndpointSlice'],
    ['networking.k8s.io/v1', 'Ingress'],
    ['policy/v1', 'PodDisruptionBudget'],
  ] as const;

  it.each(kinds)('%s %s is the same sent as protobuf and as JSON', (apiVersion, kind) => {
    const slash = apiVersion.lastIndexOf('/');
    const type = typeNameOf(apiVersion.slice(0, Math.max(slash, 0)), apiVersion.slice(slash + 1), kind) ?? '';
    fc.assert(
      fc.property(objectOf(type, 7), (fields) => {
        const object = { apiVersion, kind, ...fields };
        const decoded = decodeEnvelope(
          envelope(apiVersion, kind, encode({ form: 'message', name: type }, fields)),
        );
        const conformed = conform(type, object);
        expect(conformed.unknown).toEqual([]);
        expect(decoded.object).toEqual(conformed.object);
      }),
      { numRuns: 60 },
    );
  });
});

/** Objects of a type, with values in canonical form; zeros included, empty lists and maps (which protobuf lacks) not. */
function objectOf(type: string, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const fields = [...messageType(type).jsonFields.values()].filter((field) => field.number > 0);
  const affordable = depth > 0 ? fields : fields.filter((field) => field.type.form === 'scalar');
  return fc
    .subarray(affordable, { maxLength: Math.min(6, affordable.length) })
    .chain((some) =>
      fc.record(Object.fromEntries(some.map(({ name, type }) => [name, valueOf(type, depth - 1)]))),
    );
}

function valueOf(type: ValueType, depth: number): fc.Arbitrary<unknown> {
  switch (type.form) {
    case 'list':
      return fc.array(valueOf(type.item, depth), { minLength: 1, maxLength: 3 });
    case 'map':
      return fc.dictionary(key, valueOf(type.value, depth), { minKeys: 1, maxKeys: 3 });
    case 'message':
      return objectOf(type.name, depth);
    case 'scalar':
      return SCALARS[type.name];
  }
}

const key = fc.stringMatching(/^[a-z][a-z.-]{0,8}$/);
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const instant = fc.integer({ min: -60_000_000_000, max: 200_000_000_000 });
const iso = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 19);

const SCALARS = {
  bool: fc.boolean(),
  bytes: fc.uint8Array({ minLength: 1 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  int32,
  int64: fc.maxSafeInteger(),
  string: fc.string({ unit: 'grapheme' }),
  IntOrString: fc.oneof(int32, fc.string()),
  Quantity: fc.constantFrom('0', '100m', '1', '1500m', '1Gi', '5G', '-3Ki'),
  Time: instant.map((seconds) => `${iso(seconds)}Z`),
  MicroTime: fc
    .tuple(instant, fc.integer({ min: 0, max: 999_999 }))
    .map(([seconds, micros]) => `${iso(seconds)}.${String(micros).padStart(6, '0')}Z`),
  // JSON has no negative zero.
  RawExtension: fc
    .dictionary(key, fc.jsonValue())
    .map((value) => JSON.parse(JSON.stringify(value)) as unknown),
  FieldsV1: fc.dictionary(key, fc.constant({})),
} as const;

/** Encodes as Go's generated code does: every present field, zero or not, one entry per element of a list or map. */
function encode(type: ValueType & { form: 'message' }, object: Record<string, unknown>): Uint8Array {
  const parts = messageType(type.name).fields.flatMap((field) => {
    if (field.inline) {
      return encodeField(field, object);
    }
    return Object.hasOwn(object, field.name) ? encodeField(field, object[field.name]) : [];
  });
  return Uint8Array.from(parts);
}

/** An entry is a message of its own; as far as its bytes go, it might as well be a string. */
const MAP_ENTRY: ValueType = { form: 'scalar', name: 'string' };

function encodeField({ number, type }: Field, value: unknown): number[] {
  if (type.form === 'list') {
    return (value as unknown[]).flatMap((item) => tagged(number, type.item, item));
  }
  if (type.form === 'map') {
    return Object.entries(value as object).flatMap(([name, item]) =>
      tagged(
        number,
        MAP_ENTRY,
        Buffer.from([10, ...delimited(Buffer.from(name)), ...tagged(2, type.value, item)]),
      ),
    );
  }
  return tagged(number, type, value);
}

function tagged(number: number, type: ValueType, value: unknown): number[] {
  const isVarint = type.form === 'scalar' && ['bool', 'int32', 'int64'].includes(type.name);
  return [...varint((BigInt(number) << 3n) | (isVarint ? 0n : 2n)), ...encodeValue(type, value)];
}

function encodeValue(type: ValueType, value: unknown): number[] {
  if (type.form === 'message') {
    return delimited(encode(type, value as Record<string, unknown>));
  }
  if (type.form === 'list') {
    return delimited((value as unknown[]).flatMap((item) => tagged(1, type.item, item)));
  }
  if (type.form === 'map') {
    throw new Error('a map is a field of its own');
  }
  switch (type.name) {
    case 'bool':
    case 'int32':
    case 'int64':
      return varint(BigInt.asUintN(64, BigInt(value as number)));
    case 'string':
      return delimited(Buffer.from(value as string | Buffer));
    case 'bytes':
      return delimited(Buffer.from(value as string, 'base64'));
    case 'Quantity':
      return delimited([10, ...delimited(Buffer.from(value as string))]);
    case 'IntOrString':
      return delimited(
        typeof value === 'string'
          ? [8, 1, 16, 0, 26, ...delimited(Buffer.from(value))]
          : [8, 0, 16, ...varint(BigInt.asUintN(64, BigInt(value as number))), 26, 0],
      );
    case 'Time':
    case 'MicroTime':
      return delimited(encodeTime(value as string));
    case 'RawExtension':
    case 'FieldsV1':
      return delimited([10, ...delimited(Buffer.from(JSON.stringify(value)))]);
  }
}

function encodeTime(text: string): number[] {
  const micros = Number(/\.(\d{6})Z$/.exec(text)?.[1] ?? 0);
  const seconds = Date.parse(text.replace(/\.\d+Z$/, 'Z')) / 1000;
  return [8, ...varint(BigInt.asUintN(64, BigInt(seconds))), 16, ...varint(BigInt(micros * 1000))];
}

function delimited(bytes: ArrayLike<number>): number[] {
  return [...varint(BigInt(bytes.length)), ...Array.from(bytes)];
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
  return [...bytes, Number(rest)];
}

function envelope(apiVersion: string, kind: string, raw: Uint8Array): Uint8Array {
  const typeMeta = [10, ...delimited(Buffer.from(apiVersion)), 18, ...delimited(Buffer.from(kind))];
  const magic = [0x6b, 0x38, 0x73, 0x00];
  return Uint8Array.from([...magic, 10, ...delimited(typeMeta), 18, ...delimited(raw), 26, 0, 34, 0]);
}
