/** `./orrery nodes` */

import type { ConfigMap, Node } from '@orrery/api/gen/types.ts';
import { type LeaveMode, MOST_NODES, parseNodeGroups, withCounts } from '@orrery/api/node-groups.ts';
import {
  NODES_OBJECT,
  type NodePlan,
  parsePlan,
  type PlannedGroup,
  plannedNodes,
} from '@orrery/api/node-plan.ts';
import { ConfigMaps, Nodes } from '@orrery/api/resources.ts';
import { isConflict, isStatusError, StatusError } from '@orrery/api/status-error.ts';
import { createClient, type SessionClient } from '@orrery/client/session.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { CliError } from '../cli-error.ts';
import { readClusterRecord } from '../cluster-record.ts';
import type { Call } from '../command.ts';
import type { nodesFlags } from '../command-flags.ts';
import { nearest } from '../nearest.ts';
import { NotRunning } from '../supervisor/control-client.ts';
import { formatTable } from '../table.ts';
import { note, print } from '../terminal.ts';

const GROUP_LABEL = 'orrery.dev/node-group';
const AGENT_LABEL = 'orrery.dev/node-agent';

/** How long the apiserver may take for an answer, in real milliseconds. */
const LIMIT_MS = 10_000;
/** How long nodes that come and go are waited for. */
const SETTLE_MS = 30_000;
const LOOK_AGAIN_MS = 250;
const TRIES = 10;

/** Counts by group; without a name for the only one. @throws CliError for words that are none */
export function parseChanges(words: readonly string[]): Map<string | undefined, number> {
  const changes = new Map<string | undefined, number>();
  for (const word of words) {
    const match = /^(?:([^=]+)=)?(\d{1,9})$/.exec(word);
    const count = Number(match?.[2]);
    if (match === null || count > MOST_NODES)
      throw new CliError(
        `"${word}" is no number of nodes; it takes N, or GROUP=N, with N a whole number from 0 to ${MOST_NODES}`,
      );
    if (changes.has(match[1])) throw new CliError(`"${word}" is the second number for the same nodes`);
    changes.set(match[1], count);
  }
  return changes;
}

/** The configuration with other counts. Pure. @throws CliError when it is not clear whose, or there is no such group */
export function changedConfig(
  config: string,
  changes: ReadonlyMap<string | undefined, number>,
  leave: LeaveMode,
): string {
  const names = parseNodeGroups(config).groups.map(({ name }) => name);
  const counts = new Map<string, { count: number; leave: LeaveMode }>();
  for (const [given, count] of changes) {
    const name = given ?? onlyGroup(names, count);
    if (!names.includes(name)) {
      const meant = nearest(name, names);
      const hint = meant === undefined ? `the groups are ${names.join(', ')}` : `did you mean ${meant}?`;
      throw new CliError(`there is no group of nodes called ${name}; ${hint}`);
    }
    counts.set(name, { count, leave });
  }
  return withCounts(config, counts);
}

function onlyGroup(names: readonly string[], count: number): string {
  const [first, ...others] = names;
  if (first !== undefined && others.length === 0) return first;
  if (first === undefined)
    throw new CliError('there is no group of nodes; add one with "up --node-config FILE"');
  throw new CliError(
    `there are several groups of nodes (${names.join(', ')}); say whose: "${first}=${count}"`,
  );
}

/** One group with the nodes that say that they are of it. */
interface GroupRow {
  readonly group: string;
  readonly nodes: string;
  readonly count: number;
  readonly ready: number;
  /** Nodes that are there and not to be any more. */
  readonly leaving: number;
  readonly zones: readonly string[];
  readonly capacity: Readonly<Record<string, string>>;
  readonly agents: readonly string[];
}

function isReady({ status }: Node): boolean {
  return status?.conditions?.some(({ type, status: state }) => type === 'Ready' && state === 'True') === true;
}

/** The groups as they are planned, with what there is of each. Pure. */
export function groupRows(plan: NodePlan, nodes: readonly Node[]): GroupRow[] {
  const planned = new Set(plannedNodes(plan).map(({ name }) => name));
  const byGroup = Map.groupBy(nodes, ({ metadata }) => metadata.labels?.[GROUP_LABEL] ?? '');
  return plan.groups.map((group) => {
    const present = byGroup.get(group.name) ?? [];
    const wanted = present.filter(({ metadata }) => planned.has(metadata.name));
    return {
      group: group.name,
      nodes: namesOf(group),
      count: group.count,
      ready: wanted.filter(isReady).length,
      leaving: present.length - wanted.length,
      zones: group.zones,
      capacity: group.capacity,
      agents: labelsOf(present, AGENT_LABEL),
    };
  });
}

