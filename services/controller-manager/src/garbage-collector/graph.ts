/**
 * Who owns whom, by uid, as the informers show it: pure
 * (k8s.io/kubernetes/pkg/controller/garbagecollector/graph_builder.go). Every change returns
 * the uids that need a look because of it.
 */

import type { KubeObject, OwnerReference } from '@orrery/api/gen/types.ts';
import { isBeingDeleted } from '@orrery/api/meta.ts';
import { parseApiVersion, type ResourceRef } from '@orrery/api/resources.ts';

/** Holds an owner until the dependents that block its deletion are gone. */
export const FOREGROUND_FINALIZER = 'foregroundDeletion';
/** Holds an owner until its dependents have forgotten it. */
export const ORPHAN_FINALIZER = 'orphan';

export interface GraphNode {
  readonly uid: string;
  readonly resource: ResourceRef;
  readonly namespace: string;
  readonly name: string;
  readonly owners: readonly OwnerReference[];
  readonly isDeleting: boolean;
  /** Is being deleted in the foreground: its dependents go first. */
  readonly waitsForDependents: boolean;
  /** Is being deleted, and its dependents stay. */
  readonly orphansDependents: boolean;
}

function nodeOf(resource: ResourceRef, { metadata }: KubeObject): GraphNode {
  const isDeleting = isBeingDeleted({ metadata });
  return {
    uid: metadata.uid,
    resource,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    owners: metadata.ownerReferences ?? [],
    isDeleting,
    waitsForDependents: isDeleting && metadata.finalizers?.includes(FOREGROUND_FINALIZER) === true,
    orphansDependents: isDeleting && metadata.finalizers?.includes(ORPHAN_FINALIZER) === true,
  };
}

function blocks({ owners }: GraphNode, ownerUid: string): boolean {
  return owners.some(({ uid, blockOwnerDeletion }) => uid === ownerUid && blockOwnerDeletion === true);
}

/**
 * Whether the reference describes the object that has its uid: a namespaced owner lives where
 * its dependent lives. If not, nobody knows yet whether the described owner exists.
 */
export function isMeant(
  owner: GraphNode,
  { apiVersion, kind, name }: OwnerReference,
  { namespace }: GraphNode,
): boolean {
  return (
    owner.resource.kind === kind &&
    owner.resource.group === parseApiVersion(apiVersion).group &&
    owner.name === name &&
    (owner.namespace === '' || owner.namespace === namespace)
  );
}

export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>();
  /** Uids of dependents by the uid of the owner, whether the owner is known or not. */
  readonly #dependents = new Map<string, Set<string>>();

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  dependentsOf(uid: string): GraphNode[] {
    return this.#known(this.#dependents.get(uid) ?? []);
  }

  /** Dependents that a deletion in the foreground waits for. */
  blockersOf(uid: string): GraphNode[] {
    return this.dependentsOf(uid).filter((each) => blocks(each, uid));
  }

  put(resource: ResourceRef, object: KubeObject): Set<string> {
    const node = nodeOf(resource, object);
    const before = this.#nodes.get(node.uid);
    this.#nodes.set(node.uid, node);
    this.#relink(node.uid, before?.owners ?? [], node.owners);
    const affected = new Set<string>();
    if (before === undefined ? this.#hasDoubtfulOwner(node) : !sameOwners(before.owners, node.owners)) {
      if (node.owners.length > 0) affected.add(node.uid);
    }
    for (const uid of this.#unblocked(before, node)) affected.add(uid);
    if (node.orphansDependents && before?.orphansDependents !== true) affected.add(node.uid);
    if (node.waitsForDependents && before?.waitsForDependents !== true) {
      affected.add(node.uid);
      for (const { uid } of this.dependentsOf(node.uid)) affected.add(uid);
    }
    return affected;
  }

  remove(uid: string): Set<string> {
    const node = this.#nodes.get(uid);
    if (node === undefined) return new Set();
    this.#nodes.delete(uid);
    this.#relink(uid, node.owners, []);
    return new Set([...this.dependentsOf(uid).map((each) => each.uid), ...this.#unblocked(node, undefined)]);
  }

  #known(uids: Iterable<string>): GraphNode[] {
    const nodes: GraphNode[] = [];
    for (const uid of uids) {
      const node = this.#nodes.get(uid);
      if (node !== undefined) nodes.push(node);
    }
    return nodes;
  }

  /** An owner that is not known, that is another object than described, or that waits for its dependents to go. */
  #hasDoubtfulOwner(node: GraphNode): boolean {
    return node.owners.some((reference) => {
      const owner = this.#nodes.get(reference.uid);
      return owner === undefined || owner.waitsForDependents || !isMeant(owner, reference, node);
    });
  }

  /** Owners waiting in the foreground that `before` blocked and `after` does not. */
  #unblocked(before: GraphNode | undefined, after: GraphNode | undefined): string[] {
    if (before === undefined) return [];
    return before.owners
      .filter(({ uid }) => blocks(before, uid) && (after === undefined || !blocks(after, uid)))
      .map(({ uid }) => uid)
      .filter((uid) => this.#nodes.get(uid)?.waitsForDependents === true);
  }

  #relink(uid: string, before: readonly OwnerReference[], after: readonly OwnerReference[]): void {
    for (const owner of before) {
      const dependents = this.#dependents.get(owner.uid);
      dependents?.delete(uid);
      if (dependents?.size === 0) this.#dependents.delete(owner.uid);
    }
    for (const owner of after) {
      const dependents = this.#dependents.get(owner.uid) ?? new Set();
      this.#dependents.set(owner.uid, dependents.add(uid));
    }
  }
}

function sameOwners(a: readonly OwnerReference[], b: readonly OwnerReference[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ apiVersion, kind, name, uid }, index) => {
      const other = b[index];
      return (
        uid === other?.uid && name === other.name && kind === other.kind && apiVersion === other.apiVersion
      );
    })
  );
}
