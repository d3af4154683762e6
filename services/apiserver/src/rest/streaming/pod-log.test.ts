import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { PODS, StreamingFixture } from './test-support/streaming-fixture.ts';

let fixture: StreamingFixture;

beforeAll(async () => {
  fixture = await StreamingFixture.start();
});
afterAll(() => fixture.stop());
afterEach(() => {
  fixture.agent.refusal = undefined;
});

const until = (what: () => boolean): Promise<boolean> => vi.waitUntil(what, { interval: 2, timeout: 5_000 });

describe('the log of a pod', () => {
  it('is passed on as text', async () => {
    const answer = await fixture.rest.ask(`${PODS}/one/log`);
    expect(answer.code).toBe(200);
    expect(answer.headers['content-type']).toBe('text/plain');
    expect(answer.text).toBe('one\ntwo\n');
  });

  it('is asked for as the query says', async () => {
    await fixture.rest.ask(
      `${PODS}/two/log?container=i&previous=true&timestamps=true&tailLines=5&limitBytes=9&sinceSeconds=10`,
    );
    expect(fixture.agent.logRequests.at(-1)).toEqual({
      container: { namespace: 'default', pod: 'two', podUid: 'uid-two', container: 'i' },
      follow: false,
      previous: true,
      timestamps: true,
      tailLines: 5,
      limitBytes: 9,
      sinceMs: fixture.rest.clock.now() - 10_000,
      stream: 'All',
    });
    await fixture.rest.ask(`${PODS}/one/log?sinceTime=2026-01-02T03:04:05Z&stream=Stderr`);
    expect(fixture.agent.logRequests.at(-1)).toMatchObject({
      sinceMs: Date.UTC(2026, 0, 2, 3, 4, 5),
      stream: 'Stderr',
    });
  });

  it('is empty for a pod that has no node yet', async () => {
    const answer = await fixture.rest.ask(`${PODS}/waiting/log`);
    expect([answer.code, answer.text]).toEqual([200, '']);
  });

  it('is followed at the pace of the client, and let go when it leaves', async () => {
    const watch = await fixture.rest.watch(`${PODS}/one/log?follow=true`);
    watch.message.pause();
    let before = -1;
    await vi.waitUntil(
      () => {
        const isSteady = fixture.agent.produced === before;
        before = fixture.agent.produced;
        return isSteady;
      },
      { interval: 100, timeout: 10_000 },
    );
    watch.close();
    await until(() => fixture.agent.open === 0);
    const { values } = await fixture.rest.metrics.registry
      .getSingleMetric('apiserver_longrunning_requests')!
      .get();
    expect(values.every(({ value }) => value === 0)).toBe(true);
  });

  it.each([
    ['tailLines=-1', 'tailLines: Invalid value: -1: must be greater than or equal to 0'],
    ['limitBytes=0', 'limitBytes: Invalid value: 0: must be greater than 0'],
    ['sinceSeconds=0', 'sinceSeconds: Invalid value: 0: must be greater than 0'],
    [
      'sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z',
      'Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
    ],
    ['stream=Stdin', 'stream: Unsupported value: "Stdin": supported values: "All", "Stderr", "Stdout"'],
    ['stream=Stdout&tailLines=1', '`tailLines` and specific `stream` are mutually exclusive for now'],
  ])('is refused with 422 for %s', async (query, message) => {
    const answer = await fixture.rest.ask(`${PODS}/one/log?${query}`);
    expect(answer.code).toBe(422);
    expect(answer.json()['message']).toContain('PodLogOptions "one" is invalid: ');
    expect(answer.json()['message']).toContain(message);
  });

  it.each([
    ['two/log', 400, 'a container name must be specified for pod two, choose one of: [i a b]'],
    ['one/log?container=z', 400, 'container z is not valid for pod one'],
    ['none/log', 404, 'pods "none" not found'],
    ['one/log?tailLines=x', 400, 'tailLines: strconv.ParseInt: parsing "x": invalid syntax'],
    ['one/log?sinceTime=yesterday', 400, 'sinceTime: parsing time "yesterday"'],
  ])('%s is refused with %i', async (path, code, message) => {
    const answer = await fixture.rest.ask(`${PODS}/${path}`);
    expect(answer.code).toBe(code);
    expect(answer.json()['message']).toContain(message);
  });

  it.each([
    [
      status.FAILED_PRECONDITION,
      400,
      'BadRequest',
      'container "c" in pod "one" is waiting to start: ContainerCreating',
    ],
    [status.INTERNAL, 500, 'InternalError', 'Internal error occurred: broken'],
    [status.NOT_FOUND, 404, 'NotFound', 'the server could not find the requested resource (pods/log one)'],
  ])('shows what the agent says: %i', async (code, expected, reason, message) => {
    const details = code === status.INTERNAL ? 'broken' : message;
    fixture.agent.refusal = { code, details };
    const answer = await fixture.rest.ask(`${PODS}/one/log`);
    expect(answer.code).toBe(expected);
    expect(answer.json()).toMatchObject({ reason, message });
  });

  it('names the kubelet that cannot be reached', async () => {
    fixture.putNode('node-2', '127.0.0.1:1');
    fixture.putPod('away', ['c'], { nodeName: 'node-2' });
    const answer = await fixture.rest.ask(`${PODS}/away/log`);
    expect(answer.code).toBe(500);
    expect(answer.json()['message']).toBe(
      'Get "https://10.0.0.10:10250/containerLogs/default/away/c": dial tcp 10.0.0.10:10250: connect: connection refused',
    );
  });

  it.each([
    ['', 'one\ntwo\n'],
    ['binary.k8s.io', 'one\ntwo\n'],
    [
      'base64.binary.k8s.io',
      `${Buffer.from('one\n').toString('base64')}${Buffer.from('two\n').toString('base64')}`,
    ],
  ])('comes over a WebSocket of protocol %j', async (protocol, expected) => {
    const client = await fixture.webSocket(`${PODS}/one/log`, protocol === '' ? [] : [protocol]);
    await until(() => client.code !== undefined);
    expect(Buffer.concat(client.messages).toString()).toBe(expected);
    expect(client.protocol).toBe(protocol);
  });
});
