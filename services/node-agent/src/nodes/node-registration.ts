/** One node towards the API: its Node object, its status, its lease (kubelet_node_status.go, component-helpers/apimachinery/lease). */

import type { ContainerImage, Draft, Lease, Node } from '@orrery/api/gen/types.ts';
import { formatMicroTime } from '@orrery/api/meta.ts';
import { Leases, Nodes } from '@orrery/api/resources.ts';
import { isAlreadyExists, isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import { backoffDelay } from '@orrery/kit/backoff.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import { type Hosting, hostingMetadata, isHostedBy, nodeDraft, nodeStatus } from './node-object.ts';
import type { HostedNode } from './roster.ts';

/** The images of the nodes. */
export interface NodeImages {
  /** Another number after each image that has come. */
  countOf: (node: string) => number;
  imagesOf: (node: string) => ContainerImage[];
  /** Puts one there. */
  adopt: (node: string, image: string) => void;
}

export interface NodeRegistrationOptions {
  client: Pick<Client, 'get' | 'create' | 'patch'>;
  /** The cluster's clock. */
  clock: Clock;
  /** Real time: how long to wait before calling the apiserver again. */
  realClock: Clock;
  logger: Logger;
  /** The recorder of a node. */
  events: (node: string) => EventRecorder;
  hosting: Hosting;
  images: NodeImages;
  signal: AbortSignal;
}

const LEASE_NAMESPACE = 'kube-node-lease';
const LEASE_DURATION_SECONDS = 40;
/** How often a node repeats its status when nothing changes, on the cluster's clock (nodeStatusReportFrequency). */
const STATUS_PERIOD_MS = 300_000;
const RETRY = { initialMs: 100, maxMs: 5_000 } as const;

/** Of the events about each condition. */
const PRESSURE_REASONS = [
  {
    condition: 'MemoryPressure',
    short: 'NodeHasInsufficientMemory',
    enough: 'NodeHasSufficientMemory',
  },
  { condition: 'DiskPressure', short: 'NodeHasDiskPressure', enough: 'NodeHasNoDiskPressure' },
] as const;

export class NodeRegistration {
  readonly #options: NodeRegistrationOptions;

  constructor(options: NodeRegistrationOptions) {
    this.#options = options;
  }

  /** One try. `present` is the Node, if it is known to be there. */
  async register(hosted: HostedNode, present: Node | undefined): Promise<void> {
    const { client, clock, hosting, images } = this.#options;
    const nowMs = clock.now();
    for (const image of hosted.machine.images) images.adopt(hosted.name, image);
    if (present !== undefined) {
      await this.#reconnect(hosted, present, nowMs);
      return;
    }
    try {
      const node = await client.create(Nodes, nodeDraft(hosted.machine, hosting, nowMs));
      this.note(hosted, node, nowMs);
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
    this.note(hosted, node, nowMs);
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

  /** An event of the node about itself. */
  tellStatus(hosted: HostedNode, node: Node, reason: string): void {
    this.#tell(hosted, node, reason, `Node ${hosted.name} status is now: ${reason}`);
  }

  /** Takes in what is stored. */
  note(hosted: HostedNode, { metadata, status }: Node, reportedAtMs = hosted.reportedAtMs): void {
    hosted.uid = metadata.uid;
    hosted.conditions = status?.conditions ?? [];
    hosted.reportedAtMs = reportedAtMs;
  }

  /** The beat of one node: its lease, and its status when it is due. */
  beat(hosted: HostedNode): void {
    if (hosted.uid === undefined) return;
    void this.renew(hosted);
    const { clock, images } = this.#options;
    const isDue = clock.now() - hosted.reportedAtMs >= STATUS_PERIOD_MS;
    if (isDue || images.countOf(hosted.name) !== hosted.shownImages) void this.report(hosted);
  }

  /** Tries until the status is stored, the node is gone, or the agent stops. */
  async report(hosted: HostedNode): Promise<void> {
    const { logger, realClock, clock, signal } = this.#options;
    if (hosted.reporting) return;
    hosted.reporting = true;
    for (let attempt = 0; hosted.uid !== undefined && !signal.aborted; attempt += 1) {
      try {
        const { pressures } = hosted;
        await this.#patchStatus(hosted, clock.now());
        // Unless it changed while it was written.
        if (pressures === hosted.pressures) break;
      } catch (error) {
        if (isNotFound(error)) break;
        logger.debug({ err: error, node: hosted.name }, 'status report failed, trying again');
        await realClock.sleep(backoffDelay(attempt, RETRY), signal);
      }
    }
    hosted.reporting = false;
  }

  async #patchStatus(hosted: HostedNode, nowMs: number): Promise<void> {
    const { client, images } = this.#options;
    const name = { namespace: '', name: hosted.name };
    const { pressures } = hosted;
    const imageCount = images.countOf(hosted.name);
    const shown = imageCount === 0 ? {} : { images: images.imagesOf(hosted.name) };
    const status = { ...nodeStatus(hosted.machine, hosted.conditions, nowMs, pressures), ...shown };
    const wasReady = isReady(hosted);
    const before = PRESSURE_REASONS.map(({ condition }) => conditionOf(hosted, condition) === 'True');
    const node = await client.patch(Nodes, name, 'strategic', { status }, 'status');
    hosted.reportedAtMs = nowMs;
    hosted.shownImages = imageCount;
    // It may be gone since, or another: what the informer said then stands.
    if (hosted.uid === node.metadata.uid) hosted.conditions = node.status?.conditions ?? [];
    if (!wasReady) this.tellStatus(hosted, node, 'NodeReady');
    for (const [at, { condition, short, enough }] of PRESSURE_REASONS.entries()) {
      const isShort = pressures.has(condition);
      if (isShort !== before[at]) this.tellStatus(hosted, node, isShort ? short : enough);
    }
  }

  /** One try: the next visit is soon enough for another. */
  async renew(hosted: HostedNode): Promise<void> {
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

export function isReady(hosted: HostedNode): boolean {
  return conditionOf(hosted, 'Ready') === 'True';
}
