/** The simulated machines themselves: their network, their images, their container runtime. */

import type { ServiceContext } from '@orrery/kit/service.ts';
import type { NodeAgentConfig } from '../config.ts';
import { containerView } from '../environment/container-view.ts';
import { logIdOf } from '../logs/container-logs.ts';
import { nodeView } from '../network/cluster-view.ts';
import { ControlPlaneClient, NO_CONTROL_PLANE } from '../network/control-plane.ts';
import { DialClient } from '../network/dial-client.ts';
import { ServiceInformers } from '../network/service-informers.ts';
import { SimulatedNetwork } from '../network/simulated-network.ts';
import { layerOf } from '../process/images/layers.ts';
import { AddressRanges } from '../runtime/addresses.ts';
import { pullTimeMs, SimulatedImages } from '../runtime/images.ts';
import type { RuntimeListener } from '../runtime/runtime.ts';
import { SimulatedRuntime } from '../runtime/simulated.ts';
import { containerTree } from '../volumes/tree-names.ts';
import type { Cluster } from './cluster.ts';
import type { Storage } from './storage.ts';

export type Machines = ReturnType<typeof createMachines>;

/** Where pods find the apiserver; nowhere unless it is known. */
function controlPlaneOf(config: NodeAgentConfig): ControlPlaneClient | undefined {
  const { ORRERY_CONTROL_PLANE: address, ORRERY_CONTROL_PLANE_PORT: clusterPort } = config;
  if (address === undefined) return undefined;
  const [host = '', port = ''] = address.split(':');
  return new ControlPlaneClient({ host, port: Number(port), clusterPort: clusterPort ?? Number(port) });
}

function createNetwork(
  config: NodeAgentConfig,
  { clock }: ServiceContext,
  { hostIp, hostsNode, nodes, pods, services, newInformers }: Cluster,
) {
  const peers = new DialClient();
  const controlPlane = controlPlaneOf(config);
  const lookedUp = new ServiceInformers(services, newInformers);
  const network = new SimulatedNetwork({
    clock,
    hostIp,
    hostsNode,
    nodes: nodeView(nodes, pods),
    services: () => lookedUp.view(),
    peers,
    controlPlane: controlPlane ?? NO_CONTROL_PLANE,
  });
  const close = async (): Promise<void> => {
    peers.close();
    controlPlane?.close();
    await lookedUp.stop();
  };
  return { network, close };
}

/** `onChange` is told of pods in which something changed by itself. */
export function createMachines(
  config: NodeAgentConfig,
  context: ServiceContext,
  cluster: Cluster,
  { trees, volumes, logs, checkpoints }: Storage,
  onChange: RuntimeListener,
) {
  const { clock, logger } = context;
  const { roster, hostIp } = cluster;
  const { network, close } = createNetwork(config, context, cluster);
  const ranges = new AddressRanges((node) => roster.get(node)?.machine.podCidr ?? '');
  const images = new SimulatedImages({
    clock,
    pullTimeMs: (sizeBytes) => pullTimeMs(config.ORRERY_IMAGE_PULL_MS, sizeBytes),
  });
  const runtime: SimulatedRuntime = new SimulatedRuntime({
    clock,
    logger,
    images,
    sandboxStartMs: config.ORRERY_SANDBOX_START_MS,
    containerStartMs: config.ORRERY_CONTAINER_START_MS,
    addresses: (node) => ({ hostIp: hostIp(node), range: ranges.of(node) }),
    network,
    files: (container, sandbox, onMemoryUse) => {
      const [image, layer] = [layerOf(container.image), containerTree(container.id)];
      return containerView(trees, image, layer, container, sandbox, onMemoryUse);
    },
    filesReady: ({ uid }) => volumes.ready(uid),
    removeFiles: (container) => {
      trees.remove(containerTree(container.id));
      const sandbox = runtime.podSandboxStatus(container.podSandboxId);
      if (sandbox !== undefined) logs.remove(logIdOf(container, sandbox));
    },
    log: (container, sandbox, stream, data) => logs.write(logIdOf(container, sandbox), stream, data),
    logEnded: (container, sandbox) => logs.end(logIdOf(container, sandbox)),
    checkpoints,
    onChange,
  });
  return {
    network,
    images,
    runtime,
    /** Nothing runs on the machine any more: another may have its name. */
    forget: (node: string): void => {
      ranges.forget(node);
      network.forgetNode(node);
      images.forgetNode(node);
    },
    close,
  };
}
