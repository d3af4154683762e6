/** Nodes that fall silent, come back, and go; and where pods may not be put. On a whole cluster, with time running fast. */

import type { Event, Lease, Node, Pod } from '@orrery/api/gen/types.ts';
import { formatMicroTime } from '@orrery/api/meta.ts';
import { systemClock, type Timer } from '@orrery/kit/clock.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';
import { Connection, readTarget } from '../support/connection.ts';

/** Grace periods of a minute, and tolerations of five, pass in seconds. */
const SPEED = 20;
/** Upstream's default toleration of a node that does not answer. */
const TOLERATION_SECONDS = 300;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 3, speed: SPEED });
});
afterAll(() => cluster.remove());

const kubectl = (...args: string[]): Promise<string> => cluster.kubectlOk(args);
const apply = (object: object): Promise<string> =>
  cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(object) });

interface Workload {
  replicas?: number;
  cpu?: string;
  nodeSelector?: Record<string, string>;
  tolerations?: object[];
}

const podSpec = ({ cpu = '10m', nodeSelector, tolerations }: Workload): object => ({
  nodeSelector,
  tolerations,
  terminationGracePeriodSeconds: 1,
  containers: [{ name: 'web', image: 'web:1', resources: { requests: { cpu } } }],
});

const deployment = (name: string, workload: Workload): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas: workload.replicas ?? 1,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: podSpec(workload) },
  },
});

const pod = (name: string, workload: Workload): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: podSpec(workload),
});

const podsOf = async (app: string): Promise<Pod[]> =>
  (await cluster.get<{ items: Pod[] }>('pods', '-l', `app=${app}`)).items;

const conditionOf = ({ status }: Pod | Node, type: string): string | undefined =>
  status?.conditions?.find((each) => each.type === type)?.status;

const readyPods = (app: string, count: number): Promise<Pod[]> =>
  eventually(`${count} ready pods of ${app} and no other`, async () => {
    const all = await podsOf(app);
    return all.length === count && all.every((each) => conditionOf(each, 'Ready') === 'True')
      ? all
      : undefined;
  });

const nodesOf = (pods: readonly Pod[]): string[] => pods.map(({ spec }) => spec.nodeName ?? '').sort();
const uidsOf = (pods: readonly Pod[]): string[] => pods.map(({ metadata }) => metadata.uid).sort();
const nodes = async (): Promise<Node[]> => (await cluster.get<{ items: Node[] }>('nodes')).items;

/** The cluster's time: what an object that is made now would be stamped with. */
async function clusterSeconds(): Promise<number> {
  const shown = await kubectl('create', 'configmap', 'clock', '--dry-run=server', '-o', 'json');
  const { metadata } = JSON.parse(shown) as Pod;
  return Date.parse(metadata.creationTimestamp) / 1_000;
}

async function clusterSecondsPass(seconds: number): Promise<void> {
  const until = (await clusterSeconds()) + seconds;
  await eventually(`${seconds} s of the cluster's time`, async () => (await clusterSeconds()) >= until);
}

describe('where pods may not be put', () => {
  it('leaves out a cordoned node, until it is uncordoned', async () => {
    await kubectl('cordon', 'node-1');
    expect(await kubectl('get', 'node', 'node-1')).toMatch(/node-1\s+Ready,SchedulingDisabled/);
    await apply(deployment('around', { replicas: 6 }));
    expect(new Set(nodesOf(await readyPods('around', 6)))).toEqual(new Set(['node-2', 'node-3']));
    await kubectl('uncordon', 'node-1');
    await apply(deployment('onto', { nodeSelector: { 'kubernetes.io/hostname': 'node-1' } }));
    expect(nodesOf(await readyPods('onto', 1))).toEqual(['node-1']);
    await kubectl('delete', 'deployment', 'around', 'onto');
  });

  it('keeps pods off a tainted node unless they tolerate it; NoExecute evicts too', async () => {
    await kubectl('taint', 'nodes', 'node-2', 'team=a:NoSchedule');
    const toleration = { key: 'team', operator: 'Equal', value: 'a' };
    await apply(deployment('strangers', { replicas: 4 }));
    await apply(
      deployment('friends', {
        nodeSelector: { 'kubernetes.io/hostname': 'node-2' },
        tolerations: [toleration],
      }),
    );
    expect(nodesOf(await readyPods('strangers', 4))).not.toContain('node-2');
    const before = await readyPods('friends', 1);
    expect(nodesOf(before)).toEqual(['node-2']);

    await kubectl('taint', 'nodes', 'node-3', 'team=a:NoExecute');
    await eventually('the strangers have left node-3', async () => {
      const found = nodesOf(await readyPods('strangers', 4));
      return found.every((node) => node === 'node-1');
    });
    expect(uidsOf(await readyPods('friends', 1))).toEqual(uidsOf(before));
    await kubectl('taint', 'nodes', 'node-2', 'node-3', 'team-');
    await kubectl('delete', 'deployment', 'strangers', 'friends');
  });

  it('waits for a node with the labels that a pod asks for', async () => {
    await apply(pod('picky', { nodeSelector: { disk: 'ssd' } }));
    await kubectl('wait', 'pod/picky', '--for=condition=PodScheduled=false', '--timeout=30s');
    const [waiting] = await podsOf('picky');
    const reason = waiting?.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message;
    expect(reason).toMatch(
      /^0\/3 nodes are available: 3 node\(s\) didn't match Pod's node affinity\/selector\./,
    );
    await kubectl('label', 'node', 'node-3', 'disk=ssd');
    expect(nodesOf(await readyPods('picky', 1))).toEqual(['node-3']);
    await kubectl('label', 'node', 'node-3', 'disk-');
    await kubectl('delete', 'pod', 'picky');
  });
});

