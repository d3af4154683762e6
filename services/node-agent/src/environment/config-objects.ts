/** ConfigMaps and Secrets as pods refer to them (pkg/kubelet/configmap, pkg/kubelet/secret). */

import type { ConfigMap, KubeObject, Pod, Secret } from '@orrery/api/gen/types.ts';
import { keyOf, objectKey } from '@orrery/api/meta.ts';
import { ConfigMaps, type ResourceRef, Secrets } from '@orrery/api/resources.ts';
import { isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { Informer, Lister } from '@orrery/client/informer.ts';

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

/** Objects that the informer does not show yet: more than these are not kept. */
const MAX_EARLY = 1_000;

/** One kind, from the informer, and from the apiserver what the informer does not show yet. */
class EarlyLister<T extends KubeObject> {
  readonly #informer: Pick<Informer<T>, 'lister' | 'addHandler'>;
  readonly #resource: ResourceRef<T>;
  readonly #client: Pick<Client, 'get'>;
  readonly #early = new Map<string, T>();

  constructor(
    resource: ResourceRef<T>,
    informer: Pick<Informer<T>, 'lister' | 'addHandler'>,
    client: Pick<Client, 'get'>,
  ) {
    this.#resource = resource;
    this.#informer = informer;
    this.#client = client;
    const seen = (object: T): void => void this.#early.delete(keyOf(object));
    informer.addHandler({ add: seen, update: seen, delete: seen });
  }

  get(key: string): T | undefined {
    return this.#informer.lister.get(key) ?? this.#early.get(key);
  }

  async fetch(namespace: string, name: string): Promise<void> {
    try {
      const object = await this.#client.get(this.#resource, { namespace, name });
      if (this.#early.size >= MAX_EARLY) this.#early.clear();
      if (this.#informer.lister.get(keyOf(object)) === undefined) this.#early.set(keyOf(object), object);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/**
 * What the pods of this agent refer to. A pod may be here before the ConfigMap that was made before
 * it: what the informers do not show is asked for once before it is said to be missing, as the
 * kubelet does with each new pod.
 */
export class PodConfigObjects implements ConfigObjects {
  readonly configMaps: EarlyLister<ConfigMap>;
  readonly secrets: EarlyLister<Secret>;

  constructor(
    client: Pick<Client, 'get'>,
    configMaps: Pick<Informer<ConfigMap>, 'lister' | 'addHandler'>,
    secrets: Pick<Informer<Secret>, 'lister' | 'addHandler'>,
  ) {
    this.configMaps = new EarlyLister(ConfigMaps, configMaps, client);
    this.secrets = new EarlyLister(Secrets, secrets, client);
  }

  /** Asks for what the pod refers to and is not known. Nothing is waited for when all is. */
  fetchMissing(pod: Pod): Promise<unknown> | undefined {
    const { namespace = '' } = pod.metadata;
    const { configMaps, secrets } = referencesOf(pod);
    const fetches: Promise<void>[] = [];
    for (const name of configMaps)
      if (this.configMaps.get(objectKey(namespace, name)) === undefined)
        fetches.push(this.configMaps.fetch(namespace, name));
    for (const name of secrets)
      if (this.secrets.get(objectKey(namespace, name)) === undefined)
        fetches.push(this.secrets.fetch(namespace, name));
    return fetches.length === 0 ? undefined : Promise.all(fetches);
  }
}

/** The names of what a pod reads in its volumes and variables (VisitPodConfigmapNames, VisitPodSecretNames). */
function referencesOf({ spec }: Pod): { configMaps: Set<string>; secrets: Set<string> } {
  const configMaps = new Set<string | undefined>();
  const secrets = new Set<string | undefined>();
  for (const { configMap, secret, projected } of spec.volumes ?? []) {
    if (configMap !== undefined) configMaps.add(configMap.name);
    if (secret !== undefined) secrets.add(secret.secretName);
    for (const source of projected?.sources ?? []) {
      if (source.configMap !== undefined) configMaps.add(source.configMap.name);
      if (source.secret !== undefined) secrets.add(source.secret.name);
    }
  }
  for (const { env, envFrom } of [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...(spec.ephemeralContainers ?? []),
  ]) {
    for (const { valueFrom } of env ?? []) {
      if (valueFrom?.configMapKeyRef !== undefined) configMaps.add(valueFrom.configMapKeyRef.name);
      if (valueFrom?.secretKeyRef !== undefined) secrets.add(valueFrom.secretKeyRef.name);
    }
    for (const { configMapRef, secretRef } of envFrom ?? []) {
      if (configMapRef !== undefined) configMaps.add(configMapRef.name);
      if (secretRef !== undefined) secrets.add(secretRef.name);
    }
  }
  configMaps.delete(undefined);
  secrets.delete(undefined);
  return { configMaps: configMaps as Set<string>, secrets: secrets as Set<string> };
}
