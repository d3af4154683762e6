/** Starting a supervisor that outlives the command that starts it. */

import { spawn } from 'node:child_process';
import { flushCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { CliError } from '../cli-error.ts';
import { childEnvironment } from '../config.ts';
import { MALLOC_ENVIRONMENT, SUPERVISOR_NODE_FLAGS } from '../node-flags.ts';
import { STOPPED_TOO_EARLY, type UpRequest } from './cluster.ts';
import { STOP_SIGNALS } from './stop-on-signals.ts';

/** What the supervisor tells the command that started it. */
export type DaemonMessage =
  | { readonly kind: 'progress'; readonly line: string }
  | { readonly kind: 'ready' }
  /** `expected` is false for a bug of ours. */
  | { readonly kind: 'failed'; readonly message: string; readonly expected: boolean };

/**
 * Starts a supervisor and waits until its cluster is ready. If this process ends before that,
 * the supervisor stops everything again.
 * @throws CliError when the cluster cannot be brought up.
 */
export function startDaemon(request: UpRequest, report: (line: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    // What this process has compiled, the supervisor finds ready: it starts sooner and stays smaller.
    flushCompileCache();
    const main = fileURLToPath(new URL('main.ts', import.meta.url));
    const daemon = spawn(process.execPath, [...SUPERVISOR_NODE_FLAGS, main, JSON.stringify(request)], {
      detached: true,
      env: childEnvironment(MALLOC_ENVIRONMENT),
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    // Ctrl-C reaches this process alone. It stays until the supervisor is gone, so that the next
    // command does not find a cluster that is still stopping.
    let givenUp = false;
    const giveUp = (): void => {
      givenUp = true;
      daemon.kill('SIGTERM');
    };
    for (const signal of STOP_SIGNALS) process.on(signal, giveUp);
    const letGo = (): void => {
      for (const signal of STOP_SIGNALS) process.off(signal, giveUp);
      daemon.removeAllListeners();
      if (daemon.connected) daemon.disconnect();
      daemon.unref();
    };
    daemon.on('message', (message: DaemonMessage) => {
      switch (message.kind) {
        case 'progress':
          report(message.line);
          return;
        case 'ready':
          // A moment too late: it stops all the same.
          if (givenUp) return;
          letGo();
          resolve();
          return;
        case 'failed':
          letGo();
          reject(message.expected ? new CliError(message.message) : new Error(message.message));
      }
    });
    daemon.once('error', reject);
    daemon.once('exit', (code, signal) => {
      letGo();
      const how = signal ?? `exit code ${code}`;
      reject(
        new CliError(
          givenUp ? STOPPED_TOO_EARLY : `the supervisor ended before the cluster was ready (${how})`,
        ),
      );
    });
  });
}
