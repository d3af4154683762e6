import type { ConfigMap, Endpoints, EndpointSlice, Service, StorageClass } from '@orrery/api/gen/types.ts';
import { type Logger, silentLogger } from '@orrery/kit/logger.ts';
import { REAL_TIME } from '@orrery/kit/cluster-clock.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { bootstrap, type BootstrapOptions, keepBootstrapped } from './bootstrap.ts';
import { definitions } from './registry/index.ts';
import { ApiFixture, namesOf } from './verbs/test-support/api-fixture.ts';

let fixture: ApiFixture;
const clock = new ManualClock();
const stopping = new AbortController();
beforeEach(async () => {
  fixture = await ApiFixture.start();
});
afterEach(() => fixture.close());

function options({ signal = stopping.signal, logger = silentLogger() } = {}): BootstrapOptions {
  return {
    api: fixture.api,
    definitions: new Map(definitions.map((each) => [`${each.ref.group}/${each.ref.resource}`, each])),
    logger,
    clusterCa: 'PEM',
    port: 6443,
    clusterClock: { newestAnchor: REAL_TIME },
    clusterNodes: {
      object: () => ({ metadata: { name: 'orrery-nodes' }, data: { config: '{"groups": []}' } }),
    },
    signal,
    clock,
  };
}

const run = (changed: Parameters<typeof options>[0] = {}): Promise<void> => bootstrap(options(changed));

it('makes the namespaces, the CA for extensions, and the service of the apiserver', async () => {
  await run();
  expect(namesOf(await fixture.list('namespaces'))).toEqual(
    expect.arrayContaining(['default', 'kube-node-lease', 'kube-public', 'kube-system']),
  );
  const ca = await fixture.get<ConfigMap>('configmaps', 'extension-apiserver-authentication', 'kube-system');
  expect(ca.data).toEqual({ 'client-ca-file': 'PEM' });
  const service = await fixture.get<Service>('services', 'kubernetes');
  expect(service).toMatchObject({
    metadata: { labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443, targetPort: 6443 }] },
  });
  const standard = await fixture.get<StorageClass>('storageclasses', 'standard');
  expect(standard).toMatchObject({ provisioner: 'orrery.dev/simulated', volumeBindingMode: 'Immediate' });
  expect(await fixture.get<Endpoints>('endpoints', 'kubernetes')).toMatchObject({
    subsets: [{ ports: [{ name: 'https', port: 6443 }] }],
  });
  expect(await fixture.get<EndpointSlice>('endpointslices', 'kubernetes')).toMatchObject({
    metadata: { labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    endpoints: [{ conditions: { ready: true } }],
  });
});

it('leaves what is there as it is, also when several apiservers start at once', async () => {
  const both = Promise.all([run(), run()]);
  await clock.advance(1_000);
  await both;
  const revision = await fixture.store.currentRevision();
  await run();
  expect(await fixture.store.currentRevision()).toBe(revision);
});

it('waits for the store, quietly', async () => {
  const warned: unknown[] = [];
  fixture.store.available = false;
  const running = run({ logger: { ...silentLogger(), ...recording(warned) } });
  await clock.advance(5_000);
  fixture.store.available = true;
  await clock.advance(100);
  await running;
  await expect(fixture.get('services', 'kubernetes')).resolves.toBeDefined();
  expect(warned).toEqual([]);
});

it('goes on trying what is refused, and warns of it once', async () => {
  const warned: unknown[] = [];
  const clusterIp = '10.96.0.1';
  await fixture.allocations.allocateClusterIp('another uid', clusterIp);
  const running = run({ logger: { ...silentLogger(), ...recording(warned) } });
  await clock.advance(5_000);
  expect(warned).toEqual([expect.objectContaining({ resource: '/services', name: 'kubernetes' })]);
  await fixture.allocations.releaseClusterIp(clusterIp);
  await clock.advance(100);
  await running;
  await expect(fixture.get('endpointslices', 'kubernetes')).resolves.toBeDefined();
});

it('ends when it is told to, though nothing is done', async () => {
  const abort = new AbortController();
  fixture.store.available = false;
  const running = run({ signal: abort.signal });
  abort.abort();
  await running;
  expect(clock.pendingTimers).toBe(0);
  fixture.store.available = true;
});

function recording(warned: unknown[]): Logger {
  return { warn: (about: unknown) => warned.push(about), debug: () => undefined } as unknown as Logger;
}

it('makes again what somebody deletes, until it is told to end', async () => {
  const abort = new AbortController();
  let completed = 0;
  const running = keepBootstrapped(options({ signal: abort.signal }), () => (completed += 1));
  await clock.advance(0);
  await fixture.delete('services', 'kubernetes');
  await fixture.delete('endpoints', 'kubernetes');
  await clock.advance(10_000);
  const { spec } = await fixture.get<Service>('services', 'kubernetes');
  expect(spec.clusterIP).toBe('10.96.0.1');
  await expect(fixture.get('endpoints', 'kubernetes')).resolves.toBeDefined();
  abort.abort();
  await running;
  expect([completed, clock.pendingTimers]).toEqual([1, 0]);
});
