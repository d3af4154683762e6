/** One more apiserver for a cluster that runs: upstream's control planes have several, and clients may talk to any. */

import { spawn } from 'node:child_process';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { httpProbe } from '../../services/cli/src/supervisor/probe.ts';
import { eventually, type TestCluster } from './cluster.ts';
import { freePort } from './free-port.ts';

export interface SecondApiserver {
  /** Leads clients to this apiserver. */
  readonly kubeconfig: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts it as the first one was started, but on ports and with a state directory of its own, and waits until it is ready. */
export async function startSecondApiserver(cluster: TestCluster): Promise<SecondApiserver> {
  const first = (await cluster.processes()).find(({ name }) => name === 'apiserver');
  const [command, ...args] = await nulSeparated(`/proc/${first!.pid}/cmdline`);
  const inherited = await nulSeparated(`/proc/${first!.pid}/environ`);
  const environment = Object.fromEntries(
    inherited.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );
  const state = join(cluster.data, 'second-apiserver');
  await mkdir(state);
  // With the CA and the key of tokens, as ARCHITECTURE.md says.
  await cp(environment['ORRERY_STATE_DIR']!, state, {
    recursive: true,
    filter: (path) => !/node-agent|claims/.test(path.slice(environment['ORRERY_STATE_DIR']!.length)),
  });
  const [port, grpcPort, httpPort] = [await freePort(), await freePort(), await freePort()];
  const kubeconfig = join(state, 'kubeconfig');
  const child = spawn(command!, args, {
    stdio: 'ignore',
    env: {
      ...environment,
      ORRERY_INSTANCE: 'apiserver-1',
      ORRERY_PORT: String(port),
      ORRERY_GRPC_PORT: String(grpcPort),
      ORRERY_HTTP_PORT: String(httpPort),
      ORRERY_STATE_DIR: state,
      ORRERY_KUBECONFIG: kubeconfig,
    },
  });
  const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  try {
    await eventually('the second apiserver is ready', httpProbe(httpPort, '/readyz'));
  } catch (error) {
    await stop();
    throw error;
  }
  return { kubeconfig, port, stop };
}

async function nulSeparated(file: string): Promise<string[]> {
  return (await readFile(file, 'utf8')).split('\0').filter((each) => each !== '');
}
