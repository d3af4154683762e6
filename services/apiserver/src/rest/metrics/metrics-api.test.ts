import type { KubeObject } from '@orrery/api/gen/types.ts';
import { type ContainerUsage, UsageBatch } from '@orrery/proto/orrery/events.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodesDefinition } from '../../registry/node.ts';
import { podsDefinition } from '../../registry/pod.ts';
import { RestFixture } from '../test-support/rest-fixture.ts';
import { USAGE_AGE_LIMIT_MS } from './usage-book.ts';

const METRICS = '/apis/metrics.k8s.io/v1beta1';

let fixture: RestFixture;

beforeEach(async () => {
  fixture = await RestFixture.start();
});
afterEach(() => fixture.stop());

function used(pod: string, container: string, cpuMilli: number, memoryBytes: number): ContainerUsage {
  return { namespace: 'default', pod, podUid: `uid-${pod}`, container, cpuMilli, memoryBytes };
}

function sample(node: string, ...containers: ContainerUsage[]): void {
  const batch = { node, timeMs: fixture.clock.now(), windowMs: 15_000, containers };
  fixture.usage.record(`orrery.usage.${node}`, UsageBatch.encode(batch).finish());
}

function putPod(name: string, labels: Record<string, string> = {}): void {
  fixture.api.put(podsDefinition, {
    metadata: { namespace: 'default', name, labels },
  } as unknown as KubeObject);
}

async function names(path: string): Promise<string[]> {
  const { items } = (await fixture.ask(`${METRICS}${path}`)).json<{ items: KubeObject[] }>();
  return items.map(({ metadata }) => metadata.name);
}

describe('metrics of pods', () => {
  beforeEach(() => {
    putPod('web', { app: 'web' });
    putPod('idle');
    sample('node-1', used('web', 'nginx', 250, 64 * 1_048_576), used('web', 'proxy', 5, 1_000));
  });

  test('tell what each container used, and when', async () => {
    expect((await fixture.ask(`${METRICS}/namespaces/default/pods/web`)).json()).toEqual({
      kind: 'PodMetrics',
      apiVersion: 'metrics.k8s.io/v1beta1',
      metadata: {
        name: 'web',
        namespace: 'default',
        creationTimestamp: expect.any(String),
        labels: { app: 'web' },
      },
      timestamp: expect.any(String),
      window: '15s',
      containers: [
        { name: 'nginx', usage: { cpu: '250m', memory: '65536Ki' } },
        { name: 'proxy', usage: { cpu: '5m', memory: '1Ki' } },
      ],
    });
  });

  test('are listed for the pods that have any, by namespace and selector', async () => {
    expect(await names('/pods')).toEqual(['web']);
    expect(await names('/namespaces/default/pods?labelSelector=app%3Dweb')).toEqual(['web']);
    expect(await names('/namespaces/default/pods?labelSelector=app%3Dother')).toEqual([]);
    expect(await names('/namespaces/other/pods')).toEqual([]);
  });

  test('are not there before the first sample, nor when the node has been silent for long', async () => {
    const missing = await fixture.ask(`${METRICS}/namespaces/default/pods/idle`);
    expect(missing.json()).toMatchObject({
      code: 404,
      message: 'podmetrics.metrics.k8s.io "default/idle" not found',
    });
    await fixture.clock.advance(USAGE_AGE_LIMIT_MS);
    expect(await names('/pods')).toEqual([]);
  });

  test('are those of the newest sample', async () => {
    sample('node-1', used('web', 'nginx', 10, 2_048));
    expect((await fixture.ask(`${METRICS}/namespaces/default/pods/web`)).json()).toMatchObject({
      containers: [{ name: 'nginx', usage: { cpu: '10m', memory: '2Ki' } }],
    });
  });

  test('can only be read', async () => {
    expect((await fixture.send('POST', `${METRICS}/namespaces/default/pods`, {})).code).toBe(405);
    expect((await fixture.ask(`${METRICS}/pods?watch=true`)).code).toBe(405);
    expect((await fixture.ask(`${METRICS}/namespaces/default/pods/web/status`)).code).toBe(404);
  });
});

describe('metrics of nodes', () => {
  test('are the sum of what runs on them', async () => {
    for (const name of ['node-1', 'node-2'])
      fixture.api.put(nodesDefinition, { metadata: { name } } as unknown as KubeObject);
    sample('node-1', used('a', 'c', 100, 1_024), used('b', 'c', 200, 1_024));
    const { items } = (await fixture.ask(`${METRICS}/nodes`)).json<{ items: object[] }>();
    expect(items).toMatchObject([{ metadata: { name: 'node-1' }, usage: { cpu: '300m', memory: '2Ki' } }]);
  });

  test('that cannot be read are none', async () => {
    fixture.usage.record('orrery.usage.node-1', Buffer.from([0xff, 0xff]));
    expect(await names('/nodes')).toEqual([]);
  });
});

test('discovery names them, without what the core group says of pods', async () => {
  const { resources } = (await fixture.ask(METRICS)).json<{ resources: object[] }>();
  expect(resources).toEqual([
    { name: 'nodes', singularName: '', namespaced: false, kind: 'NodeMetrics', verbs: ['get', 'list'] },
    { name: 'pods', singularName: '', namespaced: true, kind: 'PodMetrics', verbs: ['get', 'list'] },
  ]);
  expect((await fixture.ask('/openapi/v3/apis/metrics.k8s.io/v1beta1')).code).toBe(200);
});
