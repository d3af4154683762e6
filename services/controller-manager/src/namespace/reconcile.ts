/** All I/O of the namespace controller (pkg/controller/namespace/deletion/namespaced_resources_deleter.go). */

import type { KubeObject, Namespace } from '@orrery/api/gen/types.ts';
import { isBeingDeleted } from '@orrery/api/meta.ts';
import { Namespaces, Pods, type ResourceRef } from '@orrery/api/resources.ts';
import { isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { Lister } from '@orrery/client/informer.ts';
import type { ReconcileContext, ReconcileResult } from '@orrery/controller/controller.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { isGone, isOutage } from '../api-errors.ts';
import { forEachLimited } from '../concurrency.ts';
import { semanticallyEqual } from '../semantic-equality.ts';
import { type Content, planDeletion, progressOf, unexpectedRemains, waitMs } from './plan.ts';
import { deletionConditions } from './status.ts';

/** The finalizer in `spec` that this controller takes off when the namespace is empty. */
const KUBERNETES_FINALIZER = 'kubernetes';

const DELETIONS_AT_ONCE = 50;

export interface NamespaceReconcilerOptions {
  namespaces: Lister<Namespace>;
  /** Every resource that lives in namespaces. */
  resources: readonly ResourceRef[];
  clock: Clock;
}

export class NamespaceReconciler {
  readonly #options: NamespaceReconcilerOptions;

  constructor(options: NamespaceReconcilerOptions) {
    this.#options = options;
  }

  /** One round of deletion; asks for another while anything is left. Caches are not believed here. */
  async reconcile(name: string, { client, logger }: ReconcileContext): Promise<ReconcileResult> {
    const cached = this.#options.namespaces.get(name);
    if (cached === undefined || !isBeingDeleted(cached)) return {};
    const namespace = await this.#read(client, name);
    if (namespace === undefined || !isBeingDeleted(namespace)) return {};
    if (!(namespace.spec.finalizers ?? []).includes(KUBERNETES_FINALIZER)) return {};
    const before = await this.#contentOf(client, name);
    const errors: string[] = [];
    const round = planDeletion(before);
    for (const { resource, items } of round) {
      try {
        await forEachLimited(items, DELETIONS_AT_ONCE, (each) => remove(client, resource, each));
      } catch (error) {
        if (isOutage(error)) throw error;
        errors.push(error instanceof Error ? error.message : String(error));
      }
    }
    const after = round.length === 0 ? before : await this.#contentOf(client, name);
    errors.push(...unexpectedRemains(namespace, after, this.#options.clock.now()));
    const isEmpty = after.every(({ items }) => items.length === 0);
    const updated = await this.#writeStatus(client, namespace, after, errors);
    if (isEmpty) {
      await this.#finalize(client, updated);
      logger.info({ namespace: name }, 'namespace is empty');
      return {};
    }
    return { requeueAfterMs: waitMs(round.length) };
  }

  async #read(client: Client, name: string): Promise<Namespace | undefined> {
    try {
      return await client.get(Namespaces, { namespace: '', name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /**
   * What is to go now. Pods go first, and everything else waits for them, so that nothing they rely on is taken from
   * under them (KEP-5080, ordered namespace deletion): while there are pods the rest is not even looked at.
   */
  async #contentOf(client: Client, namespace: string): Promise<Content[]> {
    const contentOf = async (resource: ResourceRef): Promise<Content> => {
      const { items } = await client.list(resource, { namespace });
      return { resource, items };
    };
    const pods = await contentOf(Pods);
    if (pods.items.length > 0) return [pods];
    return Promise.all(this.#options.resources.filter((each) => each !== Pods).map(contentOf));
  }

  async #writeStatus(
    client: Client,
    namespace: Namespace,
    content: readonly Content[],
    errors: string[],
  ): Promise<Namespace> {
    const current = namespace.status?.conditions ?? [];
    const conditions = deletionConditions(current, progressOf(content, errors), this.#options.clock.now());
    const status = { ...namespace.status, phase: 'Terminating', conditions };
    if (semanticallyEqual(status, namespace.status)) return namespace;
    return client.updateStatus(Namespaces, { ...namespace, status });
  }

  async #finalize(client: Client, namespace: Namespace): Promise<void> {
    const finalizers = (namespace.spec.finalizers ?? []).filter((each) => each !== KUBERNETES_FINALIZER);
    try {
      await client.finalizeNamespace({ ...namespace, spec: { ...namespace.spec, finalizers } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** Pods are given their own grace; a namesake that took an object's place is seen in the next round. */
async function remove(client: Client, resource: ResourceRef, { metadata }: KubeObject): Promise<void> {
  const { namespace = '', name, uid } = metadata;
  const propagationPolicy =
    resource.resource === Pods.resource ? {} : { propagationPolicy: 'Background' as const };
  try {
    await client.delete(resource, { namespace, name }, { ...propagationPolicy, preconditions: { uid } });
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}
