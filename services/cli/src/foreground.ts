/** Running another program in this one's place. */

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { CliError } from './cli-error.ts';

export interface ForegroundProgram {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
}

/**
 * Runs a program on this process's terminal until it ends.
 * @returns its exit code; 128 + N when signal N ended it, as shells do.
 */
export function runInForeground(program: ForegroundProgram): Promise<number> {
  const { command, args, environment, workingDirectory } = program;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: environment, stdio: 'inherit', cwd: workingDirectory });
    // Ctrl-C reaches the program by itself, and it decides what that means; other signals are passed on.
    const ignore = (): void => undefined;
    const passOn = (signal: NodeJS.Signals): void => void child.kill(signal);
    process.on('SIGINT', ignore);
    process.on('SIGTERM', passOn);
    process.on('SIGHUP', passOn);
    const settle = (): void => {
      process.off('SIGINT', ignore);
      process.off('SIGTERM', passOn);
      process.off('SIGHUP', passOn);
    };
    child.once('error', (error) => {
      settle();
      reject(new CliError(`${command} cannot be run: ${error.message}`));
    });
    child.once('exit', (code, signal) => {
      settle();
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
