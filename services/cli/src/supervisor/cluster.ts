/** Bringing a cluster up: every check first, then everything at once. */

import { rm } from 'node:fs/promises';
import { type Clock, systemClock } from '@orrery/kit/clock.ts';
import { CliError } from '../cli-error.ts';
import {
  type ClusterOptions,
  type ClusterRecord,
  continueClock,
  DEFAULT_OPTIONS,
  internalPorts,
  readClusterRecord,
  writeClusterRecord,
} from '../cluster-record.ts';
import {
  assertUsable,
  dataDirectory,
  type DataDirectory,
  makeDirectories,
  makeRunDirectory,
  removeEmpty,
  shown,
  writing,
} from '../data-directory.ts';
import { allocatePorts, portTrouble } from '../ports.ts';
import { processTable } from '../process-table.ts';
import { ensureServerPrograms } from '../server-programs.ts';
import { typedCommand } from '../typed-command.ts';
import { liveProcesses, startedProcesses } from './control-client.ts';
import { type ControlServer, serveControl } from './control-server.ts';
import { eventLog, lastLines } from './log-file.ts';
import { StartFailure } from './managed-process.ts';
import { claimPidFile, endRecorded } from './pid-file.ts';
import { type ProcessEvent, SUPERVISOR } from './process-spec.ts';
import { Supervisor } from './supervisor.ts';

/** What `up` was asked for. It crosses a process boundary as JSON. */
export interface UpRequest {
  /** Absolute path of the data directory. */
  readonly data: string;
  /** Only what was given; the rest is taken from the last start. */
  readonly options: Partial<ClusterOptions>;
  readonly zeroDelays: boolean;
}

/** What comes of a start that is no longer wanted. */
export const STOPPED_TOO_EARLY = 'stopped before the cluster was ready';

/** Lines of a failed process's log that are shown. */
const SHOWN_LOG_LINES = 15;

/** A cluster that this process supervises. */
export interface SupervisedCluster {
  readonly supervisor: Supervisor;
  readonly options: ClusterOptions;
  /** Resolves once the cluster is down, whoever asked for it. */
  readonly down: Promise<void>;
  /** Takes it down in order. */
  stop(): Promise<void>;
}

export interface BringUpHooks {
  /** Told, one line at a time, what happens. */
  readonly report: (line: string) => void;
  /** Aborted when the user no longer wants it: whatever was started is stopped again. */
  readonly signal: AbortSignal;
}

/**
 * Starts a cluster and waits until all of it is ready.
 * @throws CliError when something is in the way; then nothing of the cluster runs.
 */
export async function bringUp(request: UpRequest, hooks: BringUpHooks): Promise<SupervisedCluster> {
  const data = dataDirectory(request.data);
  await assertUsable(data);
  const release = await claimDirectory(data);
  try {
    return await bringUpIn(data, request, hooks);
  } catch (error) {
    await release();
    throw hooks.signal.aborted ? new CliError(STOPPED_TOO_EARLY) : error;
  }
}

/**
 * Takes a data directory for this process, before anything else is done there: of two starts at once
 * one is refused. Returns how to give it back, as it was.
 * @throws CliError when a cluster runs there.
 */
async function claimDirectory(data: DataDirectory): Promise<() => Promise<void>> {
  const made = await makeRunDirectory(data);
  const pidFile = data.pidFile(SUPERVISOR);
  try {
    if (!(await writing(data, () => claimPidFile(pidFile)))) throw alreadyRunning(data);
  } catch (error) {
    await removeEmpty(made);
    throw error;
  }
  return async () => {
    await rm(pidFile, { force: true });
    await removeEmpty(made);
  };
}

