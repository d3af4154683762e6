/** Removes pods that nobody else will: their node is gone, they never had one, or too many have ended. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { Nodes, Pods } from '@orrery/api/resources.ts';
import { isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { forEachLimited } from '../concurrency.ts';
import { indexed, PODS_BY_NODE } from '../indexes.ts';
import { type Disruption, disruptPod } from '../pod-disruption.ts';
import { Quarantine, surplusTerminated, unscheduledTerminating } from './plan.ts';

const PERIOD_MS = 20_000;

/** The one key: every look takes in the whole cluster. */
const KEY = 'pods';

const DELETIONS_AT_ONCE = 20;

const ORPHANED: Disruption = {
  reason: 'DeletionByPodGC',
  message: 'PodGC: node no longer exists',
  fails: true,
  gracePeriodSeconds: 0,
};

async function nodeExists(client: Client, name: string): Promise<boolean> {
  try {
    await client.get(Nodes, { namespace: '', name });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

async function removeAtOnce(client: Client, pods: readonly Pod[]): Promise<void> {
  await forEachLimited(pods, DELETIONS_AT_ONCE, async ({ metadata: { namespace, name, uid } }) => {
    try {
      await client.delete(Pods, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  });
}

export function podGarbageCollectorController({ informers, clock, logger }: ControllerContext): Controller {
  const pods = informers.of(Pods);
  const nodes = informers.of(Nodes);
  const podsOn = indexed(pods, PODS_BY_NODE);
  const quarantine = new Quarantine();

  const missingNodes = (): Set<string> => {
    const missing = new Set<string>();
    for (const { spec } of pods.lister.list()) {
      if (
        spec.nodeName !== undefined &&
        spec.nodeName !== '' &&
        nodes.lister.get(spec.nodeName) === undefined
      ) {
        missing.add(spec.nodeName);
      }
    }
    return missing;
  };

  return {
    name: 'pod-garbage-collector-controller',
    workers: 1,
    setup: (queue) => queue.add(KEY),
    reconcile: async (_key, { client }) => {
      try {
        const all = pods.lister.list();
        await removeAtOnce(client, surplusTerminated(all));
        await removeAtOnce(client, unscheduledTerminating(all));
        for (const node of quarantine.update(missingNodes(), clock.now())) {
          if (await nodeExists(client, node)) continue;
          const disrupt = (pod: Pod): Promise<void> => disruptPod(client, pod, ORPHANED, clock.now());
          await forEachLimited(podsOn(node), DELETIONS_AT_ONCE, disrupt);
        }
      } catch (error) {
        // The next look comes in any case; a growing delay would only put it off.
        logger.warn({ err: error }, 'could not remove all pods that nobody needs');
      }
      return { requeueAfterMs: PERIOD_MS };
    },
  };
}
