/** Redirections (POSIX XCU 2.7, and bash's `&>` and `<<<`). */

import type { Redirect, Redirection, Word } from 'unbash';
import { FileError } from '../../files/file-system.ts';
import { Input } from '../input.ts';
import { absolutePath, openSink, openSource } from '../open-file.ts';
import { Pipe } from '../pipe.ts';
import { expandHereDoc, expandText, expandWords } from './expand.ts';
import { type FileDescriptors, type OpenFile, standardStreams } from './file-descriptors.ts';
import { ShellError } from './parse.ts';
import type { Shell } from './shell.ts';

/**
 * The open files of a command under its redirections, those of the shell stay as they are.
 * @throws ShellError with exit code 1 when a file cannot be opened
 */
export async function redirected(
  shell: Shell,
  redirections: readonly Redirection[],
): Promise<FileDescriptors> {
  if (redirections.length === 0) return shell.files;
  const files = new Map(shell.files);
  for (const redirection of redirections) await apply(shell, redirection, files);
  return files;
}

async function apply(shell: Shell, redirection: Redirection, files: FileDescriptors): Promise<void> {
  const descriptor =
    redirection.descriptor?.type === 'FileDescriptor' ? redirection.descriptor.value : undefined;
  if (redirection.type === 'HereDoc') {
    files.set(descriptor ?? 0, textFile(await expandHereDoc(shell, redirection)));
    return;
  }
  const target = await targetOf(shell, redirection.target);
  if (redirection.type === 'HereString') {
    files.set(descriptor ?? 0, textFile(`${target}\n`));
    return;
  }
  applyRedirect(shell, redirection, descriptor, target, files);
}

function applyRedirect(
  shell: Shell,
  { operator }: Redirect,
  descriptor: number | undefined,
  target: string,
  files: FileDescriptors,
): void {
  switch (operator) {
    case '<':
      files.set(descriptor ?? 0, openInput(shell, target, files));
      return;
    case '<>':
      files.set(descriptor ?? 0, {
        ...openOutput(shell, target, files, true),
        ...openInput(shell, target, files),
      });
      return;
    case '>':
    case '>|':
    case '>>':
      if (operator === '>') refuseToOverwrite(shell, target);
      files.set(descriptor ?? 1, openOutput(shell, target, files, operator === '>>'));
      return;
    case '&>':
    case '&>>': {
      const file = openOutput(shell, target, files, operator === '&>>');
      files.set(1, file).set(2, file);
      return;
    }
    case '<&':
    case '>&': {
      if (target === '-') {
        files.delete(descriptor ?? (operator === '<&' ? 0 : 1));
      } else if (/^\d+$/.test(target)) {
        const file = files.get(Number(target));
        if (file === undefined) throw new ShellError(`${target}: Bad file descriptor`, 1);
        files.set(descriptor ?? (operator === '<&' ? 0 : 1), file);
      } else {
        const file = openOutput(shell, target, files, false);
        files.set(1, file).set(2, file);
      }
    }
  }
}

/** A target that is split or matches several files would be ambiguous; it is taken as it stands. */
async function targetOf(shell: Shell, word: Word | undefined): Promise<string> {
  if (word === undefined) throw new ShellError('syntax error: redirection without a target');
  if (word.parts?.some((part) => part.type === 'Glob') !== true) return expandText(shell, word);
  const paths = await expandWords(shell, [word]);
  return paths.length === 1 ? paths[0]! : expandText(shell, word);
}

function opener(shell: Shell, files: FileDescriptors): Parameters<typeof openSource>[0] {
  const { process } = shell;
  return {
    ...standardStreams(files),
    get files() {
      return process.files;
    },
    mainOutput: (stream) => process.mainOutput(stream),
  };
}

function openInput(shell: Shell, target: string, files: FileDescriptors): OpenFile {
  const path = absolutePath(shell.cwd, target);
  try {
    return { source: Input.of(openSource(opener(shell, files), path)) };
  } catch (error) {
    throw openFailure(shell, target, error, 'open');
  }
}

function openOutput(shell: Shell, target: string, files: FileDescriptors, append: boolean): OpenFile {
  const path = absolutePath(shell.cwd, target);
  // A shell that goes on where it stood must not empty what its script has written.
  const keeps = append || shell.cursor?.returning === true;
  try {
    return { sink: openSink(opener(shell, files), path, { append: keeps }), path };
  } catch (error) {
    throw openFailure(shell, target, error, 'create');
  }
}

function refuseToOverwrite(shell: Shell, target: string): void {
  const path = absolutePath(shell.cwd, target);
  const { files } = shell.process;
  if (shell.options.noclobber && files.exists(path) && files.stat(path).type === 'file')
    throw new ShellError(
      shell.isBash ? `${target}: cannot overwrite existing file` : `can't create ${target}: File exists`,
      1,
    );
}

function openFailure(shell: Shell, target: string, error: unknown, verb: 'open' | 'create'): Error {
  if (!(error instanceof FileError)) return error as Error;
  if (shell.isBash) return new ShellError(`${target}: ${error.message}`, 1);
  // busybox has words of its own for what is not there.
  const missing = verb === 'open' ? 'no such file' : 'nonexistent directory';
  return new ShellError(`can't ${verb} ${target}: ${error.code === 'ENOENT' ? missing : error.message}`, 1);
}

function textFile(text: string): OpenFile {
  const pipe = new Pipe();
  void pipe.write(text);
  pipe.close();
  return { source: Input.of(pipe) };
}
