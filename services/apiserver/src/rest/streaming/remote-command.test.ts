import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Exchange } from '../exchange.ts';
import { FakeNodeAgent } from './test-support/fake-node-agent.ts';
import { OpenStreams } from './upgrade.ts';
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
const V5 = ['v5.channel.k8s.io'];
const V4 = ['v4.channel.k8s.io'];

function execPath(command: string[], flags = 'stdout=true&stderr=true', pod = 'one'): string {
  return `${PODS}/${pod}/exec?${command.map((each) => `command=${each}`).join('&')}&${flags}`;
}

const SUCCESS = { metadata: {}, status: 'Success' };
const EXIT_3 = {
  metadata: {},
  status: 'Failure',
  message: 'command terminated with non-zero exit code: error executing command [exit 3], exit code 3',
  reason: 'NonZeroExitCode',
  details: { causes: [{ reason: 'ExitCode', message: '3' }] },
};

describe('exec over a WebSocket', () => {
  it('runs the command, greets first, and ends with its outcome', async () => {
    const client = await fixture.webSocket(execPath(['echo', 'hi']), V5);
    await until(() => client.code !== undefined);
    expect(client.protocol).toBe('v5.channel.k8s.io');
    expect(client.messages[0]).toEqual(Buffer.of(1));
    expect(client.on(1)).toBe('hi\n');
    expect(JSON.parse(client.on(3))).toEqual(SUCCESS);
    expect(client.code).toBe(1000);
    expect(fixture.agent.starts.at(-1)).toMatchObject({
      container: { namespace: 'default', pod: 'one', podUid: 'uid-one', container: 'c' },
      command: ['echo', 'hi'],
      stdin: false,
      stdout: true,
      stderr: true,
      tty: false,
    });
  });

  it('tells the exit code', async () => {
    const client = await fixture.webSocket(execPath(['exit', '3']), V5);
    await until(() => client.code !== undefined);
    expect(client.on(2)).toBe('bad\n');
    expect(JSON.parse(client.on(3))).toEqual(EXIT_3);
  });

  it('passes on what is typed, its end, and the size of the terminal', async () => {
    const client = await fixture.webSocket(execPath(['cat'], 'stdin=true&stdout=true&tty=true'), V5);
    client.send(0, 'typed');
    client.send(4, '{"Width":100,"Height":30}');
    client.send(4, 'nonsense');
    client.send(255, Buffer.of(0));
    await until(() => client.code !== undefined);
    expect(client.on(1)).toBe('typed');
    expect(fixture.agent.sizes).toContain('100x30');
    expect(JSON.parse(client.on(3))).toEqual(SUCCESS);
  });

  it.each(['v4.channel.k8s.io', 'v3.channel.k8s.io', 'channel.k8s.io'])('speaks %s', async (protocol) => {
    const client = await fixture.webSocket(execPath(['exit', '3']), [protocol]);
    await until(() => client.code !== undefined);
    expect(client.protocol).toBe(protocol);
    if (protocol.startsWith('v4')) expect(JSON.parse(client.on(3))).toEqual(EXIT_3);
    else expect(client.on(3)).toBe(EXIT_3.message);
  });

  it('speaks base64, for clients that have only text', async () => {
    const client = await fixture.webSocket(execPath(['echo', 'hi']), ['v4.base64.channel.k8s.io']);
    await until(() => client.code !== undefined);
    const texts = client.messages.map(String);
    expect(texts).toContain(`1${Buffer.from('hi\n').toString('base64')}`);
  });

  it('carries megabytes both ways', async () => {
    const client = await fixture.webSocket(execPath(['cat'], 'stdin=true&stdout=true'), V5);
    const data = Buffer.alloc(5_000_000, 'abcdefg');
    for (let from = 0; from < data.length; from += 32_768) client.send(0, data.subarray(from, from + 32_768));
    client.send(255, Buffer.of(0));
    await until(() => client.code !== undefined);
    expect(client.on(1) === data.toString()).toBe(true);
  });

  it('holds the program back for a client that does not read, and lets go when it leaves', async () => {
    const client = await fixture.webSocket(execPath(['yes']), V5);
    await until(() => client.messages.length > 1);
    client.webSocket.pause();
    // What lies between the two is full after a while; nothing more is produced then.
    let before = -1;
    await vi.waitUntil(
      () => {
        const isSteady = fixture.agent.produced === before;
        before = fixture.agent.produced;
        return isSteady;
      },
      { interval: 100, timeout: 10_000 },
    );
    client.webSocket.terminate();
    await until(() => fixture.agent.open === 0);
  });

  it('says in the conversation what v5 cannot hear in the handshake', async () => {
    fixture.agent.refusal = { code: status.INTERNAL, details: 'container not found ("c")' };
    const client = await fixture.webSocket(execPath(['ls']), V5);
    await until(() => client.code !== undefined);
    expect(JSON.parse(client.on(3))).toMatchObject({
      status: 'Failure',
      reason: 'InternalError',
      message: 'Internal error occurred: unable to upgrade connection: container not found ("c")',
    });
    await expect(fixture.webSocket(execPath(['ls']), V4)).rejects.toThrow('500 container not found ("c")');
  });

  it('says why a program could not be started', async () => {
    const client = await fixture.webSocket(execPath(['missing']), V5);
    await until(() => client.code !== undefined);
    expect(JSON.parse(client.on(3)).message).toBe(
      'Internal error occurred: error executing command in container: failed to start exec',
    );
  });
});

