/**
 * A cluster in memory for controllers under test: a Client with the apiserver's rules that
 * controllers lean on (revisions, uids, finalizers, grace, status isolation, preconditions),
 * stale caches on demand, and faults before or after the n-th write.
 */

import type { Draft, KubeObject, Pod } from '@orrery/api/gen/types.ts';
import { jsonClone, jsonEqual } from '@orrery/api/json.ts';
import { formatTime, objectKey } from '@orrery/api/meta.ts';
import { Namespaces, Pods, type ResourceRef } from '@orrery/api/resources.ts';
import { parseLabelSelector } from '@orrery/api/selectors.ts';
import {
  alreadyExists,
  conflict,
  notFound,
  OBJECT_MODIFIED,
  serviceUnavailable,
} from '@orrery/api/status-error.ts';
import type { Client, DeleteOptions, ListOptions, ObjectList, ObjectName } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { ControllerContext } from '@orrery/controller/controller.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { createMetrics } from '@orrery/kit/metrics.ts';
import { FakeInformers } from './fake-informers.ts';
import { jsonPatched, mergePatched, strategicallyPatched } from './fake-patch.ts';

export interface Write {
  verb: 'create' | 'update' | 'updateStatus' | 'patch' | 'delete' | 'bind' | 'finalize';
  resource: string;
  key: string;
}

/** What a fault does to a write: refuse it, or carry it out and lose the answer. */
export type Fault = { error: Error; when: 'before' | 'after' };

type Json = Record<string, unknown>;

export class FakeCluster {
  readonly clock = new ManualClock();
  readonly writes: Write[] = [];
  readonly events: string[] = [];
  informers = new FakeInformers((resource) => this.all(resource));
  readonly client: Client = this.#makeClient();
  /** Asked before every write. */
  fault: ((write: Write, index: number) => Fault | undefined) | undefined;
  /** How many reads went past the caches. */
  reads = 0;
  readonly #objects = new Map<string, Map<string, KubeObject>>();
  #revision = 0;
  #names = 0;

  get context(): ControllerContext {
    const record = (type: string): EventRecorder['normal'] => {
      return ({ object }, reason, message) =>
        this.events.push(`${type} ${object.metadata.name} ${reason}: ${message}`);
    };
    const events: EventRecorder = { normal: record('Normal'), warning: record('Warning') };
    return {
      client: this.client,
      informers: this.informers,
      events,
      clock: this.clock,
      logger: silentLogger(),
      metrics: createMetrics(),
    };
  }

