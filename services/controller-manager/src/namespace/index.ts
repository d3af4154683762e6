/** Empties namespaces that are being deleted. */

import type { Namespace } from '@orrery/api/gen/types.ts';
import { isBeingDeleted } from '@orrery/api/meta.ts';
import * as allResources from '@orrery/api/resources.ts';
import { Namespaces, Pods, type ResourceRef } from '@orrery/api/resources.ts';
import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { NamespaceReconciler } from './reconcile.ts';

export const NAMESPACED_RESOURCES: readonly ResourceRef[] = Object.values<unknown>(allResources)
  .filter((each): each is ResourceRef => typeof each === 'object')
  .filter(({ namespaced }) => namespaced);

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
      informers.of(Pods).addHandler({
        // The last pod may have gone: everything else need not wait any longer.
        delete: ({ metadata }) => {
          const namespace = namespaces.lister.get(metadata.namespace);
          if (namespace !== undefined && isBeingDeleted(namespace)) queue.addAfter(metadata.namespace, 50);
        },
      });
    },
    reconcile: (name, context) => reconciler.reconcile(name, context),
  };
}
