/** A real NATS for tests, on a free port. */

import { freePort } from './free-port.ts';
import { type ServerProcess, startServer } from './server-process.ts';

export interface NatsOptions {
  /** A free one unless given: give it to start again where a killed NATS was. */
  port?: number;
}

export interface NatsServer extends ServerProcess {
  readonly url: string;
  readonly port: number;
}

/** Starts NATS and waits until it takes connections. */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const port = options.port ?? (await freePort());
  const server = await startServer({
    command: 'nats-server',
    args: ['-a', '127.0.0.1', '-p', String(port)],
    port,
    probe: '',
    greeting: (received) => (received.includes('\r\n') ? received.startsWith('INFO') : undefined),
  });
  return { ...server, url: `nats://127.0.0.1:${port}`, port };
}
