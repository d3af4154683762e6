/** Puts the node agent together. */

import { join } from 'node:path';
import type { Node } from '@orrery/api/gen/types.ts';
import { objectKey } from '@orrery/api/meta.ts';
import {
  ConfigMaps,
  Nodes,
  PersistentVolumeClaims,
  PersistentVolumes,
  Pods,
  Secrets,
  Services,
} from '@orrery/api/resources.ts';
import { createEventBroadcaster } from '@orrery/client/event-recorder.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import { createInformers } from '@orrery/client/informers.ts';
import { connectNats } from '@orrery/client/nats.ts';
import { createClient } from '@orrery/client/session.ts';
import { publishUsage } from '@orrery/client/usage.ts';
import { type Clock, systemClock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { RunningService, ServiceContext } from '@orrery/kit/service.ts';
import type { NodeAgentConfig } from './config.ts';
import { PodConfigObjects } from './environment/config-objects.ts';
import { containerView } from './environment/container-view.ts';
import { Environment } from './environment/environment.ts';
import { ServiceLinks } from './environment/service-links.ts';
import { Journals } from './files/journals.ts';
import { Trees } from './files/trees.ts';
import { EVICTION_PERIOD_MS, EvictionManager } from './eviction/eviction-manager.ts';
import { serveGrpc } from './grpc-server.ts';
import { ContainerLogs, logIdOf } from './logs/container-logs.ts';
import { logStorage } from './logs/log-storage.ts';
import { warnOfAnnotations } from './nodes/annotation-warnings.ts';
import { NodeFleet } from './nodes/node-fleet.ts';
import {
  allocatableQuantities,
  nodeAllocatable,
  nodeIndex,
  nodeName,
  type NodeRange,
  placeInRange,
} from './nodes/node-object.ts';
import { visitInRounds } from './nodes/rounds.ts';
import { UsageSampler } from './nodes/usage.ts';
import { nodeView } from './network/cluster-view.ts';
import { DialClient } from './network/dial-client.ts';
import { podNetworkService } from './network/dial-server.ts';
import { ServiceInformers } from './network/service-informers.ts';
import { SimulatedNetwork } from './network/simulated-network.ts';
import { admission } from './pods/admission.ts';
import { ContainerHookRunner } from './pods/hook-runner.ts';
import { PodManager } from './pods/pod-manager.ts';
import { ContainerProbes } from './probes/container-probes.ts';
import { layerOf } from './process/images/layers.ts';
import { AddressRange, nodeAddress, podRangePrefix } from './runtime/addresses.ts';
import { NO_CHECKPOINTS } from './runtime/checkpoints.ts';
import { runtimeService } from './runtime/grpc.ts';
import { pullTimeMs, SimulatedImages } from './runtime/images.ts';
import { JournaledCheckpoints } from './runtime/journaled-checkpoints.ts';
import { SimulatedRuntime } from './runtime/simulated.ts';
import { nodeAgentService } from './streaming/node-agent-service.ts';
import { PodVolumes } from './volumes/pod-volumes.ts';
import { ServiceAccountTokens } from './volumes/tokens.ts';
import { containerTree, isVolatile, persistentVolumeTree } from './volumes/tree-names.ts';

/** How often usage is sampled, on the cluster's clock (metrics-server's resolution). */
const USAGE_PERIOD_MS = 15_000;

/** How long a stop waits for statuses to be stored, in real time. */
const DRAIN_MS = 3_000;

const BY_NODE = 'node';

/** Recorders of one process share a broadcaster. */
function recorderPerNode(newRecorder: (host: string) => EventRecorder): (host: string) => EventRecorder {
  const recorders = new Map<string, EventRecorder>();
  return (host) => {
    let recorder = recorders.get(host);
    if (recorder === undefined) {
      recorder = newRecorder(host);
      recorders.set(host, recorder);
    }
    return recorder;
  };
}

/** What outlives this process; nothing does without a directory for it. */
function journalsIn(stateDir: string | undefined, realClock: Clock, logger: Logger): Journals | undefined {
  return stateDir === undefined
    ? undefined
    : new Journals({ directory: join(stateDir, 'journals'), realClock, logger });
}

/** HOST:PORT under which others reach the gRPC port. */
function advertisedAddress(
  { ORRERY_ADVERTISE_ADDRESS: advertised, ORRERY_BIND: bind }: NodeAgentConfig,
  boundPort: number,
): string {
  const address = advertised === '' ? bind : advertised;
  return address.includes(':') ? address : `${address}:${boundPort}`;
}

export async function startNodeAgent(
  config: NodeAgentConfig,
  { clock, logger, metrics, instance }: ServiceContext,
): Promise<RunningService> {
  const range: NodeRange = { first: config.ORRERY_FIRST_NODE - 1, count: config.ORRERY_NODES };
  const hostsNode = (node: string): boolean => placeInRange(range, node) !== undefined;
  const client = createClient({
    address: config.ORRERY_APISERVER,
    agent: 'node-agent',
    logger,
    clusterClock: clock,
  });
  const nats = connectNats(config.ORRERY_NATS_URL, logger);
  const informers = createInformers({ client, events: nats, logger });
  const pods = informers.of(Pods);
  const nodes = informers.of(Nodes);
  pods.addIndex(BY_NODE, ({ spec }) => (spec.nodeName === undefined ? [] : [spec.nodeName]));
  const broadcaster = createEventBroadcaster({ client, clock, logger, metrics });
  const events = recorderPerNode((host) => broadcaster.recorder({ component: 'kubelet', host }));

  const ranges = Array.from(
    { length: range.count },
    (_, place) => new AddressRange(podRangePrefix(range.first + place)),
  );
  const hostIp = (node: string): string => nodeAddress(nodeIndex(node));
  const peers = new DialClient();
  const services = informers.of(Services);
  const lookedUp = new ServiceInformers(services, () => createInformers({ client, events: nats, logger }));
  const network = new SimulatedNetwork({
    clock,
    hostIp,
    hostsNode,
    nodes: nodeView(nodes, pods),
    services: () => lookedUp.view(),
    peers,
  });
  const images = new SimulatedImages({
    clock,
    pullTimeMs: (sizeBytes) => pullTimeMs(config.ORRERY_IMAGE_PULL_MS, sizeBytes),
  });
  const realClock = systemClock;
  const journals = journalsIn(config.ORRERY_STATE_DIR, realClock, logger);
  const trees = new Trees({
    clock,
    isVolatile,
    prepare: (tree) => volumes.prepare(tree),
    ...(journals === undefined ? {} : { journals }),
  });
  const objects = new PodConfigObjects(client, informers.of(ConfigMaps), informers.of(Secrets));
  const persistentVolumes = informers.of(PersistentVolumes);
  const volumes = new PodVolumes({
    clock,
    logger,
    trees,
    objects,
    tokens: new ServiceAccountTokens(client, clock),
    claims: {
      claims: informers.of(PersistentVolumeClaims).lister,
      persistentVolumes: persistentVolumes.lister,
    },
    hostIp,
    allocatable: allocatableQuantities,
    podNow: (key) => pods.lister.get(key),
  });
  persistentVolumes.addHandler({
    delete: ({ metadata }) => trees.remove(persistentVolumeTree(metadata.uid)),
  });
  const logs = new ContainerLogs({
    clock,
    realClock,
    logger,
    ...logStorage(config.ORRERY_STATE_DIR, config.ORRERY_LOG_MAX_BYTES),
  });
  const runtime = new SimulatedRuntime({
    clock,
    logger,
    images,
    sandboxStartMs: config.ORRERY_SANDBOX_START_MS,
    containerStartMs: config.ORRERY_CONTAINER_START_MS,
    addresses: (node) => ({ hostIp: hostIp(node), range: ranges[placeInRange(range, node)!]! }),
    network,
    files: (container, sandbox) =>
      containerView(trees, layerOf(container.image), containerTree(container.id), container, sandbox),
    filesReady: ({ uid }) => volumes.ready(uid),
    removeFiles: (container) => {
      trees.remove(containerTree(container.id));
      const sandbox = runtime.podSandboxStatus(container.podSandboxId);
      if (sandbox !== undefined) logs.remove(logIdOf(container, sandbox));
    },
    log: (container, sandbox, stream, data) => logs.write(logIdOf(container, sandbox), stream, data),
    logEnded: (container, sandbox) => logs.end(logIdOf(container, sandbox)),
    checkpoints: journals === undefined ? NO_CHECKPOINTS : new JournaledCheckpoints(journals),
    onChange: (podUid) => manager.wake(podUid),
  });
  const nodeOf = (name: string): Node | undefined => nodes.lister.get(objectKey('', name));
  const probes = new ContainerProbes({
    clock,
    runtime,
    network,
    events,
    metrics,
    onChange: (podUid) => manager.probed(podUid),
  });
  const manager = new PodManager({
    client,
    clock,
    realClock,
    logger,
    runtime,
    images,
    volumes,
    environment: new Environment({
      links: new ServiceLinks(services),
      configMaps: objects.configMaps,
      secrets: objects.secrets,
      hostIp,
      allocatable: allocatableQuantities,
      events,
    }),
    probes,
    hooks: new ContainerHookRunner({ clock, runtime, network }),
    crashLoopInitialMs: config.ORRERY_CRASHLOOP_INITIAL_MS,
    allocatable: nodeAllocatable(),
    events,
    hostIp,
    hostsNode,
    admission: (pod, others) => {
      const node = nodeOf(pod.spec.nodeName ?? '');
      if (node === undefined) return undefined;
      return evictions.admission(pod, node.metadata.name) ?? admission(pod, others, node);
    },
  });

  const evictions = new EvictionManager({
    clock,
    runtime,
    volumes,
    podsOf: (node) => pods.lister.byIndex(BY_NODE, node),
    nodeOf,
    events,
    evict: (podUid, eviction) => manager.evict(podUid, eviction),
    onMemoryPressure: (node, isShort) => fleet.setMemoryPressure(node, isShort),
  });
  const evictor = visitInRounds({
    clock,
    count: range.count,
    periodMs: EVICTION_PERIOD_MS,
    visit: (place) => evictions.visit(nodeName(range.first + place)),
  });
  const throttled = metrics.counter(
    'container_cpu_cfs_throttled_periods_total',
    'Periods of 100 ms in which the CPU limit of a container held it back, by node.',
    ['node'],
  );
  const usage = new UsageSampler(runtime, ({ spec: { nodeName = '' } }, _container, periods) =>
    throttled.inc({ node: nodeName }, periods),
  );
  const sampler = visitInRounds({
    clock,
    count: range.count,
    periodMs: USAGE_PERIOD_MS,
    visit: (place) => {
      const node = nodeName(range.first + place);
      const podsOfNode = pods.lister.byIndex(BY_NODE, node);
      publishUsage(nats, usage.sampleNode(node, podsOfNode, clock.now(), USAGE_PERIOD_MS));
    },
  });
  const reach = nodeAgentService({
    pods: pods.lister,
    synced: () => informers.synced,
    hostsNode,
    runtime,
    logs,
  });
  const server = await serveGrpc([runtimeService(runtime), podNetworkService(network), reach], {
    bind: config.ORRERY_BIND,
    port: config.ORRERY_GRPC_PORT,
  });
  const fleet = new NodeFleet({
    client,
    clock,
    realClock,
    logger,
    nodes,
    events,
    hosting: { agent: instance, address: advertisedAddress(config, server.port) },
    range,
    allNodes: Math.max(config.ORRERY_ALL_NODES, range.first + range.count),
  });
  let stopping = false;
  const follow = async (): Promise<void> => {
    await informers.start();
    if (stopping) return;
    manager.follow(pods);
    const persistent = new Set(persistentVolumes.lister.list().map(({ metadata }) => metadata.uid));
    volumes.removeOrphans({
      pods: (uid) => manager.has(uid),
      containers: (id) => runtime.containerStatus(id) !== undefined,
      'persistent-volumes': (uid) => persistent.has(uid),
    });
    logs.removeOrphans((uid) => manager.has(uid));
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
      sampler.cancel();
      evictor.cancel();
      fleet.stop();
      await informers.stop();
      await Promise.race([manager.written(), realClock.sleep(DRAIN_MS)]);
      manager.stop();
      probes.stop();
      volumes.stop();
      journals?.flush();
      server.close();
      peers.close();
      await lookedUp.stop();
      await logs.close();
      broadcaster.close();
      await nats.close();
      await client.close();
    },
  };
}