describe('a pod that no node has room for', () => {
  it('says why in its condition and an event, and runs once it asks for less', async () => {
    await apply(pod('large', { cpu: '8' }));
    await kubectl('wait', 'pod/large', '--for=condition=PodScheduled=false', '--timeout=30s');
    const [waiting] = await podsOf('large');
    expect(waiting?.status?.phase).toBe('Pending');
    const condition = waiting?.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    expect(condition).toMatchObject({ status: 'False', reason: 'Unschedulable' });
    expect(condition?.message).toMatch(/^0\/3 nodes are available: 3 Insufficient cpu\./);
    const event = await eventually('the event', async () => {
      const { items } = await cluster.get<{ items: Event[] }>(
        'events',
        '--field-selector=involvedObject.name=large,reason=FailedScheduling',
      );
      return items[0];
    });
    expect(event.type).toBe('Warning');
    expect(event.message).toMatch(/^0\/3 nodes are available: 3 Insufficient cpu\./);
    await kubectl('delete', 'pod', 'large');
    await apply(pod('large', { cpu: '2' }));
    await readyPods('large', 1);
    await kubectl('delete', 'pod', 'large');
  });

  it('gets the room that another pod leaves', async () => {
    await apply(deployment('sitting', { replicas: 3, cpu: '3' }));
    expect(nodesOf(await readyPods('sitting', 3))).toEqual(['node-1', 'node-2', 'node-3']);
    await apply(pod('waiting', { cpu: '3' }));
    await kubectl('wait', 'pod/waiting', '--for=condition=PodScheduled=false', '--timeout=30s');
    await kubectl('scale', 'deployment/sitting', '--replicas=2');
    const [placed] = await readyPods('waiting', 1);
    expect(nodesOf(await readyPods('sitting', 2))).not.toContain(placed!.spec.nodeName);
    await kubectl('delete', 'deployment/sitting', 'pod/waiting');
  });
});

/** A node that the test itself speaks for, so that it alone can fall silent. */
class Ghost {
  readonly name = 'ghost';
  readonly #connection: Connection;
  #beats: Timer | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async join(labels: Record<string, string>): Promise<void> {
    const allocatable = { cpu: '4', memory: '16Gi', pods: '110' };
    await this.#send('POST', '/api/v1/nodes', {
      metadata: { name: this.name, labels },
      status: {
        capacity: allocatable,
        allocatable,
        conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'alive' }],
      },
    });
    const lease: Partial<Lease> = { spec: { holderIdentity: this.name, renewTime: this.#now() } };
    await this.#send('POST', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases', {
      metadata: { name: this.name },
      ...lease,
    });
    this.#beats = systemClock.setInterval(() => void this.#beat(), 200);
  }

  /** Nothing is heard of it from now on. */
  fallSilent(): void {
    this.#beats?.cancel();
  }

  /** Reports a pod as running and ready, as its node agent would. */
  async report({ metadata: { namespace, name } }: Pod): Promise<void> {
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    await this.#send(
      'PATCH',
      `/api/v1/namespaces/${namespace}/pods/${name}/status`,
      { status },
      'application/strategic-merge-patch+json',
    );
  }

  close(): void {
    this.fallSilent();
    this.#connection.close();
  }

  #queue: Promise<unknown> = Promise.resolve();

  #beat(): Promise<void> {
    return this.#send(
      'PATCH',
      `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${this.name}`,
      { spec: { renewTime: this.#now() } },
      'application/merge-patch+json',
    );
  }

  #now(): string {
    return formatMicroTime(systemClock.now());
  }

  /** The connection carries one request at a time. */
  #send(method: string, path: string, body: object, contentType?: string): Promise<void> {
    const sent = this.#queue.then(async () => {
      const answer = await this.#connection.request(method, path, JSON.stringify(body), contentType);
      if (answer.code >= 300) throw new Error(`${method} ${path}: ${answer.body.toString()}`);
    });
    this.#queue = sent.catch(() => undefined);
    return sent;
  }
}

