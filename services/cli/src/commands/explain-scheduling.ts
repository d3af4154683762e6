/** `./orrery explain-scheduling` */

import { fetchLocally } from '../local-http.ts';
import { CliError } from '../cli-error.ts';
import { readClusterRecord } from '../cluster-record.ts';
import type { Call } from '../command.ts';
import type { explainSchedulingFlags } from '../command-flags.ts';
import { NotRunning } from '../supervisor/control-client.ts';
import { formatTable } from '../table.ts';
import { print } from '../terminal.ts';

/** One node of a decision, as the scheduler tells it (scheduler/src/decision-log.ts). */
interface ExplainedNode {
  readonly name: string;
  readonly rejectedBy?: string;
  readonly reasons?: readonly string[];
  readonly points?: readonly number[];
  readonly total?: number;
}

/** The latest decision about a pod. */
export interface Explanation {
  readonly pod: string;
  readonly at: string;
  readonly nodeName?: string;
  readonly message?: string;
  readonly nominatedNode?: string;
  readonly victims: readonly string[];
  readonly nodeCount: number;
  readonly skipped: number;
  readonly plugins: readonly { readonly name: string; readonly weight: number }[];
  readonly nodes: readonly ExplainedNode[];
}

/** A decision in words and a table: first what came of it, then each node with its verdict. Pure. */
export function explanationLines(explanation: Explanation): string[] {
  const { nodeCount, skipped, nodes } = explanation;
  const lines = [...summary(explanation), ''];
  const looked = nodeCount - skipped;
  const rest =
    skipped > 0 ? `; ${skipped} were not: enough others were found, or the pod names its nodes` : '';
  lines.push(`${looked} of ${nodeCount} nodes were looked at${rest}.`);
  const possible = nodes.filter(({ rejectedBy }) => rejectedBy === undefined);
  if (possible.length > 0) lines.push('', ...pointsTable(explanation, possible));
  const refused = nodes.filter(({ rejectedBy }) => rejectedBy !== undefined);
  if (refused.length > 0) {
    const rows = refused.map(({ name, rejectedBy = '', reasons = [] }) => [
      name,
      rejectedBy,
      reasons.join(', '),
    ]);
    lines.push('', ...formatTable([['NODE', 'REJECTED BY', 'BECAUSE'], ...rows]));
  }
  return lines;
}

function summary({ pod, at, nodeName, message, nominatedNode, victims }: Explanation): string[] {
  const lines = [`Pod ${pod}, decided at ${at}:`];
  lines.push(nodeName === undefined ? `  no node: ${message ?? ''}` : `  node ${nodeName}`);
  if (nominatedNode !== undefined) {
    lines.push(`  promised node ${nominatedNode} as soon as these have left it: ${victims.join(', ')}`);
  }
  return lines;
}

/** Columns of plugins in the order of their weight in the decision; the chosen node has a star. */
function pointsTable({ plugins, nodeName }: Explanation, nodes: readonly ExplainedNode[]): string[] {
  const header = [
    'NODE',
    'TOTAL',
    ...plugins.map(({ name, weight }) => (weight === 1 ? name : `${name} (x${weight})`)),
  ];
  const rows = nodes.map(({ name, total = 0, points = [] }) => [
    name === nodeName ? `${name} *` : name,
    plugins.length === 0 ? '-' : String(total),
    ...points.map(String),
  ]);
  return formatTable([header, ...rows], new Set(header.map((_, column) => column).slice(1)));
}

export async function run({
  flags,
  positionals,
  data,
}: Call<typeof explainSchedulingFlags>): Promise<number> {
  const [pod = ''] = positionals;
  const record = await readClusterRecord(data);
  if (record === undefined) throw new NotRunning(data);
  const key = pod.includes('/') ? pod : `${flags.namespace ?? 'default'}/${pod.replace(/^pods?\//, '')}`;
  const port = record.ports['scheduler-http'];
  const { code, text } = await fetchLocally(port, `/debug/decisions?pod=${encodeURIComponent(key)}`);
  if (code === 404) {
    throw new CliError(
      `the scheduler keeps no decision about pod ${key}: it has not tried the pod, has been restarted since, has seen too many others, or the pod names another scheduler`,
    );
  }
  if (code !== 200) throw new CliError(`the scheduler answered ${code}: ${text.trim()}`);
  const explanation = JSON.parse(text) as Explanation;
  if (flags.json) print(JSON.stringify(explanation, undefined, 2));
  else for (const line of explanationLines(explanation)) print(line);
  return 0;
}
