/** Groups of nodes that grow, shrink, vanish and come back, while a Deployment stays what it is; and controllers turned off. */

import { join } from 'node:path';
import type { Deployment, EndpointSlice, Node, Pod } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';

/** Silence, eviction and the collection of pods pass in seconds. */
const SPEED = 20;
const REPLICAS = 8;
/** How long the Deployment's pods stand a node that does not answer. */
const TOLERATION_SECONDS = 20;

let cluster: TestCluster;

beforeAll(async () => {
  const nodeConfig = join(import.meta.dirname, '../manifests/node-groups.yaml');
  cluster = await TestCluster.start({ nodeConfig, nodeAgents: 2, speed: SPEED });
  await apply(deployment('web', REPLICAS));
  await kubectl('expose', 'deployment', 'web', '--port=80');
  await allReady();
});
afterAll(() => cluster.remove());

const kubectl = (...args: string[]): Promise<string> => cluster.kubectlOk(args);
const apply = (object: object): Promise<string> =>
  cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(object) });

const deployment = (name: string, replicas: number): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        terminationGracePeriodSeconds: 1,
        tolerations: ['not-ready', 'unreachable'].map((key) => ({
          key: `node.kubernetes.io/${key}`,
          operator: 'Exists',
          effect: 'NoExecute',
          tolerationSeconds: TOLERATION_SECONDS,
        })),
        containers: [{ name: 'web', image: 'nginx' }],
      },
    },
  },
});

const nodes = async (): Promise<Node[]> => (await cluster.get<{ items: Node[] }>('nodes')).items;
const names = async (): Promise<string[]> => (await nodes()).map(({ metadata }) => metadata.name).sort();
const pods = async (): Promise<Pod[]> => (await cluster.get<{ items: Pod[] }>('pods', '-l', 'app=web')).items;
const statusOf = ({ status }: Node | Pod): string | undefined =>
  status?.conditions?.find(({ type }) => type === 'Ready')?.status;

/** All replicas are ready, each on a node that is there and is ready, and so do its Service's endpoints say. */
function allReady(): Promise<Pod[]> {
  return eventually(`${REPLICAS} ready pods`, async () => {
    const ready = new Set(
      (await nodes()).filter((each) => statusOf(each) === 'True').map(({ metadata }) => metadata.name),
    );
    const running = (await pods()).filter((each) => statusOf(each) === 'True');
    const slices = await cluster.get<{ items: EndpointSlice[] }>(
      'endpointslices',
      '-l',
      'kubernetes.io/service-name=web',
    );
    const endpoints = slices.items
      .flatMap((slice) => slice.endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready);
    const areThere = running.every(({ spec }) => ready.has(spec.nodeName ?? ''));
    return running.length === REPLICAS && areThere && endpoints.length === REPLICAS ? running : undefined;
  });
}

const podsOn = async (node: string): Promise<Pod[]> =>
  (await pods()).filter(({ spec }) => spec.nodeName === node);

describe('a node file', () => {
  it('gives each group its nodes, with capacity, labels, taints and zones', async () => {
    expect(await names()).toEqual(['gpu-worker-1', 'small-1', 'small-2']);
    const gpu = await cluster.get<Node>('node', 'gpu-worker-1');
    expect(gpu.metadata.labels).toMatchObject({
      accelerator: 'yes',
      'orrery.dev/node-group': 'gpu',
      'topology.kubernetes.io/zone': 'west',
      'topology.kubernetes.io/region': 'orrery',
    });
    expect(gpu.spec.taints).toEqual([{ key: 'gpu', effect: 'NoSchedule' }]);
    expect(gpu.status?.capacity).toEqual({
      cpu: '16',
      memory: '64Gi',
      'ephemeral-storage': '40Mi',
      pods: '110',
      'example.com/gpu': '4',
    });
    expect(gpu.status?.allocatable?.['cpu']).toBe('15500m');
    await eventually('the images of its group', async () => {
      const { status } = await cluster.get<Node>('node', 'gpu-worker-1');
      return status?.images?.some(({ names: known }) => known?.includes('docker.io/library/redis:7'));
    });
    const zones = await kubectl(
      'get',
      'nodes',
      '-l',
      'orrery.dev/node-group=small',
      '-L',
      'topology.kubernetes.io/zone',
    );
    expect(zones).toMatch(/small-1 .*east\nsmall-2 .*west/);
    expect(new Set((await pods()).map(({ spec }) => spec.nodeName))).toEqual(new Set(['small-1', 'small-2']));
  });

  it('is shown group by group', async () => {
    const shown = await cluster.orreryOk('nodes');
    expect(shown).toMatch(/^small {2,}small-1 to 2 {2,}2 {2,}2 {2,}0 {2,}east,west {2,}cpu=4/m);
    expect(shown).toMatch(/^gpu {2,}gpu-worker-1 {2,}1 {2,}1 {2,}0 {2,}west {2,}cpu=16,memory=64Gi,.*gpu=4/m);
  });
});

