/** Watches nodes and their leases. */

import type { Node } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { Leases, Nodes, Pods } from '@orrery/api/resources.ts';
import type { Controller, ControllerContext, KeyQueue } from '@orrery/controller/controller.ts';
import { indexed, PODS_BY_NODE } from '../indexes.ts';
import { MONITOR_KEY, NodeLifecycle } from './reconcile.ts';

/** Heartbeats change nothing that taints follow from. */
function isConditionChange(node: Node, before: Node): boolean {
  const statuses = ({ status }: Node): string[] =>
    (status?.conditions ?? []).map((each) => `${each.type}=${each.status}`);
  return (
    node.metadata.uid !== before.metadata.uid ||
    node.spec.unschedulable !== before.spec.unschedulable ||
    !jsonEqual(node.spec.taints, before.spec.taints) ||
    !jsonEqual(statuses(node), statuses(before))
  );
}

/** `graceMs`: how long a node may be silent. */
export function nodeLifecycleController(
  { informers, events, clock }: ControllerContext,
  graceMs: number,
): Controller {
  const nodes = informers.of(Nodes);
  const lifecycle = new NodeLifecycle({
    nodes: nodes.lister,
    leases: informers.of(Leases).lister,
    podsOn: indexed(informers.of(Pods), PODS_BY_NODE),
    events,
    clock,
    graceMs,
  });
  let queue: KeyQueue | undefined;
  return {
    name: 'node-lifecycle-controller',
    workers: 4,
    setup: (keys) => {
      queue = keys;
      nodes.addHandler({
        add: ({ metadata }) => keys.add(metadata.name),
        update: (node, before) => {
          if (isConditionChange(node, before)) keys.add(node.metadata.name);
        },
        delete: ({ metadata }) => keys.add(metadata.name),
      });
      keys.add(MONITOR_KEY);
    },
    reconcile: async (key, context) => (queue === undefined ? {} : lifecycle.reconcile(key, context, queue)),
  };
}
