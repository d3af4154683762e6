/** All I/O of the node lifecycle controller (pkg/controller/nodelifecycle). */

import type { KubeObject, Lease, Node, Pod } from '@orrery/api/gen/types.ts';
import { formatTime, objectKey } from '@orrery/api/meta.ts';
import { Leases, Namespaces, Nodes, Pods, type ResourceRef } from '@orrery/api/resources.ts';
import { isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Lister } from '@orrery/client/informer.ts';
import type { KeyQueue, ReconcileContext, ReconcileResult } from '@orrery/controller/controller.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import { isGone } from '../api-errors.ts';
import { forEachLimited } from '../concurrency.ts';
import { isPodReady } from '../pods.ts';
import { NodeHealth } from './health.ts';
import { silentConditions } from './status.ts';
import { noExecuteKey, presentNoExecuteKey, withTaints } from './taints.ts';
import { EvictionPace, isNodeReady, zoneOf } from './zones.ts';

/** Where node agents keep their leases, named like their nodes. */
export const NODE_LEASE_NAMESPACE = 'kube-node-lease';

/** How often all nodes are looked at. */
export const MONITOR_PERIOD_MS = 5_000;

/** The key of the look at all nodes; no node can have this name. */
export const MONITOR_KEY = '*';

const WRITES_AT_ONCE = 20;

export interface NodeLifecycleOptions {
  nodes: Lister<Node>;
  leases: Lister<Lease>;
  podsOn: (node: string) => Pod[];
  events: EventRecorder;
  clock: Clock;
  /** How long a node may be silent. */
  graceMs: number;
}

export class NodeLifecycle {
  readonly #options: NodeLifecycleOptions;
  readonly #health: NodeHealth;
  readonly #pace = new EvictionPace();
  /** Nodes that were ready when last looked at. */
  readonly #ready = new Set<string>();
  /** Nodes that were announced, by name. */
  readonly #registered = new Map<string, Pick<KubeObject, 'metadata'>>();

  constructor(options: NodeLifecycleOptions) {
    this.#options = options;
    this.#health = new NodeHealth({ graceMs: options.graceMs, periodMs: MONITOR_PERIOD_MS });
  }

  reconcile(key: string, { client, logger }: ReconcileContext, queue: KeyQueue): Promise<ReconcileResult> {
    return key === MONITOR_KEY ? this.#monitor(client, logger, queue) : this.#follow(client, key);
  }

  /** Looks for silent nodes. Never fails: the next look comes in any case. */
  async #monitor(client: Client, logger: Logger, queue: KeyQueue): Promise<ReconcileResult> {
    const { nodes, clock } = this.#options;
    try {
      // Without an answer nobody can tell who is silent: such a look does not count.
      await client.get(Namespaces, { namespace: '', name: NODE_LEASE_NAMESPACE });
      const nowMs = clock.now();
      const all = nodes.list();
      this.#health.keepOnly(new Set(all.map(({ metadata }) => metadata.name)));
      this.#health.beginLook(nowMs);
      const silent = all.filter((node) => this.#health.isSilent(node, this.#leaseOf(node), nowMs));
      await forEachLimited(silent, WRITES_AT_ONCE, (node) => this.#declareSilent(client, logger, node));
      this.#reviewZones(nodes.list(), logger, queue);
    } catch (error) {
      logger.warn({ err: error }, 'could not look at the nodes');
    }
    return { requeueAfterMs: MONITOR_PERIOD_MS };
  }

  #leaseOf({ metadata }: Node): Lease | undefined {
    return this.#options.leases.get(objectKey(NODE_LEASE_NAMESPACE, metadata.name));
  }

  /** Asks the apiserver once more before it says so: the caches may be behind. */
  async #declareSilent(client: Client, logger: Logger, { metadata: { name } }: Node): Promise<void> {
    const nowMs = this.#options.clock.now();
    const node = await find(client, Nodes, { namespace: '', name });
    if (node === undefined) return;
    const conditions = silentConditions(node, nowMs);
    if (conditions === undefined) return;
    const lease = await find(client, Leases, { namespace: NODE_LEASE_NAMESPACE, name });
    if (!this.#health.isSilent(node, lease, nowMs)) return;
    try {
      await client.updateStatus(Nodes, { ...node, status: { ...node.status, conditions } });
    } catch (error) {
      // It has just written something itself, so it is not silent after all.
      if (!isGone(error)) throw error;
      return;
    }
    logger.info({ node: name }, 'node is silent');
  }

