/** The volumes of pods (kubelet's volume manager): made ready before a container starts, kept up to date, taken down. */

import type { Container as ContainerSpec, Pod } from '@orrery/api/gen/types.ts';
import type { Variable } from '../environment/environment.ts';
import type { Mount } from '../runtime/runtime.ts';

/** A volume that cannot be mounted yet: for a FailedMount event, in the kubelet's words. */
export class MountError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MountError';
  }
}

export interface VolumeManager {
  /**
   * Makes all volumes of the pod ready. Doing it again brings their contents up to date (as the
   * kubelet does with each sync of the pod). Synchronous when nothing has to be waited for. @throws MountError
   */
  mount(pod: Pod): void | Promise<void>;
  /**
   * What a container of a mounted pod mounts, in an order in which inner paths come after outer
   * ones. `variables` are those of the container, for subPathExpr. @throws Error for
   * CreateContainerConfigError, in the kubelet's words
   */
  mountsOf(pod: Pod, container: ContainerSpec, variables?: readonly Variable[]): Mount[];
  /**
   * Fetches what is only fetched for those who look: tokens. To be waited for before a program runs
   * that may read what is mounted. Nothing is waited for when nothing is missing; never rejects.
   */
  ready(podUid: string): void | Promise<void>;
  /** Takes the pod's volumes down, and deletes those that end with the pod. */
  unmount(podUid: string): void;
  /** Told of the pods whose volumes over the sizeLimit of an emptyDir (localStorageEviction); undefined when it is within. */
  overLimit(pod: Pod): string | undefined;
}
