/** How commands speak to the supervisor. */

import { request } from '@orrery/kit/http.ts';
import { CliError, systemErrorCode } from '../cli-error.ts';
import { type DataDirectory, shown } from '../data-directory.ts';
import type { ControlAnswers } from './control-server.ts';
import { livePid } from './pid-file.ts';
import { SUPERVISOR } from './process-spec.ts';

/** Longer than any start, and than an orderly stop of seven processes that all have to be killed. */
const ANSWER_LIMIT_MS = 90_000;

/** No supervisor of this cluster runs. */
export class NotRunning extends CliError {
  constructor(data: DataDirectory) {
    super(`no cluster runs on ${shown(data.path)}; "./orrery up" starts one`);
    this.name = 'NotRunning';
  }
}

/** How every process of the cluster is. @throws NotRunning */
export function fetchStatus(data: DataDirectory): Promise<ControlAnswers['status']> {
  return call<ControlAnswers['status']>(data, 'GET', '/status');
}

/** Sends a signal to a service. @throws NotRunning, or CliError with what the supervisor objects to */
export async function requestKill(data: DataDirectory, service: string, signal: string): Promise<string> {
  const query = new URLSearchParams({ service, signal }).toString();
  return (await call<ControlAnswers['done']>(data, 'POST', `/kill?${query}`)).message;
}

/** Starts a service until it is ready. @throws NotRunning, or CliError when it does not get ready */
export async function requestStart(data: DataDirectory, service: string): Promise<string> {
  const query = new URLSearchParams({ service }).toString();
  return (await call<ControlAnswers['done']>(data, 'POST', `/start?${query}`)).message;
}

/** Takes the cluster down; resolves when every process is gone but the supervisor. @throws NotRunning */
export async function requestShutdown(data: DataDirectory): Promise<void> {
  await call<ControlAnswers['done']>(data, 'POST', '/shutdown');
}

/** The supervisor is of the same version as this command, so its answers are what their types say. */
async function call<Answer>(data: DataDirectory, method: string, path: string): Promise<Answer> {
  let reply: { code: number; body: string };
  try {
    reply = await exchange(data.controlSocket, method, path);
  } catch (error) {
    const code = systemErrorCode(error);
    const pid = await livePid(data.pidFile(SUPERVISOR));
    if (pid === undefined || code === 'ENOENT' || code === 'ECONNREFUSED') throw new NotRunning(data);
    throw new CliError(`the supervisor (pid ${pid}) does not answer; end it with "kill -9 ${pid}"`);
  }
  if (reply.code === 200) return JSON.parse(reply.body) as Answer;
  throw new CliError((JSON.parse(reply.body) as ControlAnswers['refused']).error);
}

function exchange(socketPath: string, method: string, path: string): Promise<{ code: number; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { socketPath, method, path, agent: false, timeout: ANSWER_LIMIT_MS },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (body += chunk));
        response.once('end', () => resolve({ code: response.statusCode ?? 0, body }));
        response.once('error', reject);
      },
    );
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer')));
    outgoing.once('error', reject);
    outgoing.end();
  });
}
