/** The network of pods whose nodes are spread over two node agents. */

import { credentials, type ServiceError } from '@grpc/grpc-js';
import type { Node, Pod, Service } from '@orrery/api/gen/types.ts';
import { type DialOpen, type DialOutput, PodNetworkClient } from '@orrery/proto/orrery/node_agent.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';

const ADDRESS_ANNOTATION = 'orrery.dev/node-agent-address';

let cluster: TestCluster;

const pod = (name: string, node: string, container: object, more: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: {
    nodeName: node,
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'main', ...container }],
    ...more,
  },
});

const service = (name: string, spec: object): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec,
});

const AGNHOST = 'registry.k8s.io/e2e-test-images/agnhost:2.53';

const objects = [
  pod('web', 'node-1', { image: 'nginx', ports: [{ name: 'http', containerPort: 80, hostPort: 8080 }] }),
  pod('named', 'node-1', { image: 'nginx' }, { hostname: 'first', subdomain: 'set' }),
  pod('client', 'node-2', { image: AGNHOST, args: ['pause'] }),
  pod('shell', 'node-2', { image: 'busybox', command: ['sleep', '3600'] }),
  service('web', {
    type: 'NodePort',
    selector: { app: 'web' },
    ports: [{ port: 8000, targetPort: 'http', nodePort: 30_080 }],
  }),
  service('set', { clusterIP: 'None', selector: { app: 'named' } }),
  service('empty', { selector: { app: 'nobody' }, ports: [{ port: 80 }] }),
];

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 2, nodeAgents: 2 });
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  await cluster.kubectlOk(['apply', '-f', '-'], { input });
  await cluster.kubectlOk(['wait', 'pod', '--all', '--for=condition=Ready', '--timeout=60s']);
});
afterAll(() => cluster.remove());

/** What a pod of the second agent is told when it connects: nothing when the connection stands. */
async function connect(target: string): Promise<string> {
  const { stdout, stderr } = await cluster.kubectl([
    'exec',
    'client',
    '--',
    '/agnhost',
    'connect',
    '--timeout=5s',
    target,
  ]);
  return `${stdout}${stderr}`.split('\n')[0] ?? '';
}

async function agentOf(name: string): Promise<string> {
  const node = await cluster.get<Node>('node', name);
  return node.metadata.annotations?.[ADDRESS_ANNOTATION] ?? '';
}

/** What comes back for a request of HTTP over a connection that the agent itself is asked for. */
async function dial(address: string, open: Partial<DialOpen>): Promise<string> {
  const client = new PodNetworkClient(address, credentials.createInsecure());
  const call = client.dial();
  call.write({
    input: { $case: 'open', open: { ip: '', port: 80, fromIp: '10.0.0.11', podUid: '', ...open } },
  });
  call.write({ input: { $case: 'data', data: Buffer.from('GET / HTTP/1.0\r\n\r\n') } });
  let text = '';
  try {
    for await (const { data } of call as AsyncIterable<DialOutput>) text += data.toString();
    return text;
  } catch (error) {
    return (error as ServiceError).details;
  } finally {
    client.close();
  }
}

describe('a pod of one agent', () => {
  it('has a node with an address of its own and another agent than the other', async () => {
    const pods = await cluster.get<{ items: Pod[] }>('pods');
    const ips = Object.fromEntries(pods.items.map(({ metadata, status }) => [metadata.name, status?.podIP]));
    expect(ips).toMatchObject({ client: '10.244.1.2' });
    expect(ips['web']).toMatch(/^10\.244\.0\./);
    expect(await agentOf('node-1')).not.toBe(await agentOf('node-2'));
  });

  it.each([
    ['the name of a Service', 'web:8000'],
    ['its full name', 'web.default.svc.cluster.local:8000'],
    ['a port of the other node', '10.0.0.10:30080'],
    ['a port of its own node', '10.0.0.11:30080'],
    ['a hostPort', '10.0.0.10:8080'],
    ['a headless Service', 'set:80'],
    ['a pod of a headless Service', 'first.set:80'],
  ])('reaches the other’s by %s', async (_what, target) => {
    await eventually(`a connection to ${target}`, async () => (await connect(target)) === '');
  });

  it.each([
    ['a port that nobody has', 'web:8001', 'REFUSED'],
    ['a Service without endpoints', 'empty:80', 'REFUSED'],
    ['a name that nobody has', 'nobody:80', 'DNS'],
    ['the world outside', 'example.com:80', 'DNS'],
  ])('does not reach %s', async (_what, target, said) => {
    expect(await connect(target)).toBe(said);
  });
});

