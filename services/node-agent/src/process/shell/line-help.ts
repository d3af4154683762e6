/** How an interactive shell helps who types: the lines before, and what a word may become. */

import { FileError, type FileSystem } from '../../files/file-system.ts';
import { absolutePath } from '../open-file.ts';
import { BUILTINS } from './builtins/index.ts';
import type { Shell } from './shell.ts';

/** Lines that are remembered (HISTSIZE). */
const HISTORY_LIMIT = 500;

/** More than that is no help. */
const MOST_MATCHES = 200;

/** Keeps a line, unless it says nothing or what the last one said. */
export function remember(history: string[], line: string): void {
  if (line.trim() === '' || line === history.at(-1)) return;
  history.push(line);
  if (history.length > HISTORY_LIMIT) history.shift();
}

/** What the last word of a line may become: names of commands where one is called, of files elsewhere. */
export function completions(shell: Shell, line: string): string[] {
  const word = /[^\s;|&<>]*$/.exec(line)![0];
  const isCommand = /(?:^|[;|&(])\s*$/.test(line.slice(0, line.length - word.length)) && !word.includes('/');
  const matches = isCommand ? commandsWith(shell, word) : filesWith(shell, word);
  return [...new Set(matches)].toSorted().slice(0, MOST_MATCHES);
}

function commandsWith(shell: Shell, start: string): string[] {
  if (start === '') return [];
  const { files } = shell.process;
  const path = shell.variables.get('PATH') ?? '/bin';
  const found = path.split(':').flatMap((directory) => namesIn(files, directory));
  return [...BUILTINS.keys(), ...found].filter((name) => name.startsWith(start));
}

function filesWith(shell: Shell, word: string): string[] {
  const { files } = shell.process;
  const slash = word.lastIndexOf('/');
  const [where, start] = [word.slice(0, slash + 1), word.slice(slash + 1)];
  const directory = absolutePath(shell.cwd, where === '' ? '.' : where);
  return namesIn(files, directory)
    .filter((name) => name.startsWith(start) && (start !== '' || !name.startsWith('.')))
    .map((name) => `${where}${name}${isDirectory(files, `${directory}/${name}`) ? '/' : ''}`);
}

function namesIn(files: FileSystem, directory: string): string[] {
  return orElse(() => files.list(directory), []);
}

function isDirectory(files: FileSystem, path: string): boolean {
  return orElse(() => files.stat(path).type === 'directory', false);
}

function orElse<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch (error) {
    if (error instanceof FileError) return otherwise;
    throw error;
  }
}
