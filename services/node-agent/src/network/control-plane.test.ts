import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { service, slice } from '../test-support/cluster-parts.ts';
import { NetworkUnderTest, readAll } from '../test-support/network-under-test.ts';
import { CONTROL_PLANE_ADDRESS, ControlPlaneClient } from './control-plane.ts';
import type { NetworkStack } from './network.ts';

const CLUSTER_PORT = 6_443;
let server: Server;
let client: ControlPlaneClient;
let pod: NetworkStack;
let net: NetworkUnderTest;

beforeEach(async () => {
  server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => socket.write(`heard ${data.toString()}`));
    socket.on('end', () => socket.end(', bye'));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  client = new ControlPlaneClient({ host: '127.0.0.1', port, clusterPort: CLUSTER_PORT });
  net = new NetworkUnderTest(undefined, undefined, client);
  pod = net.attach('a', '10.244.0.2');
  const kubernetes = service('kubernetes', {
    clusterIP: '10.96.0.1',
    clusterIPs: ['10.96.0.1'],
    ports: [{ name: 'https', port: 443 }],
  });
  net.services.put(kubernetes);
  net.slices.put(
    slice(kubernetes, [{ addresses: [CONTROL_PLANE_ADDRESS] }], [{ name: 'https', port: CLUSTER_PORT }]),
  );
});

afterEach(() => {
  client.close();
  server.close();
});

describe('the apiserver', () => {
  test.each([
    ['its Service', 'kubernetes', 443],
    ['the address of that', '10.96.0.1', 443],
    ['its own address', CONTROL_PLANE_ADDRESS, CLUSTER_PORT],
  ])('is reached by %s, both ways and to the end', async (_what, host, port) => {
    const connection = await pod.connect(host, port);
    connection.end('hello');
    expect(await readAll(connection)).toBe('heard hello, bye');
  });

  test('is on no other port', async () => {
    await expect(pod.connect(CONTROL_PLANE_ADDRESS, 22)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('refuses while it is away', async () => {
    await new Promise((resolve) => server.close(resolve));
    await expect(pod.connect('kubernetes', 443)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('that dies resets its connections', async () => {
    const accepted = once(server, 'connection');
    const connection = await pod.connect('kubernetes', 443);
    const [socket] = (await accepted) as [{ resetAndDestroy: () => void }];
    socket.resetAndDestroy();
    await expect(readAll(connection)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  test('loses the connections of pods that go', async () => {
    const accepted = once(server, 'connection');
    await pod.connect('kubernetes', 443);
    const [socket] = (await accepted) as [NodeJS.EventEmitter];
    const closed = once(socket, 'close');
    net.agent().detach('a');
    await closed;
  });
});
