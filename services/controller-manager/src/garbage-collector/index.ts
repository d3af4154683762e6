/** Feeds the graph from the informers of every kind. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import * as allResources from '@orrery/api/resources.ts';
import type { ResourceRef } from '@orrery/api/resources.ts';
import type { Controller, ControllerContext, KeyQueue } from '@orrery/controller/controller.ts';
import { OwnerGraph } from './graph.ts';
import { GarbageCollector } from './reconcile.ts';

/** Everything in the table of resources but events: they own nothing, and time removes them. */
export const COLLECTED_RESOURCES: readonly ResourceRef[] = Object.values<unknown>(allResources)
  .filter((each): each is ResourceRef => typeof each === 'object')
  .filter(({ resource }) => resource !== allResources.Events.resource);

/** Most updates leave this alone and need no look. */
function isGraphChange({ metadata }: KubeObject, { metadata: before }: KubeObject): boolean {
  return (
    metadata.uid !== before.uid ||
    metadata.deletionTimestamp !== before.deletionTimestamp ||
    JSON.stringify(metadata.finalizers) !== JSON.stringify(before.finalizers) ||
    JSON.stringify(metadata.ownerReferences) !== JSON.stringify(before.ownerReferences)
  );
}

export function garbageCollectorController({ informers, events }: ControllerContext): Controller {
  const graph = new OwnerGraph();
  const collector = new GarbageCollector({ graph, informers, resources: COLLECTED_RESOURCES, events });
  let queue: KeyQueue | undefined;
  return {
    name: 'garbage-collector-controller',
    workers: 20,
    setup: (keys) => {
      queue = keys;
      const enqueue = (uids: Iterable<string>): void => {
        for (const uid of uids) keys.add(uid);
      };
      for (const resource of COLLECTED_RESOURCES) {
        informers.of(resource).addHandler({
          add: (object) => enqueue(graph.put(resource, object)),
          update: (object, before) => {
            if (!isGraphChange(object, before)) return;
            if (object.metadata.uid !== before.metadata.uid) enqueue(graph.remove(before.metadata.uid));
            enqueue(graph.put(resource, object));
          },
          delete: ({ metadata }) => enqueue(graph.remove(metadata.uid)),
        });
      }
    },
    reconcile: async (uid, context) => {
      if (queue !== undefined) await collector.reconcile(uid, context, queue);
    },
  };
}