describe('streams that are open', () => {
  it('are told when the agent of the node dies', async () => {
    const other = new FakeNodeAgent();
    await other.start();
    fixture.putNode('node-3', other.address);
    fixture.putPod('mortal', ['c'], { nodeName: 'node-3' });
    const client = await fixture.webSocket(execPath(['cat'], 'stdin=true&stdout=true', 'mortal'), V5);
    await until(() => client.messages.length > 0);
    other.stop();
    await until(() => client.code !== undefined);
    expect(JSON.parse(client.on(3)).message).toContain('the connection to the node was lost');
  });

  it('end with the server, which takes no more', async () => {
    const closing = await StreamingFixture.start();
    const path = execPath(['cat'], 'stdin=true&stdout=true');
    const [overWebSocket, overSpdy] = [await closing.webSocket(path, V5), await closing.spdy(path, V4)];
    const log = await closing.rest.watch(`${PODS}/one/log?follow=true`);
    await until(() => closing.agent.open === 3);
    const stopped = closing.stop();
    log.message.on('error', () => undefined).resume();
    await until(() => overWebSocket.code !== undefined && overSpdy.client.isOver && closing.agent.open === 0);
    await stopped;
  });

  it('are limited in number', () => {
    const streams = new OpenStreams();
    const closed: (() => void)[] = [];
    const exchange = {
      response: { on: (_event: string, over: () => void) => closed.push(over) },
      isClosing: () => false,
    } as unknown as Exchange;
    for (let index = 0; index < 1_000; index += 1) streams.add(exchange, () => undefined);
    expect(() => streams.add(exchange, () => undefined)).toThrow('too many streams into pods are open');
    closed[0]!();
    streams.add(exchange, () => undefined);
    expect(streams.size).toBe(1_000);
  });
});

