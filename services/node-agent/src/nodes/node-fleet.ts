/** The nodes of this agent: registered, kept alive by leases, their status kept true (kubelet_node_status.go, component-helpers/apimachinery/lease). */

import type { Draft, Lease, Node, NodeCondition } from '@orrery/api/gen/types.ts';
import { formatMicroTime } from '@orrery/api/meta.ts';
import { Leases, Nodes } from '@orrery/api/resources.ts';
import { isAlreadyExists, isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Informer } from '@orrery/client/informer.ts';
import { backoffDelay } from '@orrery/kit/backoff.ts';
import type { Clock, Timer } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import {
  AGENT_LABEL,
  type Hosting,
  hostingMetadata,
  isHostedBy,
  nodeDraft,
  nodeIndex,
  nodeName,
  type NodeRange,
  nodeStatus,
  placeInRange,
} from './node-object.ts';
import { visitInRounds } from './rounds.ts';

export interface NodeFleetOptions {
  client: Pick<Client, 'list' | 'get' | 'create' | 'patch' | 'delete'>;
  /** The cluster's clock. */
  clock: Clock;
  /** Real time: how long to wait before calling the apiserver again. */
  realClock: Clock;
  logger: Logger;
  nodes: Informer<Node>;
  /** The recorder of a node. */
  events: (node: string) => EventRecorder;
  hosting: Hosting;
  range: NodeRange;
  /** How many nodes there are in all, with those of other agents. */
  allNodes: number;
}

const LEASE_NAMESPACE = 'kube-node-lease';
const LEASE_DURATION_SECONDS = 40;
/** How often a node renews its lease, on the cluster's clock (a quarter of the lease, as upstream). */
const RENEW_PERIOD_MS = 10_000;
/** How often a node repeats its status when nothing changes, on the cluster's clock (nodeStatusReportFrequency). */
const STATUS_PERIOD_MS = 300_000;
/** Registrations in flight at once. */
const PARALLELISM = 256;
const RETRY = { initialMs: 100, maxMs: 5_000 } as const;

/** What the agent knows of one of its nodes. */
interface HostedNode {
  readonly index: number;
  readonly name: string;
  /** Its start was told of. */
  announced: boolean;
  /** Absent while the API does not have the node. */
  uid: string | undefined;
  /** As stored. */
  conditions: readonly NodeCondition[];
  reportedAtMs: number;
  /** It is short of memory (the eviction manager's word). */
  memoryPressure: boolean;
  reporting: boolean;
  renewing: boolean;
  hasLease: boolean;
}

export class NodeFleet {
  readonly #options: NodeFleetOptions;
  readonly #hosted: readonly HostedNode[];
  readonly #stopping = new AbortController();
  #rounds: Timer | undefined;
  #registered = false;

