/** How commands speak to the supervisor. */

import { request } from '@orrery/kit/http.ts';
import { CliError, systemErrorCode } from '../cli-error.ts';
import { type DataDirectory, shown } from '../data-directory.ts';
import { processesAmong } from '../process-table.ts';
import { typedCommand } from '../typed-command.ts';
import type { ControlAnswers } from './control-server.ts';
import { livePid } from './pid-file.ts';
import { SUPERVISOR } from './process-spec.ts';

/** Longer than any start, and than an orderly stop of processes that all have to be killed. */
const ANSWER_LIMIT_MS = 90_000;

/** A status only waits for probes, which take a second at most. */
const STATUS_LIMIT_MS = 10_000;

/** No supervisor of this cluster runs; `orphans` are processes that one left behind which was killed. */
export class NotRunning extends CliError {
  constructor(data: DataDirectory, orphans: readonly string[] = []) {
    const [up, down] = [typedCommand(data, 'up'), typedCommand(data, 'down')];
    super(
      orphans.length === 0
        ? `no cluster runs on ${shown(data.path)}; "${up}" starts one`
        : `the supervisor of ${shown(data.path)} was killed; without it run ${orphans.join(', ')}: "${up}" starts all anew, "${down}" stops them`,
    );
    this.name = 'NotRunning';
  }
}

/** A supervisor runs and does not listen: it is on its way up or down. */
export class NotListening extends CliError {
  readonly pid: number;

  constructor(data: DataDirectory, pid: number) {
    super(
      `the cluster on ${shown(data.path)} is being started or stopped (pid ${pid}); wait a moment, or end it with "${typedCommand(data, 'down')}"`,
    );
    this.name = 'NotListening';
    this.pid = pid;
  }
}

/** The names of the processes that have left a pid file, in the order of dependence. */
export async function startedProcesses(data: DataDirectory): Promise<string[]> {
  return processesAmong(await data.namesOfPidFiles());
}

/** The names of the processes of a cluster that run, whether or not under a supervisor. */
export async function liveProcesses(data: DataDirectory): Promise<string[]> {
  const names = await startedProcesses(data);
  const pids = await Promise.all(names.map((name) => livePid(data.pidFile(name))));
  return names.filter((_, index) => pids[index] !== undefined);
}

/** How every process of the cluster is. @throws NotRunning, NotListening */
export function fetchStatus(data: DataDirectory): Promise<ControlAnswers['status']> {
  return call<ControlAnswers['status']>(data, 'GET', '/status', STATUS_LIMIT_MS);
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

/** Takes the cluster down; resolves when every process is gone but the supervisor. @throws NotRunning, NotListening */
export async function requestShutdown(data: DataDirectory): Promise<void> {
  await call<ControlAnswers['done']>(data, 'POST', '/shutdown');
}

/** The supervisor is of the same version as this command, so its answers are what their types say. */
async function call<Answer>(
  data: DataDirectory,
  method: string,
  path: string,
  limitMs = ANSWER_LIMIT_MS,
): Promise<Answer> {
  let reply: { code: number; body: string };
  try {
    reply = await exchange(data.controlSocket, method, path, limitMs);
  } catch (error) {
    const code = systemErrorCode(error);
    const pid = await livePid(data.pidFile(SUPERVISOR));
    if (pid === undefined) throw new NotRunning(data, await liveProcesses(data));
    if (code === 'ENOENT' || code === 'ECONNREFUSED') throw new NotListening(data, pid);
    throw new CliError(`the supervisor (pid ${pid}) does not answer; end it with "kill -9 ${pid}"`);
  }
  if (reply.code === 200) return JSON.parse(reply.body) as Answer;
  throw new CliError((JSON.parse(reply.body) as ControlAnswers['refused']).error);
}

function exchange(
  socketPath: string,
  method: string,
  path: string,
  limitMs: number,
): Promise<{ code: number; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path, agent: false, timeout: limitMs }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.once('end', () => resolve({ code: response.statusCode ?? 0, body }));
      response.once('error', reject);
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer')));
    outgoing.once('error', reject);
    outgoing.end();
  });
}
