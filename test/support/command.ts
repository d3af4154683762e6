/** Commands of the machine, run to their end. */

import { execFile } from 'node:child_process';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

/** What a command came to. */
export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  /** The environment of this process unless given. */
  env?: NodeJS.ProcessEnv;
  /** Standard input. */
  input?: string;
  /** The root of the project unless given. */
  cwd?: string;
}

const OUTPUT_LIMIT_BYTES = 256 * 1024 * 1024;

/** A command that cannot be started at all comes to code 127, as in a shell. */
export function execute(
  command: string,
  args: readonly string[],
  { env = process.env, input = '', cwd = root }: CommandOptions = {},
): Promise<Outcome> {
  return new Promise((settle) => {
    const child = execFile(
      command,
      args,
      { maxBuffer: OUTPUT_LIMIT_BYTES, env, cwd },
      (error, stdout, stderr) => {
        const failure = error?.code === 'ENOENT' ? 127 : 1;
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : failure;
        settle({ code, stdout, stderr });
      },
    );
    // A command that reads nothing may be gone before all is written; its outcome tells.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

/** The standard output of a command. @throws Error with all that it printed when it failed. */
export function succeeded(what: string, { code, stdout, stderr }: Outcome): string {
  if (code !== 0) throw new Error(`${what}: exit ${code}\n${stdout}${stderr}`);
  return stdout;
}
