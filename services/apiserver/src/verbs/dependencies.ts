/** What the verbs are built on. */

import type { KubeObject, Pod, ResourceQuota } from '@orrery/api/gen/types.ts';
import { StatusError, serviceUnavailable } from '@orrery/api/status-error.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import type { RegistryContext, ResourceDefinition } from '../registry/definition.ts';
import { type Store, StoreUnavailableError } from '../store/store.ts';
import type { EventFeed } from '../watch/feed.ts';
import type { RequestContext } from './api.ts';

/** Looks at an object on its way in: may change it, may refuse it with a StatusError. */
export interface Admission {
  admitCreate(definition: ResourceDefinition, object: KubeObject, context: RequestContext): Promise<void>;
  admitUpdate(
    definition: ResourceDefinition,
    object: KubeObject,
    stored: KubeObject,
    context: RequestContext,
  ): Promise<void>;
  /** A change of what a pod asks for while it runs, through its `resize` subresource. */
  admitResize(pod: Pod): Promise<void>;
  /** The quotas of a namespace, as they were a moment ago. */
  quotas(namespace: string): Promise<readonly ResourceQuota[]>;
}

/** Addresses and ports that only one object may hold. */
export type Allocations = Omit<RegistryContext, 'nowMs' | 'dryRun'>;

export interface VerbDependencies {
  store: Store;
  feed: EventFeed;
  /** The cluster's clock: timestamps. */
  clock: Clock;
  admission: Admission;
  allocations: Allocations;
  /** Real time: how long a read waits for a revision that is yet to come. The system's unless given. */
  realClock?: Clock;
}

/** What hooks of a kind may ask for during one request. */
export function registryContext(
  { clock, allocations }: VerbDependencies,
  { dryRun }: RequestContext,
): RegistryContext {
  const { allocateClusterIp, allocateNodePort, releaseClusterIp, releaseNodePort } = allocations;
  return {
    nowMs: clock.now(),
    dryRun,
    allocateClusterIp,
    allocateNodePort,
    releaseClusterIp,
    releaseNodePort,
  };
}

/** Runs a verb so that whatever goes wrong below comes out as a StatusError. */
export async function asStatus<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StoreUnavailableError) {
      throw serviceUnavailable(`the store is not available: ${error.message}`);
    }
    throw error;
  }
}

/** The answer to a write whose author is no longer the leader. */
export function fencedError(lease: string): StatusError {
  return new StatusError(409, 'Conflict', `fenced: another leader has taken over the lease ${lease}`);
}
