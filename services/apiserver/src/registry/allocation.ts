/**
 * Addresses and ports that only one Service may hold: a small table in the store for each,
 * with the uid of the holder. Creating the entry is what takes the address, so two
 * apiservers cannot give out the same one.
 */

import type { Service } from '@orrery/api/gen/types.ts';
import { qualifiedResource } from '@orrery/api/status-error.ts';
import { Services } from '@orrery/api/resources.ts';
import { field, internalError, invalid } from '@orrery/api/status-error.ts';
import { random } from '@orrery/kit/random.ts';
import type { Store, ValueWithGap } from '../store/store.ts';
import type { RegistryContext } from './definition.ts';
import { HEADLESS } from './service-fields.ts';

/** The address of the service through which pods reach the apiserver. */
export const KUBERNETES_SERVICE_IP = '10.96.0.1';

const SERVICE_CIDR = '10.96.0.0/16';
const CIDR_PREFIX = '10.96.';

const FIRST_NODE_PORT = 30_000;
const LAST_NODE_PORT = 32_767;

/** How many entries the repair pass reads at a time. */
const PAGE = 500;

/** A range of things to give out, numbered from 0. */
interface Range {
  /** The internal resource that holds the table. */
  readonly resource: string;
  readonly size: number;
  /**
   * Below this only what is asked for is given, as long as there is anything above: so that
   * addresses that people choose are seldom taken already (KEP-3070, KEP-3668).
   */
  readonly firstDynamic: number;
  keyOf(index: number): string;
  /** The index of a key; undefined when it is out of range. */
  indexOf(key: string): number | undefined;
}

const CLUSTER_IPS: Range = {
  resource: 'clusterips.internal',
  // Without the addresses of the network and of its broadcast.
  size: 65_534,
  firstDynamic: 255,
  keyOf: (index) => `${CIDR_PREFIX}${(index + 1) >> 8}.${(index + 1) & 255}`,
  indexOf: (key) => {
    const match = /^10\.96\.(\d{1,3})\.(\d{1,3})$/.exec(key);
    if (match === null) return undefined;
    const [high, low] = [Number(match[1]), Number(match[2])];
    const index = high * 256 + low - 1;
    return high > 255 || low > 255 || index < 0 || index >= 65_534 ? undefined : index;
  },
};

const NODE_PORTS: Range = {
  resource: 'nodeports.internal',
  size: LAST_NODE_PORT - FIRST_NODE_PORT + 1,
  firstDynamic: 86,
  keyOf: (index) => String(FIRST_NODE_PORT + index),
  indexOf: (key) => {
    const port = Number(key);
    return port >= FIRST_NODE_PORT && port <= LAST_NODE_PORT ? port - FIRST_NODE_PORT : undefined;
  },
};

/** What a repair pass found. */
interface RepairResult {
  /** Entries freed: nothing has used them since the pass before. */
  freed: number;
  /** Entries made for what Services use without one. */
  recorded: number;
  /** What two Services use: the entry names one of them. For people to look at. */
  conflicts: string[];
}

/** Gives out addresses and ports; repairs the tables. All methods can be passed on unbound. */
export interface Allocations extends Omit<RegistryContext, 'nowMs' | 'dryRun'> {
  /**
   * Frees entries that no Service uses and makes missing ones. An entry is freed only when
   * the pass before saw it unused, too, since its Service may be on the way into the store.
   * To be run at the start and every few minutes, never twice at once.
   */
  repairAllocations(): Promise<RepairResult>;
}

function entry(key: string, owner: string): ValueWithGap {
  const name = JSON.stringify(key);
  return {
    head: `{"metadata":{"name":${name},"resourceVersion":"`,
    tail: `"},"owner":${JSON.stringify(owner)}}`,
  };
}

function ownerOf(value: string): string {
  return (JSON.parse(value) as { owner: string }).owner;
}

/** The table of one range. */
class Table {
  readonly range: Range;
  readonly #store: Store;
  /** Entries that the last repair pass saw unused, with their revisions. */
  #unused = new Map<string, number>();

  constructor(store: Store, range: Range) {
    this.#store = store;
    this.range = range;
  }

  /** Takes one entry. False when somebody else has it. */
  async take(key: string, owner: string): Promise<boolean> {
    const result = await this.#store.create(this.range.resource, key, entry(key, owner));
    if (result.outcome === 'written') return true;
    return (
      result.outcome === 'conflict' && result.current !== undefined && ownerOf(result.current.value) === owner
    );
  }

  /** Takes any free entry: a random one, or the next that is free. Undefined when all are taken. */
  async takeAny(owner: string): Promise<string | undefined> {
    const { firstDynamic, size } = this.range;
    return (await this.#takeWithin(firstDynamic, size, owner)) ?? this.#takeWithin(0, firstDynamic, owner);
  }

  async #takeWithin(from: number, to: number, owner: string): Promise<string | undefined> {
    const count = to - from;
    const start = Math.floor(random() * count);
    for (let step = 0; step < count; step += 1) {
      const key = this.range.keyOf(from + ((start + step) % count));
      if (key === KUBERNETES_SERVICE_IP) continue;
      const result = await this.#store.create(this.range.resource, key, entry(key, owner));
      if (result.outcome === 'written') return key;
    }
    return undefined;
  }