describe('the disk of a node', () => {
  const writer = (name: string, mebibytes: number, limit?: string): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      nodeSelector: { accelerator: 'yes' },
      tolerations: [{ key: 'gpu', operator: 'Exists' }],
      containers: [
        {
          name: 'c',
          image: 'busybox',
          command: ['sh', '-c', `head -c ${mebibytes * 1_048_576} /dev/zero > /data; sleep 3600`],
          ...(limit === undefined ? {} : { resources: { limits: { 'ephemeral-storage': limit } } }),
        },
      ],
    },
  });
  const statusWhenFailed = async (name: string): Promise<Pod['status']> => {
    await kubectl('wait', `pod/${name}`, '--for=jsonpath={.status.phase}=Failed', '--timeout=30s');
    return (await cluster.get<Pod>('pod', name)).status;
  };

  it('evicts a pod that writes more than its limit', async () => {
    await apply(writer('greedy', 6, '5Mi'));
    expect(await statusWhenFailed('greedy')).toMatchObject({
      reason: 'Evicted',
      message: 'Pod ephemeral local storage usage exceeds the total limit of containers 5Mi. ',
    });
    await kubectl('delete', 'pod', 'greedy');
  });

  it('when it is nearly full, drives pods away, and keeps others off', async () => {
    await apply(writer('filler', 37));
    expect(await statusWhenFailed('filler')).toMatchObject({
      reason: 'Evicted',
      message: expect.stringMatching(
        /^The node was low on resource: ephemeral-storage\. Threshold quantity: 4Mi, available: 3Mi\. Container c was using 37Mi, request is 0, has larger consumption of ephemeral-storage\. $/,
      ),
    });
    await kubectl('wait', 'node/gpu-worker-1', '--for=condition=DiskPressure', '--timeout=30s');
    await eventually('the taint', async () => {
      const { spec } = await cluster.get<Node>('node', 'gpu-worker-1');
      return spec.taints?.some(({ key }) => key === 'node.kubernetes.io/disk-pressure');
    });
    await kubectl('delete', 'pod', 'filler');
  });
});

describe('the number of nodes', () => {
  it('goes up: new nodes are ready at once, and take pods', async () => {
    const before = await allReady();
    await cluster.orreryOk('nodes', 'small=4', 'gpu=2');
    expect(await names()).toEqual([
      'gpu-worker-1',
      'gpu-worker-2',
      'small-1',
      'small-2',
      'small-3',
      'small-4',
    ]);
    expect((await nodes()).map(statusOf)).toEqual(Array.from({ length: 6 }, () => 'True'));
    await eventually('no node is tainted as not ready', async () =>
      (await nodes()).every(
        ({ spec }) => !spec.taints?.some(({ key }) => key === 'node.kubernetes.io/not-ready'),
      ),
    );
    const uidsOf = (all: readonly Pod[]): string[] => all.map(({ metadata }) => metadata.uid).sort();
    expect(uidsOf(await allReady())).toEqual(uidsOf(before));
    await kubectl('rollout', 'restart', 'deployment/web');
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
    await allReady();
    expect(await podsOn('small-4')).not.toEqual([]);
    const images = await eventually(
      'its images',
      async () => (await cluster.get<Node>('node', 'small-4')).status?.images,
    );
    expect(images.flatMap(({ names: known }) => known)).toContain('docker.io/library/nginx:latest');
  });

  it('goes down: nodes are emptied before they go, and nothing is lost', async () => {
    const leaving = [...(await podsOn('small-3')), ...(await podsOn('small-4'))];
    expect(leaving).not.toEqual([]);
    await cluster.orreryOk('nodes', 'small=2', 'gpu=1');
    expect(await names()).toEqual(['gpu-worker-1', 'small-1', 'small-2']);
    await allReady();
    expect(await podsOn('small-4')).toEqual([]);
    expect(await kubectl('get', 'events', '--field-selector=involvedObject.name=small-4')).toMatch(
      /NodeNotSchedulable .*Node small-4 status is now: NodeNotSchedulable[\s\S]*RemovingNode/,
    );
  });

  it('is not changed by what makes no sense, whoever writes it', async () => {
    const config = 'groups: [{name: small, count: many}]';
    const patch = [
      'patch',
      'configmap',
      'orrery-nodes',
      '--type=merge',
      '-p',
      JSON.stringify({ data: { config } }),
    ];
    const { code, stderr } = await cluster.kubectl(['-n', 'kube-system', ...patch]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(
        'data[config].groups[0].count: Invalid value: "many": must be a whole number from 0 to 5000',
      ),
    ]);
    expect((await cluster.orrery('nodes', '5')).stderr).toContain(
      'there are several groups of nodes (small, gpu)',
    );
    expect(await names()).toEqual(['gpu-worker-1', 'small-1', 'small-2']);
  });
});

