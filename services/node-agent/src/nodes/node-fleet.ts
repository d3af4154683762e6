/** The nodes of this agent: registered, kept alive by leases, their status kept true (kubelet_node_status.go, pkg/kubelet/util/nodelease). */

import type { Draft, Lease, Node } from '@orrery/api/gen/types.ts';
import { formatMicroTime } from '@orrery/api/meta.ts';
import { Leases, Nodes } from '@orrery/api/resources.ts';
import { isAlreadyExists, isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { Informer } from '@orrery/client/informer.ts';
import { type Clock, systemClock, type Timer } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import { AGENT_LABEL, nodeDraft, nodeIndex, nodeName, nodeStatus } from './node-object.ts';

export interface NodeFleetOptions {
  client: Client;
  clock: Clock;
  logger: Logger;
  nodes: Informer<Node>;
  /** Name of this agent: the owner of its nodes over restarts. */
  agent: string;
  count: number;
}

const LEASE_NAMESPACE = 'kube-node-lease';
const LEASE_DURATION_SECONDS = 40;
/** How often a node renews its lease, on the cluster's clock (a quarter of the lease, as upstream). */
const RENEW_PERIOD_MS = 10_000;
/** How often a node repeats its status when nothing changes, on the cluster's clock (nodeStatusReportFrequency). */
const STATUS_PERIOD_MS = 300_000;
/** Requests of one kind in flight at once. */
const PARALLELISM = 64;
const REGISTER_RETRY_MS = 200;

export class NodeFleet {
  readonly #options: NodeFleetOptions;
  readonly #timers: Timer[] = [];
  #registered = false;
  #stopped = false;
  #renewing = false;

  constructor(options: NodeFleetOptions) {
    this.#options = options;
  }

  get registered(): boolean {
    return this.#registered;
  }

  hosts(node: string): boolean {
    const index = nodeIndex(node);
    return node === nodeName(index) && index >= 0 && index < this.#options.count;
  }

  /** Registers all nodes, then keeps them alive. Tries until it succeeds or is stopped. */
  async start(): Promise<void> {
    while (!this.#stopped && !this.#registered) {
      try {
        await this.#forEachNode((index) => this.#register(index));
        await this.#removeSurplus();
        this.#registered = true;
      } catch (error) {
        this.#options.logger.warn({ err: error }, 'registration failed, trying again');
        await systemClock.sleep(REGISTER_RETRY_MS);
      }
    }
    if (this.#stopped) return;
    const { clock, nodes } = this.#options;
    nodes.addHandler({ update: (node) => this.#defend(node), add: (node) => this.#defend(node) });
    void this.#renewLeases();
    this.#timers.push(
      clock.setInterval(() => void this.#renewLeases(), RENEW_PERIOD_MS),
      clock.setInterval(() => void this.#forEachNode((index) => this.#reportStatus(index)), STATUS_PERIOD_MS),
    );
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) timer.cancel();
  }

  async #forEachNode(work: (index: number) => Promise<void>): Promise<void> {
    const queue = Array.from({ length: this.#options.count }, (_, index) => index).values();
    const worker = async (): Promise<void> => {
      for (const index of queue) await work(index);
    };
    await Promise.all(Array.from({ length: PARALLELISM }, worker));
  }

  async #register(index: number): Promise<void> {
    const { client, clock, agent } = this.#options;
    try {
      await client.create(Nodes, nodeDraft(index, agent, clock.now()));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      await this.#reportStatus(index);
    }
  }

  /** Fewer nodes than last time: the others are gone, as machines that were taken away. */
  async #removeSurplus(): Promise<void> {
    const { client, agent } = this.#options;
    const { items } = await client.list(Nodes, { labelSelector: `${AGENT_LABEL}=${agent}` });
    const surplus = items.filter(({ metadata }) => !this.hosts(metadata.name));
    for (const { metadata } of surplus) {
      try {
        await client.delete(Nodes, { namespace: '', name: metadata.name });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }

  /** Somebody declared a living node dead (it was silent for too long): say at once that it lives. */
  #defend(node: Node): void {
    const { name } = node.metadata;
    if (!this.hosts(name)) return;
    const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
    if (ready?.status !== 'True')
      void this.#reportStatus(nodeIndex(name)).then(() => this.#renewLease(nodeIndex(name)));
  }

  async #reportStatus(index: number): Promise<void> {
    const { client, clock, nodes, logger } = this.#options;
    const name = nodeName(index);
    const before = nodes.lister.get(name)?.status?.conditions ?? [];
    const status = nodeStatus(index, before, clock.now());
    try {
      await client.patch(Nodes, { namespace: '', name }, 'strategic', { status }, 'status');
    } catch (error) {
      // A node that somebody deleted stays deleted until the agent starts again, as a kubelet's does.
      if (!isNotFound(error)) logger.debug({ err: error, node: name }, 'status report failed');
      if (!this.#registered) throw error;
    }
  }

  async #renewLeases(): Promise<void> {
    // A round that takes longer than the period is not overtaken by the next.
    if (this.#renewing || this.#stopped) return;
    this.#renewing = true;
    await this.#forEachNode((index) => this.#renewLease(index));
    this.#renewing = false;
  }

  async #renewLease(index: number): Promise<void> {
    const { client, clock, logger, nodes } = this.#options;
    const name = nodeName(index);
    const owner = nodes.lister.get(name);
    if (owner === undefined) return;
    const renewTime = formatMicroTime(clock.now());
    const key = { namespace: LEASE_NAMESPACE, name };
    try {
      await client.patch(Leases, key, 'merge', { spec: { renewTime } });
    } catch (error) {
      if (!isNotFound(error)) {
        logger.debug({ err: error, node: name }, 'lease renewal failed');
        return;
      }
      await this.#createLease(owner, renewTime);
    }
  }

  async #createLease(owner: Node, renewTime: string): Promise<void> {
    const { client, logger } = this.#options;
    const { name, uid } = owner.metadata;
    const lease: Draft<Lease> = {
      metadata: {
        name,
        namespace: LEASE_NAMESPACE,
        ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }],
      },
      spec: { holderIdentity: name, leaseDurationSeconds: LEASE_DURATION_SECONDS, renewTime },
    };
    try {
      await client.create(Leases, lease);
    } catch (error) {
      logger.debug({ err: error, node: name }, 'lease creation failed');
    }
  }
}
