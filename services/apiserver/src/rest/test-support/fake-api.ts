/** The verbs of the API over maps: just enough for tests of the edge, which looks at what it was asked. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { jsonClone } from '@orrery/api/json.ts';
import { keyOf, objectKey } from '@orrery/api/meta.ts';
import {
  alreadyExists,
  conflict,
  notFound,
  OBJECT_MODIFIED,
  qualifiedResource,
} from '@orrery/api/status-error.ts';
import type { ResourceDefinition } from '../../registry/definition.ts';
import { podsDefinition } from '../../registry/pod.ts';
import type { Stored } from '../../store/store.ts';
import type {
  Api,
  DeleteOptions,
  DeleteResult,
  ListOptions,
  ListResult,
  RequestContext,
  StoredObject,
  UpdateOptions,
  Watcher,
  WatchHandle,
  WatchOptions,
} from '../../verbs/api.ts';
import { compileFieldSelector } from '../../verbs/field-selector.ts';

/** A watch that was begun, for a test to feed. */
export interface FakeWatch {
  definition: ResourceDefinition;
  options: WatchOptions;
  watcher: Watcher;
  stopped: boolean;
  revision: number;
}

export class FakeApi implements Api {
  readonly watches: FakeWatch[] = [];
  /** What the last write was asked. */
  last: {
    context?: RequestContext;
    options?: UpdateOptions;
    deleteOptions?: DeleteOptions;
    list?: ListOptions;
  } = {};
  /** Thrown by the next call of any verb. */
  nextError: Error | undefined;
  /** Awaited by `get` before it answers. */
  gate: Promise<void> | undefined;
  /** Called when a watch begins, before it is established. */
  onWatch: ((watch: FakeWatch) => void) | undefined;
  binding: { namespace: string; name: string; nodeName: string; uid?: string } | undefined;
  readonly #objects = new Map<string, Map<string, StoredObject>>();
  #revision = 100;

  async get(definition: ResourceDefinition, namespace: string, name: string): Promise<Stored> {
    this.#failIfTold();
    await this.gate;
    const key = objectKey(namespace, name);
    const found = this.#of(definition).get(key);
    if (found === undefined) throw notFound(definition.ref, name);
    return { key, value: found.value, revision: found.revision };
  }

