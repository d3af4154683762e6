/** Controllers on a whole cluster whose pods take a realistic time to start: what kubectl and watchers see. */

import type { Endpoints, EndpointSlice, Event, Pod } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';
import { Connection, readTarget } from '../support/connection.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 3, realDelays: true });
});
afterAll(() => cluster.remove());

const run = (...args: string[]): Promise<string> => cluster.kubectlOk(args);
const apply = (object: object): Promise<string> =>
  cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(object) });

function deployment(name: string, replicas: number, strategy: object): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      strategy,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'web', image: 'web:1' }] },
      },
    },
  };
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
}

/** Watches the pods of an app; `look` sees all of them after every single event. Returns how to stop. */
async function watchPods(app: string, look: (pods: readonly Pod[]) => void): Promise<() => void> {
  const path = `/api/v1/namespaces/default/pods?labelSelector=app%3D${app}`;
  const target = readTarget(cluster.kubeconfig);
  const first = await Connection.open(target);
  const { body } = await first.request('GET', path);
  first.close();
  const { items, metadata } = JSON.parse(body.toString()) as {
    items: Pod[];
    metadata: { resourceVersion: string };
  };
  const pods = new Map(items.map((pod) => [pod.metadata.name, pod]));
  const watch = await Connection.open(target);
  watch.watch(`${path}&watch=1&resourceVersion=${metadata.resourceVersion}`, (line) => {
    const { type, object } = JSON.parse(line) as { type: string; object: Pod };
    if (type === 'DELETED') pods.delete(object.metadata.name);
    else pods.set(object.metadata.name, object);
    look([...pods.values()]);
  });
  return () => watch.close();
}

async function rollOut(name: string, image: string): Promise<void> {
  await run('set', 'image', `deployment/${name}`, `web=${image}`);
  await run('rollout', 'status', `deployment/${name}`, '--timeout=90s');
}

describe('a Deployment whose pods take their time', () => {
  it('is updated within maxSurge and maxUnavailable at every moment, also when one update overtakes another', async () => {
    await apply(deployment('rolling', 50, { type: 'RollingUpdate' }));
    await run('rollout', 'status', 'deployment/rolling', '--timeout=90s');
    let most = 0;
    let fewestReady = Number.POSITIVE_INFINITY;
    const stop = await watchPods('rolling', (pods) => {
      const present = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      most = Math.max(most, present.length);
      fewestReady = Math.min(fewestReady, present.filter(isReady).length);
    });
    await run('set', 'image', 'deployment/rolling', 'web=web:2');
    await eventually('the update is half done', async () => {
      const { items } = await cluster.get<{ items: Pod[] }>('pods', '-l', 'app=rolling');
      return items.some(({ spec }) => spec.containers[0]?.image === 'web:2');
    });
    await rollOut('rolling', 'web:3');
    stop();
    // A quarter of 50: 13 more, rounded up, and 12 fewer, rounded down.
    expect(most).toBeLessThanOrEqual(63);
    expect(fewestReady).toBeGreaterThanOrEqual(38);
    // And it did make use of both.
    expect(most).toBeGreaterThan(50);
    expect(fewestReady).toBeLessThan(50);
  });

  it('never runs two versions at once with Recreate', async () => {
    await apply(deployment('recreated', 6, { type: 'Recreate' }));
    await run('rollout', 'status', 'deployment/recreated', '--timeout=90s');
    let events = 0;
    const together: string[][] = [];
    const stop = await watchPods('recreated', (pods) => {
      const alive = pods.filter(({ status }) => !['Succeeded', 'Failed'].includes(status?.phase ?? ''));
      const images = new Set(alive.map(({ spec }) => spec.containers[0]?.image ?? ''));
      events += 1;
      if (images.size > 1) together.push([...images]);
    });
    await rollOut('recreated', 'web:2');
    stop();
    expect(events).toBeGreaterThan(6);
    expect(together).toEqual([]);
  });
});

it('a Service without selector leads to what people write into its Endpoints, and takes them along', async () => {
  await apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'database' },
    spec: { ports: [{ port: 5432 }] },
  });
  await apply({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'database' },
    subsets: [{ addresses: [{ ip: '192.0.2.10' }], ports: [{ port: 5432 }] }],
  });
  await eventually('kubectl describes the address', async () =>
    (await run('describe', 'service', 'database')).includes('192.0.2.10:5432'),
  );
  await run('delete', 'service', 'database');
  await eventually('nothing of it is left', async () => {
    const endpoints = await cluster.get<{ items: Endpoints[] }>('endpoints');
    const slices = await cluster.get<{ items: EndpointSlice[] }>('endpointslices');
    return [...endpoints.items, ...slices.items].every(({ metadata }) => metadata.name === 'kubernetes');
  });
});

it('an owner in another namespace does not exist: the dependent goes, and an event says why', async () => {
  await run('create', 'namespace', 'far');
  await run('create', 'configmap', 'owner');
  const { metadata } = await cluster.get<Pod>('configmap', 'owner');
  await apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: 'dependent',
      namespace: 'far',
      ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: metadata.uid }],
    },
  });
  await run('wait', '--for=delete', 'configmap/dependent', '--namespace=far', '--timeout=30s');
  const found = await eventually('the event', async () => {
    const { items } = await cluster.get<{ items: Event[] }>(
      'events',
      '--all-namespaces',
      '--field-selector=reason=OwnerRefInvalidNamespace',
    );
    return items[0];
  });
  expect(found.message).toContain('name: owner');
  expect(found.message).toContain('does not exist in namespace "far"');
});

it('kubectl describes a node with the events of its coming', async () => {
  await eventually('both are there', async () => {
    const text = await run('describe', 'node', 'node-1');
    return text.includes('Starting kubelet.') && text.includes('Registered Node node-1 in Controller');
  });
});