describe('a shell in a pod of one agent', () => {
  const run = (command: string): Promise<string> =>
    cluster.kubectlOk(['exec', 'shell', '--', ...command.split(' ')]);

  it('gets the page of a server of the other', async () => {
    expect(await run('wget -q -O- http://web:8000')).toContain('Welcome to nginx');
  });

  it('finds the addresses behind names', async () => {
    const { status } = await cluster.get<Pod>('pod', 'named');
    const { spec } = await cluster.get<Service>('service', 'web');
    expect(await run('nslookup web')).toContain(spec.clusterIP);
    expect(await run('nslookup first.set.default.svc.cluster.local')).toContain(status?.podIP);
    expect(await run('nslookup kubernetes.default')).toContain('10.96.0.1');
  });
});

describe('of two containers that want one port', () => {
  it.each([
    ['of their pod', 'pods-own', {}],
    ['of their node', 'host', { hostNetwork: true }],
  ])('%s the second fails with the words of its program', async (_what, name, more) => {
    const server = { image: 'nginx' };
    const containers = [
      { ...server, name: 'main' },
      { ...server, name: 'late', command: ['sh', '-c', 'sleep 1; exec nginx -g "daemon off;"'] },
    ];
    const twice = pod(name, 'node-2', server, { ...more, restartPolicy: 'Never', containers });
    await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(twice) });
    await eventually('the end of the second', async () => {
      const { status } = await cluster.get<Pod>('pod', name);
      const states = status?.containerStatuses?.map(({ name: of, state }) => [
        of,
        state?.terminated?.exitCode,
      ]);
      return (
        JSON.stringify(states) ===
        JSON.stringify([
          ['late', 1],
          ['main', null],
        ])
      );
    });
    expect(await cluster.kubectlOk(['logs', name, '-c', 'late'])).toContain('Address already in use');
  });
});

describe('an agent', () => {
  it('takes connections to its own pods, and to no others', async () => {
    const { metadata, status } = await cluster.get<Pod>('pod', 'web');
    const own = await agentOf('node-1');
    expect(await dial(own, { ip: status!.podIP! })).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(await dial(own, { podUid: metadata.uid })).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(await dial(own, { podUid: metadata.uid, port: 81 })).toBe('connection refused');
    const other = await agentOf('node-2');
    expect(await dial(other, { ip: status!.podIP! })).toBe('no route to host');
    expect(await dial(other, { podUid: metadata.uid })).toBe('no route to host');
  });

  it('that was killed has its pods and their connections back; those of the other do not notice', async () => {
    const before = await cluster.get<Pod>('pod', 'web');
    const untouched = await cluster.get<Pod>('pod', 'shell');
    await cluster.orreryOk('kill', 'node-agent-0');
    expect(await connect('web:8000')).not.toBe('');
    expect(await cluster.kubectlOk(['exec', 'shell', '--', 'hostname'])).toBe('shell\n');
    expect((await cluster.get<Pod>('pod', 'shell')).status).toEqual(untouched.status);
    await cluster.orreryOk('start', 'node-agent-0');
    await eventually('a connection', async () => (await connect('web:8000')) === '');
    const after = await cluster.get<Pod>('pod', 'web');
    expect(after.metadata.uid).toBe(before.metadata.uid);
    expect(after.status?.containerStatuses?.[0]?.restartCount).toBe(0);
  });
});
