/** The kubelets of the machines: the life of pods, their probes, evictions, and what they use. */

import { amountsOf } from '@orrery/api/pod-requests.ts';
import { publishUsage } from '@orrery/client/usage.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import type { ServiceContext } from '@orrery/kit/service.ts';
import type { NodeAgentConfig } from '../config.ts';
import { Environment } from '../environment/environment.ts';
import { ServiceLinks } from '../environment/service-links.ts';
import type { DiskUsage } from '../eviction/disk-limits.ts';
import { EVICTION_PERIOD_MS, EvictionManager, type Pressure } from '../eviction/eviction-manager.ts';
import { logIdOf } from '../logs/container-logs.ts';
import { visitInRounds } from '../nodes/rounds.ts';
import { UsageSampler } from '../nodes/usage.ts';
import { admission } from '../pods/admission.ts';
import { ContainerHookRunner } from '../pods/hook-runner.ts';
import { PodManager } from '../pods/pod-manager.ts';
import { ContainerProbes } from '../probes/container-probes.ts';
import { containerTree, nodeTree } from '../volumes/tree-names.ts';
import type { Cluster } from './cluster.ts';
import type { Machines } from './machines.ts';
import type { Storage } from './storage.ts';

/** How often usage is sampled, on the cluster's clock (metrics-server's resolution). */
const USAGE_PERIOD_MS = 15_000;

export interface KubeletParts {
  cluster: Cluster;
  storage: Storage;
  machines: Machines;
  onPressure: (node: string, condition: Pressure, isShort: boolean) => void;
}

/** Nothing happens before `manager.follow`. */
export function createKubelets(config: NodeAgentConfig, context: ServiceContext, parts: KubeletParts) {
  const { cluster, storage, machines } = parts;
  const { clock, logger, metrics } = context;
  const { events, hostIp, hostsNode, podsOf, nodeOf, allocatable } = cluster;
  const { runtime, network, images } = machines;
  const { volumes } = storage;
  const probes = new ContainerProbes({
    clock,
    runtime,
    network,
    events,
    metrics,
    onChange: (podUid) => manager.probed(podUid),
  });
  const manager: PodManager = new PodManager({
    client: cluster.client,
    clock,
    realClock: systemClock,
    logger,
    runtime,
    images,
    volumes,
    environment: new Environment({
      links: new ServiceLinks(cluster.services),
      configMaps: cluster.objects.configMaps,
      secrets: cluster.objects.secrets,
      hostIp,
      allocatable,
      events,
    }),
    probes,
    hooks: new ContainerHookRunner({ clock, runtime, network }),
    crashLoopInitialMs: config.ORRERY_CRASHLOOP_INITIAL_MS,
    allocatable: (node) => amountsOf(allocatable(node)),
    events,
    hostIp,
    hostsNode,
    ranHere: (node) => cluster.roster.ranHere(node),
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
    disk: diskUsage(storage, machines),
    podsOf,
    nodeOf,
    events,
    evict: (podUid, eviction) => manager.evict(podUid, eviction),
    onPressure: parts.onPressure,
  });
  const cancelRounds = visitNodes(context, cluster, machines, (node) => evictions.visit(node));
  return {
    manager,
    /** A machine is gone. */
    leave: async (node: string, forGood: boolean): Promise<void> => {
      await manager.leave(node);
      if (forGood) storage.trees.remove(nodeTree(node));
      evictions.forget(node);
      machines.forget(node);
    },
    /** Nothing more is sampled, evicted or started. What runs goes on running. */
    stop: (): void => {
      manager.stop();
      probes.stop();
    },
    cancelRounds,
  };
}

function diskUsage({ trees, volumes, logs }: Storage, { runtime }: Machines): DiskUsage {
  const bytesIn = (tree: string): number => trees.find(tree)?.space('/').usedBytes ?? 0;
  return {
    containerBytes: (id) => bytesIn(containerTree(id)),
    logBytes: (id) => {
      const container = runtime.containerStatus(id);
      const sandbox = runtime.podSandboxStatus(container?.podSandboxId ?? '');
      return container === undefined || sandbox === undefined ? 0 : logs.sizeOf(logIdOf(container, sandbox));
    },
    volumeBytes: (pod) => volumes.localBytes(pod),
    nodeBytes: (node) => bytesIn(nodeTree(node)),
  };
}

/** The two rounds over the nodes: evictions, and samples of usage. Returns how to end them. */
function visitNodes(
  { clock, metrics }: ServiceContext,
  { roster, podsOf, nats }: Cluster,
  { runtime }: Machines,
  checkPressure: (node: string) => void,
): () => void {
  const items = () => roster.hosted;
  const evictor = visitInRounds({
    clock,
    items,
    periodMs: EVICTION_PERIOD_MS,
    visit: ({ name }) => checkPressure(name),
  });
  const throttled = metrics.counter(
    'container_cpu_cfs_throttled_periods_total',
    'Periods of 100 ms in which the CPU limit of a container held it back, by node.',
    ['node'],
  );
  const usage = new UsageSampler(runtime, ({ spec: { nodeName: node = '' } }, _container, periods) =>
    throttled.inc({ node }, periods),
  );
  const sampler = visitInRounds({
    clock,
    items,
    periodMs: USAGE_PERIOD_MS,
    visit: ({ name: node }) => {
      publishUsage(nats, usage.sampleNode(node, podsOf(node), clock.now(), USAGE_PERIOD_MS));
    },
  });
  return () => {
    evictor.cancel();
    sampler.cancel();
  };
}
