/** `./orrery up` */

import { readFile } from 'node:fs/promises';
import { selectControllers } from '@orrery/api/controller-selection.ts';
import { parseNodeGroups } from '@orrery/api/node-groups.ts';
import { fieldErrorText } from '@orrery/api/status-error.ts';
import { wallTime } from '@orrery/kit/cluster-clock.ts';
import { CliError, messageOf } from '../cli-error.ts';
import type { ClusterOptions } from '../cluster-record.ts';
import type { Call } from '../command.ts';
import type { upFlags } from '../command-flags.ts';
import type { DataDirectory } from '../data-directory.ts';
import { bringUp, type UpRequest } from '../supervisor/cluster.ts';
import { fetchStatus } from '../supervisor/control-client.ts';
import { startDaemon } from '../supervisor/daemon.ts';
import type { ProcessStatus } from '../supervisor/process-spec.ts';
import { stopOnSignals } from '../supervisor/stop-on-signals.ts';
import { formatTable } from '../table.ts';
import { note, outliveReader, print } from '../terminal.ts';
import { shellWord, typedCommand } from '../typed-command.ts';

export async function run({ flags, data }: Call<typeof upFlags>): Promise<number> {
  const {
    detach,
    nodes,
    'node-agents': nodeAgents,
    durability,
    port,
    speed,
    'crashloop-initial': crashloopInitialMs,
    controllers,
    'zero-delays': zeroDelays,
  } = flags;
  assertControllers(controllers);
  const wantedNodes = await nodesOptions(nodes, flags['node-config']);
  const schedulerFile = flags['scheduler-config'];
  const schedulerConfig =
    schedulerFile === undefined ? undefined : await configText('--scheduler-config', schedulerFile);
  const options: Partial<ClusterOptions> = {
    ...wantedNodes,
    ...(nodeAgents === undefined ? {} : { nodeAgents }),
    ...(durability === undefined ? {} : { durability }),
    ...(port === undefined ? {} : { port }),
    ...(speed === undefined ? {} : { speed }),
    ...(crashloopInitialMs === undefined ? {} : { crashloopInitialMs }),
    ...(controllers === undefined ? {} : { controllers }),
    ...(schedulerConfig === undefined ? {} : { schedulerConfig }),
  };
  const request: UpRequest = { data: data.path, options, zeroDelays };
  return detach ? runDetached(request, data) : runInForeground(request, data);
}

/** Of a file of configuration, in bytes: it becomes part of a process's environment. */
const MOST_CONFIG_BYTES = 64 * 1024;

/** @throws CliError when the file cannot be read or is too large */
async function configText(flag: string, file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new CliError(`${flag}: ${file} cannot be read (${messageOf(error)})`);
  }
  const size = Buffer.byteLength(text);
  if (size <= MOST_CONFIG_BYTES) return text;
  throw new CliError(`${flag}: ${file} has ${size} bytes; it may have ${MOST_CONFIG_BYTES}`);
}

/** @throws CliError that names the file and the field when something is wrong with it */
async function nodesOptions(
  nodes: number | undefined,
  file: string | undefined,
): Promise<Partial<ClusterOptions>> {
  if (nodes === undefined && file === undefined) return {};
  const nodesAskedAtMs = wallTime();
  if (file === undefined) return { nodes: nodes!, nodeConfig: '', nodesAskedAtMs };
  if (nodes !== undefined)
    throw new CliError('--nodes and --node-config both say which nodes there are; choose one');
  const text = await configText('--node-config', file);
  const { problems } = parseNodeGroups(text);
  if (problems.length > 0)
    throw new CliError(`--node-config: ${file}: ${problems.map(fieldErrorText).join('; ')}`);
  return { nodeConfig: text, nodesAskedAtMs };
}

/** @throws CliError that names what does not exist, and what does */
function assertControllers(list = '*'): void {
  const [problem] = selectControllers(list).problems;
  if (problem !== undefined) throw new CliError(`--controllers: ${problem}`);
}

async function runDetached(request: UpRequest, data: DataDirectory): Promise<number> {
  // The cluster is wanted even if nobody reads on: "./orrery up -d | head".
  outliveReader();
  await startDaemon(request, note);
  const { processes } = await fetchStatus(data);
  printSummary(processes, data, ['stop it', 'down']);
  return 0;
}

async function runInForeground(request: UpRequest, data: DataDirectory): Promise<number> {
  outliveReader();
  const wanted = new AbortController();
  const signals = stopOnSignals(() => wanted.abort());
  try {
    const cluster = await bringUp(request, { report: note, signal: wanted.signal });
    signals.use(cluster);
    printSummary(await cluster.supervisor.status(), data, undefined);
    print('\nCtrl-C stops the cluster.');
    await cluster.down;
    note('the cluster is down');
    return 0;
  } finally {
    signals.release();
  }
}

function printSummary(
  processes: readonly ProcessStatus[],
  data: DataDirectory,
  last: readonly [string, string] | undefined,
): void {
  // Since the start of this process, which the user's wait began with.
  const seconds = (performance.now() / 1_000).toFixed(1);
  const rows = processes.map(({ name, state, pid, address }) => [name, state, String(pid ?? '-'), address]);
  const table = formatTable([['SERVICE', 'STATE', 'PID', 'ADDRESS'], ...rows], new Set([2]));
  const command = (words: string): string => `  ${typedCommand(data, words)}`;
  const next = [
    [command('kubectl get nodes'), 'kubectl, with the right kubeconfig'],
    [command('kill scheduler'), `take a part down; "start scheduler" brings it back`],
    [command('ps'), 'what runs, and how much memory it takes'],
    [command('logs -f'), 'what the services say'],
    ...(last === undefined ? [] : [[command(last[1]), last[0]]]),
  ];
  for (const line of [
    `The cluster is ready after ${seconds} s.`,
    '',
    ...table,
    '',
    `Any kubectl: export KUBECONFIG=${shellWord(data.kubeconfig)}`,
    ...formatTable(next),
  ]) {
    print(line);
  }
}