  async list(definition: ResourceDefinition, options: ListOptions): Promise<ListResult> {
    this.#failIfTold();
    this.last.list = options;
    const { namespace, selection, limit } = options;
    const all = [...this.#of(definition)]
      .filter(([key]) => namespace === undefined || key.startsWith(`${namespace}/`))
      .filter(([, { object }]) => selection?.labels?.(object.metadata.labels) ?? true)
      .filter(([, { object }]) => selection?.fields?.(object) ?? true)
      .map(([key, { value, revision }]) => ({ key, value, revision }))
      .toSorted((a, b) => (a.key < b.key ? -1 : 1));
    const items = limit === undefined || limit === 0 ? all : all.slice(0, limit);
    const remaining = all.length - items.length;
    return {
      items,
      revision: this.#revision,
      continueToken: remaining > 0 ? 'more' : undefined,
      remainingItemCount: remaining > 0 ? remaining : undefined,
    };
  }

  async create(
    definition: ResourceDefinition,
    namespace: string,
    object: KubeObject,
    context: RequestContext,
  ): Promise<StoredObject> {
    this.#failIfTold();
    this.last = { context };
    if (namespace !== '') object.metadata.namespace = namespace;
    if (this.#of(definition).has(keyOf(object))) throw alreadyExists(definition.ref, object.metadata.name);
    return this.put(definition, object);
  }

  async update(
    definition: ResourceDefinition,
    namespace: string,
    name: string,
    object: KubeObject,
    options: UpdateOptions,
    context: RequestContext,
  ): Promise<StoredObject & { created: boolean }> {
    const created = !this.#of(definition).has(objectKey(namespace, name));
    if (created && definition.createsOnUpdate === true) {
      return { ...(await this.create(definition, namespace, object, context)), created };
    }
    return {
      ...(await this.modify(definition, namespace, name, () => object, options, context)),
      created: false,
    };
  }

  async modify(
    definition: ResourceDefinition,
    namespace: string,
    name: string,
    change: (current: KubeObject) => KubeObject,
    options: UpdateOptions,
    context: RequestContext,
  ): Promise<StoredObject> {
    this.#failIfTold();
    this.last = { context, options };
    const stored = this.#of(definition).get(objectKey(namespace, name));
    if (stored === undefined) throw notFound(definition.ref, name);
    const next = change(jsonClone(stored.object));
    const { resourceVersion } = next.metadata;
    if (resourceVersion !== undefined && resourceVersion !== stored.object.metadata.resourceVersion) {
      throw conflict(definition.ref, name, OBJECT_MODIFIED);
    }
    next.metadata = { ...stored.object.metadata, ...next.metadata };
    return this.put(definition, next);
  }

  async delete(
    definition: ResourceDefinition,
    namespace: string,
    name: string,
    options: DeleteOptions,
    context: RequestContext,
  ): Promise<DeleteResult> {
    this.#failIfTold();
    this.last = { context, deleteOptions: options };
    const objects = this.#of(definition);
    const key = objectKey(namespace, name);
    const stored = objects.get(key);
    if (stored === undefined) throw notFound(definition.ref, name);
    const gone = (stored.object.metadata.finalizers ?? []).length === 0;
    if (gone && !context.dryRun) objects.delete(key);
    return { ...stored, gone };
  }

  async deleteCollection(
    definition: ResourceDefinition,
    list: ListOptions,
    options: DeleteOptions,
    context: RequestContext,
  ): Promise<ListResult> {
    const result = await this.list(definition, list);
    this.last = { context, deleteOptions: options, list };
    for (const { key } of result.items) this.#of(definition).delete(key);
    return result;
  }

  async bind(
    namespace: string,
    name: string,
    binding: { uid?: string; nodeName: string },
    context: RequestContext,
  ): Promise<void> {
    this.#failIfTold();
    this.last = { context };
    this.binding = { namespace, name, ...binding };
  }

  async evict(
    namespace: string,
    name: string,
    options: DeleteOptions,
    context: RequestContext,
  ): Promise<void> {
    await this.delete(podsDefinition, namespace, name, options, context);
  }

  async watch(definition: ResourceDefinition, options: WatchOptions, watcher: Watcher): Promise<WatchHandle> {
    this.#failIfTold();
    const watch: FakeWatch = { definition, options, watcher, stopped: false, revision: this.#revision };
    this.onWatch?.(watch);
    this.watches.push(watch);
    return {
      get revision() {
        return watch.revision;
      },
      stop: () => {
        watch.stopped = true;
      },
    };
  }

  compileFieldSelector = compileFieldSelector;

  /** Stores an object as it is, under a new revision. */
  put(definition: ResourceDefinition, object: KubeObject): StoredObject {
    this.#revision += 1;
    const { kind: _kind, apiVersion: _apiVersion, metadata, ...rest } = jsonClone(object);
    const revision = this.#revision;
    const stamped = {
      metadata: {
        ...metadata,
        uid: `uid-${metadata.name}`,
        creationTimestamp: '2026-01-01T00:00:00Z',
        resourceVersion: String(revision),
      },
      ...rest,
    } as KubeObject;
    const stored = { object: stamped, value: JSON.stringify(stamped), revision };
    this.#of(definition).set(keyOf(stamped), stored);
    return stored;
  }

  #of({ ref }: ResourceDefinition): Map<string, StoredObject> {
    const name = qualifiedResource(ref);
    const objects = this.#objects.get(name) ?? new Map<string, StoredObject>();
    this.#objects.set(name, objects);
    return objects;
  }

  #failIfTold(): void {
    const error = this.nextError;
    this.nextError = undefined;
    if (error !== undefined) throw error;
  }
}
