/** Free TCP ports on the loopback address. */

import { createServer } from 'node:net';
import { random } from '@orrery/kit/random.ts';
import { CliError } from './cli-error.ts';

const LOOPBACK = '127.0.0.1';

/**
 * Below every system's range for outgoing connections. A port from that range could be taken by a
 * client while its server is down; worse, a client that keeps dialling such a port on its own
 * machine can end up connected to itself.
 */
const LOWEST_PORT = 16_384;
const HIGHEST_PORT = 32_767;

const MOST_TRIES = 1_000;

/** Whether a server could listen on a port now; the reason when it could not. */
export function portTrouble(port: number): Promise<'taken' | 'forbidden' | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'EACCES' ? 'forbidden' : 'taken'),
    );
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/**
 * One port for each name: the previous one where it is still free, else another free one.
 * @throws CliError when no free port can be found.
 */
export async function allocatePorts<Name extends string>(
  names: readonly Name[],
  previous: Readonly<Partial<Record<Name, number>>>,
  reserved: readonly number[],
): Promise<Record<Name, number>> {
  const used = new Set(reserved);
  const allocated: Partial<Record<Name, number>> = {};
  for (const name of names) {
    const before = previous[name];
    const keep = before !== undefined && !used.has(before) && (await portTrouble(before)) === undefined;
    const port = keep ? before : await freePort(used);
    used.add(port);
    allocated[name] = port;
  }
  return allocated as Record<Name, number>;
}

async function freePort(used: ReadonlySet<number>): Promise<number> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const port = LOWEST_PORT + Math.floor(random() * (HIGHEST_PORT - LOWEST_PORT + 1));
    if (!used.has(port) && (await portTrouble(port)) === undefined) return port;
  }
  throw new CliError(
    `no free port between ${LOWEST_PORT} and ${HIGHEST_PORT} on ${LOOPBACK}; stop other programs`,
  );
}
