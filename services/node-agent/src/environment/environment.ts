/** The environment variables of a container (kubelet_pods.go, makeEnvironmentVariables). */

import type { Container as ContainerSpec, EnvFromSource, EnvVarSource, Pod } from '@orrery/api/gen/types.ts';
import { Pods } from '@orrery/api/resources.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import { type ConfigObjects, findConfigMap, findSecret } from './config-objects.ts';
import { type Allocatable, fieldValue, resourceValue } from './downward.ts';
import { expandVariables } from './expansion.ts';
import type { ServiceLinks } from './service-links.ts';

export type Variable = readonly [name: string, value: string];

/** What keeps a container from being made: CreateContainerConfigError, with this message. */
export class ContainerConfigError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ContainerConfigError';
  }
}

export interface EnvironmentSource {
  /** Service links, envFrom and env, expanded; not the caller's to change. @throws ContainerConfigError */
  variables(pod: Pod, container: ContainerSpec, podIp: string): readonly Variable[];
}

export interface EnvironmentOptions extends ConfigObjects {
  links: Pick<ServiceLinks, 'variables'>;
  hostIp: (node: string) => string;
  /** What pods may use of a node. */
  allocatable: (node: string) => Allocatable;
  /** The recorder of a node. */
  events: (node: string) => EventRecorder;
}

/** Printable, and no equals sign (IsRelaxedEnvVarName). */
const VALID_NAME = /^[ -<>-~]+$/;

export class Environment implements EnvironmentSource {
  readonly #options: EnvironmentOptions;

  constructor(options: EnvironmentOptions) {
    this.#options = options;
  }

  variables(pod: Pod, container: ContainerSpec, podIp: string): readonly Variable[] {
    const { namespace = '' } = pod.metadata;
    const links = this.#options.links.variables(namespace, pod.spec.enableServiceLinks !== false);
    const { env = [], envFrom = [] } = container;
    // Most containers have nothing of their own: they share what their namespace has.
    if (env.length === 0 && envFrom.length === 0) return links;
    try {
      return this.#own(pod, container, podIp, links);
    } catch (error) {
      throw new ContainerConfigError((error as Error).message, { cause: error });
    }
  }

  #own(pod: Pod, container: ContainerSpec, podIp: string, links: readonly Variable[]): readonly Variable[] {
    const own = new Map<string, string>();
    for (const source of container.envFrom ?? []) this.#addAll(own, pod, source);
    const linked = new Map(links);
    const valueOf = (name: string): string | undefined => own.get(name) ?? linked.get(name);
    for (const { name, value = '', valueFrom } of container.env ?? []) {
      const found =
        value !== '' || valueFrom === undefined
          ? expandVariables(value, valueOf)
          : this.#valueFrom(valueFrom, pod, container, podIp);
      if (found !== undefined) own.set(name, found);
    }
    return [...own, ...links.filter(([name]) => !own.has(name))];
  }

  /** The value; undefined when there is none and need not be one. */
  #valueFrom(
    { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef }: EnvVarSource,
    pod: Pod,
    container: ContainerSpec,
    podIp: string,
  ): string | undefined {
    const { namespace = '' } = pod.metadata;
    const node = pod.spec.nodeName ?? '';
    if (fieldRef !== undefined)
      return fieldValue(pod, fieldRef.fieldPath, { podIp, hostIp: this.#options.hostIp(node) });
    if (resourceFieldRef !== undefined)
      return resourceValue(pod, container, resourceFieldRef, this.#options.allocatable(node));
    if (configMapKeyRef !== undefined) {
      const { name = '', key, optional } = configMapKeyRef;
      const value = findConfigMap(this.#options, namespace, configMapKeyRef)?.data?.[key];
      if (value === undefined && optional !== true)
        throw new Error(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`);
      return value;
    }
    if (secretKeyRef !== undefined) {
      const { name = '', key, optional } = secretKeyRef;
      const value = findSecret(this.#options, namespace, secretKeyRef)?.data?.[key];
      if (value === undefined && optional !== true)
        throw new Error(`couldn't find key ${key} in Secret ${namespace}/${name}`);
      return value === undefined ? undefined : fromBase64(value);
    }
    return '';
  }

  #addAll(own: Map<string, string>, pod: Pod, { prefix = '', configMapRef, secretRef }: EnvFromSource): void {
    const { namespace = '' } = pod.metadata;
    if (configMapRef !== undefined) {
      const data = findConfigMap(this.#options, namespace, configMapRef)?.data ?? {};
      this.#add(own, pod, prefix, data, `configMap ${namespace}/${configMapRef.name ?? ''}`);
    } else if (secretRef !== undefined) {
      const data = Object.entries(findSecret(this.#options, namespace, secretRef)?.data ?? {});
      const decoded = Object.fromEntries(data.map(([key, value]) => [key, fromBase64(value)]));
      this.#add(own, pod, prefix, decoded, `secret ${namespace}/${secretRef.name ?? ''}`);
    }
  }

  #add(
    own: Map<string, string>,
    pod: Pod,
    prefix: string,
    data: Readonly<Record<string, string>>,
    source: string,
  ): void {
    const names = Object.keys(data).toSorted();
    const isValid = (name: string): boolean => VALID_NAME.test(prefix + name);
    for (const name of names) if (isValid(name)) own.set(prefix + name, data[name]!);
    const invalid = names.filter((name) => !isValid(name)).map((name) => prefix + name);
    if (invalid.length === 0) return;
    this.#options
      .events(pod.spec.nodeName ?? '')
      .warning(
        { resource: Pods, object: pod },
        'InvalidEnvironmentVariableNames',
        `Keys [${invalid.join(', ')}] from the EnvFrom ${source} were skipped since they are considered invalid environment variable names.`,
      );
  }
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString();
}
