/** The environment variables of a container (kubelet_pods.go, makeEnvironmentVariables). */

import type { Container as ContainerSpec, Pod } from '@orrery/api/gen/types.ts';

/** What keeps a container from being made: CreateContainerConfigError, with this message. */
export class ContainerConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ContainerConfigError';
  }
}

export interface EnvironmentSource {
  /** Service links, envFrom and env, expanded. @throws ContainerConfigError */
  variables(pod: Pod, container: ContainerSpec, podIp: string): [name: string, value: string][];
}
