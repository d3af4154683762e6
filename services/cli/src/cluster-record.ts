/** What a cluster is, kept in its data directory, so that a restart continues it. */

import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { anchorAt, type ClockAnchor } from '@orrery/kit/cluster-clock.ts';
import { CliError, messageOf, systemErrorCode } from './cli-error.ts';
import { type DataDirectory, draftOf, shown, writing } from './data-directory.ts';

export const DURABILITIES = ['everysec', 'always'] as const;

/**
 * When Redis syncs its append-only file to disk: `always`, before it answers, so that nothing
 * acknowledged is ever lost; or `everysec`, which while an earlier sync is under way leaves what it
 * has acknowledged in memory for up to two seconds, so that a kill may lose it.
 */
export type Durability = (typeof DURABILITIES)[number];

export const MOST_NODE_AGENTS = 16;

/** What a user chooses. A start that does not say takes what the last start had. */
export interface ClusterOptions {
  /** How many nodes the cluster was asked to have, all alike; what it has since then is in the cluster itself. */
  readonly nodes: number;
  /** Groups of nodes instead, as YAML; empty when there are none. */
  readonly nodeConfig: string;
  /** When these two were asked for, in real milliseconds; 0 when they never were. */
  readonly nodesAskedAtMs: number;
  /** Processes that share the nodes. */
  readonly nodeAgents: number;
  readonly durability: Durability;
  /** The HTTPS port for clients. */
  readonly port: number;
  /** How many times as fast as real time the cluster's clock runs. */
  readonly speed: number;
  /** Before a container that crashed again is restarted, in milliseconds of the cluster's clock; doubles up to five minutes. */
  readonly crashloopInitialMs: number;
  /** Which controllers run, as the controller-manager's --controllers takes it. */
  readonly controllers: string;
  /** A KubeSchedulerConfiguration as YAML; empty for the default profile alone. */
  readonly schedulerConfig: string;
}

export const DEFAULT_OPTIONS: ClusterOptions = {
  nodes: 3,
  nodeConfig: '',
  nodesAskedAtMs: 0,
  nodeAgents: 1,
  durability: 'always',
  port: 6443,
  speed: 1,
  crashloopInitialMs: 1_000,
  controllers: '*',
  schedulerConfig: '',
};

/** Loopback ports that nobody chooses by hand, of a cluster with one node agent. */
const INTERNAL_PORTS = [
  'redis',
  'nats',
  'nats-monitor',
  'apiserver-grpc',
  'apiserver-http',
  'controller-manager-http',
  'scheduler-http',
  'hpa-http',
  'node-agent-http',
  'node-agent-grpc',
] as const;

type NodeAgentPort = `node-agent-${number}-${'http' | 'grpc'}`;

export type InternalPort = (typeof INTERNAL_PORTS)[number] | NodeAgentPort;
export type InternalPorts = Readonly<
  Record<(typeof INTERNAL_PORTS)[number], number> & Partial<Record<NodeAgentPort, number>>
>;

/** The names of the ports of a cluster. The first node agent keeps its own however many there are. */
export function internalPorts(nodeAgents: number): InternalPort[] {
  const more = Array.from({ length: nodeAgents - 1 }, (_, index) => index + 1);
  return [
    ...INTERNAL_PORTS,
    ...more.flatMap((place): NodeAgentPort[] => [`node-agent-${place}-http`, `node-agent-${place}-grpc`]),
  ];
}

/** A port of the node agent with this place, from 0. @throws Error when the cluster has no such agent */
export function nodeAgentPort(ports: InternalPorts, place: number, kind: 'http' | 'grpc'): number {
  const port = place === 0 ? ports[`node-agent-${kind}`] : ports[`node-agent-${place}-${kind}`];
  if (port === undefined) throw new Error(`node agent ${place} has no port`);
  return port;
}

export interface ClusterRecord {
  readonly options: ClusterOptions;
  readonly ports: InternalPorts;
  readonly clock: ClockAnchor;
}

/** The form of the file; another number means another form. */
const FORM = 1;

/**
 * Reads a cluster's record, undefined when there is none.
 * @throws CliError when there is one that makes no sense.
 */
export async function readClusterRecord(data: DataDirectory): Promise<ClusterRecord | undefined> {
  let text: string;
  try {
    text = await readFile(data.clusterFile, 'utf8');
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new CliError(`${shown(data.clusterFile)} cannot be read (${messageOf(error)})`);
  }
  const record = parseRecord(text);
  if (record === undefined) {
    throw new CliError(
      `${shown(data.clusterFile)} is damaged or not Orrery's; choose another directory with --data, or remove this one`,
    );
  }
  return record;
}

/** Writes the record whole or not at all. @throws CliError when it cannot be written */
export async function writeClusterRecord(data: DataDirectory, record: ClusterRecord): Promise<void> {
  const draft = draftOf(data.clusterFile);
  try {
    await writing(data, async () => {
      const text = `${JSON.stringify({ form: FORM, ...record }, undefined, 2)}\n`;
      // On disk before it takes its name: after a power cut an empty record would lock the data away.
      await writeFile(draft, text, { flush: true });
      await rename(draft, data.clusterFile);
    });
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw error;
  }
}

function parseRecord(text: string): ClusterRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value) || value['form'] !== FORM) return undefined;
  const { options: chosen, ports, clock } = value;
  if (!isObject(chosen) || !isObject(ports) || !isObject(clock)) return undefined;
  // Records of earlier versions lack the newer options.
  const options: Record<string, unknown> = { ...DEFAULT_OPTIONS, ...chosen };
  const durability = DURABILITIES.find((name) => name === options['durability']);
  const { nodes, nodeAgents, port, speed, crashloopInitialMs } = options;
  const numbers = [nodes, port, speed, crashloopInitialMs, clock['rate'], clock['realMs']];
  if (typeof nodeAgents !== 'number' || !(nodeAgents >= 1 && nodeAgents <= MOST_NODE_AGENTS))
    return undefined;
  const allNumbers = [
    ...numbers,
    clock['clusterMs'],
    ...internalPorts(nodeAgents).map((name) => ports[name]),
  ];
  const texts = [options['controllers'], options['nodeConfig'], options['schedulerConfig']];
  if (texts.some((text) => typeof text !== 'string')) return undefined;
  if (durability === undefined || !allNumbers.every((each) => typeof each === 'number' && each > 0))
    return undefined;
  return { options, ports, clock } as unknown as ClusterRecord;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/**
 * The clock of a cluster that starts at `nowMs` real time with `rate`. Cluster time never jumps
 * or turns back: it runs on while the cluster is down, as a machine's clock would, and a new rate
 * takes over where the old one has come to.
 */
export function continueClock(previous: ClockAnchor | undefined, rate: number, nowMs: number): ClockAnchor {
  const realMs = Math.round(nowMs);
  if (previous === undefined) return { rate, realMs, clusterMs: realMs };
  return previous.rate === rate ? previous : anchorAt(previous, realMs, rate);
}
