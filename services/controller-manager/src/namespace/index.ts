/** Empties namespaces that are being deleted. */

import type { KubeObject, Namespace } from '@orrery/api/gen/types.ts';
import { isBeingDeleted } from '@orrery/api/meta.ts';
import * as allResources from '@orrery/api/resources.ts';
import { Events, Namespaces, Pods, type ResourceRef } from '@orrery/api/resources.ts';
import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { NamespaceReconciler } from './reconcile.ts';

export const NAMESPACED_RESOURCES: readonly ResourceRef[] = Object.values<unknown>(allResources)
  .filter((each): each is ResourceRef => typeof each === 'object')
  .filter(({ namespaced }) => namespaced);

/** Deletions come in bursts; one look serves all within this time. */
const COALESCE_MS = 50;

export function namespaceController({ informers, clock }: ControllerContext): Controller {
  const namespaces = informers.of(Namespaces);
  const reconciler = new NamespaceReconciler({
    namespaces: namespaces.lister,
    resources: NAMESPACED_RESOURCES,
    clock,
  });
  return {
    name: 'namespace-controller',
    workers: 5,
    setup: (queue) => {
      const enqueue = (namespace: Namespace): void => {
        if (isBeingDeleted(namespace)) queue.add(namespace.metadata.name);
      };
      namespaces.addHandler({ add: enqueue, update: enqueue });
      const pods = informers.of(Pods);
      // What held a namespace up has gone. Pods hold up everything else, so only the last of them matters.
      const enqueueHeldUp = ({ metadata: { namespace = '' } }: KubeObject, isPod: boolean): void => {
        const owner = namespaces.lister.get(namespace);
        if (owner === undefined || !isBeingDeleted(owner)) return;
        if (!isPod || pods.lister.list(namespace).length === 0) queue.addAfter(namespace, COALESCE_MS);
      };
      for (const resource of NAMESPACED_RESOURCES) {
        // They hold nothing up, and are too many to watch.
        if (resource === Events) continue;
        const isPod = resource === Pods;
        informers.of(resource).addHandler({ delete: (object) => enqueueHeldUp(object, isPod) });
      }
    },
    reconcile: (name, context) => reconciler.reconcile(name, context),
  };
}
