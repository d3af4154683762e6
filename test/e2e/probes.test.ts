/** Probes, lifecycle hooks, last words and evictions, as the Kubernetes documentation shows them, with real kubectl. */

import type { EndpointSlice, Event, Node, Pod } from '@orrery/api/gen/types.ts';
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

const BUSYBOX = 'registry.k8s.io/busybox:1.27.2';
const AGNHOST = 'registry.k8s.io/e2e-test-images/agnhost:2.40';

describe('the tutorial on probes', () => {
  it('restarts a container whose command fails, once its file is gone', async () => {
    await run('liveness-exec', {
      image: BUSYBOX,
      args: ['/bin/sh', '-c', 'touch /tmp/healthy; sleep 30; rm -f /tmp/healthy; sleep 600'],
      livenessProbe: { exec: { command: ['cat', '/tmp/healthy'] }, initialDelaySeconds: 5, periodSeconds: 5 },
    });
    await eventually('a restart', async () => (await restartsOf('liveness-exec')) > 0);
    const messages = await messagesOf('liveness-exec');
    expect(messages).toContain(
      "Unhealthy: Liveness probe failed: cat: can't open '/tmp/healthy': No such file or directory",
    );
    expect(messages).toContain('Killing: Container main failed liveness probe, will be restarted');
  });

  it('restarts a container whose server answers 500', async () => {
    const httpHeaders = [{ name: 'Custom-Header', value: 'Awesome' }];
    await run('liveness-http', {
      image: AGNHOST,
      args: ['liveness'],
      livenessProbe: {
        httpGet: { path: '/healthz', port: 8080, httpHeaders },
        initialDelaySeconds: 3,
        periodSeconds: 3,
      },
    });
    await eventually('a restart', async () => (await restartsOf('liveness-http')) > 0);
    expect(await messagesOf('liveness-http')).toContain(
      'Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500',
    );
  });

  it('finds an open port open, and a closed one closed', async () => {
    const tcpSocket = (port: number) => ({ tcpSocket: { port }, initialDelaySeconds: 5, periodSeconds: 5 });
    await run('tcp', { image: 'nginx', readinessProbe: tcpSocket(80), livenessProbe: tcpSocket(81) });
    await eventually('a restart', async () => (await restartsOf('tcp')) > 0);
    const { status } = await podNow('tcp');
    expect(await messagesOf('tcp')).toContain(
      `Unhealthy: Liveness probe failed: dial tcp ${status?.podIP}:81: connect: connection refused`,
    );
  });

  it('moves a pod into and out of its Service with its readiness', async () => {
    await run(
      'ready',
      {
        image: BUSYBOX,
        args: ['/bin/sh', '-c', 'sleep 600'],
        readinessProbe: { exec: { command: ['cat', '/tmp/ready'] }, periodSeconds: 1, failureThreshold: 1 },
      },
      {},
      { labels: { app: 'ready' } },
    );
    await kubectl('expose', 'pod', 'ready', '--port=80');
    const isReady = async (): Promise<boolean> => {
      const slices = await cluster.get<{ items: EndpointSlice[] }>(
        'endpointslices',
        '-l',
        'kubernetes.io/service-name=ready',
      );
      return slices.items.some(({ endpoints }) =>
        endpoints?.some(({ conditions }) => conditions?.ready === true),
      );
    };
    await eventually('it runs', async () => (await podNow('ready')).status?.phase === 'Running');
    expect(await isReady()).toBe(false);
    await kubectl('exec', 'ready', '--', 'touch', '/tmp/ready');
    await eventually('it is in', isReady);
    await kubectl('exec', 'ready', '--', 'rm', '/tmp/ready');
    await eventually('it is out', async () => !(await isReady()));
  });
});

describe('a pod that is ready', () => {
  it('stays so, without a gap, when its node agent is killed and started again', async () => {
    const probe = { httpGet: { port: 80 }, periodSeconds: 10 };
    await run('survivor', { image: 'nginx', readinessProbe: probe, startupProbe: probe });
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

describe('the tutorial on lifecycle hooks', () => {
  it('runs a command after the start, and one before the end', async () => {
    const postStart = {
      exec: { command: ['/bin/sh', '-c', 'echo Hello from the postStart handler > /usr/share/message'] },
    };
    const preStop = { exec: { command: ['/bin/sh', '-c', 'sleep 2'] } };
    await run('lifecycle-demo', { image: 'nginx', lifecycle: { postStart, preStop } });
    await kubectl('wait', '--for=condition=Ready', 'pod/lifecycle-demo', '--timeout=30s');
    expect(await kubectl('exec', 'lifecycle-demo', '--', 'cat', '/usr/share/message')).toBe(
      'Hello from the postStart handler\n',
    );
    await kubectl('delete', 'pod', 'lifecycle-demo');
    expect(await messagesOf('lifecycle-demo')).toContain('Killing: Stopping container main');
  });

  it('does not let a container live whose postStart hook fails', async () => {
    await run('broken-hook', {
      image: 'nginx',
      lifecycle: { postStart: { exec: { command: ['/bin/false'] } } },
    });
    await eventually('it is killed', async () => {
      const messages = await messagesOf('broken-hook');
      return ['FailedPostStartHook: PostStartHook failed', 'Killing: FailedPostStartHook'].every((each) =>
        messages.includes(each),
      );
    });
  });
});

describe('the tutorial on termination messages', () => {
  it.each([
    ['what a container has left', {}, 'Sleep expired\n'],
    ['what a container has printed', { terminationMessagePolicy: 'FallbackToLogsOnError' }, 'oh no\n'],
  ])('shows %s', async (_what, policy, message) => {
    const name = `termination-${Object.keys(policy).length}`;
    const script =
      message === 'oh no\n' ? 'echo oh no; exit 1' : 'sleep 10 && echo Sleep expired > /dev/termination-log';
    await run(
      name,
      { image: 'debian', command: ['/bin/sh', '-c', script], ...policy },
      { restartPolicy: 'Never' },
    );
    const terminated = await eventually(
      'its end',
      async () => (await podNow(name)).status?.containerStatuses?.[0]?.state?.terminated,
    );
    expect(terminated.message).toBe(message);
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
