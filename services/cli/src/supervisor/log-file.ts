/** Log files of bounded size. */

import { appendFileSync } from 'node:fs';
import { copyFile, open, stat, truncate } from 'node:fs/promises';
import type { Clock } from '@orrery/kit/clock.ts';
import type { ProcessEvent } from './process-spec.ts';

/** A log that has grown to this size is moved aside; one older part is kept. */
const LOG_LIMIT_BYTES = 16 * 1024 * 1024;

/** The older part of a log. */
export function olderPart(path: string): string {
  return `${path}.1`;
}

/**
 * Moves a log aside when it has grown too large. The file stays the same for the process that
 * writes it (in append mode, so that it goes on at the new end); a line written in the moment
 * between copying and cutting may be lost.
 */
export async function rotateLog(path: string, limitBytes = LOG_LIMIT_BYTES): Promise<void> {
  try {
    if ((await stat(path)).size < limitBytes) return;
    await copyFile(path, olderPart(path));
    await truncate(path);
  } catch {
    // A log that is missing, or on a full disk, must not harm the cluster.
  }
}

/** The last lines of a log, at most `count` and 16 KiB. */
export async function lastLines(path: string, count: number): Promise<string[]> {
  const size = await stat(path).then(
    (facts) => facts.size,
    () => 0,
  );
  if (size === 0) return [];
  const file = await open(path);
  try {
    const length = Math.min(size, 16 * 1024);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n').slice(-count);
  } finally {
    await file.close();
  }
}

/** Writes what happens to processes into the supervisor's own log, in the form of the services' logs. */
export function eventLog(path: string, clock: Clock): (event: ProcessEvent) => void {
  return ({ kind, ...fields }) => {
    const level = kind === 'died' ? 40 : 30;
    const line = { level, time: clock.now(), ...fields, msg: `process ${kind}` };
    try {
      appendFileSync(path, `${JSON.stringify(line)}\n`, { mode: 0o600 });
    } catch {
      // As above: no log is worth a cluster.
    }
  };
}
