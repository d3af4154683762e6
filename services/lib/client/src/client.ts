/** What a service can ask of the apiserver. The gRPC implementation is in session.ts. */

import type { Draft, KubeObject, TokenRequestSpec, TokenRequestStatus } from '@orrery/api/gen/types.ts';
import type { ResourceRef } from '@orrery/api/resources.ts';
import { isConflict, StatusError } from '@orrery/api/status-error.ts';

/** Names one object. Cluster-scoped objects have an empty namespace. */
export interface ObjectName {
  namespace: string;
  name: string;
}

export interface ListOptions {
  /** Only this namespace; all when absent. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

/** A list, exact at `revision`: replaying events from there misses nothing. */
export interface ObjectList<T> {
  items: T[];
  revision: number;
}

export interface DeleteOptions {
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  preconditions?: { uid?: string; resourceVersion?: string };
}

export type PatchType = 'merge' | 'json' | 'strategic';

/** Proof of leadership that goes with every write of a leader (see election.ts in lib/controller). */
export interface FenceToken {
  /** namespace/name of the Lease. */
  lease: string;
  /** `metadata.uid` of the Lease. */
  uid: string;
  /** `spec.leaseTransitions` at the time of acquisition. */
  epoch: number;
}

/**
 * A client of the API for services.
 *
 * Every call rejects with a StatusError. `ServiceUnavailable` means that the connection
 * broke or the store is away: a read may be tried again, a write has an unknown outcome,
 * so look before trying again. Calls never wait longer than the deadline of the client
 * (10 s unless set). Objects returned are the caller's own.
 */
export interface Client {
  get<T extends KubeObject>(resource: ResourceRef<T>, name: ObjectName): Promise<T>;
  /** Reads all pages. */
  list<T extends KubeObject>(resource: ResourceRef<T>, options?: ListOptions): Promise<ObjectList<T>>;
  create<T extends KubeObject>(resource: ResourceRef<T>, object: Draft<T>): Promise<T>;
  /** Replaces the object if its resourceVersion is still current (all but its status). */
  update<T extends KubeObject>(resource: ResourceRef<T>, object: T): Promise<T>;
  /** Replaces only the status. */
  updateStatus<T extends KubeObject>(resource: ResourceRef<T>, object: T): Promise<T>;
  /** Sets `spec.replicas` through the scale subresource. */
  updateScale(resource: ResourceRef, name: ObjectName, replicas: number): Promise<void>;
  patch<T extends KubeObject>(
    resource: ResourceRef<T>,
    name: ObjectName,
    type: PatchType,
    patch: unknown,
    subresource?: 'status' | 'scale',
  ): Promise<T>;
  /** Resolves to the object when it still exists (grace, finalizers), else undefined. */
  delete<T extends KubeObject>(
    resource: ResourceRef<T>,
    name: ObjectName,
    options?: DeleteOptions,
  ): Promise<T | undefined>;
  /**
   * A token of a service account (TokenRequest).
   * @throws StatusError NotFound for an account or bound object that is not there, Invalid and BadRequest for what cannot
   * be asked, Conflict when the bound object is another one of the name
   */
  createToken(
    namespace: string,
    account: string,
    spec: TokenRequestSpec,
  ): Promise<Required<TokenRequestStatus>>;
  /** Binds a pod: fails with Conflict when the uid differs or the pod has a node already. */
  bind(pod: ObjectName & { uid: string }, nodeName: string): Promise<void>;
  /** Replaces `spec.finalizers` of a namespace through its finalize subresource. */
  finalizeNamespace<T extends KubeObject>(namespace: T): Promise<T>;
  /**
   * The same client, whose writes carry the fence that `current` returns at the time of each.
   * Without one (not the leader) they are refused on the spot; a refusal, here or by the
   * apiserver, is an error of which `isFenced` is true, and `onFenced` is told of it.
   */
  fencedBy(current: () => FenceToken | undefined, onFenced?: () => void): Client;
  /** The same client, whose calls carry this id into the apiserver's logs. */
  traced(traceId: string): Client;
}

/** Asks pods to go as `kubectl drain` does. */
export interface Evictor {
  /**
   * Deletes a pod with its own grace, if it can be spared.
   * @throws StatusError TooManyRequests when a disruption budget forbids it now, NotFound, Conflict when the uid differs
   */
  evict(pod: ObjectName & { uid: string }): Promise<void>;
}

/** How the message of every refused write of somebody who no longer leads begins. */
const FENCED_PREFIX = 'fenced:';

/** True of a write that was refused because its author does not lead (any more). */
export function isFenced(error: unknown): boolean {
  return isConflict(error) && error.message.startsWith(FENCED_PREFIX);
}

/** The refusal of a write that was not even sent. */
export function fencedHere(): StatusError {
  return new StatusError(409, 'Conflict', `${FENCED_PREFIX} this replica does not hold the lease`);
}
