/** Two apiservers over one store: whatever clients ask of either, they cannot tell that there is another. */

import { connect } from 'node:net';
import type { ConfigMap, ResourceQuota, Service } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';
import { succeeded } from '../support/command.ts';
import { freePort } from '../support/free-port.ts';
import { type SecondApiserver, startSecondApiserver } from '../support/second-apiserver.ts';
import { Wire } from '../support/wire.ts';

let cluster: TestCluster;
let second: SecondApiserver;
let wires: [Wire, Wire];

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 2, nodeAgents: 2 });
  second = await startSecondApiserver(cluster);
  wires = [Wire.of(cluster.kubeconfig), Wire.of(second.kubeconfig)];
});
afterAll(async () => {
  for (const wire of wires) wire.close();
  await second.stop();
  await cluster.remove();
});

const viaSecond = async (args: readonly string[], input?: string): Promise<string> =>
  succeeded(
    `kubectl ${args.join(' ')}`,
    await cluster.kubectl(args, {
      env: { KUBECONFIG: second.kubeconfig },
      ...(input === undefined ? {} : { input }),
    }),
  );

describe('what is written through one', () => {
  it('is read through the other at once, and changed there', async () => {
    await cluster.kubectlOk(['create', 'configmap', 'shared', '--from-literal=a=1']);
    expect(await viaSecond(['get', 'configmap', 'shared', '-o', 'jsonpath={.data.a}'])).toBe('1');
    await viaSecond(['patch', 'configmap', 'shared', '-p', '{"data":{"a":"2"}}']);
    const { data } = await cluster.get<ConfigMap>('configmap', 'shared');
    expect(data).toEqual({ a: '2' });
  });

  it('is told to those who watch the other, every event once and in order', async () => {
    const path = '/api/v1/namespaces/default/configmaps';
    const watches = await Promise.all(
      wires.map((wire) => wire.watch<ConfigMap>(`${path}?watch=true&resourceVersion=0`)),
    );
    const names = Array.from({ length: 20 }, (_, index) => `told-${String(index).padStart(2, '0')}`);
    for (const [index, name] of names.entries()) {
      await wires[index % 2]!.send('POST', path, { body: { metadata: { name } } });
    }
    for (const watch of watches) {
      const told: string[] = [];
      while (told.length < names.length) {
        const { type, object } = await watch.next();
        if (object.metadata.name.startsWith('told-')) told.push(`${type} ${object.metadata.name}`);
      }
      expect(told).toEqual(names.map((name) => `ADDED ${name}`));
      watch.close();
    }
  });
});

describe('what only one may have', () => {
  const through = (
    count: number,
    work: (wire: Wire, index: number) => Promise<unknown>,
  ): Promise<unknown[]> =>
    Promise.all(Array.from({ length: count }, (_, index) => work(wires[index % 2]!, index)));

  it('is given once: addresses and ports of Services', async () => {
    const services = (await through(20, async (wire, index) => {
      const spec = { type: 'NodePort', ports: [{ port: 80 }], selector: { app: 'web' } };
      const path = '/api/v1/namespaces/default/services';
      const body = { metadata: { name: `one-${index}` }, spec };
      return JSON.parse((await wire.send('POST', path, { body })).text) as Service;
    })) as Service[];
    expect(new Set(services.map(({ spec }) => spec.clusterIP)).size).toBe(20);
    expect(new Set(services.map(({ spec }) => spec.ports![0]!.nodePort)).size).toBe(20);
  });

  it('is taken once: what is left of a quota', async () => {
    await cluster.kubectlOk(['create', 'namespace', 'narrow']);
    await cluster.kubectlOk(['create', 'quota', 'five', '--hard=configmaps=5', '-n', 'narrow']);
    const used = await eventually('the quota is counted', async () => {
      const { status } = await cluster.get<ResourceQuota>('quota', 'five', '-n', 'narrow');
      return status?.used?.['configmaps'];
    });
    const path = '/api/v1/namespaces/narrow/configmaps';
    const codes = (await through(20, async (wire, index) => {
      return (await wire.send('POST', path, { body: { metadata: { name: `many-${index}` } } })).code;
    })) as number[];
    // The root certificate is there already, or else comes later and finds no room.
    const present = (await cluster.get<{ items: ConfigMap[] }>('configmaps', '-n', 'narrow')).items;
    expect(codes.filter((code) => code === 201).length).toBeGreaterThanOrEqual(5 - Number(used) - 1);
    expect(present).toHaveLength(5);
  });
});

describe('pods', () => {
  beforeAll(async () => {
    const container = { name: 'c', image: 'nginx' };
    for (const node of ['node-1', 'node-2']) {
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: `on-${node}` },
        spec: { nodeName: node, containers: [container] },
      };
      await viaSecond(['apply', '-f', '-'], JSON.stringify(pod));
    }
    await viaSecond(['wait', '--for=condition=Ready', 'pod/on-node-1', 'pod/on-node-2', '--timeout=60s']);
  });

  it.each(['node-1', 'node-2'])('on %s, of whatever agent, are reached through the second', async (node) => {
    const pod = `on-${node}`;
    expect(await viaSecond(['exec', pod, '--', 'hostname'])).toBe(`${pod}\n`);
    expect(await viaSecond(['exec', pod, '-i', '--', 'cat'], 'typed\n')).toBe('typed\n');
    await viaSecond(['exec', pod, '--', 'sh', '-c', 'wget -q -O /dev/null http://localhost']);
    expect(await viaSecond(['logs', pod])).toMatch(/"GET \/ HTTP\/1\.1" 200/);
    const port = await freePort();
    const forward = await cluster.startKubectl(['port-forward', pod, `${port}:80`], {
      env: { KUBECONFIG: second.kubeconfig },
    });
    try {
      await eventually('the port is forwarded', async () => forward.output.includes('Forwarding from'));
      const answer = await new Promise<string>((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => socket.write('HEAD / HTTP/1.0\r\n\r\n'));
        socket.once('data', (data) => {
          resolve(data.toString());
          socket.destroy();
        });
        socket.once('error', reject);
      });
      expect(answer).toMatch(/^HTTP\/1\.[01] 200 OK/);
    } finally {
      forward.stop();
    }
  });
});

it('the second serves on when the first is killed, and has what was promised', async () => {
  await cluster.kubectlOk(['create', 'configmap', 'promised']);
  await cluster.orreryOk('kill', 'apiserver');
  expect(await viaSecond(['get', 'configmap', 'promised', '-o', 'name'])).toBe('configmap/promised\n');
  await viaSecond(['create', 'configmap', 'meanwhile']);
  expect(await viaSecond(['exec', 'on-node-1', '--', 'hostname'])).toBe('on-node-1\n');
  await cluster.orreryOk('start', 'apiserver');
  expect(await cluster.kubectlOk(['get', 'configmap', 'meanwhile', '-o', 'name'])).toBe(
    'configmap/meanwhile\n',
  );
});
