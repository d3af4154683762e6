import { credentials } from '@grpc/grpc-js';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import {
  type ListContainersResponse,
  type ListPodSandboxResponse,
  RuntimeClient,
} from '@orrery/proto/orrery/runtime.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AddressRange } from './addresses.ts';
import { type GrpcServer, serveGrpc } from '../grpc-server.ts';
import { runtimeService } from './grpc.ts';
import { SimulatedImages } from './images.ts';
import { SimulatedRuntime } from './simulated.ts';
import { containerConfigFor, runtimeParts, sandboxConfigFor } from '../test-support/runtime-parts.ts';

// A clock that runs at another rate shows fractions of milliseconds.
const clock = new ManualClock(1_767_225_600_000.25);
const range = new AddressRange('10.244.0');
const runtime = new SimulatedRuntime({
  clock,
  images: new SimulatedImages({ clock, pullTimeMs: () => 0 }),
  sandboxStartMs: 0,
  containerStartMs: 0,
  ...runtimeParts(),
  addresses: () => ({ hostIp: '10.0.0.10', range }),
  onChange: () => undefined,
});
let server: GrpcServer;
let client: RuntimeClient;

beforeAll(async () => {
  server = await serveGrpc([runtimeService(runtime)], { bind: '127.0.0.1', port: 0 });
  client = new RuntimeClient(`127.0.0.1:${server.port}`, credentials.createInsecure());
  const context = { signal: new AbortController().signal, onWait: () => undefined };
  for (const node of ['node-1', 'node-2']) {
    const sandbox = sandboxConfigFor(`uid-${node}`, { node, name: `on-${node}` });
    const { id } = await runtime.runPodSandbox(sandbox, context);
    const config = containerConfigFor('web', { image: 'web', attempt: 2 });
    const container = await runtime.createContainer(id, config);
    await runtime.startContainer(container.id, context);
  }
});

afterAll(() => {
  client.close();
  server.close();
});

function listPodSandbox(node: string): Promise<ListPodSandboxResponse> {
  return new Promise((resolve, reject) => {
    client.listPodSandbox({ node }, (error, response) =>
      error === null ? resolve(response) : reject(error),
    );
  });
}

function listContainers(node: string, podSandboxId: string): Promise<ListContainersResponse> {
  return new Promise((resolve, reject) => {
    client.listContainers({ node, podSandboxId }, (error, response) =>
      error === null ? resolve(response) : reject(error),
    );
  });
}

test('sandboxes are listed over gRPC, of all nodes or of one', async () => {
  expect((await listPodSandbox('')).items.map(({ node }) => node)).toEqual(['node-1', 'node-2']);
  expect((await listPodSandbox('node-2')).items).toEqual([
    {
      id: runtime.listPodSandbox({ node: 'node-2' })[0]!.id,
      node: 'node-2',
      namespace: 'default',
      name: 'on-node-2',
      uid: 'uid-node-2',
      attempt: 0,
      state: 'SANDBOX_READY',
      ip: '10.244.0.3',
      createdAtMs: 1_767_225_600_000,
    },
  ]);
  expect((await listPodSandbox('node-9')).items).toEqual([]);
});

test('containers are listed over gRPC, of all nodes, of one, or of a sandbox', async () => {
  const [first, second] = (await listPodSandbox('')).items;
  expect((await listContainers('', '')).items).toHaveLength(2);
  const [container] = runtime.listContainers({ podSandboxId: second!.id });
  const expected = {
    id: container!.id,
    podSandboxId: second!.id,
    name: 'web',
    attempt: 2,
    image: 'web',
    state: 'CONTAINER_RUNNING',
    createdAtMs: 1_767_225_600_000,
    startedAtMs: 1_767_225_600_000,
    finishedAtMs: undefined,
    exitCode: undefined,
    reason: undefined,
  };
  expect((await listContainers('node-2', '')).items).toEqual([expected]);
  expect((await listContainers('', second!.id)).items).toEqual([expected]);
  expect((await listContainers('node-2', first!.id)).items).toEqual([]);
});

test('a port that is taken is refused', async () => {
  await expect(
    serveGrpc([runtimeService(runtime)], { bind: '127.0.0.1', port: server.port }),
  ).rejects.toThrow(/EADDRINUSE|No address added/);
});
