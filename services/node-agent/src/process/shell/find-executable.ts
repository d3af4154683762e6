/** Finds what a command name means besides builtins and functions: a program, or a script among the files. */

import { FileError } from '../../files/file-system.ts';
import { absolutePath } from '../open-file.ts';
import type { Program } from '../process.ts';
import { isAllowed } from './conditions.ts';
import { parameter } from './parameter.ts';
import type { Shell } from './shell.ts';

export type Found = { argv: readonly string[]; program: Program } | { status: 126 | 127; message: string };

/** How much of a file is looked at for `#!`. */
const SHEBANG_BYTES = 256;

const DIRECTORIES_OF_PROGRAMS = /^\/(?:usr\/)?(?:local\/)?s?bin\//;

/** A file of the container goes before a program of that name. */
export async function findExecutable(shell: Shell, argv: readonly string[]): Promise<Found> {
  const name = argv[0]!;
  const { process } = shell;
  if (!name.includes('/')) {
    const program = await process.findProgram(name);
    if (program !== undefined) return { argv, program };
    const path = searchPath(shell, name);
    return path === undefined ? { status: 127, message: 'not found' } : findFile(shell, path, argv);
  }
  return findFile(shell, name, argv);
}

/** The first executable file of that name in `$PATH`. */
export function searchPath(shell: Shell, name: string): string | undefined {
  if (name === '') return undefined;
  for (const directory of (parameter(shell, 'PATH') ?? '').split(':')) {
    const path = absolutePath(absolutePath(shell.cwd, directory === '' ? '.' : directory), name);
    if (isExecutableFile(shell, path)) return path;
  }
  return undefined;
}

function isExecutableFile(shell: Shell, path: string): boolean {
  const { files } = shell.process;
  if (!files.exists(path)) return false;
  const stat = files.stat(path);
  return stat.type === 'file' && isAllowed(shell.process, stat, 1);
}

async function findFile(shell: Shell, path: string, argv: readonly string[]): Promise<Found> {
  const { process } = shell;
  const absolute = absolutePath(shell.cwd, path);
  let content: Uint8Array;
  try {
    const stat = process.files.stat(absolute);
    content = stat.type === 'directory' ? new Uint8Array() : process.files.read(absolute);
    if (stat.type === 'directory' || !isAllowed(process, stat, 1))
      return { status: 126, message: 'Permission denied' };
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const program = error.code === 'ENOENT' ? await process.findProgram(path) : undefined;
    if (program !== undefined) return { argv, program };
    return error.code === 'ENOENT'
      ? { status: 127, message: 'not found' }
      : { status: 126, message: error.message };
  }
  const start = Buffer.from(content.subarray(0, SHEBANG_BYTES)).toString('latin1');
  // What a program's own file holds is nothing to run: its name says what it is.
  if (!start.startsWith('#!') && (DIRECTORIES_OF_PROGRAMS.test(absolute) || content.length === 0)) {
    const program = await process.findProgram(path);
    if (program !== undefined) return { argv, program };
  }
  const [interpreter, ...options] = /^#!\s*([^\n]*)/.exec(start)?.[1]?.trim().split(/\s+/) ?? ['/bin/sh'];
  const program = await process.findProgram(interpreter!);
  if (program === undefined) return { status: 127, message: 'not found' };
  return { argv: [interpreter!, ...options, path, ...argv.slice(1)], program };
}
