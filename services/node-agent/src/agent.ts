/** Puts the node agent together, and takes it apart again. */

import { systemClock } from '@orrery/kit/clock.ts';
import type { RunningService, ServiceContext } from '@orrery/kit/service.ts';
import { type Cluster, joinCluster } from './assembly/cluster.ts';
import { createKubelets } from './assembly/kubelets.ts';
import { createMachines } from './assembly/machines.ts';
import { openStorage } from './assembly/storage.ts';
import type { NodeAgentConfig } from './config.ts';
import { serveGrpc } from './grpc-server.ts';
import { podNetworkService } from './network/dial-server.ts';
import { warnOfAnnotations } from './nodes/annotation-warnings.ts';
import { type FleetPods, NodeFleet } from './nodes/node-fleet.ts';
import type { NodeImages } from './nodes/node-registration.ts';
import { runtimeService } from './runtime/grpc.ts';
import { nodeAgentService } from './streaming/node-agent-service.ts';

/** How long a stop waits for statuses to be stored, in real time. */
const DRAIN_MS = 3_000;

/** HOST:PORT under which others reach the gRPC port. */
function advertisedAddress(
  { ORRERY_ADVERTISE_ADDRESS: advertised, ORRERY_BIND: bind }: NodeAgentConfig,
  boundPort: number,
): string {
  const address = advertised === '' ? bind : advertised;
  return address.includes(':') ? address : `${address}:${boundPort}`;
}

function createFleet(
  config: NodeAgentConfig,
  { clock, logger, instance }: ServiceContext,
  { client, nodes, configMaps, events, roster, podsOf }: Cluster,
  boundPort: number,
  { images, ...pods }: Pick<FleetPods, 'join' | 'leave'> & { images: NodeImages },
): NodeFleet {
  return new NodeFleet({
    client,
    clock,
    realClock: systemClock,
    logger,
    nodes,
    configMaps,
    events,
    hosting: { agent: instance, address: advertisedAddress(config, boundPort) },
    share: { place: config.ORRERY_AGENT_PLACE, of: config.ORRERY_AGENTS },
    images,
    roster,
    pods: { of: podsOf, ...pods },
  });
}

export async function startNodeAgent(
  config: NodeAgentConfig,
  context: ServiceContext,
): Promise<RunningService> {
  const cluster = joinCluster(config, context);
  const { informers, pods, hostsNode, events } = cluster;
  const storage = openStorage(config, context, cluster);
  const machines = createMachines(config, context, cluster, storage, (podUid) =>
    kubelets.manager.wake(podUid),
  );
  const { runtime, network } = machines;
  const kubelets = createKubelets(config, context, {
    cluster,
    storage,
    machines,
    onPressure: (node, condition, isShort) => fleet.setPressure(node, condition, isShort),
  });
  const { manager } = kubelets;
  const synced = (): boolean => informers.synced;
  const reach = nodeAgentService({ pods: pods.lister, synced, hostsNode, runtime, logs: storage.logs });
  const server = await serveGrpc([runtimeService(runtime), podNetworkService(network), reach], {
    bind: config.ORRERY_BIND,
    port: config.ORRERY_GRPC_PORT,
  });
  const fleet = createFleet(config, context, cluster, server.port, {
    images: machines.images,
    join: (node) => manager.join(cluster.podsOf(node)),
    leave: (node, forGood) => kubelets.leave(node, forGood),
  });
  let stopping = false;
  const follow = async (): Promise<void> => {
    // Which pods are this agent's is known with the nodes.
    await Promise.all([informers.start(), fleet.known]);
    if (stopping) return;
    manager.follow(pods);
    storage.removeOrphans({
      pod: (uid) => manager.has(uid),
      container: (id) => runtime.containerStatus(id) !== undefined,
      node: (name) => hostsNode(name) || cluster.nodeOf(name) !== undefined,
    });
    warnOfAnnotations(pods, hostsNode, events);
  };
  void fleet.start();
  void follow();

  return {
    notReady: () => {
      if (!informers.synced) return 'pods and nodes are not known yet';
      return fleet.registered ? undefined : 'nodes are not registered yet';
    },
    stop: async () => {
      stopping = true;
      kubelets.cancelRounds();
      fleet.stop();
      await informers.stop();
      await Promise.race([manager.written(), systemClock.sleep(DRAIN_MS)]);
      kubelets.stop();
      server.close();
      await machines.close();
      await storage.close();
      await cluster.close();
    },
  };
}
