/** A server that a test starts, kills and starts again. */

import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { systemClock } from '@orrery/kit/clock.ts';

const START_LIMIT_MS = 10_000;
const PROBE_PERIOD_MS = 10;

export interface ServerProcess {
  readonly pid: number;
  /** Sends a signal. For a signal that ends the process, resolves when it has ended. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Ends it, whatever state it is in. Does nothing when it has ended already. */
  stop(): Promise<void>;
}

/** Says whether what came so far means that the server serves; undefined to wait for more. */
type Greeting = (received: string) => boolean | undefined;

export interface ServerCommand {
  command: string;
  args: string[];
  port: number;
  /** Sent on a connection of its own to find out whether the server serves. */
  probe: string;
  greeting: Greeting;
}

/** Starts the server and waits until it serves. Rejects with its output when it ends or takes more than 10 s. */
export async function startServer({
  command,
  args,
  port,
  probe,
  greeting,
}: ServerCommand): Promise<ServerProcess> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-4_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      output += String(error);
      resolve();
    });
  });
  const started = await serving(child, port, probe, greeting);
  if (!started || child.pid === undefined) {
    child.kill('SIGKILL');
    throw new Error(`${command} did not start on port ${port}:\n${output}`);
  }
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  return {
    pid: child.pid,
    kill: async (signal) => {
      child.kill(signal);
      if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await ended;
    },
    stop,
  };
}

async function serving(
  child: ChildProcess,
  port: number,
  probe: string,
  greeting: Greeting,
): Promise<boolean> {
  const limitMs = systemClock.now() + START_LIMIT_MS;
  while (child.exitCode === null && child.signalCode === null && systemClock.now() < limitMs) {
    if (await ask(port, probe, greeting)) return true;
    await systemClock.sleep(PROBE_PERIOD_MS);
  }
  return false;
}

function ask(port: number, probe: string, greeting: Greeting): Promise<boolean> {
  return new Promise((resolve) => {
    let received = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(probe));
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => settle(false));
    socket.on('data', (chunk) => {
      received += chunk.toString();
      const answer = greeting(received);
      if (answer !== undefined) settle(answer);
    });
    socket.on('error', () => settle(false));
    socket.on('close', () => settle(false));
  });
}
