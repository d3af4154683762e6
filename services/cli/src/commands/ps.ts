/** `./orrery ps` */

import type { Call } from '../command.ts';
import type { psFlags } from '../command-flags.ts';
import { fetchStatus } from '../supervisor/control-client.ts';
import type { ProcessStatus } from '../supervisor/process-spec.ts';
import { formatTable } from '../table.ts';
import { print } from '../terminal.ts';

export async function run({ flags, data }: Call<typeof psFlags>): Promise<number> {
  const { processes } = await fetchStatus(data);
  const memoryBytes = processes.reduce((sum, each) => sum + each.memoryBytes, 0);
  if (flags.json) {
    const rows = processes.map((each) => ({ ...each, pid: each.pid ?? null }));
    print(JSON.stringify({ processes: rows, memoryBytes }, undefined, 2));
    return 0;
  }
  for (const line of processLines(processes, memoryBytes)) print(line);
  return 0;
}

function processLines(processes: readonly ProcessStatus[], memoryBytes: number): string[] {
  const header = ['NAME', 'STATE', 'READY', 'PID', 'RESTARTS', 'MEMORY', 'ADDRESS'];
  const rows = processes.map(({ name, state, ready, pid, restarts, memoryBytes: own, address }) => [
    name,
    state,
    ready ? 'yes' : 'no',
    pid === undefined ? '-' : String(pid),
    String(restarts),
    pid === undefined ? '-' : mebibytes(own),
    address,
  ]);
  const total = ['total', '', '', '', '', mebibytes(memoryBytes), ''];
  return formatTable([header, ...rows, total], new Set([3, 4, 5]));
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
