/** Facts about processes of this machine, by pid. */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { childEnvironment } from '../config.ts';

const LINUX = process.platform === 'linux';

const run = promisify(execFile);

/**
 * What tells the process that has a pid now from any other that had or will have it: the boot and
 * the moment of its start. Undefined when no live process has that pid (a zombie is dead).
 */
export async function processIdentity(pid: number): Promise<string | undefined> {
  return LINUX ? linuxIdentity(pid) : psIdentity(pid);
}

/** The same where there is no /proc. The moment of the start is told in one way, wherever the laptop travels. */
export async function psIdentity(pid: number): Promise<string | undefined> {
  try {
    const env = childEnvironment({ TZ: 'UTC', LC_ALL: 'C' });
    const { stdout } = await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { env });
    const text = stdout.trim();
    return text === '' || text.startsWith('Z') ? undefined : text.slice(text.indexOf(' ')).trim();
  } catch {
    return undefined;
  }
}

function linuxIdentity(pid: number): string | undefined {
  try {
    const fields = statFields(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    const [state, startTicks] = [fields[0], fields[19]];
    if (state === undefined || startTicks === undefined || state === 'Z' || state === 'X') return undefined;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}/${startTicks}`;
  } catch {
    return undefined;
  }
}

/** The fields of /proc/PID/stat from the third on: the second, a name in parentheses, may hold blanks. */
function statFields(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Resident memory of each process in bytes; 0 for one that is gone. */
export async function residentBytes(pids: readonly number[]): Promise<Map<number, number>> {
  const bytes = new Map<number, number>();
  if (pids.length === 0) return bytes;
  if (LINUX) {
    for (const pid of pids) bytes.set(pid, linuxResidentBytes(pid));
    return bytes;
  }
  // `ps` exits with an error when one of the processes is gone, and still lists the others.
  const { stdout } = await run('ps', ['-o', 'pid=,rss=', '-p', pids.join(',')]).catch(() => ({ stdout: '' }));
  for (const line of stdout.split('\n')) {
    const [pid, kibibytes] = line.trim().split(/\s+/).map(Number);
    if (pid !== undefined && kibibytes !== undefined) bytes.set(pid, kibibytes * 1024);
  }
  return bytes;
}

function linuxResidentBytes(pid: number): number {
  try {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return match === null ? 0 : Number(match[1]) * 1024;
  } catch {
    return 0;
  }
}
