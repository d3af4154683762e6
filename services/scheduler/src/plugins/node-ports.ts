/** The host ports that a pod asks for must be free on the node (pkg/scheduler/framework/plugins/nodeports). */

import { hostPortsCollide } from '@orrery/api/host-ports.ts';
import { type FilterPlugin, resolvable } from './plugin.ts';

const REJECTED = resolvable("node(s) didn't have free ports for the requested pod ports");

export const nodePorts: FilterPlugin = {
  name: 'NodePorts',
  wokenBy: ['NodeAdd', 'AssignedPodDelete'],
  dependsOn: ({ hostPorts }) => hostPorts,
  preFilter: ({ hostPorts }) =>
    hostPorts.length === 0
      ? undefined
      : {
          filter: (node) =>
            node.hostPorts.some((taken) => hostPorts.some((port) => hostPortsCollide(port, taken)))
              ? REJECTED
              : undefined,
        },
};
