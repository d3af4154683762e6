/** Pipelines: every stage in a subshell, all at the same time, bytes going on as they come. */

import type { CommandNode, Pipeline } from 'unbash';
import { Input } from '../input.ts';
import { BrokenPipe, Pipe } from '../pipe.ts';
import type { FileDescriptors } from './file-descriptors.ts';
import type { Shell } from './shell.ts';

/** As if by SIGPIPE. */
const BROKEN_PIPE_STATUS = 141;

type RunCommand = (shell: Shell, node: CommandNode, isLast: boolean) => Promise<number>;

/** The exit code of the last stage, or with `pipefail` of the last that failed. */
export async function runPipeline(shell: Shell, node: Pipeline, runCommand: RunCommand): Promise<number> {
  let upstream: Pipe | undefined;
  const stages: Promise<number>[] = [];
  for (const [index, command] of node.commands.entries()) {
    const files: FileDescriptors = new Map(shell.files);
    const input = upstream;
    const output = index < node.commands.length - 1 ? new Pipe() : undefined;
    if (input !== undefined) files.set(0, { source: Input.of(input) });
    if (output !== undefined) {
      files.set(1, { sink: output });
      if (node.operators[index] === '|&') files.set(2, { sink: output });
    }
    stages.push(runStage(shell, command, files, { input, output }, runCommand));
    upstream = output;
  }
  const settled = await shell.wait(Promise.allSettled(stages));
  const failure = settled.find((each) => each.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  const statuses = settled.map((each) => (each.status === 'fulfilled' ? each.value : 1));
  if (shell.isBash) shell.variables.set('PIPESTATUS', statuses.map(String));
  const last = shell.options.pipefail ? statuses.findLast((status) => status !== 0) : statuses.at(-1);
  return last ?? 0;
}

async function runStage(
  shell: Shell,
  command: CommandNode,
  files: FileDescriptors,
  pipes: { input: Pipe | undefined; output: Pipe | undefined },
  runCommand: RunCommand,
): Promise<number> {
  try {
    return await shell.subshell((subshell) => runCommand(subshell, command, false), files);
  } catch (error) {
    if (error instanceof BrokenPipe) return BROKEN_PIPE_STATUS;
    throw error;
  } finally {
    pipes.output?.close();
    pipes.input?.abandon();
  }
}
