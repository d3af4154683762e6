/** JSON logs: a constant message plus fields; `./orrery logs` makes them pretty. */

import { destination, pino } from 'pino';

export type { Logger } from 'pino';
import type { Logger } from 'pino';

export interface LoggerOptions {
  service: string;
  instance: string;
  level: string;
}

/**
 * A logger that writes one JSON object per line on stdout; `time` is epoch ms of the wall. Lines are written at once
 * and in order, so that the last words of a process that exits are not lost or mixed up.
 */
export function createLogger({ service, instance, level }: LoggerOptions): Logger {
  return pino({ level, base: { service, instance } }, destination({ fd: 1, sync: true }));
}

/** A logger that says nothing, for tests. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}
