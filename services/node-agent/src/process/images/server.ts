/** What servers have in common: they say that they start, listen, and end on TERM. */

import type { Duplex } from 'node:stream';
import { NetworkError, type PortService } from '../../network/network.ts';
import type { Process, Signal } from '../process.ts';
import type { Idle } from './profile.ts';

export interface ServerOptions {
  ports: readonly (readonly [port: number, service: PortService])[];
  /** Printed when it starts, but not again by an agent that goes on with it. */
  lines?: readonly string[];
  /** Where they go. */
  stream?: 'stdout' | 'stderr';
  /** The exit codes of the signals that end it; those of most servers when absent. */
  endings?: Partial<Record<Signal, number>>;
  /** Printed when it ends by a signal. */
  farewell?: (signal: Signal) => readonly string[];
  idle?: Idle;
  /** What it says when a port is taken, after which it exits with 1. */
  portTaken?: (port: number, reason: string) => string;
}

const ENDINGS: Partial<Record<Signal, number>> = { SIGTERM: 0, SIGINT: 0, SIGQUIT: 0 };
const MEBIBYTE = 1024 * 1024;

/** Tells the meter what a program uses while it waits. */
export function idles({ usage }: Process, { cpuMilli, memoryMiB }: Idle): void {
  usage.set({ cpuMilli, memoryBytes: memoryMiB * MEBIBYTE });
}

function text(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** Runs a server to its end; resolves to its exit code. */
export async function serve(process: Process, options: ServerOptions): Promise<number> {
  const { ports, lines = [], stream = 'stdout', endings = ENDINGS, farewell, idle } = options;
  const isNew = process.progress.saved === undefined;
  if (idle !== undefined) idles(process, idle);
  for (const [port, service] of ports) {
    try {
      process.network.listen(port, service);
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      const reason = error.message.toLowerCase();
      const said =
        options.portTaken?.(port, reason) ?? `${process.argv[0]}: listen tcp :${port}: bind: ${reason}`;
      await process.stderr.write(`${said}\n`);
      return 1;
    }
  }
  if (isNew && lines.length > 0) {
    process.progress.save('started');
    await process[stream].write(text(lines));
  }
  const signal = await firstOf(process, Object.keys(endings) as Signal[]);
  if (farewell !== undefined) await process[stream].write(text(farewell(signal)));
  return endings[signal]!;
}

/** The first of these signals to come. Who waits for it is forgotten with the process. */
export function firstOf(process: Process, signals: readonly Signal[]): Promise<Signal> {
  return new Promise((resolve) => {
    for (const signal of signals) process.onSignal(signal, () => resolve(signal));
  });
}

/** A port that takes connections, reads what comes and says nothing. */
export const SILENT: PortService = {
  accept: (connection: Duplex) => {
    connection.on('error', () => undefined);
    connection.on('end', () => connection.end());
    connection.resume();
  },
};
