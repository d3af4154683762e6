/** The services' side of the apiserver: one stream per process, many requests in flight. */

import type { AuthenticationV1TokenRequest, KubeObject } from '@orrery/api/gen/types.ts';
import { parseLabelSelector } from '@orrery/api/selectors.ts';
import {
  badRequest,
  internalError,
  methodNotAllowed,
  resourceNotFound,
  StatusError,
} from '@orrery/api/status-error.ts';
import type { ClockAnchor, ClusterClock } from '@orrery/kit/cluster-clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import {
  type Event,
  Event_Type,
  type EventPage,
  Patch_Type,
  type Request,
  type RequestBatch,
  type Response,
  type ResponseBatch,
} from '@orrery/proto/orrery/apiserver.ts';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { jsonPatch } from '../patch/json-patch.ts';
import type { JsonObject } from '../patch/json-value.ts';
import { mergePatch } from '../patch/merge-patch.ts';
import { strategicMerge } from '../patch/strategic-merge.ts';
import type { ResourceDefinition } from '../registry/definition.ts';
import type { ServiceAccountTokens } from '../authentication/service-account-tokens.ts';
import { conform } from '../schema/conform.ts';
import { typeNameOf } from '../schema/table.ts';
import { CompactedError, type Store, type StoreEvent } from '../store/store.ts';
import type { Api, DeleteOptions, ListOptions, RequestContext, UpdateOptions } from '../verbs/api.ts';
import { asStatus } from '../verbs/dependencies.ts';
import { storeName } from '../verbs/encoding.ts';

export interface SessionDependencies {
  api: Api;
  tokens: ServiceAccountTokens;
  store: Store;
  /** By `group/resource`; services speak the stored version only. */
  definitions: ReadonlyMap<string, ResourceDefinition>;
  /** The cluster's clock: services follow this one. */
  clock: ClusterClock;
  logger: Logger;
}

type Result = NonNullable<Response['result']>;

const NOTHING = Buffer.alloc(0);

function objectResult(value: string): Result {
  return { $case: 'object', object: Buffer.from(value) };
}

function errorResult(error: unknown, logger: Logger, request: Request): Result {
  let status: StatusError;
  if (error instanceof StatusError) {
    status = error;
  } else {
    logger.error({ err: error, traceId: request.traceId, verb: request.verb?.$case }, 'request failed');
    status = internalError(error instanceof Error ? error.message : String(error));
  }
  return { $case: 'error', error: Buffer.from(JSON.stringify(status.toStatus())) };
}

function contextOf(request: Request): RequestContext {
  const context: RequestContext = {
    traceId: request.traceId,
    user: { name: `system:${request.agent}`, groups: ['system:masters'] },
    dryRun: false,
    warnings: [],
  };
  if (request.fence !== undefined) {
    const { lease, uid, epoch } = request.fence;
    context.fence = { lease, uid, epoch };
  }
  return context;
}

function parseBody<T>(body: Buffer, what: string): T {
  try {
    return JSON.parse(body.toString()) as T;
  } catch {
    throw badRequest(`${what} is not JSON`);
  }
}

function typeName({ ref }: ResourceDefinition): string {
  const name = typeNameOf(ref.group, ref.version, ref.kind);
  if (name === undefined) throw resourceNotFound();
  return name;
}

/** The object as it may be stored: services speak JSON of their own making, but one form of everything is kept. */
function conformed(definition: ResourceDefinition, object: unknown): KubeObject {
  return conform(typeName(definition), object).object as unknown as KubeObject;
}

function definitionOf({ definitions }: SessionDependencies, { resource }: Request): ResourceDefinition {
  const found = definitions.get(`${resource?.group ?? ''}/${resource?.resource ?? ''}`);
  if (found === undefined) throw resourceNotFound();
  return found;
}

/**
 * Values in one page of a list and, about, in one message: far below the largest message, however
 * large the objects are that somebody stores.
 */
const MESSAGE_BYTES = 4 * 1024 * 1024;

async function list(api: Api, definition: ResourceDefinition, request: Request): Promise<Result> {
  if (request.verb?.$case !== 'list') throw methodNotAllowed();
  const { labelSelector, fieldSelector, limit, continue: continueToken } = request.verb.list;
  const { namespace } = request;
  const options: ListOptions = { namespace, limit, maxBytes: MESSAGE_BYTES, continueToken, selection: {} };
  if (labelSelector !== '') options.selection!.labels = parseLabelSelector(labelSelector);
  const fields = api.compileFieldSelector(definition, fieldSelector);
  if (fields !== undefined) options.selection!.fields = fields;
  const page = await api.list(definition, options);
  return {
    $case: 'list',
    list: {
      items: page.items.map(({ value }) => Buffer.from(value)),
      revision: page.revision,
      continue: page.continueToken ?? '',
    },
  };
}