describe('exec over SPDY', () => {
  it('runs the command on one stream each', async () => {
    const { client, protocol } = await fixture.spdy(execPath(['exit', '3']), [
      ...V5,
      ...V4,
      'channel.k8s.io',
    ]);
    expect(protocol).toBe('v4.channel.k8s.io');
    const [error, stdout, stderr] = ['error', 'stdout', 'stderr'].map((streamtype) =>
      client.open({ streamtype }),
    );
    await until(() => client.isOver);
    expect(client.text(stderr!)).toBe('bad\n');
    expect(client.text(stdout!)).toBe('');
    expect(JSON.parse(client.text(error!))).toEqual(EXIT_3);
    client.destroy();
  });

  it('passes on what is typed until its stream ends, and the size of the terminal', async () => {
    const { client } = await fixture.spdy(execPath(['cat'], 'stdin=true&stdout=true&tty=true'), V4);
    const [error, stdin, stdout, resize] = ['error', 'stdin', 'stdout', 'resize'].map((streamtype) =>
      client.open({ streamtype }),
    );
    client.data(resize!, '{"Width":120,');
    client.data(resize!, '"Height":40}\n');
    const data = Buffer.alloc(2_000_000, 'x');
    for (let from = 0; from < data.length; from += 32_768)
      client.data(stdin!, data.subarray(from, from + 32_768));
    client.data(stdin!, '', true);
    await until(() => client.isOver);
    expect(client.received(stdout!).equals(data)).toBe(true);
    expect(JSON.parse(client.text(error!))).toEqual(SUCCESS);
    await until(() => fixture.agent.sizes.includes('120x40'));
    client.destroy();
  });

  it('gives up a client that does not open its streams', async () => {
    const { client } = await fixture.spdy(execPath(['cat'], 'stdin=true&stdout=true'), V4);
    client.open({ streamtype: 'error' });
    await until(() => fixture.rest.connectionClock.pendingTimers > 0);
    await fixture.rest.connectionClock.advance(30_000);
    await until(() => client.isOver && fixture.agent.open === 0);
  });

  it('answers a refusal with the words of the kubelet', async () => {
    fixture.agent.refusal = { code: status.INTERNAL, details: 'container not found ("c")' };
    await expect(fixture.spdy(execPath(['ls']), V4)).rejects.toThrow('500 container not found ("c")');
  });

  it('needs a version that it knows', async () => {
    await expect(fixture.spdy(execPath(['ls']), ['v9.channel.k8s.io'])).rejects.toThrow(
      /403 .*unable to negotiate protocol: client supports \[v9/,
    );
  });

  it('ends with a client that goes', async () => {
    const { client } = await fixture.spdy(execPath(['cat'], 'stdin=true&stdout=true'), V4);
    for (const streamtype of ['error', 'stdin', 'stdout']) client.open({ streamtype });
    await until(() => fixture.agent.open === 1);
    client.destroy();
    await until(() => fixture.agent.open === 0);
  });
});

describe('what cannot be executed', () => {
  it.each([
    ['an unknown pod', execPath(['ls'], 'stdout=true', 'none'), '404 ', 'pods \\"none\\" not found'],
    ['one of several containers', execPath(['ls'], 'stdout=true', 'two'), '400 ', 'choose one of: [i a b]'],
    [
      'an unknown container',
      `${execPath(['ls'])}&container=z`,
      '400 ',
      'container z is not valid for pod one',
    ],
    [
      'a pod without a node',
      execPath(['ls'], 'stdout=true', 'waiting'),
      '400 ',
      'pod waiting does not have a host assigned',
    ],
    [
      'a pod on a node that is gone',
      execPath(['ls'], 'stdout=true', 'lost'),
      '404 ',
      'nodes \\"node-9\\" not found',
    ],
    ['nothing to connect', execPath(['ls'], 'tty=true'), '400 ', 'you must specify at least 1 of stdin'],
  ])('%s is refused as any other request is', async (_what, path, code, message) => {
    for (const ask of [() => fixture.spdy(path, V4), () => fixture.webSocket(path, V5)]) {
      const error = await ask().then(
        () => new Error('it was granted'),
        (refusal: Error) => refusal,
      );
      expect(error.message).toContain(code);
      expect(error.message).toContain(message);
      expect(error.message).toContain('"kind":"Status"');
    }
  });

  it('a request without an upgrade is told so', async () => {
    const answer = await fixture.rest.ask(execPath(['ls']));
    expect(answer.code).toBe(400);
    expect(answer.json()['message']).toBe('Upgrade request required');
  });

  it('a node agent that is away is told as an unreachable kubelet', async () => {
    fixture.putNode('node-2', '127.0.0.1:1');
    fixture.putPod('away', ['c'], { nodeName: 'node-2' });
    const path = execPath(['ls'], 'stdout=true', 'away');
    const words = 'error dialing backend: dial tcp 10.0.0.10:10250: connect: connection refused';
    await expect(fixture.spdy(path, V4)).rejects.toThrow(words);
    const client = await fixture.webSocket(path, V5);
    await until(() => client.code !== undefined);
    expect(JSON.parse(client.on(3)).message).toBe(`Internal error occurred: ${words}`);
  });

  it('strangers are refused before anything is granted', async () => {
    const answer = await fixture.rest.ask(execPath(['ls']), {
      as: 'nobody',
      headers: { Connection: 'Upgrade', Upgrade: 'websocket' },
    });
    expect(answer.code).toBe(401);
  });

  it('other paths pass over the wish to upgrade', async () => {
    const answer = await fixture.rest.ask('/version', {
      headers: { Connection: 'Upgrade', Upgrade: 'websocket' },
    });
    expect(answer.code).toBe(200);
  });
});