  constructor(options: NodeFleetOptions) {
    this.#options = options;
    const { first, count } = options.range;
    this.#hosted = Array.from({ length: count }, (_, place) => ({
      index: first + place,
      name: nodeName(first + place),
      announced: false,
      uid: undefined,
      conditions: [],
      reportedAtMs: 0,
      memoryPressure: false,
      reporting: false,
      renewing: false,
      hasLease: true,
    }));
  }

  get registered(): boolean {
    return this.#registered;
  }

  /** Whether this agent runs the pods of the node. */
  hosts(node: string): boolean {
    return this.#find(node) !== undefined;
  }

  /** A node becomes short of memory, or is so no longer: its status says it at once. */
  setMemoryPressure(node: string, isShort: boolean): void {
    const hosted = this.#find(node);
    if (hosted === undefined || hosted.memoryPressure === isShort) return;
    hosted.memoryPressure = isShort;
    void this.#report(hosted);
  }

  /** Registers all nodes, then keeps them alive. Tries until it succeeds or is stopped. */
  async start(): Promise<void> {
    const { logger, realClock, clock, nodes, range } = this.#options;
    const { signal } = this.#stopping;
    for (let attempt = 0; !this.#registered && !signal.aborted; attempt += 1) {
      try {
        await this.#registerAll();
        this.#registered = true;
      } catch (error) {
        logger.warn({ err: error }, 'registration failed, trying again');
        await realClock.sleep(backoffDelay(attempt, RETRY), signal);
      }
    }
    if (signal.aborted) return;
    logger.info({ nodes: range.count }, 'nodes registered');
    nodes.addHandler({
      add: (node) => this.#see(node),
      update: (node) => this.#see(node),
      delete: (node) => this.#lose(node),
    });
    this.#rounds = visitInRounds({
      clock,
      count: range.count,
      periodMs: RENEW_PERIOD_MS,
      visit: (place) => this.#visit(this.#hosted[place]!),
    });
  }

  stop(): void {
    this.#stopping.abort();
    this.#rounds?.cancel();
  }

  #find(name: string): HostedNode | undefined {
    const place = placeInRange(this.#options.range, name);
    return place === undefined ? undefined : this.#hosted[place];
  }

  /** One list tells which nodes are there already, and which are there no longer. */
  async #registerAll(): Promise<void> {
    const { client, hosting, allNodes } = this.#options;
    const { items } = await client.list(Nodes, { labelSelector: `${AGENT_LABEL}=${hosting.agent}` });
    const present = new Map(items.map((node) => [node.metadata.name, node]));
    await forEach(this.#hosted, (hosted) => this.#register(hosted, present.get(hosted.name)));
    // Fewer nodes than last time: the others are gone, as machines that were taken away. Those that
    // the cluster has all the same are another agent's now, which says so by itself.
    const isGone = ({ metadata: { name } }: Node): boolean => !(nodeIndex(name) < allNodes);
    const surplus = items.filter((node) => !this.hosts(node.metadata.name) && isGone(node));
    await forEach(surplus, ({ metadata }) => this.#deregister(metadata.name));
  }

  async #register(hosted: HostedNode, present: Node | undefined): Promise<void> {
    const { client, clock, hosting } = this.#options;
    const nowMs = clock.now();
    if (present !== undefined) {
      await this.#reconnect(hosted, present, nowMs);
      return;
    }
    try {
      const node = await client.create(Nodes, nodeDraft(hosted.index, hosting, nowMs));
      this.#note(hosted, node, nowMs);
      hosted.hasLease = false;
      this.#announce(hosted, node);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      // An earlier try got through after all, or somebody made a node of this name.
      const node = await client.get(Nodes, { namespace: '', name: hosted.name });
      await this.#reconnect(hosted, node, nowMs);
    }
  }

  /** A node that is known already says that it is there again. */
  async #reconnect(hosted: HostedNode, node: Node, nowMs: number): Promise<void> {
    this.#note(hosted, node, nowMs);
    this.#announce(hosted, node);
    const { client, hosting } = this.#options;
    if (!isHostedBy(node, hosting)) {
      const metadata = hostingMetadata(hosting);
      await client.patch(Nodes, { namespace: '', name: hosted.name }, 'merge', { metadata });
    }
    await this.#patchStatus(hosted, nowMs);
  }

  /** Registration may take several tries; the node has started once. */
  #announce(hosted: HostedNode, node: Node): void {
    if (hosted.announced) return;
    hosted.announced = true;
    this.#tell(hosted, node, 'Starting', 'Starting kubelet.');
  }

  #tell({ name }: HostedNode, object: Node, reason: string, message: string): void {
    this.#options.events(name).normal({ resource: Nodes, object }, reason, message);
  }

  #tellStatus(hosted: HostedNode, node: Node, reason: string): void {
    this.#tell(hosted, node, reason, `Node ${hosted.name} status is now: ${reason}`);
  }

  async #deregister(name: string): Promise<void> {
    try {
      await this.#options.client.delete(Nodes, { namespace: '', name });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #note(hosted: HostedNode, { metadata, status }: Node, reportedAtMs = hosted.reportedAtMs): void {
    hosted.uid = metadata.uid;
    hosted.conditions = status?.conditions ?? [];
    hosted.reportedAtMs = reportedAtMs;
  }

  /** Somebody declared a living node dead (it was silent for too long): say at once that it lives. */
  #see(node: Node): void {
    const hosted = this.#find(node.metadata.name);
    if (hosted === undefined) return;
    this.#note(hosted, node);
    if (isReady(hosted)) return;
    void this.#report(hosted);
    void this.#renew(hosted);
  }

  /** A node that somebody deleted stays deleted until the agent starts again, as a kubelet's does. */
  #lose(node: Node): void {
    const hosted = this.#find(node.metadata.name);
    if (hosted?.uid === node.metadata.uid) hosted.uid = undefined;
  }

  #visit(hosted: HostedNode): void {
    if (hosted.uid === undefined) return;
    void this.#renew(hosted);
    if (this.#options.clock.now() - hosted.reportedAtMs >= STATUS_PERIOD_MS) void this.#report(hosted);
  }

  /** Tries until the status is stored, the node is gone, or the agent stops. */
  async #report(hosted: HostedNode): Promise<void> {
    const { logger, realClock, clock } = this.#options;
    const { signal } = this.#stopping;
    if (hosted.reporting) return;
    hosted.reporting = true;
    for (let attempt = 0; hosted.uid !== undefined && !signal.aborted; attempt += 1) {
      try {
        const { memoryPressure } = hosted;
        await this.#patchStatus(hosted, clock.now());
        // Unless it changed while it was written.
        if (memoryPressure === hosted.memoryPressure) break;
      } catch (error) {
        if (isNotFound(error)) break;
        logger.debug({ err: error, node: hosted.name }, 'status report failed, trying again');
        await realClock.sleep(backoffDelay(attempt, RETRY), signal);
      }
    }
    hosted.reporting = false;
  }

  async #patchStatus(hosted: HostedNode, nowMs: number): Promise<void> {
    const { client } = this.#options;
    const name = { namespace: '', name: hosted.name };
    const { memoryPressure } = hosted;
    const status = nodeStatus(hosted.index, hosted.conditions, nowMs, memoryPressure);
    const wasReady = isReady(hosted);
    const wasShort = conditionOf(hosted, 'MemoryPressure') === 'True';
    const node = await client.patch(Nodes, name, 'strategic', { status }, 'status');
    hosted.reportedAtMs = nowMs;
    // It may be gone since, or another: what the informer said then stands.
    if (hosted.uid === node.metadata.uid) hosted.conditions = node.status?.conditions ?? [];
    if (!wasReady) this.#tellStatus(hosted, node, 'NodeReady');
    if (memoryPressure !== wasShort)
      this.#tellStatus(
        hosted,
        node,
        memoryPressure ? 'NodeHasInsufficientMemory' : 'NodeHasSufficientMemory',
      );
  }

  /** One try: the next visit is soon enough for another. */
  async #renew(hosted: HostedNode): Promise<void> {
    const { uid } = hosted;
    if (hosted.renewing || uid === undefined) return;
    hosted.renewing = true;
    try {
      if (hosted.hasLease) await this.#renewLease(hosted);
      else await this.#createLease(hosted, uid);
    } catch (error) {
      this.#options.logger.debug({ err: error, node: hosted.name }, 'lease renewal failed');
    }
    hosted.renewing = false;
  }

  async #renewLease(hosted: HostedNode): Promise<void> {
    const { client, clock } = this.#options;
    const key = { namespace: LEASE_NAMESPACE, name: hosted.name };
    try {
      await client.patch(Leases, key, 'merge', { spec: { renewTime: formatMicroTime(clock.now()) } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      hosted.hasLease = false;
      if (hosted.uid !== undefined) await this.#createLease(hosted, hosted.uid);
    }
  }

  async #createLease(hosted: HostedNode, uid: string): Promise<void> {
    const { client, clock } = this.#options;
    const { name } = hosted;
    const lease: Draft<Lease> = {
      metadata: {
        name,
        namespace: LEASE_NAMESPACE,
        ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }],
      },
      spec: {
        holderIdentity: name,
        leaseDurationSeconds: LEASE_DURATION_SECONDS,
        renewTime: formatMicroTime(clock.now()),
      },
    };
    try {
      await client.create(Leases, lease);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    hosted.hasLease = true;
  }
}

/** As the store has it. */
function conditionOf({ conditions }: HostedNode, wanted: string): string | undefined {
  return conditions.find(({ type }) => type === wanted)?.status;
}

function isReady(hosted: HostedNode): boolean {
  return conditionOf(hosted, 'Ready') === 'True';
}

/** Works on all items, many at once; throws the first error when all are done, so that nothing goes on behind a retry. */
async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const lane = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(PARALLELISM, items.length) }, lane));
  for (const each of lanes) if (each.status === 'rejected') throw each.reason;
}
