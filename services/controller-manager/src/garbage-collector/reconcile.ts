/** All I/O of the garbage collector (k8s.io/kubernetes/pkg/controller/garbagecollector). */

import type { KubeObject, OwnerReference } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { isBeingDeleted, objectKey } from '@orrery/api/meta.ts';
import { parseApiVersion, type ResourceRef } from '@orrery/api/resources.ts';
import { isConflict, isNotFound } from '@orrery/api/status-error.ts';
import type { Client, DeleteOptions } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Informers } from '@orrery/client/informer.ts';
import type { KeyQueue, ReconcileContext } from '@orrery/controller/controller.ts';
import { forEachLimited } from '../concurrency.ts';
import { FOREGROUND_FINALIZER, type GraphNode, isMeant, ORPHAN_FINALIZER, type OwnerGraph } from './graph.ts';
import { type OwnerState, verdictOn } from './plan.ts';

/** Owners known to be gone; a uid never comes back, so the limit is for memory only. */
const ABSENT_OWNERS_LIMIT = 500;

const PATCHES_AT_ONCE = 20;

export interface GarbageCollectorOptions {
  graph: OwnerGraph;
  informers: Informers;
  /** The kinds whose objects can own or be owned. */
  resources: readonly ResourceRef[];
  events: EventRecorder;
}

export class GarbageCollector {
  readonly #graph: OwnerGraph;
  readonly #informers: Informers;
  readonly #resources: readonly ResourceRef[];
  readonly #events: EventRecorder;
  readonly #byKind: ReadonlyMap<string, ResourceRef>;
  readonly #absentOwners = new Set<string>();

  constructor({ graph, informers, resources, events }: GarbageCollectorOptions) {
    this.#graph = graph;
    this.#informers = informers;
    this.#resources = resources;
    this.#events = events;
    this.#byKind = new Map(resources.map((each) => [`${each.group}/${each.kind}`, each]));
  }

  async reconcile(uid: string, { client }: ReconcileContext, queue: KeyQueue): Promise<void> {
    const node = this.#graph.get(uid);
    if (node === undefined) return;
    if (node.orphansDependents) await this.#orphanDependents(client, node);
    else if (node.waitsForDependents) await this.#finishForeground(client, node, queue);
    else if (!node.isDeleting && node.owners.length > 0) await this.#collect(client, node);
  }

  /** Decides about an object by the state of its owners. */
  async #collect(client: Client, node: GraphNode): Promise<void> {
    const object = this.#cached(node);
    if (object === undefined) return;
    const owners: { reference: OwnerReference; state: OwnerState }[] = [];
    for (const reference of node.owners)
      owners.push({ reference, state: await this.#stateOf(client, node, reference) });
    const dependents = this.#graph.dependentsOf(node.uid);
    const verdict = verdictOn({
      owners,
      finalizers: object.metadata.finalizers ?? [],
      hasDependents: dependents.length > 0,
      hasWaitingDependent: dependents.some(({ waitsForDependents }) => waitsForDependents),
    });
    if (verdict.kind === 'keep') return;
    if (verdict.kind === 'strip') {
      await this.#patchOwners(
        client,
        node,
        verdict.uids.map((uid) => ({ $patch: 'delete', uid })),
      );
      return;
    }
    if (verdict.unblock) {
      const unblocking = node.owners.map((each) => ({ ...each, blockOwnerDeletion: false }));
      await this.#patchOwners(client, node, unblocking);
    }
    await this.#delete(client, node, verdict.unblock ? undefined : object, verdict.policy);
  }

