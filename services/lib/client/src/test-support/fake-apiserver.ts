/** An apiserver for tests: the session protocol over a Map, with faults on demand. */

import { Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { KubeObject } from '@orrery/api/gen/types.ts';
import { keyOf, objectKey } from '@orrery/api/meta.ts';
import {
  alreadyExists,
  conflict,
  expired,
  type GroupResource,
  methodNotAllowed,
  notFound,
  OBJECT_MODIFIED,
  StatusError,
} from '@orrery/api/status-error.ts';
import { newUid } from '@orrery/kit/random.ts';
import {
  ApiServerService,
  type Event,
  Event_Type,
  type Request,
  type RequestBatch,
  type Response,
  type ResponseBatch,
} from '@orrery/proto/orrery/apiserver.ts';

type Result = NonNullable<Response['result']>;
type Stream = ServerDuplexStream<RequestBatch, ResponseBatch>;

interface Log {
  objects: Map<string, KubeObject>;
  events: Event[];
  head: number;
}

const NOTHING = Buffer.alloc(0);

function bytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function parse<T>(json: Buffer): T {
  return JSON.parse(json.toString()) as T;
}

export class FakeApiServer {
  readonly port: number;
  /** Requests seen, newest last. */
  readonly requests: Request[] = [];
  /** Messages in which they came. */
  batches = 0;
  /** Streams opened so far. */
  sessions = 0;
  /** While true, requests are carried out but not answered, as by a process that lost the stream. */
  silent = false;
  /** Runs before each request; throws to refuse it. */
  intercept: ((request: Request) => void) | undefined;
  /** Told of every event: what a publisher would send. */
  onEvent: ((resource: GroupResource, event: Event) => void) | undefined;
  readonly #server: Server;
  readonly #streams: Set<Stream>;
  readonly #logs = new Map<string, Log>();
  readonly #snapshots = new Map<string, { items: Buffer[]; revision: number }>();
  #revision = 100;
  #floor = 0;

  private constructor(server: Server, streams: Set<Stream>, port: number) {
    this.#server = server;
    this.#streams = streams;
    this.port = port;
  }

  /** Serves on 127.0.0.1; with the state of `previous` when given. */
  static async start({
    port = 0,
    previous,
  }: { port?: number; previous?: FakeApiServer } = {}): Promise<FakeApiServer> {
    const grpc = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
    const streams = new Set<Stream>();
    let server: FakeApiServer | undefined;
    grpc.addService(ApiServerService, {
      session: (stream: Stream) => {
        server!.sessions += 1;
        streams.add(stream);
        stream.on('data', (batch: RequestBatch) => server!.#serve(stream, batch));
        stream.on('end', () => stream.end());
        stream.on('error', () => streams.delete(stream));
        stream.on('close', () => streams.delete(stream));
      },
    });
    const bound = await new Promise<number>((resolve, reject) => {
      grpc.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, actual) => {
        if (error === null) resolve(actual);
        else reject(error);
      });
    });
    server = new FakeApiServer(grpc, streams, bound);
    if (previous !== undefined) server.#inherit(previous);
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Breaks every stream, as a crash does, and goes on serving. */
  breakSessions(): void {
    for (const stream of this.#streams)
      stream.emit('error', { code: status.UNAVAILABLE, details: 'broken by the test' });
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  objects(resource: GroupResource): Map<string, KubeObject> {
    return this.#log(resource).objects;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Forgets the log up to now. */
  compact(): void {
    this.#floor = this.#revision;
    for (const log of this.#logs.values()) log.events = [];
    this.#snapshots.clear();
  }

  /** The state of one resource, to be given to `rollBack`. */
  snapshot(resource: GroupResource): Log {
    const { objects, events, head } = this.#log(resource);
    return { objects: new Map(objects), events: [...events], head };
  }

  /** Comes back with an older state; new revisions are past all that were given out. */
  rollBack(resource: GroupResource, to: Log, { noticed }: { noticed: boolean }): void {
    this.#logs.set(`${resource.group}/${resource.resource}`, to);
    this.#revision += 1_000;
    if (noticed) this.compact();
  }

  put<T extends { metadata: { name: string; namespace?: string } }>(
    resource: GroupResource,
    object: T,
  ): KubeObject {
    const log = this.#log(resource);
    const stored = structuredClone(object) as unknown as KubeObject;
    const before = log.objects.get(keyOf(stored));
    stored.metadata.uid = before?.metadata.uid ?? newUid();
    this.#append(resource, before === undefined ? Event_Type.ADDED : Event_Type.MODIFIED, stored);
    log.objects.set(keyOf(stored), stored);
    return stored;
  }

  remove(resource: GroupResource, key: string): void {
    const log = this.#log(resource);
    const object = log.objects.get(key);
    if (object === undefined) return;
    log.objects.delete(key);
    this.#append(resource, Event_Type.DELETED, structuredClone(object));
  }

  #inherit(previous: FakeApiServer): void {
    for (const [name, log] of previous.#logs) this.#logs.set(name, log);
    this.#revision = previous.#revision;
    this.#floor = previous.#floor;
    this.onEvent = previous.onEvent;
  }

  #log({ group, resource }: GroupResource): Log {
    const name = `${group}/${resource}`;
    let log = this.#logs.get(name);
    if (log === undefined) this.#logs.set(name, (log = { objects: new Map(), events: [], head: 0 }));
    return log;
  }

  #append(resource: GroupResource, type: Event['type'], object: KubeObject): void {
    const log = this.#log(resource);
    this.#revision += 1;
    object.metadata.resourceVersion = String(this.#revision);
    const event: Event = {
      revision: this.#revision,
      previous: log.head,
      type,
      key: keyOf(object),
      object: bytes(object),
      before: NOTHING,
    };
    log.head = event.revision;
    log.events.push(event);
    this.onEvent?.(resource, event);
  }

  #serve(stream: Stream, { requests }: RequestBatch): void {
    this.batches += 1;
    const responses: Response[] = [];
    for (const request of requests) {
      this.requests.push(request);
      const result = this.#answer(request);
      if (!this.silent) responses.push({ id: request.id, result });
    }
    if (responses.length > 0) stream.write({ clock: undefined, responses });
  }

  #answer(request: Request): Result {
    try {
      this.intercept?.(request);
      return this.#carryOut(request);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      return { $case: 'error', error: bytes(error.toStatus()) };
    }
  }

  #carryOut(request: Request): Result {
    const resource = request.resource!;
    const log = this.#log(resource);
    const key = objectKey(request.namespace, request.name);
    const existing = (): KubeObject => {
      const object = log.objects.get(key);
      if (object === undefined) throw notFound(resource, request.name);
      return object;
    };
    const { verb } = request;
    switch (verb?.$case) {
      case 'get':
        return { $case: 'object', object: bytes(existing()) };
      case 'list':
        return this.#list(log, request.namespace, verb.list.limit, verb.list.continue);
      case 'create': {
        if (log.objects.has(key)) throw alreadyExists(resource, request.name);
        return { $case: 'object', object: bytes(this.put(resource, parse<KubeObject>(verb.create.object))) };
      }
      case 'update': {
        const object = parse<KubeObject>(verb.update.object);
        const { resourceVersion } = existing().metadata;
        if (object.metadata.resourceVersion !== resourceVersion)
          throw conflict(resource, request.name, OBJECT_MODIFIED);
        return { $case: 'object', object: bytes(this.put(resource, object)) };
      }
      case 'patch': {
        const object = { ...existing(), ...parse<object>(verb.patch.patch) };
        return { $case: 'object', object: bytes(this.put(resource, object)) };
      }
      case 'delete':
        existing();
        this.remove(resource, key);
        return { $case: 'object', object: NOTHING };
      case 'bind':
      case 'evict':
        return { $case: 'object', object: NOTHING };
      case 'replay':
        return this.#replay(log, verb.replay.afterRevision, verb.replay.limit);
      case undefined:
        throw methodNotAllowed();
    }
  }

  #list(log: Log, namespace: string, limit: number, token: string): Result {
    let snapshot = this.#snapshots.get(token);
    if (snapshot === undefined) {
      if (token !== '') throw expired('the provided continue parameter is too old');
      const items = [...log.objects.values()]
        .filter(({ metadata }) => namespace === '' || metadata.namespace === namespace)
        .map(bytes);
      snapshot = { items, revision: this.#revision };
    }
    const items = snapshot.items.slice(0, limit);
    const rest = snapshot.items.slice(limit);
    const next = rest.length === 0 ? '' : newUid();
    if (next !== '') this.#snapshots.set(next, { items: rest, revision: snapshot.revision });
    return { $case: 'list', list: { items, revision: snapshot.revision, continue: next } };
  }

  #replay(log: Log, after: number, limit: number): Result {
    if (after < this.#floor) {
      return { $case: 'events', events: { events: [], head: log.head, more: false, expired: true } };
    }
    const following = log.events.filter(({ revision }) => revision > after);
    const events = following.slice(0, limit);
    return {
      $case: 'events',
      events: { events, head: log.head, more: following.length > events.length, expired: false },
    };
  }
}
