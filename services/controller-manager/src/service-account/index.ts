/** Keeps a ServiceAccount `default` in every namespace (pkg/controller/serviceaccount/serviceaccounts_controller.go). */

import { objectKey } from '@orrery/api/meta.ts';
import { Namespaces, ServiceAccounts } from '@orrery/api/resources.ts';
import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { isActiveNamespace, createUnlessPresent } from '../namespace-content.ts';

const DEFAULT_NAME = 'default';

export function serviceAccountController({ informers }: ControllerContext): Controller {
  const namespaces = informers.of(Namespaces);
  const serviceAccounts = informers.of(ServiceAccounts);
  return {
    name: 'serviceaccount-controller',
    workers: 2,
    setup: (queue) => {
      namespaces.addHandler({
        add: ({ metadata }) => queue.add(metadata.name),
        update: ({ metadata }) => queue.add(metadata.name),
      });
      serviceAccounts.addHandler({
        delete: ({ metadata }) => {
          if (metadata.name === DEFAULT_NAME) queue.add(metadata.namespace);
        },
      });
    },
    reconcile: async (namespace, { client }) => {
      if (!isActiveNamespace(namespaces.lister.get(namespace))) return;
      if (serviceAccounts.lister.get(objectKey(namespace, DEFAULT_NAME)) !== undefined) return;
      await createUnlessPresent(client, ServiceAccounts, { metadata: { name: DEFAULT_NAME, namespace } });
    },
  };
}
