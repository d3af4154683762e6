/** The flags of every command. */

import { MOST_NODES } from '@orrery/api/node-groups.ts';
import { MAX_RATE } from '@orrery/kit/cluster-clock.ts';
import { DEFAULT_OPTIONS, DURABILITIES, MOST_NODE_AGENTS } from './cluster-record.ts';
import { type FlagTable, formatDuration } from './flags.ts';
import { fullSignalName, SIGNALS } from './signals.ts';

/** Every command takes these; before the command they work too, also for those that pass all arguments on. */
export const commonFlags = {
  data: {
    kind: 'text',
    value: 'DIR',
    otherwise: '.orrery in the project',
    help: "The cluster's data directory.",
  },
  help: { kind: 'switch', short: 'h', help: 'Show this help.' },
} as const satisfies FlagTable;

const asLastTime = (value: string | number): string => `${value}, or what the last start had`;

export const upFlags = {
  detach: { kind: 'switch', short: 'd', help: 'Return once the cluster is ready, and leave it running.' },
  nodes: {
    kind: 'integer',
    value: 'N',
    min: 1,
    max: MOST_NODES,
    otherwise: `${DEFAULT_OPTIONS.nodes}, or what the cluster has`,
    help: 'Number of simulated nodes, all alike; "nodes" changes it later.',
  },
  'node-config': {
    kind: 'text',
    value: 'FILE',
    help: 'Instead of --nodes: groups of nodes with their counts, capacities, labels, taints and zones (docs/nodes.md).',
  },
  'node-agents': {
    kind: 'integer',
    value: 'N',
    min: 1,
    max: MOST_NODE_AGENTS,
    otherwise: asLastTime(DEFAULT_OPTIONS.nodeAgents),
    help: 'Number of processes that share the nodes.',
  },
  durability: {
    kind: 'choice',
    value: 'WHEN',
    choices: DURABILITIES,
    otherwise: asLastTime(DEFAULT_OPTIONS.durability),
    help: 'When Redis syncs to disk. With everysec its death may lose the last two seconds.',
  },
  port: {
    kind: 'integer',
    value: 'PORT',
    min: 1,
    max: 65_535,
    otherwise: asLastTime(DEFAULT_OPTIONS.port),
    help: 'HTTPS port for kubectl, on 127.0.0.1.',
  },
  speed: {
    kind: 'decimal',
    value: 'N',
    min: 0.1,
    max: MAX_RATE,
    otherwise: asLastTime(DEFAULT_OPTIONS.speed),
    help: 'How many times as fast as real time the cluster\'s clock runs; "clock" changes it later.',
  },
  'crashloop-initial': {
    kind: 'duration',
    value: 'TIME',
    minMs: 1,
    maxMs: 300_000,
    otherwise: asLastTime(formatDuration(DEFAULT_OPTIONS.crashloopInitialMs)),
    help: 'Before a container that crashed again is restarted; doubles up to 5m. Kubernetes has 10s.',
  },
  'scheduler-config': {
    kind: 'text',
    value: 'FILE',
    otherwise: asLastTime('the default profile alone'),
    help: 'Profiles of the scheduler: a KubeSchedulerConfiguration, as docs/scheduler.md describes it.',
  },
  controllers: {
    kind: 'text',
    value: 'LIST',
    otherwise: asLastTime(DEFAULT_OPTIONS.controllers),
    help: 'Which controllers run: "*,-NAME" all but one, so that your own can take its place; "NAME,NAME" only these.',
  },
  'zero-delays': {
    kind: 'switch',
    help: 'Simulate no delays of image pulls and container starts, until the next start.',
  },
  ...commonFlags,
} as const satisfies FlagTable;

export const downFlags = {
  wipe: { kind: 'switch', help: "Also remove the cluster's data. Nothing else in the directory is touched." },
  ...commonFlags,
} as const satisfies FlagTable;

export const psFlags = {
  json: { kind: 'switch', help: 'Print JSON.' },
  ...commonFlags,
} as const satisfies FlagTable;

export const podsFlags = {
  json: { kind: 'switch', help: 'Print JSON.' },
  ...commonFlags,
} as const satisfies FlagTable;

export const explainSchedulingFlags = {
  namespace: {
    kind: 'text',
    short: 'n',
    value: 'NAMESPACE',
    help: 'The namespace of the pod; default unless given.',
  },
  json: { kind: 'switch', help: 'Print JSON.' },
  ...commonFlags,
} as const satisfies FlagTable;

export const killFlags = {
  signal: {
    kind: 'choice',
    short: 's',
    value: 'S',
    choices: SIGNALS,
    normalise: fullSignalName,
    otherwise: 'SIGKILL',
    help: 'The signal to send.',
  },
  ...commonFlags,
} as const satisfies FlagTable;

export const nodesFlags = {
  force: {
    kind: 'switch',
    help: 'Let the machines of surplus nodes vanish instead: their nodes fall silent, as when a cable is cut.',
  },
  json: { kind: 'switch', help: 'Print JSON.' },
  ...commonFlags,
} as const satisfies FlagTable;

export const logsFlags = {
  follow: { kind: 'switch', short: 'f', help: 'Go on with what is logged from now on, until Ctrl-C.' },
  json: { kind: 'switch', help: 'One JSON object per line, as the services write them.' },
  ...commonFlags,
} as const satisfies FlagTable;

export const testFlags = {
  chaos: {
    kind: 'switch',
    help: 'Kill and pause every process in turn under load instead, and check that all heals.',
  },
  compose: { kind: 'switch', help: 'Run the cluster with docker compose instead, and try it.' },
  help: commonFlags.help,
} as const satisfies FlagTable;

export const benchFlags = {
  json: { kind: 'switch', help: 'Print JSON.' },
  help: commonFlags.help,
} as const satisfies FlagTable;
