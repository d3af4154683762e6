/** Evicts pods from nodes with NoExecute taints that they do not tolerate, or no longer. */

import type { Node } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { keyOf } from '@orrery/api/meta.ts';
import { Nodes, Pods } from '@orrery/api/resources.ts';
import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { indexed, PODS_BY_NODE } from '../indexes.ts';
import { evictingTaints } from './plan.ts';
import { TaintEviction } from './reconcile.ts';

export function taintEvictionController({ informers, events, clock }: ControllerContext): Controller {
  const pods = informers.of(Pods);
  const nodes = informers.of(Nodes);
  const podsOn = indexed(pods, PODS_BY_NODE);
  const eviction = new TaintEviction({ pods: pods.lister, nodes: nodes.lister, events, clock });
  return {
    name: 'taint-eviction-controller',
    workers: 8,
    setup: (queue) => {
      const enqueuePodsOf = ({ metadata }: Node): void => {
        for (const pod of podsOn(metadata.name)) queue.add(keyOf(pod));
      };
      nodes.addHandler({
        add: (node) => {
          if (evictingTaints(node).length > 0) enqueuePodsOf(node);
        },
        update: (node, before) => {
          if (!jsonEqual(evictingTaints(node), evictingTaints(before))) enqueuePodsOf(node);
        },
      });
      pods.addHandler({
        // Whether the node is tainted is seen later: its informer may be behind this one.
        add: (pod) => {
          if (pod.spec.nodeName !== undefined) queue.add(keyOf(pod));
        },
        update: (pod, before) => {
          const isMoved = pod.spec.nodeName !== before.spec.nodeName;
          if (isMoved || !jsonEqual(pod.spec.tolerations, before.spec.tolerations)) queue.add(keyOf(pod));
        },
        delete: (pod) => eviction.forget(pod),
      });
    },
    reconcile: (key, context) => eviction.reconcile(key, context),
  };
}
