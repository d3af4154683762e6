/** A TCP port on 127.0.0.1 that nobody listens on right now. */

import { createServer } from 'node:net';

/**
 * Below the ports that the system gives to outgoing connections (from 32,768 on), and below those
 * that clusters choose for themselves (cli/src/ports.ts): one of those may have the port by the time
 * that it is wanted, while many test files run at once.
 */
const FIRST = 8_192;
const COUNT = 8_192;

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await isFree(port)) return port;
  }
}
