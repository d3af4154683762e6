/** Tells every node how long its kubelet may keep Secrets and ConfigMaps (pkg/controller/ttl). */

import type { Node } from '@orrery/api/gen/types.ts';
import { isBeingDeleted } from '@orrery/api/meta.ts';
import { Nodes } from '@orrery/api/resources.ts';
import { isNotFound } from '@orrery/api/status-error.ts';
import type { Controller, ControllerContext, KeyQueue } from '@orrery/controller/controller.ts';
import { nextStep, ttlSecondsOf } from './plan.ts';

const TTL_ANNOTATION = 'node.alpha.kubernetes.io/ttl';

export function ttlController({ informers }: ControllerContext): Controller {
  const nodes = informers.of(Nodes);
  let count = 0;
  let step = 0;

  /** A change of the step concerns every node. */
  const counted = (queue: KeyQueue, change: 1 | -1): void => {
    count += change;
    const next = nextStep(step, count);
    if (next === step) return;
    step = next;
    for (const { metadata } of nodes.lister.list()) queue.add(metadata.name);
  };
  return {
    name: 'ttl-controller',
    workers: 5,
    setup: (queue) => {
      const look = ({ metadata }: Node): void => queue.add(metadata.name);
      nodes.addHandler({
        add: (node) => {
          counted(queue, 1);
          look(node);
        },
        update: look,
        delete: () => counted(queue, -1),
      });
    },
    reconcile: async (name, { client }) => {
      const node = nodes.lister.get(name);
      const ttl = String(ttlSecondsOf(step));
      if (node === undefined || isBeingDeleted(node)) return;
      if (node.metadata.annotations?.[TTL_ANNOTATION] === ttl) return;
      try {
        const metadata = { annotations: { [TTL_ANNOTATION]: ttl } };
        await client.patch(Nodes, { namespace: '', name }, 'strategic', { metadata });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    },
  };
}
