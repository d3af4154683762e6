/** Running the project's own test and bench programs. */

import { join } from 'node:path';
import { childEnvironment } from './config.ts';
import { runInForeground } from './foreground.ts';
import { projectRoot } from './project.ts';
import { ensureServerPrograms } from './server-programs.ts';
import { note } from './terminal.ts';

/** Runs a TypeScript program of the project from its root, with Redis and NATS installed. Resolves to its exit code. */
export async function runProjectScript(path: string, args: readonly string[]): Promise<number> {
  await ensureServerPrograms(note);
  return runInForeground({
    command: process.execPath,
    args: [join(projectRoot, path), ...args],
    environment: childEnvironment(),
    workingDirectory: projectRoot,
  });
}