describe('one of several nodes that falls silent', () => {
  let ghost: Ghost;
  beforeAll(async () => {
    ghost = new Ghost(await Connection.open(readTarget(cluster.kubeconfig)));
  });
  afterAll(() => ghost.close());

  it('turns NotReady, its pods are marked at once and evicted and replaced after five minutes', async () => {
    await kubectl('label', 'node', 'node-1', 'haunted=true');
    await kubectl('cordon', 'node-1');
    await ghost.join({ haunted: 'true' });
    await apply(deployment('haunted', { nodeSelector: { haunted: 'true' } }));
    const victim = await eventually('a pod on the ghost', async () =>
      (await podsOf('haunted')).find(({ spec }) => spec.nodeName === ghost.name),
    );
    await kubectl('uncordon', 'node-1');
    await ghost.report(victim);
    expect(conditionOf((await podsOf('haunted'))[0]!, 'Ready')).toBe('True');

    ghost.fallSilent();
    await kubectl('wait', 'node/ghost', '--for=condition=Ready=unknown', '--timeout=30s');
    expect(await kubectl('get', 'node', 'ghost')).toMatch(/ghost\s+NotReady/);
    await eventually('the pod is marked', async () => {
      const [marked] = await podsOf('haunted');
      return marked?.metadata.uid === victim.metadata.uid && conditionOf(marked, 'Ready') === 'False';
    });
    const taints = await eventually('both taints', async () => {
      const { spec } = await cluster.get<Node>('node', 'ghost');
      const found = spec.taints?.filter(({ key }) => key === 'node.kubernetes.io/unreachable');
      return found?.length === 2 ? found : undefined;
    });
    expect(taints.map(({ effect }) => effect).sort()).toEqual(['NoExecute', 'NoSchedule']);

    const replacement = await eventually('a ready pod elsewhere', async () =>
      (await podsOf('haunted')).find((each) => conditionOf(each, 'Ready') === 'True'),
    );
    expect(replacement.spec.nodeName).toBe('node-1');
    const since = taints.find(({ effect }) => effect === 'NoExecute')?.timeAdded ?? '';
    const waited = Date.parse(replacement.metadata.creationTimestamp) - Date.parse(since);
    expect(waited / 1_000).toBeGreaterThanOrEqual(TOLERATION_SECONDS - 1);
    // Nobody confirms the end of the old one: it stays, as being deleted.
    const evicted = (await podsOf('haunted')).find(({ metadata }) => metadata.uid === victim.metadata.uid);
    expect(evicted?.metadata.deletionTimestamp).toBeDefined();
  });

  it('frees its pods when the node is deleted', async () => {
    await kubectl('delete', 'node', 'ghost');
    expect(nodesOf(await readyPods('haunted', 1))).toEqual(['node-1']);
    await kubectl('delete', 'deployment', 'haunted');
    await kubectl('label', 'node', 'node-1', 'haunted-');
  });
});

describe('all nodes at once', () => {
  it('turn NotReady, keep their pods however long it lasts, and are Ready again with the agent', async () => {
    await apply(deployment('steady', { replicas: 6 }));
    const before = await readyPods('steady', 6);
    await cluster.orreryOk('kill', 'node-agent');
    await eventually('three nodes NotReady, their pods not ready', async () => {
      const silent = (await nodes()).every((each) => conditionOf(each, 'Ready') === 'Unknown');
      return silent && (await podsOf('steady')).every((each) => conditionOf(each, 'Ready') === 'False');
    });
    expect(await kubectl('get', 'nodes')).toMatch(/node-1\s+NotReady/);
    await clusterSecondsPass(TOLERATION_SECONDS + 60);
    const meanwhile = await podsOf('steady');
    expect(uidsOf(meanwhile)).toEqual(uidsOf(before));
    expect(meanwhile.map(({ metadata }) => metadata.deletionTimestamp)).toEqual(
      meanwhile.map(() => undefined),
    );
    const effects = (await nodes()).flatMap(({ spec }) => (spec.taints ?? []).map(({ effect }) => effect));
    expect(effects).toEqual(['NoSchedule', 'NoSchedule', 'NoSchedule']);

    await cluster.orreryOk('start', 'node-agent');
    await kubectl('wait', 'node', '--all', '--for=condition=Ready', '--timeout=30s');
    const after = await readyPods('steady', 6);
    expect(uidsOf(after)).toEqual(uidsOf(before));
    expect(after.map(({ status }) => status?.containerStatuses?.[0]?.restartCount)).toEqual(
      after.map(() => 0),
    );
    await eventually('no taints', async () => (await nodes()).every(({ spec }) => !spec.taints?.length));
    await kubectl('rollout', 'restart', 'deployment/steady');
    await kubectl('rollout', 'status', 'deployment/steady', '--timeout=60s');
  });
});

describe('kubectl delete node', () => {
  it('gives up its pods, which are replaced elsewhere; the node joins again when its agent restarts', async () => {
    await apply(deployment('homeless', { replicas: 6 }));
    const before = await readyPods('homeless', 6);
    expect(nodesOf(before)).toContain('node-2');
    await kubectl('delete', 'node', 'node-2');
    await eventually('six ready pods on the two nodes that are left', async () => {
      const found = await readyPods('homeless', 6);
      return !nodesOf(found).includes('node-2');
    });
    await cluster.orreryOk('kill', 'node-agent');
    await cluster.orreryOk('start', 'node-agent');
    await kubectl('wait', 'node/node-2', '--for=condition=Ready', '--timeout=30s');
    await apply(deployment('return', { nodeSelector: { 'kubernetes.io/hostname': 'node-2' } }));
    await readyPods('return', 1);
  });
});
