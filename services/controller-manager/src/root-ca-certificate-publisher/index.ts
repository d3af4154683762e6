/** Publishes the cluster's CA in every namespace (pkg/controller/certificates/rootcacertpublisher). */

import type { ConfigMap } from '@orrery/api/gen/types.ts';
import { objectKey } from '@orrery/api/meta.ts';
import { ConfigMaps, Namespaces } from '@orrery/api/resources.ts';
import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { createUnlessPresent, isActiveNamespace } from '../namespace-content.ts';
import { semanticallyEqual } from '../semantic-equality.ts';

export const ROOT_CA_NAME = 'kube-root-ca.crt';

/** Where the apiserver puts the CA at its first start. */
const SOURCE_KEY = 'kube-system/extension-apiserver-authentication';
const SOURCE_ENTRY = 'client-ca-file';

const DESCRIPTION = {
  'kubernetes.io/description':
    'The CA bundle to verify the apiserver with when it is reached by an address inside the cluster.',
};

export function rootCaCertificatePublisher({ informers }: ControllerContext): Controller {
  const namespaces = informers.of(Namespaces);
  const configMaps = informers.of(ConfigMaps);
  return {
    name: 'root-ca-certificate-publisher-controller',
    workers: 2,
    setup: (queue) => {
      const enqueue = (configMap: ConfigMap): void => {
        const { namespace, name } = configMap.metadata;
        if (name === ROOT_CA_NAME) queue.add(namespace);
        else if (objectKey(namespace, name) === SOURCE_KEY) {
          for (const each of namespaces.lister.list()) queue.add(each.metadata.name);
        }
      };
      namespaces.addHandler({
        add: ({ metadata }) => queue.add(metadata.name),
        update: ({ metadata }) => queue.add(metadata.name),
      });
      configMaps.addHandler({ add: enqueue, update: enqueue, delete: enqueue });
    },
    reconcile: async (namespace, { client }) => {
      const certificate = configMaps.lister.get(SOURCE_KEY)?.data?.[SOURCE_ENTRY];
      if (certificate === undefined || !isActiveNamespace(namespaces.lister.get(namespace))) return;
      const data = { 'ca.crt': certificate };
      const present = configMaps.lister.get(objectKey(namespace, ROOT_CA_NAME));
      if (present === undefined) {
        const metadata = { name: ROOT_CA_NAME, namespace, annotations: DESCRIPTION };
        await createUnlessPresent(client, ConfigMaps, { metadata, data });
      } else if (!semanticallyEqual(present.data, data)) {
        await client.update(ConfigMaps, { ...present, data });
      }
    },
  };
}
