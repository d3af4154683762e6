/** A real Redis for tests, as `./orrery up` starts it, on a free port. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { type ServerProcess, startServer } from './server-process.ts';

export interface RedisOptions {
  /** Where the append-only file is; a temporary directory, removed by `stop`, unless given. */
  dir?: string;
  /** A free one unless given: give it to start again where a killed Redis was. */
  port?: number;
}

export interface RedisServer extends ServerProcess {
  readonly url: string;
  readonly port: number;
  readonly dir: string;
}

/** Starts Redis and waits until it has loaded its data. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'orrery-redis-')));
  const port = options.port ?? (await freePort());
  const server = await startServer({
    command: 'redis-server',
    args: `--port ${port} --bind 127.0.0.1 --protected-mode yes --appendonly yes --appendfsync always`
      .split(' ')
      .concat('--save', '', '--dir', dir),
    port,
    probe: 'PING\r\n',
    greeting: (received) => (received.endsWith('\r\n') ? received.startsWith('+PONG') : undefined),
  });
  const stop = async (): Promise<void> => {
    await server.stop();
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
  };
  return { ...server, url: `redis://127.0.0.1:${port}`, port, dir, stop };
}
