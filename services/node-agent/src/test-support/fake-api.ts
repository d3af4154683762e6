/** The apiserver as the node agent sees it: objects in a map, every call recorded, faults on demand. */

import type { ConfigMap, Draft, KubeObject, Lease, Node, ObjectMeta, Pod } from '@orrery/api/gen/types.ts';
import { jsonClone, jsonEqual } from '@orrery/api/json.ts';
import { formatTime, keyOf, objectKey } from '@orrery/api/meta.ts';
import { ConfigMaps, Leases, Nodes, Pods, type ResourceRef } from '@orrery/api/resources.ts';
import { alreadyExists, conflict, notFound, serviceUnavailable } from '@orrery/api/status-error.ts';
import type {
  Client,
  DeleteOptions,
  Evictor,
  ListOptions,
  ObjectList,
  ObjectName,
  PatchType,
} from '@orrery/client/client.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { FakeInformer } from './fake-informer.ts';

export interface Call {
  verb: 'get' | 'list' | 'create' | 'patch' | 'delete' | 'evict';
  resource: string;
  /** Name of the object; empty for lists. */
  name: string;
  /** What was sent with it. */
  body: unknown;
}

/** Whether a call writes the status of a pod. */
export function isStatusWrite({ verb, resource }: Call): boolean {
  return verb === 'patch' && resource === Pods.resource;
}

type Fields = Record<string, unknown>;

export class FakeApi implements Pick<Client, 'get' | 'list' | 'create' | 'patch' | 'delete'>, Evictor {
  readonly calls: Call[] = [];
  readonly pods = new FakeInformer<Pod>(Pods);
  readonly nodes = new FakeInformer<Node>(Nodes);
  readonly leases = new FakeInformer<Lease>(Leases);
  readonly configMaps = new FakeInformer<ConfigMap>(ConfigMaps);
  /** Refuses a call with the error it returns. */
  fault: ((call: Call) => Error | undefined) | undefined;
  /** Carries out a call for which it returns true, and loses the answer. */
  losesAnswer: ((call: Call) => boolean) | undefined;
  readonly #clock: Clock;
  readonly #objects = new Map<string, KubeObject>();
  #revision = 1_000;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The calls of one verb on one resource. */
  callsOf(verb: Call['verb'], resource: ResourceRef): Call[] {
    return this.calls.filter((call) => call.verb === verb && call.resource === resource.resource);
  }

