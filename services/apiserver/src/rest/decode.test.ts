import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAX_BODY_BYTES } from './body.ts';
import { CONFIG_MAPS, DEPLOYMENTS } from './test-support/objects.ts';
import { RestFixture } from './test-support/rest-fixture.ts';

let fixture: RestFixture;

beforeEach(async () => {
  fixture = await RestFixture.start();
});

afterEach(() => fixture.stop());

describe('bodies that cannot be taken', () => {
  interface Case {
    name: string;
    body: string | Buffer;
    type?: string;
    path?: string;
    code?: number;
    message: string;
  }

  const UNKNOWN_FORMAT = 'the body of the request was in an unknown format - accepted media types include: ';

  const cases: Case[] = [
    {
      name: 'broken JSON',
      body: '{bad',
      message:
        "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: invalid character 'b' looking for beginning of object key string ({bad)",
    },
    {
      name: 'no object',
      body: '[]',
      message:
        'the object provided is unrecognized (must be of type ConfigMap): couldn\'t get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" } (5b5d)',
    },
    {
      name: 'another kind',
      body: '{"kind":"Secret","apiVersion":"v1"}',
      message:
        'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (v1.ConfigMap): unknown conversion',
    },
    {
      name: 'a kind that there is not',
      body: '{"kind":"Gadget","apiVersion":"v1"}',
      message:
        'Gadget in version "v1" cannot be handled as a ConfigMap: no kind "Gadget" is registered for version "v1" in scheme "orrery"',
    },
    {
      name: 'another version of the kind',
      body: '{"kind":"Deployment","apiVersion":"extensions/v1beta1"}',
      path: DEPLOYMENTS,
      message:
        'the API version in the data (extensions/v1beta1) does not match the expected API version (apps/v1)',
    },
    {
      name: 'a field of the wrong type',
      body: '{"data":{"a":1}}',
      message:
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    },
    {
      name: 'an unknown content type',
      body: 'x',
      type: 'text/plain',
      code: 415,
      message: `${UNKNOWN_FORMAT}application/json, application/yaml, application/vnd.kubernetes.protobuf`,
    },
    {
      name: 'CBOR, which clients give up after this answer',
      body: 'x',
      type: 'application/cbor',
      code: 415,
      message: `${UNKNOWN_FORMAT}application/json, application/yaml, application/vnd.kubernetes.protobuf`,
    },
    {
      name: 'protobuf without its magic bytes',
      body: 'x',
      type: 'application/vnd.kubernetes.protobuf',
      message: 'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    },
    {
      name: 'broken YAML',
      body: 'a: b: c',
      type: 'application/yaml',
      message: 'error converting YAML to JSON: yaml: line 1: ',
    },
    {
      name: 'an avalanche of YAML aliases',
      body: `a: &a [x, x, x, x, x, x, x, x]\n${aliases(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])}`,
      type: 'application/yaml',
      message: 'error converting YAML to JSON: yaml: document contains excessive aliasing',
    },
    {
      name: 'more aliases than any manifest has',
      body: `a: &a x\nb:\n${'- *a\n'.repeat(1001)}`,
      type: 'application/yaml',
      message: 'error converting YAML to JSON: yaml: document contains excessive aliasing',
    },
    {
      name: 'keys that are maps whose keys are maps',
      body: `${'? '.repeat(400)}a`,
      type: 'application/yaml',
      message: 'error converting YAML to JSON: yaml: invalid map key: only text can be a key',
    },
    {
      name: 'lists in lists without end',
      body: '['.repeat(100_000),
      message:
        "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: exceeded max depth",
    },
    {
      name: 'objects in objects without end',
      body: `{"metadata":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_001)}`,
      message: 'json: exceeded max depth',
    },
    {
      name: 'more than 3 MiB',
      body: Buffer.alloc(MAX_BODY_BYTES + 1, 32),
      code: 413,
      message: 'Request entity too large: limit is 3145728',
    },
  ];

  test.each(cases)(
    '$name',
    async ({ body, type = 'application/json', path = CONFIG_MAPS, code = 400, message }) => {
      const answer = await fixture.ask(path, { method: 'POST', headers: { 'content-type': type }, body });
      expect(answer.code).toBe(code);
      const status = answer.json<{ message: string; reason: string }>();
      expect(status.message.startsWith(message)).toBe(true);
      expect(status.reason).not.toBe('');
    },
  );
});

/** Each line is eight times the line before it. */
function aliases(names: readonly string[]): string {
  const lines = names
    .slice(1)
    .map((name, index) => `${name}: &${name} [${Array(8).fill(`*${names[index]}`).join(', ')}]`);
  return lines.join('\n');
}

describe('bodies in other encodings', () => {
  test('YAML, with words of YAML 1.1 and duplicate keys', async () => {
    const answer = await fixture.ask(CONFIG_MAPS, {
      method: 'POST',
      headers: { 'content-type': 'application/yaml; charset=utf-8' },
      body: 'metadata:\n  name: a\nimmutable: yes\ndata:\n  time: "2026-01-01"\n  x: a\n  x: b\n',
    });
    expect(answer.code).toBe(201);
    expect(answer.json()).toMatchObject({ immutable: true, data: { time: '2026-01-01', x: 'b' } });
    expect(answer.warnings).toEqual([String.raw`299 - "line 7: key \"x\" already set in map"`]);
  });

  test('YAML of forty thousand keys, in no more time than it takes to read', async () => {
    const lines = Array.from({ length: 40_000 }, (_, index) => `  k${index}: v\n`).join('');
    const startedMs = performance.now();
    const answer = await fixture.ask(CONFIG_MAPS, {
      method: 'POST',
      headers: { 'content-type': 'application/yaml' },
      body: `metadata: {name: a}\ndata:\n${lines}  k7: w\n`,
    });
    // Some two seconds; comparing each key with all others takes half a minute.
    expect(performance.now() - startedMs).toBeLessThan(12_000);
    expect(answer.code).toBe(201);
    expect(answer.json<{ data: Record<string, string> }>().data['k7']).toBe('w');
    expect(answer.warnings).toEqual([String.raw`299 - "line 40003: key \"k7\" already set in map"`]);
  }, 60_000);

  test('the first of several YAML documents', async () => {
    const answer = await fixture.ask(CONFIG_MAPS, {
      method: 'POST',
      headers: { 'content-type': 'application/yaml' },
      body: 'metadata: {name: first}\n---\nmetadata: {name: second}\n',
    });
    expect(answer.json()).toMatchObject({ metadata: { name: 'first' } });
  });

  test('no content type is JSON', async () => {
    const answer = await fixture.ask(CONFIG_MAPS, { method: 'POST', body: '{"metadata":{"name":"a"}}' });
    expect(answer.code).toBe(201);
  });

  test('protobuf, as kubectl create sends it', async () => {
    const message = (number: number, ...parts: Buffer[]): Buffer => {
      const body = Buffer.concat(parts);
      return Buffer.concat([Buffer.from([(number << 3) | 2, body.length]), body]);
    };
    const text = (number: number, value: string): Buffer => message(number, Buffer.from(value));
    const object = [message(1, text(1, 'a')), message(2, text(1, 'key'), text(2, 'value'))];
    const body = Buffer.concat([
      Buffer.from('k8s\0'),
      message(1, text(1, 'v1'), text(2, 'ConfigMap')),
      message(2, ...object),
    ]);
    const answer = await fixture.ask(CONFIG_MAPS, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.kubernetes.protobuf' },
      body,
    });
    expect(answer.code).toBe(201);
    expect(answer.json()).toMatchObject({ metadata: { name: 'a' }, data: { key: 'value' } });
  });
});