function namesOf({ namePrefix, count }: PlannedGroup): string {
  if (count === 0) return '-';
  return count === 1 ? `${namePrefix}1` : `${namePrefix}1 to ${count}`;
}

function labelsOf(nodes: readonly Node[], label: string): string[] {
  const values = new Set(nodes.flatMap(({ metadata }) => metadata.labels?.[label] ?? []));
  return [...values].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/** A line for each group. Pure. */
export function groupLines(rows: readonly GroupRow[]): string[] {
  const header = ['GROUP', 'NODES', 'COUNT', 'READY', 'LEAVING', 'ZONES', 'CAPACITY', 'AGENTS'];
  const lines = rows.map(({ group, nodes, count, ready, leaving, zones, capacity, agents }) => [
    group,
    nodes,
    String(count),
    String(ready),
    String(leaving),
    zones.join(','),
    Object.entries(capacity)
      .map(([resource, amount]) => `${resource}=${amount}`)
      .join(','),
    agents.join(',') || '-',
  ]);
  return formatTable([header, ...lines], new Set([2, 3, 4]));
}

async function readPlan(client: SessionClient): Promise<{ plan: NodePlan; configMap: ConfigMap }> {
  const configMap = await client.get(ConfigMaps, NODES_OBJECT);
  const plan = parsePlan(configMap.data?.['plan'] ?? '');
  if (plan === undefined)
    throw new CliError(`the ConfigMap ${NODES_OBJECT.namespace}/${NODES_OBJECT.name} makes no sense`);
  return { plan, configMap };
}

/** Again when somebody else has changed something meanwhile. */
async function change(
  client: SessionClient,
  changes: ReadonlyMap<string | undefined, number>,
  leave: LeaveMode,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const { configMap } = await readPlan(client);
    const config = changedConfig(configMap.data?.['config'] ?? '', changes, leave);
    try {
      await client.update(ConfigMaps, { ...configMap, data: { ...configMap.data, config } });
      return;
    } catch (error) {
      if (!isConflict(error) || tries === TRIES) throw error;
    }
  }
}

async function look(client: SessionClient): Promise<{ rows: GroupRow[]; isSettled: boolean }> {
  const { plan } = await readPlan(client);
  const { items } = await client.list(Nodes, { labelSelector: AGENT_LABEL });
  const rows = groupRows(plan, items);
  const vanishing = new Set(plan.groups.filter(({ leave }) => leave === 'vanish').map(({ name }) => name));
  const isSettled = rows.every(
    ({ group, count, ready, leaving }) => ready === count && (leaving === 0 || vanishing.has(group)),
  );
  return { rows, isSettled };
}

/** Resolves when all nodes that are wanted are ready and the others gone, or after a while in any case. */
async function settled(client: SessionClient): Promise<GroupRow[]> {
  const untilMs = systemClock.now() + SETTLE_MS;
  for (;;) {
    const { rows, isSettled } = await look(client);
    if (isSettled) return rows;
    if (systemClock.now() > untilMs) {
      note('not all nodes have come or gone yet; those that leave wait for their pods to end');
      return rows;
    }
    await systemClock.sleep(LOOK_AGAIN_MS);
  }
}

export async function run({ flags, positionals, data }: Call<typeof nodesFlags>): Promise<number> {
  const changes = parseChanges(positionals);
  if (flags.force && changes.size === 0) throw new CliError('--force needs a number of nodes');
  const record = await readClusterRecord(data);
  if (record === undefined) throw new NotRunning(data);
  const client = createClient({
    address: `127.0.0.1:${record.ports['apiserver-grpc']}`,
    agent: 'orrery-nodes',
    logger: silentLogger(),
    deadlineMs: LIMIT_MS,
  });
  try {
    if (changes.size > 0) await change(client, changes, flags.force ? 'vanish' : 'drain');
    const rows = changes.size > 0 ? await settled(client) : (await look(client)).rows;
    if (flags.json) print(JSON.stringify({ groups: rows }, undefined, 2));
    else for (const line of groupLines(rows)) print(line);
    return 0;
  } catch (error) {
    if (isStatusError(error, 'ServiceUnavailable')) throw new NotRunning(data);
    if (error instanceof StatusError) throw new CliError(error.message);
    throw error;
  } finally {
    await client.close();
  }
}
