import { type ClientDuplexStream, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { settle } from '@orrery/kit/manual-clock.ts';
import { type DialInput, type DialOutput, PodNetworkClient } from '@orrery/proto/orrery/node_agent.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type GrpcServer, serveGrpc } from '../grpc-server.ts';
import { bodyOf, echo, NetworkUnderTest, readAll, says } from '../test-support/network-under-test.ts';
import { DialClient } from './dial-client.ts';
import { podNetworkService } from './dial-server.ts';
import type { NetworkStack } from './network.ts';

const WEB = '10.244.2.2';
let net: NetworkUnderTest;
let web: NetworkStack;
let client: NetworkStack;
let server: GrpcServer;
let address: string;
const peers = new DialClient();

beforeAll(async () => {
  // The agents come and go with the tests, their port stays.
  const network = {
    accept: (...args: Parameters<ReturnType<NetworkUnderTest['agent']>['accept']>) =>
      net.agent(address).accept(...args),
  };
  server = await serveGrpc([podNetworkService(network)], { bind: '127.0.0.1', port: 0 });
  address = `127.0.0.1:${server.port}`;
});

afterAll(() => {
  peers.close();
  server.close();
});

beforeEach(() => {
  net = new NetworkUnderTest(
    { 'agent-0': ['node-1', 'node-2'], [address]: ['node-3'], '127.0.0.1:1': ['node-4'] },
    peers,
  );
  web = net.attach('web', WEB, { node: 'node-3' });
  client = net.attach('client', '10.244.0.2');
});

describe('a pod of another agent', () => {
  test('is reached by bytes, with a FIN from either side', async () => {
    web.listen(80, echo);
    const connection = await client.connect(WEB, 80);
    connection.write('hello ');
    connection.end('there');
    expect(await readAll(connection)).toBe('hello there');
    web.listen(81, { accept: (far) => void far.end('welcome') });
    expect(await readAll(await client.connect(WEB, 81))).toBe('welcome');
  });

  test('is reached by HTTP, and sees who asks', async () => {
    web.listen(80, {
      http: ({ remoteAddress, body }) => ({ status: 200, body: `${remoteAddress} ${body.length}` }),
    });
    const ask = { method: 'POST', target: '/', body: Buffer.alloc(8 * 1024 * 1024) };
    expect(await bodyOf(client.request(WEB, 80, ask))).toBe(`10.244.0.2 ${ask.body.length}`);
  });

  test.each([
    ['closed port', WEB, 'ECONNREFUSED'],
    ['address that nobody has', '10.244.2.9', 'EHOSTUNREACH'],
    ['agent that is not there', '10.244.3.9', 'EHOSTUNREACH'],
  ])('fails as one of this agent: %s', async (_what, ip, code) => {
    await expect(client.connect(ip, 80)).rejects.toMatchObject({ code });
  });

  test('resets its connections when it ends, and feels the reset of others', async () => {
    for (const [agent, dead] of [
      [address, 'web'],
      ['agent-0', 'client'],
    ] as const) {
      const far: Promise<string>[] = [];
      web.listen(80, { accept: (connection) => void far.push(readAll(connection)) });
      const near = readAll(await client.connect(WEB, 80));
      const outcomes = Promise.allSettled([near, ...far]);
      net.agent(agent).detach(dead);
      for (const each of await outcomes)
        expect(each).toMatchObject({ status: 'rejected', reason: { code: 'ECONNRESET' } });
      web = net.attach('web', WEB, { node: 'node-3' });
    }
  });

  test('that does not read holds back who writes', async () => {
    const far = Promise.withResolvers<NodeJS.ReadableStream>();
    web.listen(80, { accept: (connection) => far.resolve(connection) });
    const connection = await client.connect(WEB, 80);
    let written = 0;
    const chunk = Buffer.alloc(64 * 1024);
    const write = (): void => {
      if (written < 16 * 1024 * 1024) {
        connection.write(chunk, () => {
          written += chunk.length;
          write();
        });
      } else connection.end();
    };
    write();
    let before = -1;
    while (written !== before) {
      before = written;
      for (let turn = 0; turn < 50; turn += 1) await settle();
    }
    expect(written).toBeLessThan(8 * 1024 * 1024);
    let read = 0;
    for await (const each of await far.promise) read += each.length;
    expect(read).toBe(16 * 1024 * 1024);
  });

  test('is a node with its ports', async () => {
    net.attach('host', '10.0.0.12', { node: 'node-3', hostNetwork: true }).listen(9100, says('node-3'));
    expect(await bodyOf(client.request('10.0.0.12', 9100, { target: '/' }))).toBe('node-3');
  });
});

describe('a port-forward', () => {
  let grpc: PodNetworkClient;
  beforeAll(() => (grpc = new PodNetworkClient(address, credentials.createInsecure())));
  afterAll(() => grpc.close());

  function dial(podUid: string, port: number): ClientDuplexStream<DialInput, DialOutput> {
    const call = grpc.dial();
    call.write({ input: { $case: 'open', open: { ip: '', port, fromIp: '', podUid } } });
    return call;
  }

  function failureOf(call: ClientDuplexStream<DialInput, DialOutput>): Promise<ServiceError> {
    return new Promise((resolve) => call.on('error', resolve).resume());
  }

  test('reaches the localhost of the pod', async () => {
    web.listen(80, says('hello'), { host: '127.0.0.1' });
    const call = dial('web', 80);
    call.write({ input: { $case: 'data', data: Buffer.from('GET / HTTP/1.0\r\n\r\n') } });
    const messages: string[] = [];
    for await (const { data } of call as AsyncIterable<DialOutput>) messages.push(data.toString());
    expect(messages[0]).toBe('');
    expect(messages.join('')).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nhello$/s);
  });

  test('is told what is wrong', async () => {
    expect(await failureOf(dial('web', 81))).toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: 'connection refused',
    });
    expect(await failureOf(dial('other', 80))).toMatchObject({
      code: status.NOT_FOUND,
      details: 'no route to host',
    });
    const call = grpc.dial();
    call.write({ input: { $case: 'data', data: Buffer.from('hello') } });
    expect(await failureOf(call)).toMatchObject({ code: status.INVALID_ARGUMENT });
  });
});

test('what is not wanted any more leaves nothing behind', async () => {
  web.listen(80, { http: () => new Promise<never>(() => undefined) });
  const unwanted = new AbortController();
  const asked = client.request(WEB, 80, { target: '/' }, { signal: unwanted.signal });
  unwanted.abort(new Error('enough'));
  await expect(asked).rejects.toThrow('enough');
  expect(net.clock.pendingTimers).toBe(0);
});
