/** Writing to the terminal. */

import { once } from 'node:events';
import { systemErrorCode } from './cli-error.ts';

/** Whether this process goes on when nobody reads its output any more. */
let outlivesReader = false;

/**
 * From now on the end of the reader (`./orrery up | head`) does not end this process: it has
 * children to look after.
 */
export function outliveReader(): void {
  outlivesReader = true;
}

/** `./orrery logs | head` closes the pipe when it has seen enough; that is no error. */
export function watchReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error) => {
      if (!outlivesReader) process.exit(systemErrorCode(error) === 'EPIPE' ? 0 : 1);
    });
  }
}

/** A line of result, on standard output. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A line of much output: resolves when the reader can take more. */
export async function printInFull(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
}

/** A line about what is going on, on standard error, so that results stay clean. */
export function note(line: string): void {
  process.stderr.write(`orrery: ${line}\n`);
}
