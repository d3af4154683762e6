/** The Client over gRPC. Objects travel as JSON both ways. */

import type { Draft, KubeObject, TokenRequestSpec, TokenRequestStatus } from '@orrery/api/gen/types.ts';
import { Namespaces, Pods, type ResourceRef, ServiceAccounts } from '@orrery/api/resources.ts';
import { internalError, isStatusError, type Status, StatusError } from '@orrery/api/status-error.ts';
import { type Clock, systemClock } from '@orrery/kit/clock.ts';
import type { ClusterClock } from '@orrery/kit/cluster-clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import { type EventPage, Patch_Type, type Request } from '@orrery/proto/orrery/apiserver.ts';
import {
  type Client,
  type DeleteOptions,
  type Evictor,
  type FenceToken,
  fencedHere,
  isFenced,
  type ListOptions,
  type ObjectList,
  type ObjectName,
  type PatchType,
} from './client.ts';
import { Connection, type Result } from './connection.ts';

export interface ClientOptions {
  /** HOST:PORT of the apiserver's gRPC. */
  address: string;
  /** Name of the service: field manager, and user `system:<agent>`. */
  agent: string;
  logger: Logger;
  /** How long one call may take, in real milliseconds; each page of a list is a call of its own. */
  deadlineMs?: number;
  /** Requests that may be unanswered at once, 4,096 by default. */
  maxInFlight?: number;
  /** Calls that may wait beyond those, 16,384 by default; more are refused with ServiceUnavailable. */
  maxWaiting?: number;
  /** Real time; replaced in tests. */
  clock?: Clock;
  /** The cluster's clock, which follows what the apiserver says. */
  clusterClock?: Pick<ClusterClock, 'adjust'>;
}

/** Reads the event log: what informers refill from. */
export interface EventLog {
  /** The events of a resource after a revision, at most `limit`. */
  replay(resource: ResourceRef, afterRevision: number, limit: number): Promise<EventPage>;
}

/** A client that owns its connection. */
export interface SessionClient extends Client, EventLog, Evictor {
  /** Rejects what is unanswered and closes the connection. */
  close(): Promise<void>;
}

/** Opens a session; it connects in the background, and calls wait for that up to their deadline. */
export function createClient(options: ClientOptions): SessionClient {
  const { address, agent, logger, deadlineMs = 10_000, maxInFlight = 4_096, maxWaiting = 16_384 } = options;
  const clock = options.clock ?? systemClock;
  const { clusterClock } = options;
  const connection = new Connection({
    address,
    logger,
    clock,
    deadlineMs,
    maxInFlight,
    maxWaiting,
    onClock: (anchor) => clusterClock?.adjust(anchor),
  });
  return new GrpcClient(connection, { agent, traceId: '', currentFence: undefined, onFenced: undefined });
}

const PAGE_SIZE = 500;

/** How often a list may start over because its snapshot was compacted under way. */
const LIST_TRIES = 5;

const NOTHING = Buffer.alloc(0);

const PATCH_TYPES = {
  merge: Patch_Type.MERGE,
  json: Patch_Type.JSON,
  strategic: Patch_Type.STRATEGIC,
} as const;

type Verb = NonNullable<Request['verb']>;

interface Identity {
  readonly agent: string;
  readonly traceId: string;
  readonly currentFence: (() => FenceToken | undefined) | undefined;
  readonly onFenced: (() => void) | undefined;
}