  async #stateOf(client: Client, node: GraphNode, reference: OwnerReference): Promise<OwnerState> {
    const resource = this.#byKind.get(`${parseApiVersion(reference.apiVersion).group}/${reference.kind}`);
    // Nobody here can tell whether an owner of an unknown kind exists: it keeps what is its own.
    if (resource === undefined) return 'solid';
    if (resource.namespaced && node.namespace === '') {
      this.#reportInvalidOwner(node, reference);
      return 'solid';
    }
    const known = this.#graph.get(reference.uid);
    if (known !== undefined && isMeant(known, reference, node)) {
      return known.waitsForDependents ? 'waiting' : 'solid';
    }
    const isElsewhere = known !== undefined && ![node.namespace, ''].includes(known.namespace);
    if (isElsewhere) this.#reportInvalidOwner(node, reference);
    return this.#liveStateOf(client, resource, resource.namespaced ? node.namespace : '', reference);
  }

  /** Makes sure with the apiserver: an owner that a cache does not show may just be too new for it. */
  async #liveStateOf(
    client: Client,
    resource: ResourceRef,
    namespace: string,
    { name, uid }: OwnerReference,
  ): Promise<OwnerState> {
    const identity = `${resource.resource}.${resource.group}/${namespace}/${name}/${uid}`;
    if (this.#absentOwners.has(identity)) return 'dangling';
    try {
      const { metadata } = await client.get(resource, { namespace, name });
      if (metadata.uid === uid) {
        const isForeground =
          isBeingDeleted({ metadata }) && metadata.finalizers?.includes(FOREGROUND_FINALIZER) === true;
        return isForeground ? 'waiting' : 'solid';
      }
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    this.#absentOwners.add(identity);
    if (this.#absentOwners.size > ABSENT_OWNERS_LIMIT) {
      for (const oldest of this.#absentOwners) {
        this.#absentOwners.delete(oldest);
        break;
      }
    }
    return 'dangling';
  }

  /**
   * Deletes the object as it was judged: the resourceVersion says that nobody has given it
   * another owner since. `judged` is undefined when an own patch has just changed it.
   */
  async #delete(
    client: Client,
    node: GraphNode,
    judged: KubeObject | undefined,
    propagationPolicy: NonNullable<DeleteOptions['propagationPolicy']>,
  ): Promise<void> {
    const { resource, namespace, name, uid } = node;
    const attempt = async (resourceVersion: string): Promise<void> => {
      await client.delete(
        resource,
        { namespace, name },
        { propagationPolicy, preconditions: { uid, resourceVersion } },
      );
    };
    try {
      if (judged !== undefined) {
        await attempt(judged.metadata.resourceVersion);
        return;
      }
    } catch (error) {
      if (isNotFound(error)) return;
      if (!isConflict(error)) throw error;
    }
    try {
      const { metadata } = await client.get(resource, { namespace, name });
      if (metadata.uid !== uid) return;
      const isAsJudged =
        judged === undefined || jsonEqual(metadata.ownerReferences, judged.metadata.ownerReferences);
      // With other owners the informer brings the change, and with it another judgement.
      if (isAsJudged) await attempt(metadata.resourceVersion);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Lets an owner go when nothing blocks it any more, else makes sure that its dependents go. */
  async #finishForeground(client: Client, node: GraphNode, queue: KeyQueue): Promise<void> {
    const blockers = this.#graph.blockersOf(node.uid);
    if (blockers.length === 0) {
      await this.#removeFinalizer(client, node, FOREGROUND_FINALIZER);
      return;
    }
    for (const each of blockers) if (!each.isDeleting || each.waitsForDependents) queue.add(each.uid);
  }

  /**
   * Takes the owner out of its dependents' references, then lets it go. The dependents are
   * read afresh: one that the caches do not show yet would be deleted for good afterwards.
   */
  async #orphanDependents(client: Client, node: GraphNode): Promise<void> {
    const isDependent = ({ metadata }: KubeObject): boolean =>
      metadata.ownerReferences?.some(({ uid }) => uid === node.uid) === true;
    const scope = node.namespace === '' ? {} : { namespace: node.namespace };
    for (const resource of this.#resources) {
      if (node.namespace !== '' && !resource.namespaced) continue;
      const { items } = await client.list(resource, scope);
      await forEachLimited(items.filter(isDependent), PATCHES_AT_ONCE, async ({ metadata }) => {
        const dependent = {
          resource,
          namespace: metadata.namespace ?? '',
          name: metadata.name,
          uid: metadata.uid,
        };
        await this.#patchOwners(client, dependent, [{ $patch: 'delete', uid: node.uid }]);
      });
    }
    await this.#removeFinalizer(client, node, ORPHAN_FINALIZER);
  }

  async #patchOwners(
    client: Client,
    { resource, namespace, name, uid }: Pick<GraphNode, 'resource' | 'namespace' | 'name' | 'uid'>,
    ownerReferences: readonly unknown[],
  ): Promise<void> {
    try {
      await client.patch(resource, { namespace, name }, 'strategic', { metadata: { uid, ownerReferences } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #removeFinalizer(client: Client, node: GraphNode, finalizer: string): Promise<void> {
    const { resource, namespace, name, uid } = node;
    try {
      const { metadata } = await client.get(resource, { namespace, name });
      if (metadata.uid !== uid || metadata.finalizers?.includes(finalizer) !== true) return;
      const finalizers = metadata.finalizers.filter((each) => each !== finalizer);
      await client.patch(resource, { namespace, name }, 'merge', {
        metadata: { uid, resourceVersion: metadata.resourceVersion, finalizers },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #cached({ resource, namespace, name, uid }: GraphNode): KubeObject | undefined {
    const object = this.#informers.of(resource).lister.get(objectKey(namespace, name));
    return object?.metadata.uid === uid ? object : undefined;
  }

  /** Owners in other namespaces cannot be named: people look for this event when dependents vanish. */
  #reportInvalidOwner(node: GraphNode, { apiVersion, kind, name, uid }: OwnerReference): void {
    const object = this.#cached(node);
    if (object === undefined) return;
    this.#events.warning(
      { resource: node.resource, object },
      'OwnerRefInvalidNamespace',
      `ownerRef [${apiVersion}/${kind}, namespace: ${node.namespace}, name: ${name}, uid: ${uid}] does not exist in namespace "${node.namespace}"`,
    );
  }
}
