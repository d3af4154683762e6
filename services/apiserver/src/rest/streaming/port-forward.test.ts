import { createWebSocketStream } from 'ws';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { SpdyClient } from './test-support/spdy-client.ts';
import { PODS, StreamingFixture } from './test-support/streaming-fixture.ts';

let fixture: StreamingFixture;

beforeAll(async () => {
  fixture = await StreamingFixture.start();
});
afterAll(() => fixture.stop());

const until = (what: () => boolean): Promise<boolean> => vi.waitUntil(what, { interval: 2, timeout: 5_000 });
const PATH = `${PODS}/one/portforward`;
const TUNNEL = 'SPDY/3.1+portforward.k8s.io';

async function tunnel(): Promise<SpdyClient> {
  const { webSocket, protocol } = await fixture.webSocket(PATH, [TUNNEL]);
  expect(protocol).toBe(TUNNEL);
  return new SpdyClient(createWebSocketStream(webSocket));
}

async function plain(): Promise<SpdyClient> {
  const { client, protocol } = await fixture.spdy(PATH, ['portforward.k8s.io']);
  expect(protocol).toBe('portforward.k8s.io');
  return client;
}

function openPair(client: SpdyClient, port: number, requestid: string): { error: number; data: number } {
  return {
    error: client.open({ streamtype: 'error', port: String(port), requestid }),
    data: client.open({ streamtype: 'data', port: String(port), requestid }),
  };
}

describe.each([
  ['SPDY', plain],
  ['SPDY in a WebSocket', tunnel],
])('port-forward over %s', (_name, connect) => {
  it('carries several connections at once, each to its port', async () => {
    const client = await connect();
    const pairs = ['0', '1', '2'].map((id) => openPair(client, 80, id));
    for (const [index, { data }] of pairs.entries()) client.data(data, `hello ${index}`, true);
    await until(() => pairs.every(({ data, error }) => client.isFinished(data) && client.isFinished(error)));
    expect(pairs.map(({ data }) => client.text(data))).toEqual(['HELLO 0', 'HELLO 1', 'HELLO 2']);
    expect(pairs.map(({ error }) => client.text(error))).toEqual(['', '', '']);
    client.destroy();
    await until(() => fixture.agent.open === 0);
  });

  it('says why a connection failed, and keeps the others', async () => {
    const client = await connect();
    const [refused, fine] = [openPair(client, 81, '0'), openPair(client, 80, '1')];
    await until(() => client.isFinished(refused.error));
    expect(client.text(refused.error)).toContain('error forwarding port 81 to pod one, uid uid-one: ');
    expect(client.text(refused.error)).toContain('connect: connection refused');
    client.data(fine.data, 'still here', true);
    await until(() => client.isFinished(fine.data));
    expect(client.text(fine.data)).toBe('STILL HERE');
    client.destroy();
  });

  it('ends its connections with the client', async () => {
    const client = await connect();
    openPair(client, 80, '0');
    await until(() => fixture.agent.open === 1);
    client.destroy();
    await until(() => fixture.agent.open === 0);
  });

  it('does not wait for ever for the second stream of a pair', async () => {
    const client = await connect();
    const error = client.open({ streamtype: 'error', port: '80', requestid: '0' });
    await until(() => fixture.rest.connectionClock.pendingTimers > 0);
    await fixture.rest.connectionClock.advance(30_000);
    await until(() => client.of('rstStream').some(({ streamId }) => streamId === error));
    client.destroy();
  });
});

describe('port-forward over the channels of a WebSocket', () => {
  it('has two channels for each port, which name it first', async () => {
    const client = await fixture.webSocket(`${PATH}?ports=80&ports=81`, ['v4.channel.k8s.io']);
    client.send(0, 'hello');
    await until(() => client.on(0).length === 2 + 5 && client.on(3).length > 2);
    const first = client.messages.find(([channel]) => channel === 0);
    expect(first).toEqual(Buffer.of(0, 80, 0));
    expect(client.on(0).slice(2)).toBe('HELLO');
    expect(client.on(3).slice(2)).toContain('error forwarding port 81');
    client.webSocket.terminate();
    await until(() => fixture.agent.open === 0);
  });

  it.each([
    ['', 'query parameter "port" is required'],
    ['?ports=x', 'unable to parse "x" as a port'],
    ['?ports=0', 'port "0" must be > 0'],
  ])('refuses %j', async (query, message) => {
    await expect(fixture.webSocket(`${PATH}${query}`, ['v4.channel.k8s.io'])).rejects.toThrow(
      JSON.stringify(message).slice(1, -1),
    );
  });
});

describe('port-forward to a node agent that is away', () => {
  it('is refused as an unreachable kubelet', async () => {
    fixture.putNode('node-2', '127.0.0.1:1');
    fixture.putPod('away', ['c'], { nodeName: 'node-2' });
    const asked = fixture.spdy(`${PODS}/away/portforward`, ['portforward.k8s.io']);
    await expect(asked).rejects.toThrow('error dialing backend: dial tcp 10.0.0.10:10250');
  }, 10_000);
});
