/** The verbs over everything real but the store, which is in memory, and time, which stands still. */

import { generateKeyPairSync } from 'node:crypto';
import type { KubeObject } from '@orrery/api/gen/types.ts';
import { objectKey, splitKey } from '@orrery/api/meta.ts';
import type { StatusError } from '@orrery/api/status-error.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { ManualClock, settle } from '@orrery/kit/manual-clock.ts';
import { createServiceAccountTokens } from '../../authentication/create-tokens.ts';
import type { ServiceAccountTokens } from '../../authentication/service-account-tokens.ts';
import { createAdmission } from '../../admission/index.ts';
import { type Allocations, createAllocations } from '../../registry/allocation.ts';
import { definitionOf, type Json, sample } from '../../registry/sample-objects.ts';
import { createMemoryStore, type MemoryStore, type MemoryStoreOptions } from '../../store/memory.ts';
import type { EventFeed } from '../../watch/feed.ts';
import { createHub, type Hub } from '../../watch/hub.ts';
import type {
  Api,
  DeleteOptions,
  DeleteResult,
  ListOptions,
  ListResult,
  RequestContext,
  StoredObject,
  UpdateOptions,
  WatchEvent,
  Watcher,
  WatchHandle,
  WatchOptions,
} from '../api.ts';
import { createApi } from '../create-api.ts';
import type { VerbDependencies } from '../dependencies.ts';
import { decodeObject } from '../encoding.ts';

export function requestContext(overrides: Partial<RequestContext> = {}): RequestContext {
  return {
    traceId: 'test',
    user: { name: 'tester', groups: ['system:masters'] },
    dryRun: false,
    warnings: [],
    ...overrides,
  };
}

export const dryRun = (): RequestContext => requestContext({ dryRun: true });

/** Everything that a watch was told. */
export class WatchRecorder implements Watcher {
  readonly received: WatchEvent[] = [];
  readonly errors: Error[] = [];
  initialEventsEndedAt: number | undefined;

  events(events: readonly WatchEvent[]): void {
    this.received.push(...events);
  }

  initialEventsEnd(revision: number): void {
    this.initialEventsEndedAt = revision;
  }

  error(error: Error): void {
    this.errors.push(error);
  }

  /** `TYPE name`, in order. */
  get told(): string[] {
    return this.received.map((event) => `${event.type} ${decodeObject(event).metadata.name}`);
  }
}

export class ApiFixture {
  /** The cluster's clock. */
  readonly clock = new ManualClock();
  readonly realClock = new ManualClock();
  readonly store: MemoryStore;
  readonly hub: Hub;
  readonly allocations: Allocations;
  readonly dependencies: VerbDependencies;
  readonly api: Api;
  readonly tokens: ServiceAccountTokens;

  private constructor(options: MemoryStoreOptions) {
    this.store = createMemoryStore(options);
    this.hub = createHub({ store: this.store, logger: silentLogger(), clock: this.realClock });
    this.allocations = createAllocations(this.store);
    const admission = createAdmission(
      {
        get: async (resource, namespace, name) => {
          const stored = await this.store.get(resource, objectKey(namespace, name));
          return stored === undefined ? undefined : decodeObject(stored);
        },
        list: async (resource, namespace = '') => {
          const { items } = await this.store.list({ resource, ...(namespace === '' ? {} : { namespace }) });
          return items.map(decodeObject);
        },
      },
      this.realClock,
    );
    const feed: EventFeed = {
      written: (event) => {
        this.hub.written(event);
        const { namespace, name } = splitKey(event.key);
        admission.forget(event.resource, namespace, name);
      },
      subscribe: (...args) => this.hub.subscribe(...args),
    };
    this.dependencies = {
      store: this.store,
      feed,
      clock: this.clock,
      admission,
      allocations: this.allocations,
      realClock: this.realClock,
    };
    this.api = createApi(this.dependencies);
    const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    this.tokens = createServiceAccountTokens({ api: this.api, key, clock: this.clock });
  }

  /** With the namespaces `default` and `other`, and a service account for pods in each. */
  static async start(options: MemoryStoreOptions = {}): Promise<ApiFixture> {
    const fixture = new ApiFixture(options);
    for (const namespace of ['default', 'other']) {
      await fixture.create('namespaces', { metadata: { name: namespace } });
      await fixture.create('serviceaccounts', { metadata: { name: 'default', namespace } });
    }
    return fixture;
  }

  async close(): Promise<void> {
    await this.hub.close();
  }

  /** Creates the minimal object of the resource with these fields (and metadata) instead of its own. */
  create(
    resource: string,
    { metadata = {}, ...fields }: Json & { metadata?: Json } = {},
    context = requestContext(),
  ): Promise<StoredObject> {
    const object = sample(resource, fields, { uid: undefined, ...metadata });
    return this.api.create(definitionOf(resource), namespaceOf(resource, metadata), object, context);
  }

  async get<T extends KubeObject>(resource: string, name: string, namespace = 'default'): Promise<T> {
    const definition = definitionOf(resource);
    const { value } = await this.api.get(definition, namespaceOf(resource, { namespace }), name);
    return JSON.parse(value) as T;
  }

  /** PUT of this object under its own name. */
  put(
    resource: string,
    object: KubeObject,
    subresource: UpdateOptions['subresource'] = '',
    context = requestContext(),
  ): Promise<StoredObject & { created: boolean }> {
    const { name, namespace = '' } = object.metadata;
    return this.api.update(definitionOf(resource), namespace, name, object, { subresource }, context);
  }

  /** PATCH: the change is made on a copy of the present object. */
  patch<T extends KubeObject>(
    resource: string,
    name: string,
    change: (object: T) => void,
    subresource: UpdateOptions['subresource'] = '',
    context = requestContext(),
  ): Promise<StoredObject> {
    const changed = (current: KubeObject): KubeObject => {
      change(current as T);
      return current;
    };
    const namespace = namespaceOf(resource, {});
    return this.api.modify(definitionOf(resource), namespace, name, changed, { subresource }, context);
  }

  delete(
    resource: string,
    name: string,
    options: DeleteOptions = {},
    context = requestContext(),
  ): Promise<DeleteResult> {
    return this.api.delete(definitionOf(resource), namespaceOf(resource, {}), name, options, context);
  }

  list(resource: string, options: ListOptions = {}): Promise<ListResult> {
    return this.api.list(definitionOf(resource), options);
  }

  async watch(
    resource: string,
    options: WatchOptions = {},
  ): Promise<WatchRecorder & { handle: WatchHandle }> {
    const recorder = new WatchRecorder();
    const handle = await this.api.watch(definitionOf(resource), options, recorder);
    return Object.assign(recorder, { handle });
  }

  /** Lets events reach their watches. */
  async delivered(): Promise<void> {
    for (let turn = 0; turn < 4; turn += 1) await settle();
  }
}

function namespaceOf(resource: string, { namespace = 'default' }: Json): string {
  return definitionOf(resource).ref.namespaced ? String(namespace) : '';
}

/** What the promise rejects with. */
export async function refusalOf(promise: Promise<unknown>): Promise<StatusError> {
  const [outcome] = await Promise.allSettled([promise]);
  if (outcome.status === 'fulfilled') throw new Error('expected a refusal');
  return outcome.reason as StatusError;
}

export const namesOf = ({ items }: ListResult): string[] =>
  items.map((each) => decodeObject(each).metadata.name);