async function bringUpIn(
  data: DataDirectory,
  request: UpRequest,
  { report, signal }: BringUpHooks,
): Promise<SupervisedCluster> {
  const clock = systemClock;
  const previous = await readClusterRecord(data);
  const options: ClusterOptions = { ...DEFAULT_OPTIONS, ...previous?.options, ...request.options };
  await endOrphans(data, clock, report);
  await assertPortFree(options.port);
  const programs = await ensureServerPrograms(report);
  const record: ClusterRecord = {
    options,
    ports: await allocatePorts(internalPorts(options.nodeAgents), previous?.ports ?? {}, [options.port]),
    clock: continueClock(previous?.clock, options.speed, clock.now()),
  };
  signal.throwIfAborted();
  await writeClusterRecord(data, record);
  await makeDirectories(data);
  report('starting redis, nats and the services ...');
  const log = eventLog(data.logFile(SUPERVISOR), clock);
  const supervisor = new Supervisor(
    processTable({ data, record, programs, zeroDelays: request.zeroDelays }),
    {
      clock,
      data,
      onEvent: (event) => {
        log(event);
        const line = eventLine(event);
        if (line !== undefined) report(line);
      },
    },
  );
  return superviseUntilReady(supervisor, { data, options, signal });
}

async function superviseUntilReady(
  supervisor: Supervisor,
  { data, options, signal }: { data: DataDirectory; options: ClusterOptions; signal: AbortSignal },
): Promise<SupervisedCluster> {
  const down = Promise.withResolvers<void>();
  let control: ControlServer | undefined;
  /** Whether somebody asked for the end. */
  let unwanted = false;
  const stop = async (): Promise<void> => {
    unwanted = true;
    await supervisor.stop();
    await rm(data.controlSocket, { force: true });
    await rm(data.pidFile(SUPERVISOR), { force: true });
    down.resolve();
  };
  const abort = (): void => void stop();
  signal.addEventListener('abort', abort, { once: true });
  try {
    control = await serveControl({ socketPath: data.controlSocket, supervisor, shutDown: stop });
    void down.promise.then(() => control?.close());
    signal.throwIfAborted();
    await supervisor.start();
  } catch (error) {
    const givenUp = unwanted;
    await stop();
    if (givenUp) throw new CliError(STOPPED_TOO_EARLY);
    throw error instanceof StartFailure ? await withLog(error, data) : error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
  return { supervisor, options, down: down.promise, stop };
}

function alreadyRunning(data: DataDirectory): CliError {
  const [ps, down] = [typedCommand(data, 'ps'), typedCommand(data, 'down')];
  return new CliError(
    `a cluster is already running on ${shown(data.path)}; see "${ps}", or "${down}" first to start it otherwise`,
  );
}

async function assertPortFree(port: number): Promise<void> {
  const trouble = await portTrouble(port);
  if (trouble === undefined) return;
  const why = trouble === 'taken' ? 'is in use by another program' : 'may not be used by you';
  throw new CliError(`port ${port} ${why}; choose another with --port`);
}

/** Ends what a supervisor left behind that was killed itself, the last of the table first; says whether there was anything. */
export async function endOrphans(
  data: DataDirectory,
  clock: Clock,
  report: (line: string) => void,
): Promise<boolean> {
  const orphans = await liveProcesses(data);
  if (orphans.length > 0) {
    report(`stopping what a supervisor that was killed has left behind: ${orphans.join(', ')} ...`);
  }
  const started = await startedProcesses(data);
  for (const name of started.toReversed()) await endRecorded(data.pidFile(name), clock);
  return orphans.length > 0;
}

async function withLog(failure: StartFailure, data: DataDirectory): Promise<CliError> {
  const path = data.logFile(failure.process);
  const lines = await lastLines(path, SHOWN_LOG_LINES);
  const log = lines.length === 0 ? '' : `; the end of ${shown(path)}:\n${lines.join('\n')}`;
  return new CliError(`${failure.message}; the cluster is stopped again${log}`);
}

/** An event as a line for the terminal; not every event is worth one. */
function eventLine(event: ProcessEvent): string | undefined {
  switch (event.kind) {
    case 'ready':
      return `${event.process} is ready after ${(event.afterMs / 1_000).toFixed(2)} s`;
    case 'died': {
      const when = event.restartInMs === 0 ? 'at once' : `in ${event.restartInMs} ms`;
      return `${event.process} ${event.reason}; it is started again ${when}`;
    }
    case 'paused':
    case 'resumed':
    case 'stopped':
      return `${event.process} is ${event.kind}`;
    case 'started':
      return undefined;
  }
}