const TOKEN_REQUEST_TYPE = 'authentication.v1.TokenRequest';

async function create(
  { api, tokens }: SessionDependencies,
  definition: ResourceDefinition,
  request: Request,
): Promise<Result> {
  if (request.verb?.$case !== 'create') throw methodNotAllowed();
  const { object: body, subresource } = request.verb.create;
  const { namespace, name } = request;
  const parsed = parseBody(body, 'the object');
  if (subresource === 'token' && definition.subresources.includes('token')) {
    const { object } = conform(TOKEN_REQUEST_TYPE, parsed);
    const answer = await tokens.issue(namespace, name, object as unknown as AuthenticationV1TokenRequest);
    return objectResult(JSON.stringify(answer));
  }
  if (subresource !== '') throw methodNotAllowed();
  const object = conformed(definition, parsed);
  return objectResult((await api.create(definition, namespace, object, contextOf(request))).value);
}

/** Subresources whose update replaces part of the object. */
const UPDATED: readonly string[] = [
  '',
  'status',
  'finalize',
  'ephemeralcontainers',
  'resize',
] satisfies readonly UpdateOptions['subresource'][];

function updateOptions(subresource: string): UpdateOptions {
  if (!UPDATED.includes(subresource)) throw methodNotAllowed();
  return { subresource: subresource as UpdateOptions['subresource'] };
}

async function update(api: Api, definition: ResourceDefinition, request: Request): Promise<Result> {
  if (request.verb?.$case !== 'update') throw methodNotAllowed();
  const { object, subresource } = request.verb.update;
  const { namespace, name } = request;
  const body = conformed(definition, parseBody(object, 'the object'));
  const options = updateOptions(subresource);
  return objectResult(
    (await api.update(definition, namespace, name, body, options, contextOf(request))).value,
  );
}

async function patch(api: Api, definition: ResourceDefinition, request: Request): Promise<Result> {
  if (request.verb?.$case !== 'patch') throw methodNotAllowed();
  const { type, patch: body, subresource } = request.verb.patch;
  const document = parseBody<unknown>(body, 'the patch');
  const { scale } = definition;
  const change = (current: KubeObject): KubeObject => {
    if (subresource === 'scale') {
      if (scale === undefined) throw methodNotAllowed();
      scale.setReplicas(current, replicasOf(document));
      return current;
    }
    return conformed(definition, patched(definition, type, current as unknown as JsonObject, document));
  };
  const options = updateOptions(subresource === 'scale' ? '' : subresource);
  const { namespace, name } = request;
  return objectResult(
    (await api.modify(definition, namespace, name, change, options, contextOf(request))).value,
  );
}

/** The one thing that services change through scale. */
function replicasOf(document: unknown): number {
  const replicas = (document as { spec?: { replicas?: unknown } } | null)?.spec?.replicas;
  if (typeof replicas !== 'number') throw badRequest('spec.replicas: must be a number');
  return replicas;
}

function patched(
  definition: ResourceDefinition,
  type: Patch_Type,
  current: JsonObject,
  document: unknown,
): unknown {
  switch (type) {
    case Patch_Type.MERGE:
      return mergePatch(current, document);
    case Patch_Type.JSON:
      return jsonPatch(current, document);
    case Patch_Type.STRATEGIC:
      return strategicMerge(typeName(definition), current, document);
    default:
      throw badRequest(`unknown patch type ${type}`);
  }
}

async function remove(api: Api, definition: ResourceDefinition, request: Request): Promise<Result> {
  if (request.verb?.$case !== 'delete') throw methodNotAllowed();
  const { options: body } = request.verb.delete;
  const options = body.length === 0 ? {} : parseBody<DeleteOptions>(body, 'the delete options');
  const { namespace, name } = request;
  const result = await api.delete(definition, namespace, name, options, contextOf(request));
  return result.gone ? { $case: 'object', object: NOTHING } : objectResult(result.value);
}

const EVENT_TYPES = {
  ADDED: Event_Type.ADDED,
  MODIFIED: Event_Type.MODIFIED,
  DELETED: Event_Type.DELETED,
} as const;