function encode(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function decode<T>(json: Buffer): T {
  return JSON.parse(json.toString()) as T;
}

function nameOf({ metadata }: { metadata: { namespace?: string; name?: string } }): ObjectName {
  return { namespace: metadata.namespace ?? '', name: metadata.name ?? '' };
}

class GrpcClient implements SessionClient {
  readonly #connection: Connection;
  readonly #identity: Identity;

  constructor(connection: Connection, identity: Identity) {
    this.#connection = connection;
    this.#identity = identity;
  }

  async get<T extends KubeObject>(resource: ResourceRef<T>, name: ObjectName): Promise<T> {
    return objectOf(await this.#read(resource, name, { $case: 'get', get: {} }));
  }

  async list<T extends KubeObject>(
    resource: ResourceRef<T>,
    options: ListOptions = {},
  ): Promise<ObjectList<T>> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#listPages(resource, options);
      } catch (error) {
        if (tries === LIST_TRIES || !isStatusError(error, 'Expired')) throw error;
      }
    }
  }

  async create<T extends KubeObject>(resource: ResourceRef<T>, object: Draft<T>): Promise<T> {
    const name = nameOf(object as { metadata: { namespace?: string; name?: string } });
    return objectOf(
      await this.#write(resource, name, {
        $case: 'create',
        create: { object: encode(object), subresource: '' },
      }),
    );
  }

  update<T extends KubeObject>(resource: ResourceRef<T>, object: T): Promise<T> {
    return this.#update(resource, object, '');
  }

  updateStatus<T extends KubeObject>(resource: ResourceRef<T>, object: T): Promise<T> {
    return this.#update(resource, object, 'status');
  }

  async updateScale(resource: ResourceRef, name: ObjectName, replicas: number): Promise<void> {
    const patch = { type: Patch_Type.MERGE, patch: encode({ spec: { replicas } }), subresource: 'scale' };
    await this.#write(resource, name, { $case: 'patch', patch });
  }

  async patch<T extends KubeObject>(
    resource: ResourceRef<T>,
    name: ObjectName,
    type: PatchType,
    patch: unknown,
    subresource: 'status' | 'scale' | '' = '',
  ): Promise<T> {
    const message = { type: PATCH_TYPES[type], patch: encode(patch), subresource };
    return objectOf(await this.#write(resource, name, { $case: 'patch', patch: message }));
  }

  async delete<T extends KubeObject>(
    resource: ResourceRef<T>,
    name: ObjectName,
    options?: DeleteOptions,
  ): Promise<T | undefined> {
    const message = { options: options === undefined ? NOTHING : encode(options) };
    const json = bytesOf(await this.#write(resource, name, { $case: 'delete', delete: message }));
    return json.length === 0 ? undefined : decode(json);
  }

  async createToken(
    namespace: string,
    account: string,
    spec: TokenRequestSpec,
  ): Promise<Required<TokenRequestStatus>> {
    const create = { object: encode({ spec }), subresource: 'token' };
    const name = { namespace, name: account };
    const answer = bytesOf(await this.#write(ServiceAccounts, name, { $case: 'create', create }));
    return decode<{ status: Required<TokenRequestStatus> }>(answer).status;
  }

  async bind(pod: ObjectName & { uid: string }, nodeName: string): Promise<void> {
    await this.#write(Pods, pod, { $case: 'bind', bind: { uid: pod.uid, nodeName } });
  }

  async evict(pod: ObjectName & { uid: string }): Promise<void> {
    await this.#write(Pods, pod, { $case: 'evict', evict: { uid: pod.uid } });
  }

  finalizeNamespace<T extends KubeObject>(namespace: T): Promise<T> {
    return this.#update<T>(Namespaces as unknown as ResourceRef<T>, namespace, 'finalize');
  }

  async replay(resource: ResourceRef, afterRevision: number, limit: number): Promise<EventPage> {
    const result = await this.#read(resource, NO_NAME, { $case: 'replay', replay: { afterRevision, limit } });
    if (result.$case !== 'events') throw unexpected(result);
    return result.events;
  }

  fencedBy(current: () => FenceToken | undefined, onFenced?: () => void): Client {
    return new GrpcClient(this.#connection, { ...this.#identity, currentFence: current, onFenced });
  }

  traced(traceId: string): Client {
    return new GrpcClient(this.#connection, { ...this.#identity, traceId });
  }

  close(): Promise<void> {
    this.#connection.close();
    return Promise.resolve();
  }

  async #listPages<T extends KubeObject>(
    resource: ResourceRef<T>,
    options: ListOptions,
  ): Promise<ObjectList<T>> {
    const { namespace = '', labelSelector = '', fieldSelector = '' } = options;
    const items: T[] = [];
    let revision: number | undefined;
    let continueToken = '';
    do {
      const list = { labelSelector, fieldSelector, limit: PAGE_SIZE, continue: continueToken };
      const result = await this.#read(resource, { namespace, name: '' }, { $case: 'list', list });
      if (result.$case !== 'list') throw unexpected(result);
      for (const item of result.list.items) items.push(decode<T>(item));
      revision ??= result.list.revision;
      continueToken = result.list.continue;
    } while (continueToken !== '');
    return { items, revision };
  }

  async #update<T extends KubeObject>(resource: ResourceRef<T>, object: T, subresource: string): Promise<T> {
    const update = { object: encode(object), subresource };
    return objectOf(await this.#write(resource, nameOf(object), { $case: 'update', update }));
  }

  #read(resource: ResourceRef, name: ObjectName, verb: Verb): Promise<Result> {
    return this.#call(resource, name, verb, undefined);
  }

  async #write(resource: ResourceRef, name: ObjectName, verb: Verb): Promise<Result> {
    const { currentFence, onFenced } = this.#identity;
    try {
      const fence = currentFence?.();
      if (currentFence !== undefined && fence === undefined) throw fencedHere();
      return await this.#call(resource, name, verb, fence);
    } catch (error) {
      if (isFenced(error)) onFenced?.();
      throw error;
    }
  }

  async #call(
    { group, version, resource }: ResourceRef,
    { namespace, name }: ObjectName,
    verb: Verb,
    fence: FenceToken | undefined,
  ): Promise<Result> {
    const { agent, traceId } = this.#identity;
    const about = { group, version, resource };
    const result = await this.#connection.call({
      traceId,
      agent,
      resource: about,
      namespace,
      name,
      fence,
      verb,
    });
    if (result.$case === 'error') throw StatusError.fromStatus(decode<Status>(result.error));
    return result;
  }
}

const NO_NAME: ObjectName = { namespace: '', name: '' };

function unexpected(result: Result): StatusError {
  return internalError(`the apiserver answered with ${result.$case}`);
}

function bytesOf(result: Result): Buffer {
  if (result.$case !== 'object') throw unexpected(result);
  return result.object;
}

function objectOf<T>(result: Result): T {
  return decode<T>(bytesOf(result));
}
