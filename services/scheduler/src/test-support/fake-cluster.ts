/** For tests: a store of nodes and pods, a client of it that can be made to fail, and informers that can be held back. */

import type {
  Container,
  KubeObject,
  Node,
  PersistentVolumeClaim,
  Pod,
  PodSpec,
} from '@orrery/api/gen/types.ts';
import { keyOf, objectKey } from '@orrery/api/meta.ts';
import { Nodes, PersistentVolumeClaims, Pods, type ResourceRef } from '@orrery/api/resources.ts';
import { conflict, notFound, serviceUnavailable } from '@orrery/api/status-error.ts';
import type { Client, ObjectName } from '@orrery/client/client.ts';
import type { EventHandler, Informer, Informers } from '@orrery/client/informer.ts';

export interface NodeDraft {
  name: string;
  labels?: Record<string, string>;
  allocatable?: Record<string, string>;
  spec?: Node['spec'];
}

export function makeNode({ name, labels = {}, allocatable = {}, spec = {} }: NodeDraft): Node {
  return {
    metadata: {
      name,
      uid: `uid-${name}`,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { 'kubernetes.io/hostname': name, ...labels },
    },
    spec,
    status: {
      allocatable: { cpu: '4', memory: '8Gi', 'ephemeral-storage': '100Gi', pods: '110', ...allocatable },
    },
  };
}

export interface PodDraft {
  name: string;
  uid?: string;
  /** Requests of its one container. */
  requests?: Record<string, string>;
  spec?: Partial<PodSpec>;
  controller?: string;
  labels?: Record<string, string>;
}

export function makeContainer(name: string, requests?: Record<string, string>): Container {
  return { name, ...(requests && { resources: { requests } }) };
}

export function makePod({ name, uid = `uid-${name}`, requests, spec, controller, labels }: PodDraft): Pod {
  return {
    metadata: {
      name,
      namespace: 'default',
      uid,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(labels && { labels }),
      ...(controller !== undefined && {
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: controller, uid: controller, controller: true },
        ],
      }),
    },
    spec: { schedulerName: 'default-scheduler', containers: [makeContainer('app', requests)], ...spec },
    status: { phase: 'Pending' },
  };
}

/** What happens to a bind: carried out or not, answered or not. */
export type BindFate = 'answered' | 'done but answer lost' | 'lost';

class FakeInformer<T extends KubeObject> implements Informer<T> {
  readonly resource: ResourceRef<T>;
  readonly synced = true;
  readonly objects = new Map<string, T>();
  readonly #handlers = new Set<EventHandler<T>>();

  constructor(resource: ResourceRef<T>) {
    this.resource = resource;
  }

  readonly lister = {
    get: (key: string): T | undefined => this.objects.get(key),
    list: (): T[] => [...this.objects.values()],
    byIndex: (): T[] => [],
    size: 0,
  };

  addHandler(handler: EventHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.objects.values()) handler.add?.(object);
    return () => this.#handlers.delete(handler);
  }

  addIndex(): void {}

  show(key: string, object: T | undefined): void {
    const before = this.objects.get(key);
    if (object === undefined) this.objects.delete(key);
    else this.objects.set(key, object);
    for (const handler of this.#handlers) {
      if (object === undefined) {
        if (before !== undefined) handler.delete?.(before);
      } else if (before === undefined) {
        handler.add?.(object);
      } else {
        handler.update?.(object, before);
      }
    }
  }
}

export class FakeCluster {
  readonly pods = new Map<string, Pod>();
  readonly nodes = new Map<string, Node>();
  /** Every bind that was carried out, as `uid -> node`. */
  readonly binds: string[] = [];
  readonly patches: { name: string; patch: unknown }[] = [];
  /** Keys of pods that somebody asked to delete; `deletePod` carries it out. */
  readonly deletions: string[] = [];
  /** Patches that were asked for, carried out or not. */
  patchesSent = 0;
  readonly events: { type: string; reason: string; message: string; name: string }[] = [];
  /** Decides what happens to the next bind. */
  fate: (pod: ObjectName, nodeName: string) => BindFate | Promise<BindFate> = () => 'answered';
  /** Called before a patch is carried out; may fail or hold it up. */
  beforePatch: () => Promise<void> = () => Promise.resolve();
  /** While true every read fails as if the connection were broken. */
  readsFail = false;
  /** While true informers show nothing new. */
  #held = false;
  #revision = 1;
  readonly #pending: (() => void)[] = [];
  readonly #podInformer = new FakeInformer(Pods);
  readonly #nodeInformer = new FakeInformer(Nodes);

  readonly #storageInformers = new Map<string, FakeInformer<KubeObject>>();

  readonly informers: Informers = {
    of: <T extends KubeObject>(resource: ResourceRef<T>): Informer<T> => {
      if (resource.resource === 'pods') return this.#podInformer as unknown as Informer<T>;
      if (resource.resource === 'nodes') return this.#nodeInformer as unknown as Informer<T>;
      return this.#storageInformer(resource) as unknown as Informer<T>;
    },
    start: () => Promise.resolve(),
    synced: true,
    stop: () => Promise.resolve(),
  };

  readonly recorder = {
    normal: this.#record('Normal'),
    warning: this.#record('Warning'),
  };