/** A log entry as services get it. */
export function eventMessage({ revision, previous, type, key, value }: StoreEvent): Event {
  return { revision, previous, type: EVENT_TYPES[type], key, object: Buffer.from(value), before: NOTHING };
}

/** Pages of the log that a service may ask for at once. */
const REPLAY_LIMIT = 1_000;

async function replay(store: Store, definition: ResourceDefinition, request: Request): Promise<Result> {
  if (request.verb?.$case !== 'replay') throw methodNotAllowed();
  const { afterRevision, limit } = request.verb.replay;
  const pageSize = limit === 0 ? REPLAY_LIMIT : Math.min(limit, REPLAY_LIMIT);
  const events: EventPage = { events: [], head: 0, more: false, expired: false };
  try {
    const page = await asStatus(() => store.eventsAfter(storeName(definition), afterRevision, pageSize));
    events.events = page.events.map(eventMessage);
    events.head = page.head;
    events.more = page.more;
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    events.expired = true;
  }
  return { $case: 'events', events };
}

async function carryOut(dependencies: SessionDependencies, request: Request): Promise<Result> {
  const { api, store } = dependencies;
  const definition = definitionOf(dependencies, request);
  const { namespace, name, verb } = request;
  switch (verb?.$case) {
    case 'get':
      return objectResult((await api.get(definition, namespace, name)).value);
    case 'list':
      return list(api, definition, request);
    case 'create':
      return create(dependencies, definition, request);
    case 'update':
      return update(api, definition, request);
    case 'patch':
      return patch(api, definition, request);
    case 'delete':
      return remove(api, definition, request);
    case 'bind': {
      const { uid, nodeName } = verb.bind;
      await api.bind(namespace, name, { uid, nodeName }, contextOf(request));
      return { $case: 'object', object: NOTHING };
    }
    case 'evict': {
      const preconditions = { uid: verb.evict.uid };
      await api.evict(namespace, name, { preconditions }, contextOf(request));
      return { $case: 'object', object: NOTHING };
    }
    case 'replay':
      return replay(store, definition, request);
    case undefined:
      throw methodNotAllowed();
  }
}

/** Bytes of the objects in an answer. */
function bytesOf(result: Result): number {
  switch (result.$case) {
    case 'object':
      return result.object.length;
    case 'list':
      return result.list.items.reduce((sum, { length }) => sum + length, 0);
    case 'events':
      return result.events.events.reduce((sum, { object }) => sum + object.length, 0);
    case 'error':
      return result.error.length;
  }
}

/**
 * Serves one session until the peer ends it, and what is in flight then to its end. Answers
 * that are ready in one tick travel together.
 */
export function serveSession(
  dependencies: SessionDependencies,
  stream: ServerDuplexStream<RequestBatch, ResponseBatch>,
): void {
  let ready: Response[] = [];
  let readyBytes = 0;
  let inFlight = 0;
  let peerEnded = false;
  const endWhenDone = (): void => {
    if (peerEnded && inFlight === 0 && ready.length === 0) stream.end();
  };
  const write = (): void => {
    const responses = ready;
    ready = [];
    readyBytes = 0;
    if (!stream.destroyed && stream.writable) stream.write({ responses, clock: undefined });
  };
  const flush = (): void => {
    write();
    endWhenDone();
  };
  const answer = (id: number, result: Result): void => {
    const bytes = bytesOf(result);
    if (ready.length === 0) setImmediate(flush);
    else if (readyBytes + bytes > MESSAGE_BYTES) write();
    ready.push({ id, result });
    readyBytes += bytes;
  };
  const { clock } = dependencies;
  const tellClock = (anchor: ClockAnchor): void => {
    if (!stream.destroyed && stream.writable) stream.write({ responses: [], clock: anchor });
  };
  const unfollow = clock.onAdjust(tellClock);
  stream.on('close', unfollow);
  tellClock(clock.newestAnchor);
  stream.on('data', ({ requests }: RequestBatch) => {
    for (const request of requests) {
      inFlight += 1;
      carryOut(dependencies, request)
        .catch((error: unknown) => errorResult(error, dependencies.logger, request))
        .then((result) => {
          inFlight -= 1;
          answer(request.id, result);
        })
        .catch((error: unknown) => dependencies.logger.error({ err: error }, 'answer lost'));
    }
  });
  stream.on('end', () => {
    peerEnded = true;
    endWhenDone();
  });
  stream.on('error', (error) => dependencies.logger.debug({ err: error }, 'session broke'));
}
