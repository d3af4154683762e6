/** Pid files that cannot be mistaken: they say which process they mean, not only its number. */

import { access, link, readFile, rm, writeFile } from 'node:fs/promises';
import type { Clock } from '@orrery/kit/clock.ts';
import { systemErrorCode } from '../cli-error.ts';
import { processIdentity } from './process-identity.ts';

/** How long a process may take to end after SIGTERM before it is killed. */
export const STOP_LIMIT_MS = 10_000;

const POLL_MS = 20;

/** Records that a process of ours has this pid. Nothing is written when it is gone already. */
export async function writePidFile(path: string, pid: number): Promise<void> {
  const identity = await processIdentity(pid);
  if (identity === undefined) return;
  await writeFile(path, JSON.stringify({ pid, identity }));
}

/**
 * Records that this process holds a place that only one may hold.
 * @returns false when another live process holds it.
 */
export async function claimPidFile(path: string): Promise<boolean> {
  // Linked to its name when it is whole: who reads it must not take half a file for none.
  const draft = `${path}.${process.pid}`;
  try {
    await writeFile(
      draft,
      JSON.stringify({ pid: process.pid, identity: await processIdentity(process.pid) }),
    );
    for (let tries = 0; tries < 3; tries += 1) {
      if (await linkTo(draft, path)) return true;
      if ((await livePid(path)) !== undefined || !(await removeStale(path, draft))) return false;
    }
    return false;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Gives a file another name; false when there is something of that name. */
async function linkTo(path: string, name: string): Promise<boolean> {
  try {
    await link(path, name);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Removes a file that means no live process. Only who holds the lock does that: otherwise one of two
 * that found the same dead process would remove what the other has put in its place.
 * @returns false when another process is at it.
 */
async function removeStale(path: string, draft: string): Promise<boolean> {
  const lock = `${path}.lock`;
  if (!(await linkTo(draft, lock))) {
    if ((await livePid(lock)) !== undefined) return false;
    await rm(lock, { force: true });
    return true;
  }
  try {
    // A file that is gone now may be there again, and somebody's, in a moment.
    if ((await exists(path)) && (await livePid(path)) === undefined) await rm(path, { force: true });
    return true;
  } finally {
    await rm(lock, { force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** The pid of the process that a file means, if exactly that process still lives. */
export async function livePid(path: string): Promise<number | undefined> {
  const record = await readPidFile(path);
  if (record === undefined) return undefined;
  return (await processIdentity(record.pid)) === record.identity ? record.pid : undefined;
}

async function readPidFile(path: string): Promise<{ pid: number; identity: string } | undefined> {
  try {
    const { pid, identity } = JSON.parse(await readFile(path, 'utf8')) as {
      pid?: unknown;
      identity?: unknown;
    };
    if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 1) return undefined;
    return typeof identity === 'string' ? { pid, identity } : undefined;
  } catch {
    // Missing, or cut off by a crash while it was written: it means no process.
    return undefined;
  }
}

/** Ends the process that a pid file means, first gently, and removes the file. True if there was one. */
export async function endRecorded(path: string, clock: Clock, limitMs = STOP_LIMIT_MS): Promise<boolean> {
  const pid = await livePid(path);
  if (pid !== undefined) {
    // A paused process would not see SIGTERM before it continues.
    for (const signal of ['SIGTERM', 'SIGCONT'] as const) sendSignal(pid, signal);
    if (!(await waitUntilGone(path, clock, limitMs))) {
      sendSignal(pid, 'SIGKILL');
      await waitUntilGone(path, clock, limitMs);
    }
  }
  await rm(path, { force: true });
  return pid !== undefined;
}

/** Waits until the process that a pid file means is gone; false when it is still there after the limit. */
export async function waitUntilGone(path: string, clock: Clock, limitMs: number): Promise<boolean> {
  const untilMs = clock.now() + limitMs;
  while ((await livePid(path)) !== undefined) {
    if (clock.now() >= untilMs) return false;
    await clock.sleep(POLL_MS);
  }
  return true;
}

/** Sends a signal; false when the process is gone. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (systemErrorCode(error) === 'ESRCH') return false;
    throw error;
  }
}