describe('a machine that vanishes', () => {
  let uid: string;

  it('leaves a silent node, and pods that are replaced after what they tolerate', async () => {
    await cluster.orreryOk('nodes', 'small=3');
    await kubectl('rollout', 'restart', 'deployment/web');
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
    expect(await podsOn('small-3')).not.toEqual([]);
    ({ uid } = (await cluster.get<Node>('node', 'small-3')).metadata);
    await cluster.orreryOk('nodes', 'small=2', '--force');
    await kubectl('wait', 'node/small-3', '--for=condition=Ready=unknown', '--timeout=30s');
    await eventually('the taints', async () => {
      const { spec } = await cluster.get<Node>('node', 'small-3');
      return spec.taints?.filter(({ key }) => key === 'node.kubernetes.io/unreachable').length === 2;
    });
    await allReady();
    // Nobody confirms their end.
    const left = await podsOn('small-3');
    expect(left).not.toEqual([]);
    expect(left.filter(({ metadata }) => metadata.deletionTimestamp === undefined)).toEqual([]);
  });

  it('may come back under its name: what was to end there ends', async () => {
    await cluster.orreryOk('nodes', 'small=3');
    const node = await cluster.get<Node>('node', 'small-3');
    expect([node.metadata.uid, statusOf(node)]).toEqual([uid, 'True']);
    await eventually('no pod of before', async () =>
      (await pods()).every(({ metadata }) => metadata.deletionTimestamp === undefined),
    );
    await allReady();
  });

  it('may be given up: its pods are removed with its Node', async () => {
    await kubectl('rollout', 'restart', 'deployment/web');
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
    await cluster.orreryOk('nodes', 'small=2', '--force');
    await kubectl('delete', 'node', 'small-3');
    await eventually('no pod there', async () => (await podsOn('small-3')).length === 0);
    await allReady();
  });
});

describe('a restart', () => {
  it('keeps the nodes as they are, and may leave controllers to others', async () => {
    await cluster.orreryOk('nodes', 'small=4', 'gpu=0');
    await cluster.down();
    await cluster.orreryOk('up', '-d', '--zero-delays', '--controllers=*,-deployment');
    expect(await names()).toEqual(['small-1', 'small-2', 'small-3', 'small-4']);
    await allReady();
    await apply(deployment('nobodys', 1));
    await kubectl('scale', 'deployment/web', `--replicas=${REPLICAS + 1}`);
    // Others work: a pod that is deleted is replaced, by the ReplicaSet that nobody has scaled.
    await kubectl('delete', 'pod', (await pods())[0]!.metadata.name);
    await allReady();
    const { status } = await cluster.get<Deployment>('deployment', 'nobodys');
    expect(status?.observedGeneration).toBeUndefined();
    expect(await kubectl('get', 'replicasets', '-l', 'app=nobodys', '-o', 'name')).toBe('');
  });
});