  #reviewZones(nodes: readonly Node[], logger: Logger, queue: KeyQueue): void {
    const before = this.#pace.allDown;
    const { recovered } = this.#pace.update(nodes);
    if (recovered) this.#health.restart(this.#options.clock.now());
    if (before !== this.#pace.allDown) {
      logger.info({ allDown: this.#pace.allDown }, 'state of all zones changed');
      for (const { metadata } of nodes) queue.add(metadata.name);
    }
  }

  /** Makes taints, and the readiness of pods, follow the conditions of one node. */
  async #follow(client: Client, name: string): Promise<ReconcileResult> {
    const node = this.#options.nodes.get(name);
    this.#announce(name, node);
    if (node === undefined) {
      this.#ready.delete(name);
      return {};
    }
    const requeueAfterMs = await this.#taint(client, node);
    if (isNodeReady(node)) {
      this.#ready.add(name);
    } else if (noExecuteKey(node) !== undefined) {
      if (this.#ready.delete(name)) {
        const subject = { resource: Nodes as ResourceRef, object: node };
        this.#options.events.normal(subject, 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
      }
      await this.#markPodsNotReady(client, name);
    }
    return requeueAfterMs === undefined ? {} : { requeueAfterMs };
  }

  /** Tells of nodes that came or went, each once. After a restart all of them are new again, as upstream. */
  #announce(name: string, node: Node | undefined): void {
    const before = this.#registered.get(name);
    if (before?.metadata.uid === node?.metadata.uid) return;
    const tell = (object: Pick<KubeObject, 'metadata'>, reason: string, what: string): void => {
      const subject = { resource: Nodes as ResourceRef, object };
      this.#options.events.normal(subject, reason, `Node ${name} event: ${what}`);
    };
    if (before !== undefined) tell(before, 'RemovingNode', `Removing Node ${name} from Controller`);
    if (node === undefined) {
      this.#registered.delete(name);
      return;
    }
    this.#registered.set(name, { metadata: node.metadata });
    tell(node, 'RegisteredNode', `Registered Node ${name} in Controller`);
  }

  /** Returns how long to wait until the node may be evicted, if it has to wait. */
  async #taint(client: Client, node: Node): Promise<number | undefined> {
    const nowMs = this.#options.clock.now();
    const { key, waitMs } = this.#wantedNoExecute(node, nowMs);
    if (withTaints(node, key, nowMs) !== undefined) {
      // Taints are one list: change them where nobody has changed them meanwhile.
      const fresh = await find(client, Nodes, { namespace: '', name: node.metadata.name });
      const isSameState = fresh !== undefined && noExecuteKey(fresh) === noExecuteKey(node);
      const taints = isSameState ? withTaints(fresh, key, nowMs) : undefined;
      if (fresh !== undefined && taints !== undefined) {
        await client.update(Nodes, { ...fresh, spec: { ...fresh.spec, taints } });
      }
    }
    return waitMs;
  }

  /** Evicting another node takes a turn of its zone; changing or ending an eviction does not. */
  #wantedNoExecute(node: Node, nowMs: number): { key: string | undefined; waitMs: number | undefined } {
    const key = this.#pace.allDown ? undefined : noExecuteKey(node);
    if (key === undefined || presentNoExecuteKey(node) !== undefined) return { key, waitMs: undefined };
    const { allowed, waitMs } = this.#pace.take(zoneOf(node), nowMs);
    return allowed ? { key, waitMs: undefined } : { key: undefined, waitMs };
  }

  /** Nobody answers for the pods any more: they must not count as ready (`MarkPodsNotReady`). */
  async #markPodsNotReady(client: Client, nodeName: string): Promise<void> {
    const { podsOn, events, clock } = this.#options;
    const lastTransitionTime = formatTime(clock.now());
    await forEachLimited(podsOn(nodeName).filter(isPodReady), WRITES_AT_ONCE, async (pod) => {
      const { namespace, name, uid } = pod.metadata;
      const status = { conditions: [{ type: 'Ready', status: 'False', lastTransitionTime }] };
      try {
        await client.patch(Pods, { namespace, name }, 'strategic', { metadata: { uid }, status }, 'status');
        events.warning({ resource: Pods, object: pod }, 'NodeNotReady', 'Node is not ready');
      } catch (error) {
        if (!isGone(error)) throw error;
      }
    });
  }
}

async function find<T extends Node | Lease>(
  client: Client,
  resource: ResourceRef<T>,
  name: { namespace: string; name: string },
): Promise<T | undefined> {
  try {
    return await client.get(resource, name);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
