import type { Toleration } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { Leases, Namespaces, Nodes, Pods } from '@orrery/api/resources.ts';
import type { ControllerContext } from '@orrery/controller/controller.ts';
import { describe, expect, test } from 'vitest';
import { findCondition } from '../conditions.ts';
import { isPodReady } from '../pods.ts';
import { taintEvictionController } from '../taint-eviction/index.ts';
import { connectionLost } from '../test-support/fake-cluster.ts';
import { lease, node, pod, ready } from '../test-support/objects.ts';
import { WorkloadCluster } from '../test-support/workload-cluster.ts';
import { nodeLifecycleController } from './index.ts';
import { MONITOR_KEY } from './reconcile.ts';

const GRACE_MS = 50_000;
const TOLERATIONS: Toleration[] = ['not-ready', 'unreachable'].map((each) => ({
  key: `node.kubernetes.io/${each}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 300,
}));

class Nursery extends WorkloadCluster {
  /** Nodes whose agents have stopped. */
  readonly silent = new Set<string>();
  /** Nobody reaches the apiserver. */
  away = false;

  constructor(names: readonly string[]) {
    super([
      (context: ControllerContext) => nodeLifecycleController(context, GRACE_MS),
      taintEvictionController,
    ]);
    this.seed(Namespaces, { metadata: { name: 'kube-node-lease' }, spec: {} });
    for (const name of names) {
      this.seed(Nodes, node(name, 'True'));
      this.seed(Leases, lease(name, 'first'));
      this.seed(
        Pods,
        pod(`on-${name}`, { spec: { nodeName: name, tolerations: TOLERATIONS }, status: ready('True') }),
      );
    }
    const get = this.client.get.bind(this.client);
    this.client.get = (...args) => (this.away ? Promise.reject(connectionLost) : get(...args));
  }

  /** Lets time pass: agents renew their leases, controllers do what is due. */
  async pass(durationMs: number): Promise<void> {
    const endMs = this.clock.now() + durationMs;
    while (this.clock.now() < endMs) {
      for (const { metadata } of this.all(Leases)) {
        if (this.away || this.silent.has(metadata.name)) continue;
        this.change(
          Leases,
          `kube-node-lease/${metadata.name}`,
          ({ spec }) => void (spec.renewTime = formatTime(this.clock.now())),
        );
      }
      this.controllers[0]?.queued.add(MONITOR_KEY);
      await this.settle();
      await this.clock.advance(5_000);
      for (const each of this.controllers) {
        for (const [key, waitMs] of each.later) {
          if (waitMs <= 5_000) {
            each.later.delete(key);
            each.queued.add(key);
          } else each.later.set(key, waitMs - 5_000);
        }
      }
    }
    await this.settle();
  }

  /** The agent is back and posts its status. */
  recover(name: string): void {
    this.silent.delete(name);
    this.change(Nodes, name, (copy) => {
      copy.status = {
        conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: formatTime(this.clock.now()) }],
      };
    });
  }

  readiness(name: string): string | undefined {
    return findCondition(this.get(Nodes, name).status?.conditions, 'Ready')?.status;
  }

  taints(name: string): string[] {
    return (this.get(Nodes, name).spec.taints ?? []).map(
      ({ key, effect }) => `${key.split('/')[1]}:${effect}`,
    );
  }

  isEvicted(name: string): boolean {
    return this.find(Pods, `default/on-${name}`)?.metadata.deletionTimestamp !== undefined;
  }
}

test('nodes that come and go are told of, each once', async () => {
  const cluster = new Nursery(['a']);
  await cluster.pass(20_000);
  cluster.remove(Nodes, 'a');
  await cluster.settle();
  cluster.seed(Nodes, node('a', 'True'));
  await cluster.pass(10_000);
  expect(cluster.events.filter((each) => each.startsWith('Normal a '))).toEqual([
    'Normal a RegisteredNode: Node a event: Registered Node a in Controller',
    'Normal a RemovingNode: Node a event: Removing Node a from Controller',
    'Normal a RegisteredNode: Node a event: Registered Node a in Controller',
  ]);
});

describe('a node that falls silent', () => {
  test('turns unknown and tainted, its pods not ready, and is left alone until the tolerations end', async () => {
    const cluster = new Nursery(['a', 'b', 'c']);
    await cluster.pass(20_000);
    cluster.silent.add('a');
    await cluster.pass(45_000);
    expect(cluster.readiness('a')).toBe('True');
    await cluster.pass(15_000);
    expect([cluster.readiness('a'), cluster.taints('a')]).toEqual([
      'Unknown',
      ['unreachable:NoSchedule', 'unreachable:NoExecute'],
    ]);
    expect(isPodReady(cluster.get(Pods, 'default/on-a'))).toBe(false);
    expect(cluster.events).toContain('Normal a NodeNotReady: Node a status is now: NodeNotReady');
    await cluster.pass(280_000);
    expect(cluster.isEvicted('a')).toBe(false);
    await cluster.pass(30_000);
    expect(cluster.isEvicted('a')).toBe(true);
    expect(
      findCondition(cluster.get(Pods, 'default/on-a').status?.conditions, 'DisruptionTarget')?.reason,
    ).toBe('DeletionByTaintManager');
    expect(cluster.events).toContain(
      'Normal on-a TaintManagerEviction: Marking for deletion Pod default/on-a',
    );
    expect([cluster.readiness('b'), cluster.isEvicted('b')]).toEqual(['True', false]);
  });

  test('and comes back loses its taints, and its pods stay', async () => {
    const cluster = new Nursery(['a', 'b', 'c']);
    await cluster.pass(10_000);
    cluster.silent.add('a');
    await cluster.pass(200_000);
    cluster.recover('a');
    await cluster.pass(300_000);
    expect([cluster.taints('a'), cluster.isEvicted('a')]).toEqual([[], false]);
    expect(cluster.events).toContain(
      'Normal on-a TaintManagerEviction: Cancelling deletion of Pod default/on-a',
    );
  });

  test('is not given up while the whole cluster seems down', async () => {
    const cluster = new Nursery(['a', 'b', 'c']);
    await cluster.pass(10_000);
    for (const name of ['a', 'b', 'c']) cluster.silent.add(name);
    await cluster.pass(600_000);
    expect(['a', 'b', 'c'].map((name) => cluster.readiness(name))).toEqual(['Unknown', 'Unknown', 'Unknown']);
    expect(['a', 'b', 'c'].map((name) => cluster.taints(name))).toEqual([
      ['unreachable:NoSchedule'],
      ['unreachable:NoSchedule'],
      ['unreachable:NoSchedule'],
    ]);
    expect(['a', 'b', 'c'].some((name) => cluster.isEvicted(name))).toBe(false);
  });
});

describe('silence that is not the node’s own', () => {
  test('an apiserver that was away makes no node silent', async () => {
    const cluster = new Nursery(['a', 'b']);
    await cluster.pass(20_000);
    cluster.away = true;
    await cluster.pass(120_000);
    cluster.away = false;
    await cluster.pass(40_000);
    expect(cluster.writes).toEqual([]);
  });

  test('a controller that was frozen or did not lead gives nodes their grace again', async () => {
    const cluster = new Nursery(['a', 'b']);
    await cluster.pass(20_000);
    cluster.silent.add('a');
    await cluster.pass(30_000);
    await cluster.clock.advance(600_000);
    cluster.silent.delete('a');
    await cluster.pass(60_000);
    expect(cluster.writes).toEqual([]);
  });

  test('a cache that is behind is checked against the apiserver', async () => {
    const cluster = new Nursery(['a', 'b']);
    await cluster.pass(20_000);
    cluster.informers.held = true;
    await cluster.pass(120_000);
    expect(cluster.writes).toEqual([]);
  });
});

test('a new node gets rid of the taint it was born with once it is ready', async () => {
  const cluster = new Nursery([]);
  cluster.seed(Nodes, {
    ...node('a', 'True'),
    spec: { taints: [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }] },
  });
  await cluster.settle();
  expect(cluster.taints('a')).toEqual([]);
});

test('pods that do not tolerate a taint go at once, those that tolerate it for ever stay', async () => {
  const cluster = new Nursery(['a']);
  cluster.seed(Pods, pod('patient', { spec: { nodeName: 'a', tolerations: [{ operator: 'Exists' }] } }));
  await cluster.settle();
  cluster.change(
    Nodes,
    'a',
    ({ spec }) => void (spec.taints = [{ key: 'maintenance', effect: 'NoExecute' }]),
  );
  await cluster.settle();
  expect(cluster.isEvicted('a')).toBe(true);
  expect(cluster.get(Pods, 'default/patient').metadata.deletionTimestamp).toBeUndefined();
});

test('no pod is evicted for a taint that the apiserver no longer knows', async () => {
  const cluster = new Nursery(['a']);
  await cluster.settle();
  cluster.change(
    Nodes,
    'a',
    ({ spec }) => void (spec.taints = [{ key: 'maintenance', effect: 'NoExecute' }]),
  );
  cluster.informers.held = true;
  cluster.change(Nodes, 'a', ({ spec }) => void (spec.taints = []));
  await cluster.settle();
  expect(cluster.isEvicted('a')).toBe(false);
});
