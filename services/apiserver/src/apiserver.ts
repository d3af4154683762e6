/** Puts the apiserver together. */

import { join } from 'node:path';
import { objectKey, splitKey } from '@orrery/api/meta.ts';
import { systemClock, type Timer } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { RunningService, ServiceContext } from '@orrery/kit/service.ts';
import { createAdmission } from './admission/index.ts';
import { createServiceAccountTokens } from './authentication/create-tokens.ts';
import { keepBootstrapped } from './bootstrap.ts';
import { keepClusterClock } from './cluster-clock.ts';
import { ClusterNodes, startingNodes } from './cluster-nodes.ts';
import type { ApiserverConfig } from './config.ts';
import { serveGrpc } from './grpc/server.ts';
import { writeAdminKubeconfig } from './pki/kubeconfig.ts';
import { preparePki } from './pki/pki.ts';
import { type Allocations, createAllocations } from './registry/allocation.ts';
import type { ResourceDefinition } from './registry/definition.ts';
import { definitions } from './registry/index.ts';
import { UsageBook } from './rest/metrics/usage-book.ts';
import { createRestServer } from './rest/server.ts';
import { createExpirySweeper } from './store/expiry.ts';
import { createRedisStore } from './store/redis.ts';
import { createApi } from './verbs/create-api.ts';
import { decodeObject } from './verbs/encoding.ts';
import type { EventFeed } from './watch/feed.ts';
import { createHub } from './watch/hub.ts';
import { createNatsEvents } from './watch/nats-events.ts';

/** How often addresses and ports that no Service uses are freed, in real milliseconds. */
const REPAIR_PERIOD_MS = 180_000;

/** How long a start waits for the store to say how the cluster's clock runs, in real milliseconds. */
const CLOCK_WAIT_MS = 500;

/** By `group/resource`: the stored version of each. */
const byGroupResource: ReadonlyMap<string, ResourceDefinition> = new Map(
  definitions.map((each) => [`${each.ref.group}/${each.ref.resource}`, each]),
);

export async function startApiserver(
  config: ApiserverConfig,
  context: ServiceContext,
): Promise<RunningService> {
  const { clock, logger, metrics } = context;
  const pki = await preparePki({ stateDir: config.ORRERY_STATE_DIR, nowMs: systemClock.now() });
  const clientPort = config.ORRERY_ADVERTISE_PORT ?? config.ORRERY_PORT;

  const highWaterFile = join(config.ORRERY_STATE_DIR, 'high-water');
  const store = await createRedisStore({ url: config.ORRERY_REDIS_URL, highWaterFile, logger });
  const bus = createNatsEvents({ url: config.ORRERY_NATS_URL, logger });
  const usage = new UsageBook();
  bus.onUsage((subject, data) => usage.record(subject, data));
  const hub = createHub({ store, logger, bus });
  const allocations = createAllocations(store);
  const admission = createAdmission({
    get: async (resource, namespace, name) => {
      const stored = await store.get(resource, objectKey(namespace, name));
      return stored === undefined ? undefined : decodeObject(stored);
    },
    list: async (resource, namespace = '') => {
      const { items } = await store.list({ resource, ...(namespace === '' ? {} : { namespace }) });
      return items.map(decodeObject);
    },
  });
  const feed: EventFeed = {
    written: (event) => {
      hub.written(event);
      const { namespace, name } = splitKey(event.key);
      admission.forget(event.resource, namespace, name);
    },
    subscribe: (...args) => hub.subscribe(...args),
  };
  const api = createApi({ store, feed, clock, admission, allocations });
  const tokens = createServiceAccountTokens({ api, key: pki.serviceAccountKey, clock });
  const sweeper = createExpirySweeper({ store, clock, feed: hub, logger });

  const stopping = new AbortController();
  let bootstrapped = false;
  const notReady = (): string | undefined => {
    if (!store.available) return 'the store does not answer';
    return bootstrapped ? undefined : 'the first objects are not there yet';
  };
  const configMaps = byGroupResource.get('/configmaps')!;
  const clockKnown = Promise.withResolvers<void>();
  void keepClusterClock({ api, definition: configMaps, clock, logger, signal: stopping.signal }, () =>
    clockKnown.resolve(),
  );
  const clusterNodes = new ClusterNodes({
    api,
    definition: configMaps,
    start: startingNodes(config.ORRERY_NODES, config.ORRERY_NODE_CONFIG, config.ORRERY_NODES_START),
    logger,
    signal: stopping.signal,
  });
  void clusterNodes.keep();
  // Nobody is to see the time before the clock was last set; without a store nobody sees anything.
  await Promise.race([clockKnown.promise, systemClock.sleep(CLOCK_WAIT_MS)]);
  const rest = createRestServer({
    api,
    tokens,
    definitions,
    pki,
    bind: config.ORRERY_BIND,
    address: `127.0.0.1:${clientPort}`,
    port: config.ORRERY_PORT,
    clock,
    logger,
    metrics,
    usage,
    notReady,
  });
  const grpc = await serveGrpc(
    { api, tokens, store, definitions: byGroupResource, clock, logger },
    { bind: config.ORRERY_BIND, port: config.ORRERY_GRPC_PORT },
  );
  await rest.listen();
  await writeAdminKubeconfig(config.ORRERY_KUBECONFIG, pki, `https://127.0.0.1:${clientPort}`);

  let repairs: Timer | undefined;
  const { signal } = stopping;
  const clusterCa = pki.caCertificate;
  const what = {
    api,
    definitions: byGroupResource,
    logger,
    clusterCa,
    port: clientPort,
    clusterClock: clock,
    clusterNodes,
    signal,
  };
  void keepBootstrapped(what, () => {
    bootstrapped = true;
    repairs = repairRegularly(allocations, logger);
  });

  return {
    notReady,
    stop: async () => {
      stopping.abort();
      repairs?.cancel();
      await Promise.all([rest.close(), grpc.close()]);
      await sweeper.stop();
      await hub.close();
      await bus.close();
      await store.close();
    },
  };
}

function repairRegularly(allocations: Allocations, logger: Logger): Timer {
  let running = false;
  const repair = async (): Promise<void> => {
    if (running) return;
    running = true;
    try {
      const { freed, recorded, conflicts } = await allocations.repairAllocations();
      if (freed + recorded + conflicts.length > 0)
        logger.info({ freed, recorded, conflicts }, 'allocations repaired');
    } catch (error) {
      logger.warn({ err: error }, 'allocations not repaired');
    } finally {
      running = false;
    }
  };
  void repair();
  return systemClock.setInterval(() => void repair(), REPAIR_PERIOD_MS);
}
