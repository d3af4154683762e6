/**
 * The supervisor of `up -d`: a process of its own, told by its first argument what to start. It
 * reports to the command that started it until the cluster is ready, and lives on alone.
 */

import { appendFileSync } from 'node:fs';
import { systemClock } from '@orrery/kit/clock.ts';
import { CliError, messageOf } from '../cli-error.ts';
import { dataDirectory } from '../data-directory.ts';
import { bringUp, type UpRequest } from './cluster.ts';
import type { DaemonMessage } from './daemon.ts';
import { SUPERVISOR } from './process-spec.ts';
import { stopOnSignals } from './stop-on-signals.ts';

const request = JSON.parse(process.argv[2] ?? '') as UpRequest;

/** To the starting command, as long as it listens. */
function tell(message: DaemonMessage): void {
  if (process.connected) process.send?.(message, () => undefined);
}

process.on('uncaughtException', (error) => {
  const line = { level: 60, time: systemClock.now(), msg: 'supervisor failed', err: error.stack };
  try {
    appendFileSync(dataDirectory(request.data).logFile(SUPERVISOR), `${JSON.stringify(line)}\n`);
  } finally {
    tell({ kind: 'failed', message: `the supervisor failed: ${error.message}`, expected: false });
    process.exitCode = 1;
  }
});

const wanted = new AbortController();
const giveUp = (): void => wanted.abort();
// The command was interrupted before the cluster was ready: nobody wants it any more.
process.once('disconnect', giveUp);
const signals = stopOnSignals(giveUp);

try {
  const cluster = await bringUp(request, {
    report: (line) => tell({ kind: 'progress', line }),
    signal: wanted.signal,
  });
  process.off('disconnect', giveUp);
  signals.use(cluster);
  tell({ kind: 'ready' });
  await cluster.down;
} catch (error) {
  tell({ kind: 'failed', message: messageOf(error), expected: error instanceof CliError });
  process.exitCode = 1;
} finally {
  signals.release();
  if (process.connected) process.disconnect();
}
