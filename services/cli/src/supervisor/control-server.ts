/** The supervisor's ear: a small JSON API over HTTP on a Unix socket that only its owner can open. */

import { chmod, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from '@orrery/kit/http.ts';
import { CliError, messageOf } from '../cli-error.ts';
import { isKillSignal } from '../signals.ts';
import type { ProcessStatus } from './process-spec.ts';
import type { Supervisor } from './supervisor.ts';

/** Answers of the API, by path. */
export interface ControlAnswers {
  status: { readonly pid: number; readonly processes: readonly ProcessStatus[] };
  /** Of `kill`, `start` and `shutdown`: what came of it, in words. */
  done: { readonly message: string };
  /** Of anything that the user can mend, with status 400. */
  refused: { readonly error: string };
}

export interface ControlServer {
  close(): Promise<void>;
}

interface ControlOptions {
  readonly socketPath: string;
  readonly supervisor: Pick<Supervisor, 'status' | 'kill' | 'startProcess'>;
  /** Takes the whole cluster down; the answer is sent once that is done. */
  readonly shutDown: () => Promise<void>;
}

/** Starts to listen; a socket that an earlier supervisor left behind is replaced. */
export async function serveControl(options: ControlOptions): Promise<ControlServer> {
  const { socketPath } = options;
  const server = createServer((request, response) => {
    void answer(request, response, options);
  });
  // `start` may take a minute, and so may a shutdown.
  server.requestTimeout = 0;
  await rm(socketPath, { force: true });
  await new Promise<void>((resolve, reject) => {
    // Some file systems have no sockets: shared folders of virtual machines, for example.
    server.once('error', ({ message }) => reject(new CliError(`the supervisor cannot listen: ${message}`)));
    server.listen(socketPath, resolve);
  });
  await chmod(socketPath, 0o600);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: ControlOptions,
): Promise<void> {
  const send = (code: number, body: ControlAnswers[keyof ControlAnswers]): void => {
    response
      .writeHead(code, { 'content-type': 'application/json', connection: 'close' })
      .end(JSON.stringify(body));
  };
  request.resume();
  try {
    send(200, await route(request, options));
  } catch (error) {
    send(error instanceof CliError ? 400 : 500, { error: messageOf(error) });
  }
}

async function route(
  { method, url = '/' }: IncomingMessage,
  { supervisor, shutDown }: ControlOptions,
): Promise<ControlAnswers['status' | 'done']> {
  const { pathname, searchParams } = new URL(url, 'http://supervisor');
  const service = searchParams.get('service') ?? '';
  switch (`${method} ${pathname}`) {
    case 'GET /status':
      return { pid: process.pid, processes: await supervisor.status() };
    case 'POST /kill': {
      const signal = searchParams.get('signal');
      if (!isKillSignal(signal)) throw new CliError(`unknown signal ${signal}`);
      return { message: await supervisor.kill(service, signal) };
    }
    case 'POST /start':
      return { message: await supervisor.startProcess(service) };
    case 'POST /shutdown':
      await shutDown();
      return { message: 'the cluster is down' };
    default:
      throw new CliError(`the supervisor does not know ${method} ${pathname}`);
  }
}
