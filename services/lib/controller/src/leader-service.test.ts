import type { ConfigMap } from '@orrery/api/gen/types.ts';
import { keyOf, splitKey } from '@orrery/api/meta.ts';
import { ConfigMaps, Leases } from '@orrery/api/resources.ts';
import { eventually } from '@orrery/client/test-support/eventually.ts';
import { FakeApiServer } from '@orrery/client/test-support/fake-apiserver.ts';
import { ClusterClock, REAL_TIME } from '@orrery/kit/cluster-clock.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { createMetrics } from '@orrery/kit/metrics.ts';
import type { RunningService, ServiceContext } from '@orrery/kit/service.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Controller } from './controller.ts';
import { controllersWork, type LeaderContext, startLeaderService } from './leader-service.ts';

let server: FakeApiServer;
const services: RunningService[] = [];

/** Marks ConfigMaps with the instance that saw them first. */
function marker({ informers }: LeaderContext, instance: string, seen: string[]): Controller {
  const configMaps = informers.of(ConfigMaps);
  return {
    name: 'marker',
    workers: 1,
    setup: (queue) => void configMaps.addHandler({ add: (object: ConfigMap) => queue.add(keyOf(object)) }),
    async reconcile(key, { client }) {
      seen.push(key);
      if (configMaps.lister.get(key)?.data?.['by'] !== undefined) return;
      await client.patch(ConfigMaps, splitKey(key), 'merge', { data: { by: instance } });
    },
  };
}

async function start(instance: string): Promise<{ service: RunningService; seen: string[] }> {
  const seen: string[] = [];
  const context: ServiceContext = {
    instance,
    clock: new ClusterClock(REAL_TIME),
    logger: silentLogger(),
    metrics: createMetrics(),
  };
  const service = await startLeaderService({
    name: 'marker',
    // Nothing listens there: NATS may be away.
    config: { ORRERY_APISERVER: server.address, ORRERY_NATS_URL: 'nats://127.0.0.1:1' },
    context,
    build: (leader) => controllersWork([marker(leader, instance, seen)], leader),
  });
  services.push(service);
  return { service, seen };
}

function markOf(name: string): string | undefined {
  return (server.objects(ConfigMaps).get(`default/${name}`) as ConfigMap | undefined)?.data?.['by'];
}

function put(name: string): void {
  server.put(ConfigMaps, { metadata: { namespace: 'default', name } });
}

beforeEach(async () => {
  server = await FakeApiServer.start();
});

afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.stop()));
  server.stop();
});

it('lets one replica work, keeps the other ready, and changes over when the first leaves', async () => {
  put('early');
  const first = await start('marker-0');
  await eventually('the first mark', () => markOf('early') === 'marker-0');
  const second = await start('marker-1');
  await eventually('the second to be ready', () => second.service.notReady() === undefined);
  put('later');
  await eventually('the next mark', () => markOf('later') === 'marker-0');
  expect(second.seen).toEqual([]);

  await services.shift()!.stop();
  put('last');
  await eventually('the mark of the successor', () => markOf('last') === 'marker-1');
  // What it saw while it stood by waited in its queue.
  expect(second.seen).toEqual(expect.arrayContaining(['default/early', 'default/later', 'default/last']));
  expect(first.seen).not.toContain('default/last');
});

it('fences every write with the epoch of the term', async () => {
  put('a');
  await start('marker-0');
  await eventually('the mark', () => markOf('a') === 'marker-0');
  const writes = server.requests.filter(({ verb }) => verb?.$case === 'patch');
  expect(writes.map(({ fence }) => fence)).toEqual([
    { lease: 'kube-system/marker', uid: expect.any(String), epoch: 0 },
  ]);
});

it('is not ready before its informers have synced, and ends although the apiserver is away', async () => {
  server.stop();
  const { service } = await start('marker-0');
  expect(service.notReady()).toBe('informers have not synced');
  services.length = 0;
  await service.stop();
});

it('gives the Lease back when it ends', async () => {
  const { service } = await start('marker-0');
  const holder = (): unknown => {
    const lease = server.objects(Leases).get('kube-system/marker') as
      | { spec?: { holderIdentity?: string } }
      | undefined;
    return lease?.spec?.holderIdentity;
  };
  await eventually('the lead', () => holder() === 'marker-0');
  services.length = 0;
  await service.stop();
  expect(holder()).toBe('');
});