  /** Frees the entry if `owner` (anybody, when absent) has it. */
  async release(key: string, owner?: string): Promise<void> {
    const { resource } = this.range;
    const stored = await this.#store.get(resource, key);
    if (stored === undefined) return;
    const holder = ownerOf(stored.value);
    if (owner !== undefined && owner !== holder) return;
    await this.#store.delete(resource, key, stored.revision, entry(key, holder));
  }

  async repair(
    entries: ReadonlyMap<string, Taken>,
    used: ReadonlyMap<string, string>,
  ): Promise<RepairResult> {
    const result: RepairResult = { freed: 0, recorded: 0, conflicts: [] };
    const unused = new Map<string, number>();
    for (const [key, { owner, revision }] of entries) {
      if (used.get(key) === owner) continue;
      if (this.#unused.get(key) === revision) {
        await this.#store.delete(this.range.resource, key, revision, entry(key, owner));
        result.freed += 1;
      } else unused.set(key, revision);
    }
    this.#unused = unused;
    for (const [key, owner] of used) {
      if (entries.get(key)?.owner === owner || this.range.indexOf(key) === undefined) continue;
      if (await this.take(key, owner)) result.recorded += 1;
      else result.conflicts.push(key);
    }
    return result;
  }

  async entries(): Promise<Map<string, Taken>> {
    const entries = new Map<string, Taken>();
    for await (const { key, value, revision } of pages(this.#store, this.range.resource)) {
      entries.set(key, { owner: ownerOf(value), revision });
    }
    return entries;
  }
}

interface Taken {
  owner: string;
  revision: number;
}

async function* pages(
  store: Store,
  resource: string,
): AsyncGenerator<{ key: string; value: string; revision: number }> {
  let after: string | undefined;
  do {
    const page = await store.list({ resource, limit: PAGE, ...(after === undefined ? {} : { after }) });
    yield* page.items;
    after = page.next;
  } while (after !== undefined);
}

/** What the Services in the store hold, with their uids. */
async function usedByServices(
  store: Store,
): Promise<{ ips: Map<string, string>; ports: Map<string, string> }> {
  const ips = new Map<string, string>();
  const ports = new Map<string, string>();
  for await (const { value } of pages(store, qualifiedResource(Services))) {
    const { metadata, spec } = JSON.parse(value) as Service;
    const ip = spec.clusterIP ?? '';
    if (ip !== '' && ip !== HEADLESS) ips.set(ip, metadata.uid);
    for (const { nodePort = 0 } of spec.ports ?? [])
      if (nodePort !== 0) ports.set(String(nodePort), metadata.uid);
    if ((spec.healthCheckNodePort ?? 0) !== 0) ports.set(String(spec.healthCheckNodePort), metadata.uid);
  }
  return { ips, ports };
}

const refused = (name: string, path: string, value: unknown, why: string): Error =>
  invalid({ group: '', kind: 'Service', name }, [field.invalid(path, value, why)]);

async function takeIp(
  table: Table,
  owner: string,
  wanted: string | undefined,
  name: string,
): Promise<string> {
  if (wanted === undefined) {
    const ip = await table.takeAny(owner);
    if (ip === undefined) throw internalError('failed to allocate a serviceIP: range is full');
    return ip;
  }
  const failed = `failed to allocate IP ${wanted}:`;
  if (table.range.indexOf(wanted) === undefined) {
    const why = `the provided IP (${wanted}) is not in the valid range. The range of valid IPs is ${SERVICE_CIDR}`;
    throw refused(name, 'spec.clusterIPs', [wanted], `${failed} ${why}`);
  }
  if (!(await table.take(wanted, owner))) {
    throw refused(name, 'spec.clusterIPs', [wanted], `${failed} provided IP is already allocated`);
  }
  return wanted;
}

async function takePort(
  table: Table,
  owner: string,
  wanted: number | undefined,
  path: string,
  name: string,
): Promise<number> {
  if (wanted === undefined) {
    const key = await table.takeAny(owner);
    if (key === undefined) throw internalError('failed to allocate a nodePort: range is full');
    return Number(key);
  }
  const key = String(wanted);
  if (table.range.indexOf(key) === undefined) {
    const valid = `The range of valid ports is ${FIRST_NODE_PORT}-${LAST_NODE_PORT}`;
    throw refused(name, path, wanted, `provided port is not in the valid range. ${valid}`);
  }
  if (!(await table.take(key, owner)))
    throw refused(name, path, wanted, 'provided port is already allocated');
  return wanted;
}

export function createAllocations(store: Store): Allocations {
  const ips = new Table(store, CLUSTER_IPS);
  const ports = new Table(store, NODE_PORTS);
  return {
    allocateClusterIp: (owner, wanted, name = '') => takeIp(ips, owner, wanted, name),
    releaseClusterIp: (ip, owner) => ips.release(ip, owner),
    allocateNodePort: (owner, wanted, path = 'spec.ports[].nodePort', name = '') =>
      takePort(ports, owner, wanted, path, name),
    releaseNodePort: (nodePort, owner) => ports.release(String(nodePort), owner),
    repairAllocations: async () => {
      // Entries first: a Service that is written in between then counts as their user.
      const [takenIps, takenPorts] = [await ips.entries(), await ports.entries()];
      const used = await usedByServices(store);
      const [forIps, forPorts] = [
        await ips.repair(takenIps, used.ips),
        await ports.repair(takenPorts, used.ports),
      ];
      return {
        freed: forIps.freed + forPorts.freed,
        recorded: forIps.recorded + forPorts.recorded,
        conflicts: [...forIps.conflicts, ...forPorts.conflicts],
      };
    },
  };
}
