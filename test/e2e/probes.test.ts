/** Probes and evictions on a whole cluster, with real kubectl, beside what the tutorials show of them (tutorials-probes.test.ts). */

import type { Event, Node, Pod } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';

/** Half a minute of a tutorial passes in a few seconds, and a probe has a quarter of a second for its second. */
const SPEED = 4;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 3, speed: SPEED });
});
afterAll(() => cluster.remove());

const kubectl = (...args: string[]): Promise<string> => cluster.kubectlOk(args);
const podNow = (name: string): Promise<Pod> => cluster.get<Pod>('pod', name);

/** Applies a pod of one container, and more of its spec and metadata. */
async function run(name: string, container: object, spec: object = {}, metadata: object = {}): Promise<void> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...metadata },
    spec: { containers: [{ name: 'main', ...container }], ...spec },
  };
  await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(pod) });
}

async function restartsOf(name: string): Promise<number> {
  return (await podNow(name)).status?.containerStatuses?.[0]?.restartCount ?? 0;
}

async function messagesOf(name: string): Promise<string[]> {
  const { items } = await cluster.get<{ items: Event[] }>(
    'events',
    '--field-selector',
    `involvedObject.name=${name}`,
  );
  return items.map(({ reason, message }) => `${reason}: ${message?.trimEnd()}`);
}

/** Node 2 is kept for those who fill it. */
const ELSEWHERE = { nodeName: 'node-1' };
const BUSYBOX = 'registry.k8s.io/busybox:1.27.2';

it('a probe finds an open port open, and a closed one closed', async () => {
  const tcpSocket = (port: number) => ({ tcpSocket: { port }, initialDelaySeconds: 5, periodSeconds: 5 });
  await run(
    'tcp',
    { image: 'nginx', readinessProbe: tcpSocket(80), livenessProbe: tcpSocket(81) },
    ELSEWHERE,
  );
  await eventually('a restart', async () => (await restartsOf('tcp')) > 0);
  const { status } = await podNow('tcp');
  expect(await messagesOf('tcp')).toContain(
    `Unhealthy: Liveness probe failed: dial tcp ${status?.podIP}:81: connect: connection refused`,
  );
});

describe('a pod that is ready', () => {
  it('stays so, without a gap, when its node agent is killed and started again', async () => {
    const probe = { httpGet: { port: 80 }, periodSeconds: 10 };
    await run('survivor', { image: 'nginx', readinessProbe: probe, startupProbe: probe }, ELSEWHERE);
    await kubectl('wait', '--for=condition=Ready', 'pod/survivor', '--timeout=30s');
    const readySince = async (): Promise<string | undefined> =>
      (await podNow('survivor')).status?.conditions?.find(
        ({ type, status }) => type === 'Ready' && status === 'True',
      )?.lastTransitionTime;
    const before = await readySince();
    expect(before).toBeDefined();
    await cluster.signal('node-agent', 'SIGKILL');
    await eventually('the new agent', async () =>
      (await cluster.processes()).some(({ name, restarts, ready }) => {
        return name === 'node-agent' && restarts > 0 && ready;
      }),
    );
    await eventually('an answer of the new agent', async () => {
      return (await cluster.kubectl(['exec', 'survivor', '--', 'true'])).code === 0;
    });
    expect(await readySince()).toBe(before);
    expect(await restartsOf('survivor')).toBe(0);
  });
});

describe('a node', () => {
  it('turns away a pod that has named it and does not fit', async () => {
    const resources = { requests: { cpu: '5' } };
    await run('too-large', { image: 'nginx', resources }, { nodeName: 'node-1' });
    await eventually('it is refused', async () => (await podNow('too-large')).status?.reason === 'OutOfcpu');
    expect(await kubectl('get', 'pod', 'too-large')).toContain('OutOfcpu');
  });

  it('that is short of memory says so, is not scheduled on, and evicts who uses more than it has asked for', async () => {
    const on = (node: string) => ({ nodeName: node });
    const using = (memory: string) => ({
      annotations: { 'orrery.dev/behavior': JSON.stringify({ main: { memory } }) },
    });
    const asking = { resources: { requests: { memory: '2Gi' } } };
    await run('modest', { image: 'example.com/app', ...asking }, on('node-2'), using('1Gi'));
    await run('hog', { image: 'example.com/app' }, on('node-2'), using('15300Mi'));
    await eventually('its eviction', async () => (await podNow('hog')).status?.reason === 'Evicted');
    const { status } = await podNow('hog');
    expect(status?.message).toBe(
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 60Mi. Container main was using 15300Mi, request is 0, has larger consumption of memory. ',
    );
    expect(status?.conditions?.find(({ type }) => type === 'DisruptionTarget')?.reason).toBe(
      'TerminationByKubelet',
    );
    expect((await podNow('modest')).status?.phase).toBe('Running');
    await eventually('the taint', async () => {
      const { spec, status: now } = await cluster.get<Node>('node', 'node-2');
      const pressure = now?.conditions?.find(({ type }) => type === 'MemoryPressure');
      const key = 'node.kubernetes.io/memory-pressure';
      return pressure?.status === 'True' && spec.taints?.some((taint) => taint.key === key);
    });
  });

  it('evicts a pod that fills an emptyDir beyond its limit', async () => {
    await run(
      'full',
      {
        image: BUSYBOX,
        command: ['sh', '-c', 'head -c 2000000 /dev/zero > /cache/file; sleep 600'],
        volumeMounts: [{ name: 'cache', mountPath: '/cache' }],
      },
      { volumes: [{ name: 'cache', emptyDir: { sizeLimit: '1Mi' } }] },
    );
    const status = await eventually('its eviction', async () => {
      const { status: now } = await podNow('full');
      return now?.phase === 'Failed' ? now : undefined;
    });
    expect([status.reason, status.message]).toEqual([
      'Evicted',
      'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ',
    ]);
  });
});
