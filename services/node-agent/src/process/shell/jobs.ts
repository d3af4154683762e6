/** Background jobs: processes of their own in the container. */

import type { Statement } from 'unbash';
import type { Process } from '../process.ts';
import { standardStreams } from './file-descriptors.ts';
import { JOBS } from './limits.ts';
import { ShellError } from './parse.ts';
import { type Job, Shell } from './shell.ts';

/** Starts `statement &`. Its status is at once 0. @throws ShellError when the container has too many processes */
export function startJob(shell: Shell, statement: Statement): number {
  const { process } = shell;
  const foreground: Statement = { ...statement, background: undefined };
  const run = async (child: Process): Promise<number> => {
    const subshell = new Shell(child, {
      interpreter: shell.interpreter,
      name: shell.name,
      parent: shell,
    });
    return subshell.toTheEnd((each) => each.interpreter.runStatements(each, [foreground], true));
  };
  const command = shell.source.slice(statement.pos, statement.end).replace(/\s*&$/, '');
  const { stdin, ...outputs } = standardStreams(shell.files);
  let child: Job['child'];
  try {
    child = process.spawn(process.argv, run, {
      // Without job control a job reads nothing, unless it is redirected.
      ...outputs,
      ...(shell.interactive ? {} : { stdin: shell.files.get(0)?.path === undefined ? NO_INPUT : stdin }),
      cwd: shell.cwd,
      env: shell.variables.environment(),
      background: true,
    });
  } catch (error) {
    throw new ShellError(`can't fork: ${(error as Error).message}`);
  }
  const number = (shell.jobs.at(-1)?.number ?? 0) + 1;
  const job: Job = { number, child, command, status: undefined };
  void child.ended.then((status) => {
    job.status = status;
  });
  shell.jobs.push(job);
  if (shell.jobs.length > JOBS)
    shell.jobs = shell.jobs.filter((each) => each.status === undefined || each === job);
  shell.lastJobPid = child.pid;
  return 0;
}

const NO_INPUT = { read: (): Promise<undefined> => Promise.resolve(undefined) };

/** `%1`, `%%`, `%+`, or a process number. */
export function findJob(shell: Shell, text: string): Job | undefined {
  if (text === '%%' || text === '%+' || text === '%') return shell.jobs.at(-1);
  if (text.startsWith('%')) return shell.jobs.find((job) => String(job.number) === text.slice(1));
  return shell.jobs.find((job) => String(job.child.pid) === text);
}
