/** What the document says of DaemonSets and StatefulSets, statement by statement, with real kubectl. */

import type { Node, PersistentVolumeClaim, Pod, Service, StatefulSet } from '@orrery/api/gen/types.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Chapter, isReady, namesOf } from '../support/chapter.ts';
import { eventually } from '../support/cluster.ts';

const NODES = 4;

let chapter: Chapter;

beforeAll(async () => {
  chapter = await Chapter.open(NODES);
});
afterAll(() => chapter.close());
beforeEach(() => chapter.begin());
afterEach(() => chapter.end());

const kubectl = (...args: string[]): Promise<string> => chapter.kubectl(...args);

describe('DaemonSet', () => {
  const MASTER = 'node-role.kubernetes.io/master';

  /** In the namespace of the statement, unlike the document's, so that it goes with it. */
  const fluentd = (change: (text: string) => string = (text) => text): Promise<string> =>
    chapter.apply('daemonset-fluentd.yaml', (text) => change(text.replace('  namespace: kube-system\n', '')));
  const rolledOut = (name = 'fluentd-elasticsearch'): Promise<string> =>
    kubectl('rollout', 'status', `ds/${name}`, '--timeout=60s');
  const nodesOf = (pods: readonly Pod[]): string[] => pods.map(({ spec }) => spec.nodeName ?? '').sort();
  const nodes = async (): Promise<string[]> => namesOf(await chapter.list<Node>('nodes'));

  it('runs a pod on all nodes', async () => {
    await fluentd();
    await rolledOut();
    expect(nodesOf(await chapter.readyPods(NODES))).toEqual(await nodes());
  });

  it('or on some of them', async () => {
    await kubectl('label', 'nodes', 'node-2', 'node-3', 'logs=kept');
    try {
      await fluentd((text) =>
        text.replace('      tolerations:', '      nodeSelector: {logs: kept}\n      tolerations:'),
      );
      await rolledOut();
      expect(nodesOf(await chapter.readyPods(2))).toEqual(['node-2', 'node-3']);
    } finally {
      await kubectl('label', 'nodes', 'node-2', 'node-3', 'logs-');
    }
  });

  it('adds one when a node joins, and takes it back when a node leaves', async () => {
    await fluentd();
    await chapter.readyPods(NODES);
    await chapter.cluster.orreryOk('nodes', String(NODES + 1));
    expect(nodesOf(await chapter.readyPods(NODES + 1))).toEqual(await nodes());
    await chapter.cluster.orreryOk('nodes', String(NODES));
    const left = await chapter.readyPods(NODES);
    expect(nodesOf(left)).toEqual(await nodes());
    expect(left).toHaveLength(NODES);
  });

  it('takes all pods that it has made along when it is deleted', async () => {
    await fluentd();
    await chapter.readyPods(NODES);
    await kubectl('delete', 'ds', 'fluentd-elasticsearch');
    await eventually('no pod is left', async () => (await chapter.list('pods')).length === 0);
  });

  it('goes to masters too when it tolerates their taint, as that of fluentd does', async () => {
    await kubectl('taint', 'nodes', 'node-1', `${MASTER}:NoSchedule`);
    try {
      await fluentd();
      await fluentd((text) =>
        text
          .replaceAll('fluentd-elasticsearch', 'workers-only')
          .replace(/ {6}tolerations:\n(?: {8}.*\n){2}/, ''),
      );
      await rolledOut();
      await rolledOut('workers-only');
      const pods = await chapter.readyPods(2 * NODES - 1);
      const of = (name: string): string[] =>
        nodesOf(pods.filter(({ metadata }) => metadata.labels?.['name'] === name));
      expect(of('fluentd-elasticsearch')).toEqual(await nodes());
      expect(of('workers-only')).toEqual((await nodes()).filter((name) => name !== 'node-1'));
    } finally {
      await kubectl('taint', 'nodes', 'node-1', `${MASTER}-`);
    }
  });

  it('collects what the node has: fluentd reads and writes its logs, and only reads those of its containers', async () => {
    await fluentd();
    const [pod] = await chapter.readyPods(NODES);
    const { name } = pod!.metadata;
    expect(pod!.spec).toMatchObject({
      terminationGracePeriodSeconds: 30,
      containers: [
        { resources: { limits: { memory: '200Mi' }, requests: { cpu: '100m', memory: '200Mi' } } },
      ],
    });
    await kubectl('exec', name, '--', 'sh', '-c', 'echo collected > /var/log/fluentd.log');
    await kubectl(
      'run',
      'onlooker',
      '--image=busybox',
      '--restart=Never',
      `--overrides=${JSON.stringify({
        spec: {
          nodeName: pod!.spec.nodeName,
          volumes: [{ name: 'log', hostPath: { path: '/var/log' } }],
          containers: [
            {
              name: 'onlooker',
              image: 'busybox',
              command: ['cat', '/var/log/fluentd.log'],
              volumeMounts: [{ name: 'log', mountPath: '/var/log' }],
            },
          ],
        },
      })}`,
    );
    await kubectl('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/onlooker', '--timeout=60s');
    expect(await kubectl('logs', 'onlooker')).toBe('collected\n');
    await expect(kubectl('exec', name, '--', 'touch', '/var/lib/docker/containers/x')).rejects.toThrow(
      'Read-only file system',
    );
  });

  it('may be one of several for the same daemon, for different hardware with different needs', async () => {
    await kubectl('label', 'nodes', 'node-1', 'node-2', 'hardware=big');
    await kubectl('label', 'nodes', 'node-3', 'node-4', 'hardware=small');
    try {
      for (const [hardware, cpu] of [
        ['big', '500m'],
        ['small', '50m'],
      ] as const) {
        await fluentd((text) =>
          text
            .replaceAll('fluentd-elasticsearch', `fluentd-${hardware}`)
            .replace('cpu: 100m', `cpu: ${cpu}`)
            .replace('      tolerations:', `      nodeSelector: {hardware: ${hardware}}\n      tolerations:`),
        );
      }
      const pods = await chapter.readyPods(NODES);
      const needs = pods.map(
        ({ spec }) => `${spec.nodeName} ${spec.containers[0]!.resources?.requests?.['cpu']}`,
      );
      expect(needs.sort()).toEqual(['node-1 500m', 'node-2 500m', 'node-3 50m', 'node-4 50m']);
    } finally {
      await kubectl('label', 'nodes', '--all', 'hardware-');
    }
  });
});

