/** Objects and paths that tests of the edge work with. */

import type { KubeObject } from '@orrery/api/gen/types.ts';

export const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
export const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
export const OLD_DEPLOYMENTS = '/apis/extensions/v1beta1/namespaces/default/deployments';

export function configMap(name: string, extra: object = {}): KubeObject {
  return { metadata: { name, namespace: 'default' }, data: { a: '1' }, ...extra } as unknown as KubeObject;
}

/** Three replicas of `app: web`. */
export function deployment(name: string): KubeObject {
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'c', image: 'nginx' }] },
      },
    },
  } as unknown as KubeObject;
}