  async get<T extends KubeObject>(resource: ResourceRef<T>, name: ObjectName): Promise<T> {
    return this.#answer({ verb: 'get', resource: resource.resource, name: name.name, body: undefined }, () =>
      this.#stored(resource, name),
    );
  }

  /** Selects by equality of one label, or by there being one. */
  async list<T extends KubeObject>(
    resource: ResourceRef<T>,
    options: ListOptions = {},
  ): Promise<ObjectList<T>> {
    const [label = '', value] = (options.labelSelector ?? '').split('=');
    return this.#answer({ verb: 'list', resource: resource.resource, name: '', body: options }, () => ({
      items: this.all(resource).filter(({ metadata }) =>
        value === undefined ? metadata.labels?.[label] !== undefined : metadata.labels?.[label] === value,
      ),
      revision: this.#revision,
    }));
  }

  async create<T extends KubeObject>(resource: ResourceRef<T>, object: Draft<T>): Promise<T> {
    const name = (object.metadata as { name: string }).name;
    return this.#answer({ verb: 'create', resource: resource.resource, name, body: object }, () =>
      this.put(resource, object),
    );
  }

  async patch<T extends KubeObject>(
    resource: ResourceRef<T>,
    name: ObjectName,
    type: PatchType,
    patch: unknown,
    subresource?: 'status' | 'scale',
  ): Promise<T> {
    const body = { type, patch, subresource };
    return this.#answer({ verb: 'patch', resource: resource.resource, name: name.name, body }, () => {
      const stored = this.#stored(resource, name) as T & { status?: unknown; spec?: unknown };
      const { metadata, status, spec } = patch as {
        metadata?: Partial<ObjectMeta>;
        status?: Fields;
        spec?: Fields;
      };
      if (metadata?.uid !== undefined && metadata.uid !== stored.metadata.uid) {
        throw conflict(resource, name.name, `Precondition failed: UID in precondition: ${metadata.uid}`);
      }
      const next = jsonClone(stored);
      if (status !== undefined) next.status = mergeStatus((stored.status ?? {}) as Fields, status);
      if (spec !== undefined) {
        const entries = Object.entries({ ...(stored.spec as Fields), ...spec });
        next.spec = Object.fromEntries(entries.filter(([, value]) => value !== null));
      }
      for (const field of ['labels', 'annotations'] as const) {
        const added = metadata?.[field];
        if (added !== undefined) next.metadata[field] = { ...stored.metadata[field], ...added };
      }
      return jsonEqual(stored, next) ? stored : this.#store(resource, next);
    });
  }

  async delete<T extends KubeObject>(
    resource: ResourceRef<T>,
    name: ObjectName,
    options: DeleteOptions = {},
  ): Promise<T | undefined> {
    return this.#answer(
      { verb: 'delete', resource: resource.resource, name: name.name, body: options },
      () => {
        const stored = this.#stored(resource, name);
        if (options.preconditions?.uid !== undefined && options.preconditions.uid !== stored.metadata.uid) {
          throw conflict(resource, name.name, 'the UID in the precondition does not match the UID in record');
        }
        return this.erase(resource, name, options.gracePeriodSeconds);
      },
    );
  }

  /** Without a grace: nothing waits for its end here. */
  async evict({ namespace, name, uid }: ObjectName & { uid: string }): Promise<void> {
    await this.#answer({ verb: 'evict', resource: Pods.resource, name, body: { uid } }, () =>
      this.erase(Pods, { namespace, name }),
    );
  }

  /** What another client creates or writes. */
  put<T extends KubeObject>(resource: ResourceRef<T>, draft: Draft<T>): T {
    const object = jsonClone(draft) as T;
    object.metadata.creationTimestamp ??= formatTime(this.#clock.now());
    const { namespace = '', name } = object.metadata;
    if (this.find(resource, { namespace, name }) !== undefined) throw alreadyExists(resource, name);
    object.metadata.uid ??= `uid-${this.#revision + 1}`;
    return this.#store(resource, object);
  }

  /** What another client changes. */
  change<T extends KubeObject>(resource: ResourceRef<T>, name: ObjectName, change: (object: T) => void): T {
    const next = jsonClone(this.#stored(resource, name));
    change(next);
    const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = next.metadata;
    if (deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0 && finalizers.length === 0) {
      return this.#drop(resource, next);
    }
    return this.#store(resource, next);
  }

  /** What another client deletes: with a grace or finalizers it is only marked. */
  erase<T extends KubeObject>(resource: ResourceRef<T>, name: ObjectName, graceSeconds = 0): T | undefined {
    const stored = this.#stored(resource, name);
    if (graceSeconds === 0 && (stored.metadata.finalizers ?? []).length === 0) {
      this.#drop(resource, stored);
      return undefined;
    }
    if (stored.metadata.deletionGracePeriodSeconds === graceSeconds) return stored;
    const next = jsonClone(stored);
    next.metadata.deletionTimestamp ??= formatTime(this.#clock.now() + graceSeconds * 1_000);
    next.metadata.deletionGracePeriodSeconds = graceSeconds;
    return this.#store(resource, next);
  }

  all<T extends KubeObject>(resource: ResourceRef<T>): T[] {
    const prefix = `${resource.resource} `;
    return [...this.#objects].filter(([key]) => key.startsWith(prefix)).map(([, object]) => object as T);
  }

  find<T extends KubeObject>(resource: ResourceRef<T>, { namespace, name }: ObjectName): T | undefined {
    return this.#objects.get(`${resource.resource} ${objectKey(namespace, name)}`) as T | undefined;
  }

  #stored<T extends KubeObject>(resource: ResourceRef<T>, name: ObjectName): T {
    const stored = this.find(resource, name);
    if (stored === undefined) throw notFound(resource, name.name);
    return stored;
  }

  async #answer<R>(call: Call, carryOut: () => R): Promise<R> {
    this.calls.push(call);
    await Promise.resolve();
    const error = this.fault?.(call);
    if (error !== undefined) throw error;
    const result = carryOut();
    if (this.losesAnswer?.(call) === true) throw serviceUnavailable('the connection broke');
    return jsonClone(result);
  }

  #store<T extends KubeObject>(resource: ResourceRef<T>, object: T): T {
    this.#revision += 1;
    object.metadata.resourceVersion = String(this.#revision);
    this.#objects.set(`${resource.resource} ${keyOf(object)}`, object);
    this.#tell(resource, { type: 'put', object: jsonClone(object) });
    return object;
  }

  #drop<T extends KubeObject>(resource: ResourceRef<T>, object: T): T {
    this.#revision += 1;
    this.#objects.delete(`${resource.resource} ${keyOf(object)}`);
    this.#tell(resource, { type: 'delete', object: jsonClone(object) });
    return object;
  }

  #tell(resource: ResourceRef, change: { type: 'put' | 'delete'; object: KubeObject }): void {
    const informer = [this.pods, this.nodes, this.leases, this.configMaps].find(
      (each) => each.resource.resource === resource.resource,
    );
    (informer as FakeInformer<KubeObject> | undefined)?.offer(change);
  }
}

/** The strategic merge patch, as far as statuses need it. */
function mergeStatus(stored: Fields, patch: Fields): Fields {
  const { conditions = [], podIPs, '$setElementOrder/conditions': order = [], ...fields } = patch;
  const merged = new Map(((stored['conditions'] ?? []) as Fields[]).map((each) => [each['type'], each]));
  for (const each of conditions as Fields[]) {
    if (each['$patch'] === 'delete') {
      merged.delete(each['type']);
      continue;
    }
    const entries = Object.entries({ ...merged.get(each['type']), ...each }).filter(
      ([, value]) => value !== null,
    );
    merged.set(each['type'], Object.fromEntries(entries));
  }
  const named = (order as Fields[]).map(({ type }) => type);
  const others = [...merged.keys()].filter((type) => !named.includes(type));
  return {
    ...stored,
    ...fields,
    ...(podIPs === undefined
      ? {}
      : { podIPs: (podIPs as Fields[]).filter((each) => each['$patch'] === undefined) }),
    conditions: [...others, ...named].map((type) => merged.get(type)),
  };
}
