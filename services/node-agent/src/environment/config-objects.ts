/** ConfigMaps and Secrets as pods refer to them (pkg/kubelet/configmap, pkg/kubelet/secret). */

import type { ConfigMap, KubeObject, Secret } from '@orrery/api/gen/types.ts';
import { objectKey } from '@orrery/api/meta.ts';
import type { Lister } from '@orrery/client/informer.ts';

export interface ConfigObjects {
  configMaps: Pick<Lister<ConfigMap>, 'get'>;
  secrets: Pick<Lister<Secret>, 'get'>;
}

/** What a pod refers to is not there, in the kubelet's words. */
export class ObjectNotFound extends Error {
  constructor(kind: string, name: string) {
    super(`${kind} "${name}" not found`);
    this.name = 'ObjectNotFound';
  }
}

interface Reference {
  name?: string;
  optional?: boolean;
}

function find<T extends KubeObject>(
  lister: Pick<Lister<T>, 'get'>,
  kind: string,
  namespace: string,
  { name = '', optional }: Reference,
): T | undefined {
  const object = lister.get(objectKey(namespace, name));
  if (object === undefined && optional !== true) throw new ObjectNotFound(kind, name);
  return object;
}

/** Undefined when it is not there and need not be. @throws ObjectNotFound */
export function findConfigMap(
  { configMaps }: ConfigObjects,
  namespace: string,
  reference: Reference,
): ConfigMap | undefined {
  return find(configMaps, 'configmap', namespace, reference);
}

/** Undefined when it is not there and need not be. @throws ObjectNotFound */
export function findSecret(
  { secrets }: ConfigObjects,
  namespace: string,
  reference: Reference,
): Secret | undefined {
  return find(secrets, 'secret', namespace, reference);
}
