/** Puts the node agent together. */

import { Nodes, Pods } from '@orrery/api/resources.ts';
import { createEventRecorder } from '@orrery/client/event-recorder.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import { createInformers } from '@orrery/client/informers.ts';
import { connectNats } from '@orrery/client/nats.ts';
import { createClient } from '@orrery/client/session.ts';
import { publishUsage } from '@orrery/client/usage.ts';
import type { RunningService, ServiceContext } from '@orrery/kit/service.ts';
import type { NodeAgentConfig } from './config.ts';
import { NodeFleet } from './nodes/node-fleet.ts';
import { nodeIndex, nodeName } from './nodes/node-object.ts';
import { nodeUsage } from './nodes/usage.ts';
import { PodManager } from './pods/pod-manager.ts';
import { StatusManager } from './pods/status-manager.ts';
import { AddressRange, nodeAddress, podRangePrefix } from './runtime/addresses.ts';
import { serveRuntime } from './runtime/grpc.ts';
import { createImageService } from './runtime/images.ts';
import { SimulatedRuntime } from './runtime/simulated.ts';

/** How often usage is sampled, on the cluster's clock (metrics-server's resolution). */
const USAGE_PERIOD_MS = 15_000;

const BY_NODE = 'node';

export async function startNodeAgent(
  config: NodeAgentConfig,
  context: ServiceContext,
): Promise<RunningService> {
  const { clock, logger, instance } = context;
  const client = createClient({ address: config.ORRERY_APISERVER, agent: 'node-agent', logger });
  const nats = connectNats(config.ORRERY_NATS_URL, logger);
  const informers = createInformers({ client, events: nats, logger });
  const pods = informers.of(Pods);
  const nodes = informers.of(Nodes);
  pods.addIndex(BY_NODE, (pod) => [pod.spec.nodeName ?? '']);

  const images = createImageService(clock, config.ORRERY_IMAGE_PULL_MS);
  const ranges = Array.from(
    { length: config.ORRERY_NODES },
    (_, index) => new AddressRange(podRangePrefix(index)),
  );
  const runtime = new SimulatedRuntime({
    clock,
    images,
    sandboxStartMs: config.ORRERY_SANDBOX_START_MS,
    containerStartMs: config.ORRERY_CONTAINER_START_MS,
    network: (node) => ({ hostIp: nodeAddress(nodeIndex(node)), range: ranges[nodeIndex(node)]! }),
    onChange: (podUid) => manager.wake(podUid),
  });
  const recorders = new Map<string, EventRecorder>();
  const events = (host: string): EventRecorder => {
    const known =
      recorders.get(host) ?? createEventRecorder({ client, clock, logger, component: 'kubelet', host });
    recorders.set(host, known);
    return known;
  };
  const statuses = new StatusManager(client, logger);
  const fleet = new NodeFleet({ client, clock, logger, nodes, agent: instance, count: config.ORRERY_NODES });
  const manager = new PodManager(
    {
      client,
      clock,
      logger,
      runtime,
      images,
      events,
      statuses,
      hostIp: (node) => nodeAddress(nodeIndex(node)),
    },
    runtime,
    (node) => fleet.hosts(node),
  );
  manager.follow(pods);

  const sampler = clock.setInterval(() => {
    for (let index = 0; index < config.ORRERY_NODES; index += 1) {
      const node = nodeName(index);
      publishUsage(nats, nodeUsage(node, pods.lister.byIndex(BY_NODE, node), clock.now(), USAGE_PERIOD_MS));
    }
  }, USAGE_PERIOD_MS);
  const server = await serveRuntime(runtime, { bind: config.ORRERY_BIND, port: config.ORRERY_GRPC_PORT });
  void fleet.start();
  void informers.start();

  return {
    notReady: () => (fleet.registered && informers.synced ? undefined : 'nodes are not registered yet'),
    stop: async () => {
      sampler.cancel();
      fleet.stop();
      statuses.stop();
      server.close();
      await informers.stop();
      await nats.close();
      await client.close();
    },
  };
}