describe('StatefulSet', () => {
  const NAMES = ['kafka-0', 'kafka-1', 'kafka-2'];

  const pod = (name: string): Promise<Pod> => chapter.get<Pod>('pod', name);
  const rolledOut = (): Promise<string> => kubectl('rollout', 'status', 'sts/kafka', '--timeout=60s');
  const isGoing = async (name: string): Promise<boolean> =>
    (await pod(name)).metadata.deletionTimestamp !== undefined;

  /** Waits until there are just these pods. */
  const settlesTo = (...names: string[]): Promise<boolean> =>
    eventually(names.join(), async () => namesOf(await chapter.list<Pod>('pods')).join() === names.join());

  /** Until it is let go, a pod that was deleted stays. */
  const hold = (name: string): Promise<string> =>
    kubectl('patch', 'pod', name, '-p', '{"metadata":{"finalizers":["example.com/hold"]}}');
  const letGo = (name: string): Promise<string> =>
    kubectl('patch', 'pod', name, '-p', '{"metadata":{"finalizers":null}}');

  /** Three pods, each ready as soon as it runs. */
  async function kafka(): Promise<void> {
    await chapter.apply('statefulset-kafka.yaml', (text) =>
      text.replace(/ {10}# Ready as[^]*periodSeconds: 1\n/, ''),
    );
    await rolledOut();
  }

  /** What a container of this namespace prints. */
  async function printed(...command: string[]): Promise<string> {
    return kubectl(
      'run',
      'client',
      '--image=busybox',
      '-i',
      '--rm',
      '--restart=Never',
      '--quiet',
      '--',
      ...command,
    );
  }

  it('deploys and grows in order: the nth pod once those before it run and are ready', async () => {
    await chapter.apply('statefulset-kafka.yaml');
    const names = [...NAMES, 'kafka-3', 'kafka-4'];
    for (const [index, name] of names.entries()) {
      if (index === 3) await kubectl('scale', 'sts/kafka', '--replicas=5');
      await settlesTo(...names.slice(0, index + 1));
      await kubectl('wait', '--for=jsonpath={.status.phase}=Running', `pod/${name}`, '--timeout=60s');
      expect(isReady(await pod(name))).toBe(false);
      await kubectl('exec', name, '--', 'touch', '/var/lib/kafka/ready');
    }
    await rolledOut();
  });

  it('shrinks in order and gracefully: from the last, each gone before the next', async () => {
    await kafka();
    await hold('kafka-2');
    await kubectl('scale', 'sts/kafka', '--replicas=1');
    await eventually('kafka-2 is going', () => isGoing('kafka-2'));
    expect(await isGoing('kafka-1')).toBe(false);
    await letGo('kafka-2');
    await settlesTo('kafka-0');
  });

  it('gives each pod a name in the network that is its own and stays, whichever pod has it', async () => {
    await kafka();
    for (const name of NAMES) expect(await kubectl('exec', name, '--', 'hostname')).toBe(`${name}\n`);
    const before = await pod('kafka-1');
    await kubectl('delete', 'pod', 'kafka-1');
    const after = await eventually('the next kafka-1', async () => {
      const next = await pod('kafka-1');
      return next.metadata.uid !== before.metadata.uid && isReady(next) ? next : undefined;
    });
    expect(await kubectl('exec', 'kafka-1', '--', 'hostname')).toBe('kafka-1\n');
    await eventually('its name leads to it', async () =>
      (await printed('nslookup', 'kafka-1.kafka')).includes(after.status!.podIP!),
    );
  });

  it('keeps what each pod has stored in a claim of its own, which neither pod nor set takes along', async () => {
    await kafka();
    const claims = async (): Promise<string[]> => namesOf(await chapter.list<PersistentVolumeClaim>('pvc'));
    const own = NAMES.map((name) => `data-${name}`);
    expect(await claims()).toEqual(own);
    await kubectl('exec', 'kafka-2', '--', 'sh', '-c', 'echo stored > /var/lib/kafka/topic');
    const { uid } = (await pod('kafka-2')).metadata;
    await kubectl('delete', 'pod', 'kafka-2');
    await eventually('the next kafka-2', async () => {
      const next = await pod('kafka-2');
      return next.metadata.uid !== uid && isReady(next);
    });
    expect(await kubectl('exec', 'kafka-2', '--', 'cat', '/var/lib/kafka/topic')).toBe('stored\n');
    await kubectl('delete', 'sts', 'kafka');
    await eventually('no pod is left', async () => (await chapter.list('pods')).length === 0);
    expect(await claims()).toEqual(own);
    await kafka();
    expect(await kubectl('exec', 'kafka-2', '--', 'cat', '/var/lib/kafka/topic')).toBe('stored\n');
  });

  it('updates by itself and in order: from the last to the first, each ready before the next', async () => {
    await kafka();
    await hold('kafka-2');
    await kubectl('set', 'image', 'sts/kafka', 'kafka=apache/kafka:4.0.0');
    await eventually('kafka-2 is going', () => isGoing('kafka-2'));
    expect([await isGoing('kafka-1'), await isGoing('kafka-0')]).toEqual([false, false]);
    await letGo('kafka-2');
    await rolledOut();
    for (const name of NAMES) expect((await pod(name)).spec.containers[0]!.image).toBe('apache/kafka:4.0.0');
    const { status } = await chapter.get<StatefulSet>('sts', 'kafka');
    expect(status?.currentRevision).toBe(status?.updateRevision);
  });

  it('has to name a headless Service: without cluster IP, its name stands for all its pods', async () => {
    await kafka();
    const { spec } = await chapter.get<Service>('svc', 'kafka');
    expect(spec.clusterIP).toBe('None');
    expect((await chapter.get<StatefulSet>('sts', 'kafka')).spec.serviceName).toBe('kafka');
    const ips = await Promise.all(NAMES.map(async (name) => (await pod(name)).status!.podIP!));
    await eventually('the name stands for all', async () => {
      const answer = await printed('nslookup', 'kafka');
      return ips.every((ip) => answer.includes(ip));
    });
  });

  /** The document names the third `kafka-3.kafka`; ordinals begin with 0, so that it is `kafka-2.kafka`. */
  it('gives each pod a DNS name of the form $(podname).$(headless service name), to be written into configurations', async () => {
    await kafka();
    for (const name of NAMES) {
      const ip = (await pod(name)).status!.podIP!;
      await eventually(`${name}.kafka`, async () =>
        (await printed('nslookup', `${name}.kafka`)).includes(ip),
      );
    }
    await expect(printed('nslookup', 'kafka-3.kafka')).rejects.toThrow("can't resolve 'kafka-3.kafka'");
    const brokers = NAMES.map((name) => `${name}.kafka`);
    const script = `for broker in ${brokers.join(' ')}; do nc -z $broker 9092 && echo "$broker serves"; done`;
    expect(await printed('sh', '-c', script)).toBe(brokers.map((each) => `${each} serves\n`).join(''));
  });
});
