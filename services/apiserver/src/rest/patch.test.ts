import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { configMapsDefinition } from '../registry/configmap.ts';
import { deploymentsDefinition } from '../registry/deployment.ts';
import { CONFIG_MAPS, DEPLOYMENTS, configMap, deployment } from './test-support/objects.ts';
import { RestFixture } from './test-support/rest-fixture.ts';

let fixture: RestFixture;

beforeEach(async () => {
  fixture = await RestFixture.start();
});

afterEach(() => fixture.stop());

describe('patch', () => {
  const patch = (path: string, type: string, body: unknown, query = ''): ReturnType<RestFixture['ask']> =>
    fixture.send('PATCH', `${path}${query}`, body, { 'content-type': type });
  const JSON_PATCH = 'application/json-patch+json';
  const MERGE = 'application/merge-patch+json';
  const STRATEGIC = 'application/strategic-merge-patch+json';

  beforeEach(() => {
    fixture.api.put(configMapsDefinition, configMap('a'));
    fixture.api.put(deploymentsDefinition, deployment('d'));
  });

  test('JSON patch', async () => {
    const answer = await patch(`${CONFIG_MAPS}/a`, JSON_PATCH, [{ op: 'add', path: '/data/b', value: '2' }]);
    expect(answer.code).toBe(200);
    expect(answer.json()['data']).toEqual({ a: '1', b: '2' });
  });

  test('merge patch', async () => {
    const answer = await patch(`${CONFIG_MAPS}/a`, MERGE, { data: { a: null, b: '2' } });
    expect(answer.json()['data']).toEqual({ b: '2' });
  });

  test('strategic merge patch merges lists by their keys', async () => {
    const containers = [{ name: 'd', image: 'redis' }];
    const answer = await patch(`${DEPLOYMENTS}/d`, STRATEGIC, {
      spec: { template: { spec: { containers } } },
    });
    const { spec } = answer.json<{ spec: { template: { spec: { containers: { name: string }[] } } } }>();
    expect(spec.template.spec.containers.map(({ name }) => name).toSorted()).toEqual(['c', 'd']);
  });

  test('of the status is told apart', async () => {
    await patch(`${DEPLOYMENTS}/d/status`, MERGE, { status: { replicas: 1 } });
    expect(fixture.api.last.options).toEqual({ subresource: 'status' });
  });

  test.each(['application/apply-patch+yaml', 'application/json', ''])(
    '%j names the types there are',
    async (type) => {
      const answer = await patch(`${CONFIG_MAPS}/a`, type, {});
      expect(answer.code).toBe(415);
      expect(answer.json()['message']).toBe(
        `the body of the request was in an unknown format - accepted media types include: ${JSON_PATCH}, ${MERGE}, ${STRATEGIC}`,
      );
    },
  );

  test.each([
    [
      'a missing path',
      JSON_PATCH,
      '[{"op":"remove","path":"/x"}]',
      422,
      'the server rejected our request due to an error in our request',
    ],
    ['broken JSON', MERGE, '{', 400, 'error decoding patch: unexpected end of JSON input'],
    ['a change of kind', MERGE, '{"kind":"Secret"}', 400, 'a patch may not change kind: it is "ConfigMap"'],
    ['a wrong type', MERGE, '{"data":{"a":{}}}', 422, ' "" is invalid: patch: Invalid value: '],
    [
      'no object at all',
      JSON_PATCH,
      '[{"op":"replace","path":"","value":1}]',
      422,
      ' "" is invalid: patch: Invalid value: "1"',
    ],
  ])('%s', async (_name, type, body, code, message) => {
    const answer = await fixture.ask(`${CONFIG_MAPS}/a`, {
      method: 'PATCH',
      headers: { 'content-type': type },
      body,
    });
    expect(answer.code).toBe(code);
    expect(answer.json<{ message: string }>().message.startsWith(message)).toBe(true);
  });

  test('unknown fields are warned about, or refused with the patched object', async () => {
    const warned = await patch(`${CONFIG_MAPS}/a`, MERGE, { dat: {} });
    expect(warned.warnings).toEqual([String.raw`299 - "unknown field \"dat\""`]);
    const refused = await patch(`${CONFIG_MAPS}/a`, STRATEGIC, { dat: {} }, '?fieldValidation=Strict');
    expect(refused.code).toBe(422);
    expect(refused.json()['message']).toBe(
      ' "" is invalid: patch: Invalid value: "map[dat:map[]]": strict decoding error: unknown field "dat"',
    );
  });

  test.each([
    [{ replicas: 'x' }, 'map[spec:map[replicas:x]]', 'unrecognized type: int32'],
    [{ paused: 'yes' }, 'map[spec:map[paused:yes]]', 'unrecognized type: bool'],
    [{ strategy: { type: 1 } }, 'map[spec:map[strategy:map[type:1]]]', 'cannot convert int64 to string'],
    [{ strategy: { type: true } }, 'map[spec:map[strategy:map[type:true]]]', 'unrecognized type: string'],
    [{ replicas: 1.5 }, 'map[spec:map[replicas:1.5]]', 'cannot convert float64 to int32'],
    [{ strategy: 'x' }, 'map[spec:map[strategy:x]]', 'cannot restore struct from: string'],
    [
      { selector: { matchLabels: [] } },
      'map[spec:map[selector:map[matchLabels:[]]]]',
      'cannot restore map from slice',
    ],
    [
      { template: { spec: { containers: { name: 'c' } } } },
      'map[spec:map[template:map[spec:map[containers:map[name:c]]]]]',
      'cannot restore slice from map',
    ],
  ])('a strategic merge of %j says what its converter says', async (spec, shown, problem) => {
    const answer = await patch(`${DEPLOYMENTS}/d`, STRATEGIC, { spec });
    expect(answer.code).toBe(422);
    expect(answer.json()['message']).toBe(` "" is invalid: patch: Invalid value: "${shown}": ${problem}`);
  });

  test.each([
    [MERGE, '{"data":'.repeat(50_000) + '1' + '}'.repeat(50_000)],
    [STRATEGIC, '{"data":'.repeat(50_000) + '1' + '}'.repeat(50_000)],
    [JSON_PATCH, `[{"op":"add","path":"/data","value":${'['.repeat(50_000)}${']'.repeat(50_000)}}]`],
  ])('%s without end is the fault of the client', async (type, body) => {
    for (const query of ['', '?fieldValidation=Ignore']) {
      const answer = await fixture.ask(`${CONFIG_MAPS}/a${query}`, {
        method: 'PATCH',
        headers: { 'content-type': type },
        body,
      });
      expect(answer.code).toBeGreaterThanOrEqual(400);
      expect(answer.code).toBeLessThan(500);
    }
  });

  test('the patched object keeps its name', async () => {
    const answer = await patch(`${CONFIG_MAPS}/a`, MERGE, { metadata: { name: null } });
    expect(answer.code).toBe(400);
    expect(answer.json()['message']).toBe(
      'the name of the object (a based on URL) was undeterminable: name must be provided',
    );
  });

  test('duplicate fields of the patch count too', async () => {
    const headers = { 'content-type': JSON_PATCH };
    const body = '[{"op":"test","op":"add","path":"/data/b","value":"2"}]';
    const answer = await fixture.ask(`${CONFIG_MAPS}/a`, { method: 'PATCH', headers, body });
    expect(answer.warnings).toEqual([String.raw`299 - "json patch duplicate field \"[0].op\""`]);
  });

  test('force belongs to apply', async () => {
    const answer = await patch(`${CONFIG_MAPS}/a`, MERGE, {}, '?force=true');
    expect(answer.code).toBe(422);
    expect(answer.json()['message']).toBe(
      'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    );
  });
});