  /** Present objects, deeply frozen, as informers hold them. */
  all<T extends KubeObject>(resource: ResourceRef<T>): T[] {
    return [...(this.#objects.get(resource.resource)?.values() ?? [])] as T[];
  }

  get<T extends KubeObject>(resource: ResourceRef<T>, key: string): T {
    const object = this.#objects.get(resource.resource)?.get(key);
    if (object === undefined) throw notFound(resource, key);
    return object as T;
  }

  find<T extends KubeObject>(resource: ResourceRef<T>, key: string): T | undefined {
    return this.#objects.get(resource.resource)?.get(key) as T | undefined;
  }

  /** Puts an object in place as it is; metadata that is missing is filled in. */
  seed<T extends KubeObject>(resource: ResourceRef<T>, draft: Draft<T>): T {
    const metadata = draft.metadata;
    this.#names += metadata.name === undefined ? 1 : 0;
    const object = jsonClone({
      ...draft,
      metadata: {
        name: `${metadata.generateName ?? ''}${this.#names}`,
        uid: `uid-${this.#revision + 1}`,
        creationTimestamp: formatTime(this.clock.now()),
        generation: 1,
        ...metadata,
      },
    }) as unknown as T;
    return this.#store(resource, object);
  }

  /** Changes an object as somebody else would: no fault, no entry in `writes`. */
  change<T extends KubeObject>(resource: ResourceRef<T>, key: string, change: (object: T) => void): T {
    const copy = jsonClone(this.get(resource, key));
    const spec = jsonClone((copy as Json)['spec']);
    change(copy);
    if (!jsonEqual(spec, (copy as Json)['spec']))
      copy.metadata.generation = (copy.metadata.generation ?? 0) + 1;
    return this.#store(resource, copy);
  }

  /** Removes an object at once, whatever its finalizers. */
  remove(resource: ResourceRef, key: string): void {
    const before = this.get(resource, key);
    this.#revision += 1;
    this.#objects.get(resource.resource)?.delete(key);
    this.informers.observe({ resource, before, after: undefined });
  }

  #store<T extends KubeObject>(resource: ResourceRef<T>, object: T): T {
    const key = objectKey(object.metadata.namespace, object.metadata.name);
    const before = this.#objects.get(resource.resource)?.get(key);
    this.#revision += 1;
    object.metadata.resourceVersion = String(this.#revision);
    const finished = isFinished(resource, object);
    deepFreeze(object);
    const objects = this.#objects.get(resource.resource) ?? new Map<string, KubeObject>();
    this.#objects.set(resource.resource, objects);
    if (finished) objects.delete(key);
    else objects.set(key, object);
    const ref = resource as unknown as ResourceRef;
    this.informers.observe({ resource: ref, before, after: finished ? undefined : object });
    return object;
  }

  async #write<T>(write: Write, carryOut: () => T): Promise<T> {
    const index = this.writes.length;
    const fault = this.fault?.(write, index);
    this.writes.push(write);
    await Promise.resolve();
    if (fault?.when === 'before') throw fault.error;
    const result = carryOut();
    if (fault?.when === 'after') throw fault.error;
    return result;
  }

  #makeClient(): Client {
    const nameOf = ({ namespace, name }: ObjectName): string => objectKey(namespace, name);
    const client: Client = {
      get: async <T extends KubeObject>(resource: ResourceRef<T>, name: ObjectName): Promise<T> => {
        this.reads += 1;
        return jsonClone(this.get(resource, nameOf(name)));
      },
      list: async <T extends KubeObject>(
        resource: ResourceRef<T>,
        options: ListOptions = {},
      ): Promise<ObjectList<T>> => {
        this.reads += 1;
        const matches = parseLabelSelector(options.labelSelector ?? '');
        const items = this.all(resource).filter(
          ({ metadata }) =>
            (options.namespace === undefined || metadata.namespace === options.namespace) &&
            matches(metadata.labels),
        );
        return { items: jsonClone(items), revision: this.#revision };
      },
      create: (resource, draft) => this.#create(resource, draft),
      update: (resource, object) => this.#update(resource, object, 'update'),
      updateStatus: (resource, object) => this.#update(resource, object, 'updateStatus'),
      finalizeNamespace: (namespace) => this.#update(Namespaces as never, namespace, 'finalize'),
      updateScale: async (resource, name, replicas) => {
        await client.patch(resource, name, 'merge', { spec: { replicas } });
      },
      patch: <T extends KubeObject>(
        resource: ResourceRef<T>,
        name: ObjectName,
        type: string,
        patch: unknown,
        subresource?: string,
      ) => this.#patch(resource, nameOf(name), { type, patch: patch as Json, subresource }),
      delete: (resource, name, options) => this.#delete(resource, nameOf(name), options ?? {}),
      bind: (pod, nodeName) =>
        this.#write({ verb: 'bind', resource: 'pods', key: nameOf(pod) }, () => {
          this.change(Pods, nameOf(pod), ({ spec }) => void (spec.nodeName = nodeName));
        }),
      createToken: () => Promise.reject(new Error('controllers ask for no tokens')),
      fencedBy: () => client,
      traced: () => client,
    };
    return client;
  }

  #create<T extends KubeObject>(resource: ResourceRef<T>, draft: Draft<T>): Promise<T> {
    const { metadata } = draft;
    const name = metadata.name ?? `${metadata.generateName ?? ''}${(this.#names += 1)}`;
    const key = objectKey(metadata.namespace, name);
    return this.#write({ verb: 'create', resource: resource.resource, key }, () => {
      if (this.find(resource, key) !== undefined) throw alreadyExists(resource, name);
      return jsonClone(this.seed(resource, { ...draft, metadata: { ...metadata, name } }));
    });
  }

  #update<T extends KubeObject>(
    resource: ResourceRef<T>,
    object: T,
    verb: 'update' | 'updateStatus' | 'finalize',
  ): Promise<T> {
    const key = objectKey(object.metadata.namespace, object.metadata.name);
    const wanted = jsonClone(object) as unknown as Json;
    return this.#write({ verb, resource: resource.resource, key }, () => {
      const current = this.get(resource, key);
      if (current.metadata.resourceVersion !== object.metadata.resourceVersion) {
        throw conflict(resource, object.metadata.name, OBJECT_MODIFIED);
      }
      if (verb === 'finalize' && isEmptyList((wanted['spec'] as Json | undefined)?.['finalizers'])) {
        this.remove(resource, key);
        return jsonClone(object);
      }
      return jsonClone(
        this.change(resource, key, (copy) => {
          const target = copy as unknown as Json;
          if (verb === 'updateStatus') target['status'] = wanted['status'];
          else Object.assign(target, { ...wanted, status: target['status'] });
        }),
      );
    });
  }

  #patch<T extends KubeObject>(
    resource: ResourceRef<T>,
    key: string,
    { type, patch, subresource }: { type: string; patch: Json; subresource: string | undefined },
  ): Promise<T> {
    return this.#write({ verb: 'patch', resource: resource.resource, key }, () => {
      const current = this.get(resource, key);
      const wanted = patch['metadata'] as Json | undefined;
      for (const field of ['uid', 'resourceVersion'] as const) {
        if (wanted?.[field] !== undefined && wanted[field] !== current.metadata[field]) {
          throw conflict(resource, current.metadata.name, `the ${field} in the precondition differs`);
        }
      }
      const apply =
        { strategic: strategicallyPatched, merge: mergePatched, json: jsonPatched }[type] ?? mergePatched;
      const patched = apply(jsonClone(current), patch) as Json;
      return jsonClone(
        this.change(resource, key, (copy) => {
          const target = copy as unknown as Json;
          const { metadata, status } = patched;
          if (subresource === 'status') Object.assign(target, { metadata, status });
          else Object.assign(target, { ...patched, status: target['status'] });
        }),
      );
    });
  }

  #delete<T extends KubeObject>(
    resource: ResourceRef<T>,
    key: string,
    { preconditions, gracePeriodSeconds, propagationPolicy }: DeleteOptions,
  ): Promise<T | undefined> {
    return this.#write({ verb: 'delete', resource: resource.resource, key }, () => {
      const current = this.get(resource, key);
      for (const field of ['uid', 'resourceVersion'] as const) {
        if (preconditions?.[field] !== undefined && preconditions[field] !== current.metadata[field]) {
          throw conflict(resource, current.metadata.name, `the ${field} in the precondition differs`);
        }
      }
      this.change(resource, key, (copy) => {
        const finalizer = { Foreground: 'foregroundDeletion', Orphan: 'orphan' }[propagationPolicy as string];
        if (finalizer !== undefined)
          copy.metadata.finalizers = [...(copy.metadata.finalizers ?? []), finalizer];
        copy.metadata.deletionTimestamp ??= formatTime(this.clock.now());
        const running = resource.resource === 'pods' && (copy as unknown as Pod).spec.nodeName !== undefined;
        copy.metadata.deletionGracePeriodSeconds = running ? (gracePeriodSeconds ?? 30) : 0;
      });
      return jsonClone(this.find(resource, key));
    });
  }
}

function isEmptyList(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}

/** Deleted, and nothing holds it back. */
function isFinished(resource: ResourceRef, { metadata }: KubeObject): boolean {
  const held = resource.resource === 'namespaces' || !isEmptyList(metadata.finalizers);
  return (
    metadata.deletionTimestamp !== undefined && (metadata.deletionGracePeriodSeconds ?? 0) === 0 && !held
  );
}

function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const each of Object.values(value)) deepFreeze(each);
}

/** Says that the answer is lost: the write may or may not have happened. */
export const connectionLost = serviceUnavailable('connection lost');
