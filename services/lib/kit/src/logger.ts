/** JSON logs: a constant message plus fields; `./orrery logs` makes them pretty. */

import { destination, pino } from 'pino';

export type { Logger } from 'pino';
import type { Logger } from 'pino';

export interface LoggerOptions {
  service: string;
  instance: string;
  level: string;
}

/** Lines that cannot be written wait; beyond this they are dropped. */
const MOST_WAITING_BYTES = 1024 * 1024;

/**
 * A logger that writes one JSON object per line on stdout; `time` is epoch ms of the wall. Lines are written at once
 * and in order, so that the last words of a process that exits are not lost or mixed up. What cannot be written (the
 * disk is full) waits for better times, and is dropped when it becomes too much: no log is worth a service.
 */
export function createLogger({ service, instance, level }: LoggerOptions): Logger {
  const stdout = destination({ fd: 1, sync: true, maxLength: MOST_WAITING_BYTES });
  stdout.on('error', () => undefined);
  return pino({ level, base: { service, instance } }, stdout);
}

/** A logger that says nothing, for tests. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}