  #record(type: string) {
    return (subject: { object: Pick<KubeObject, 'metadata'> }, reason: string, message: string): void => {
      this.events.push({ type, reason, message, name: subject.object.metadata.name });
    };
  }

  #storageInformer(resource: ResourceRef): FakeInformer<KubeObject> {
    let informer = this.#storageInformers.get(resource.resource);
    if (informer === undefined) {
      informer = new FakeInformer(resource);
      this.#storageInformers.set(resource.resource, informer);
    }
    return informer;
  }

  /** Creates or replaces a claim, volume or class. */
  setStorage<T extends KubeObject>(resource: ResourceRef<T>, object: T): void {
    const informer = this.#storageInformer(resource);
    this.#show(() => informer.show(keyOf(object), object));
  }

  /** Changes a claim that is there. */
  setClaim(key: string, change: (claim: PersistentVolumeClaim) => void): void {
    const claim = structuredClone(this.informers.of(PersistentVolumeClaims).lister.get(key)!);
    change(claim);
    this.setStorage(PersistentVolumeClaims, claim);
  }

  /** Only what the scheduler uses. */
  readonly client = {
    get: async (resource: ResourceRef, { namespace, name }: ObjectName): Promise<KubeObject> => {
      await Promise.resolve();
      if (this.readsFail) throw serviceUnavailable('the connection broke');
      const found = this.pods.get(objectKey(namespace, name));
      if (found === undefined) throw notFound(resource, name);
      return found;
    },
    list: async () => {
      await Promise.resolve();
      if (this.readsFail) throw serviceUnavailable('the connection broke');
      const items = [...this.pods.values()].filter(({ spec }) => spec.nodeName !== undefined);
      return { items, revision: this.#revision };
    },
    bind: async (pod: ObjectName & { uid: string }, nodeName: string): Promise<void> => {
      await Promise.resolve();
      const fate = await this.fate(pod, nodeName);
      if (fate === 'lost') throw serviceUnavailable('the connection broke');
      this.#bind(pod, nodeName);
      if (fate === 'done but answer lost') throw serviceUnavailable('the connection broke');
    },
    patch: async (resource: ResourceRef, { namespace, name }: ObjectName, _type: string, patch: unknown) => {
      await Promise.resolve();
      this.patchesSent += 1;
      await this.beforePatch();
      if (resource.resource === PersistentVolumeClaims.resource) {
        const { annotations } = (patch as KubeObject).metadata;
        this.setClaim(objectKey(namespace, name), ({ metadata }) => {
          metadata.annotations = { ...metadata.annotations, ...annotations };
        });
        return undefined;
      }
      const pod = this.pods.get(objectKey(namespace, name));
      if (pod === undefined) throw notFound(resource, name);
      const { metadata, status } = patch as Pod;
      const { resourceVersion = pod.metadata.resourceVersion } = metadata as Partial<typeof metadata>;
      if (resourceVersion !== pod.metadata.resourceVersion) throw conflict(resource, name, 'it has changed');
      this.patches.push({ name, patch });
      this.setPod({ ...pod, status: { ...pod.status, ...status } });
      return pod;
    },
    delete: async (_resource: ResourceRef, { namespace, name }: ObjectName): Promise<undefined> => {
      await Promise.resolve();
      this.deletions.push(objectKey(namespace, name));
    },
  } as unknown as Client;

  /** Creates or replaces, with a new resourceVersion. */
  setPod(pod: Pod): void {
    this.#revision += 1;
    const stored = { ...pod, metadata: { ...pod.metadata, resourceVersion: String(this.#revision) } };
    this.pods.set(keyOf(pod), stored);
    this.#show(() => this.#podInformer.show(keyOf(pod), stored));
  }

  deletePod(name: string): void {
    const key = objectKey('default', name);
    this.pods.delete(key);
    this.#show(() => this.#podInformer.show(key, undefined));
  }

  pod(name: string): Pod | undefined {
    return this.pods.get(objectKey('default', name));
  }

  setNode(node: Node): void {
    this.nodes.set(node.metadata.name, node);
    this.#show(() => this.#nodeInformer.show(node.metadata.name, node));
  }

  deleteNode(name: string): void {
    this.nodes.delete(name);
    this.#show(() => this.#nodeInformer.show(name, undefined));
  }

  /** Changes happen, but informers lag behind until `release`. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    for (const show of this.#pending.splice(0)) show();
  }

  /** Lets informers show one change more. */
  showNext(): void {
    this.#pending.shift()?.();
  }

  /** Forgets what informers have not shown: as after a gap that a new list closed over. */
  skipPending(): void {
    this.#pending.length = 0;
  }

  boundTo(nodeName: string): Pod[] {
    return [...this.pods.values()].filter(({ spec }) => spec.nodeName === nodeName);
  }

  #show(show: () => void): void {
    if (this.#held) this.#pending.push(show);
    else show();
  }

  #bind({ namespace, name, uid }: ObjectName & { uid: string }, nodeName: string): void {
    const pod = this.pods.get(objectKey(namespace, name));
    if (pod === undefined) throw notFound(Pods, name);
    if (pod.metadata.uid !== uid) throw conflict(Pods, name, 'another pod of that name');
    if (pod.spec.nodeName !== undefined)
      throw conflict(Pods, name, `already assigned to node "${pod.spec.nodeName}"`);
    this.binds.push(`${uid} -> ${nodeName}`);
    this.setPod({ ...pod, spec: { ...pod.spec, nodeName } });
  }
}
