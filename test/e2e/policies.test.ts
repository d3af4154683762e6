/** What keeps pods from being sent away, and for how long: disruption budgets, cordon and drain, with real kubectl. */

import type { Node, Pod, PodDisruptionBudget } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 3 });
});
afterAll(() => cluster.remove());

const kubectl = (...args: string[]): Promise<string> => cluster.kubectlOk(args);
const budget = (): Promise<PodDisruptionBudget> => cluster.get<PodDisruptionBudget>('pdb', 'web');

async function podsOn(node: string): Promise<Pod[]> {
  const { items } = await cluster.get<{ items: Pod[] }>('pods', '-l', 'app=web');
  return items.filter(({ spec }) => spec.nodeName === node);
}

/** Waits until the budget has counted what is there. */
const allows = (count: number): Promise<boolean> =>
  eventually(`${count} disruptions are allowed`, async () => {
    const { metadata, status } = await budget();
    return status?.disruptionsAllowed === count && status.observedGeneration === metadata.generation;
  });

describe('a disruption budget', () => {
  beforeEach(async () => {
    await kubectl('create', 'deployment', 'web', '--image=nginx', '--replicas=3');
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
    return async () => {
      await kubectl('delete', 'deployment/web', 'pdb/web');
      await kubectl('uncordon', 'node-1', 'node-2', 'node-3');
    };
  });

  it('shows how many pods may go', async () => {
    await kubectl('create', 'pdb', 'web', '--selector=app=web', '--min-available=2');
    await allows(1);
    expect(await kubectl('get', 'pdb', 'web')).toMatch(
      /^NAME +MIN AVAILABLE +MAX UNAVAILABLE +ALLOWED DISRUPTIONS +AGE\nweb +2 +N\/A +1 +\d+s\n$/,
    );
    await kubectl('scale', 'deployment/web', '--replicas=2');
    await allows(0);
  });

  it('holds back a drain until it can spare the pods, and lets it go on by itself then', async () => {
    await kubectl('create', 'pdb', 'web', '--selector=app=web', '--max-unavailable=0');
    await allows(0);
    const [pod] = await podsOn('node-2');
    const drain = await cluster.startKubectl(['drain', 'node-2']);
    try {
      await eventually('the drain is held back', async () =>
        drain.output.includes(
          `error when evicting pods/"${pod!.metadata.name}" -n "default" (will retry after 5s): Cannot evict pod as it would violate the pod's disruption budget.`,
        ),
      );
      expect(drain.output).toContain('node/node-2 cordoned');
      expect((await podsOn('node-2')).map(({ metadata }) => metadata.uid)).toContain(pod!.metadata.uid);
      await kubectl('patch', 'pdb', 'web', '-p', '{"spec":{"maxUnavailable":1}}');
      expect(await drain.ended).toBe(0);
    } finally {
      drain.stop();
    }
    expect(drain.output).toMatch(/pod\/web-\S+ evicted\nnode\/node-2 drained\n$/);
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
    expect(await podsOn('node-2')).toEqual([]);
  });

  it('makes a drain that may not wait give up, with nothing lost', async () => {
    await kubectl('create', 'pdb', 'web', '--selector=app=web', '--min-available=3');
    await allows(0);
    const before = (await podsOn('node-3')).map(({ metadata }) => metadata.uid);
    const { code, stderr } = await cluster.kubectl(['drain', 'node-3', '--timeout=1s']);
    expect(code).toBe(1);
    expect(stderr).toContain('global timeout reached: 1s');
    expect((await podsOn('node-3')).map(({ metadata }) => metadata.uid)).toEqual(before);
  });
});

describe('a drain', () => {
  it('needs to be told about pods that nobody would make again, and about those of DaemonSets', async () => {
    const daemonSet = {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'agent' },
      spec: {
        selector: { matchLabels: { app: 'agent' } },
        template: {
          metadata: { labels: { app: 'agent' } },
          spec: { containers: [{ name: 'agent', image: 'agent:1' }] },
        },
      },
    };
    await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(daemonSet) });
    await kubectl('rollout', 'status', 'ds/agent', '--timeout=60s');
    await kubectl('run', 'alone', '--image=nginx', '--overrides={"spec":{"nodeName":"node-1"}}');
    await kubectl('wait', '--for=condition=Ready', 'pod/alone', '--timeout=60s');
    await expect(kubectl('drain', 'node-1')).rejects.toThrow(
      /cannot delete DaemonSet-managed Pods \(use --ignore-daemonsets to ignore\): default\/agent-\S+[^]*cannot delete Pods that declare no controller \(use --force to override\): default\/alone/,
    );
    await kubectl('drain', 'node-1', '--ignore-daemonsets', '--force');
    const { items } = await cluster.get<{ items: Pod[] }>('pods', '--field-selector=spec.nodeName=node-1');
    expect(items.map(({ metadata }) => metadata.labels?.['app'])).toEqual(['agent']);
    expect((await cluster.get<Node>('node', 'node-1')).spec.unschedulable).toBe(true);
    expect(await kubectl('get', 'node', 'node-1')).toMatch(/^node-1 +Ready,SchedulingDisabled /m);
    await kubectl('uncordon', 'node-1');
    expect(await kubectl('get', 'node', 'node-1')).toMatch(/^node-1 +Ready +/m);
  });
});
