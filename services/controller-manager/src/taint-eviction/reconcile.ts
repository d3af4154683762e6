/** All I/O of evictions by taints (pkg/controller/tainteviction). */

import type { Node, Pod } from '@orrery/api/gen/types.ts';
import { isBeingDeleted, keyOf } from '@orrery/api/meta.ts';
import { Nodes, Pods } from '@orrery/api/resources.ts';
import { isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Lister } from '@orrery/client/informer.ts';
import type { ReconcileContext, ReconcileResult } from '@orrery/controller/controller.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { type Disruption, disruptPod } from '../pod-disruption.ts';
import { evictingTaints, toleratedMs } from './plan.ts';

const DISRUPTION: Disruption = {
  reason: 'DeletionByTaintManager',
  message: 'Taint manager: deleting due to NoExecute taint',
  fails: false,
};

export interface TaintEvictionOptions {
  pods: Lister<Pod>;
  nodes: Lister<Node>;
  events: EventRecorder;
  clock: Clock;
}

export class TaintEviction {
  readonly #options: TaintEvictionOptions;
  /**
   * Since when this process has seen a pod under evicting taints, by uid. As upstream, and
   * other than `timeAdded`, it begins anew after a restart: the node may have come back while
   * nobody looked.
   */
  readonly #sinceMs = new Map<string, number>();

  constructor(options: TaintEvictionOptions) {
    this.#options = options;
  }

  async reconcile(key: string, { client, logger }: ReconcileContext): Promise<ReconcileResult> {
    const { pods, nodes, clock } = this.#options;
    const pod = pods.get(key);
    if (pod === undefined) return {};
    const node = pod.spec.nodeName === undefined ? undefined : nodes.get(pod.spec.nodeName);
    if (isBeingDeleted(pod) || node === undefined) {
      this.forget(pod);
      return {};
    }
    const waitMs = this.#waitMs(pod, node);
    if (waitMs === undefined) {
      if (this.forget(pod)) this.#report(pod, `Cancelling deletion of Pod ${keyOf(pod)}`);
      return {};
    }
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    const fresh = await readNode(client, node.metadata.name);
    if (fresh === undefined) return {};
    const freshWaitMs = this.#waitMs(pod, fresh);
    // The node has changed, and the informer will say so.
    if (freshWaitMs === undefined || freshWaitMs > 0) return {};
    this.#report(pod, `Marking for deletion Pod ${keyOf(pod)}`);
    await disruptPod(client, pod, DISRUPTION, clock.now());
    logger.info({ pod: key, node: node.metadata.name }, 'evicted');
    return {};
  }

  /** The pod is no longer awaited; true if it was. */
  forget({ metadata }: Pod): boolean {
    return this.#sinceMs.delete(metadata.uid);
  }

  /** How long the pod may still stay; undefined: as long as it likes. */
  #waitMs(pod: Pod, node: Node): number | undefined {
    const taints = evictingTaints(node);
    const tolerated = taints.length === 0 ? undefined : toleratedMs(pod, taints);
    if (tolerated === undefined) return undefined;
    const nowMs = this.#options.clock.now();
    const sinceMs = this.#sinceMs.get(pod.metadata.uid) ?? nowMs;
    this.#sinceMs.set(pod.metadata.uid, sinceMs);
    return Math.max(0, sinceMs + tolerated - nowMs);
  }

  #report(pod: Pod, message: string): void {
    this.#options.events.normal({ resource: Pods, object: pod }, 'TaintManagerEviction', message);
  }
}

async function readNode(client: Client, name: string): Promise<Node | undefined> {
  try {
    return await client.get(Nodes, { namespace: '', name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
