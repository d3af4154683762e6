/** Expands wildcards to the paths that match (POSIX XCU 2.13.3). */

import type { FileSystem } from '../../files/file-system.ts';
import { absolutePath } from '../open-file.ts';
import { WORDS } from './limits.ts';
import { compile, isPattern, patternSource, unquotePattern } from './pattern.ts';

/** Sorted; empty when nothing matches. */
export function expandGlob(files: FileSystem, cwd: string, pattern: string): string[] {
  const isAbsolute = pattern.startsWith('/');
  let found = [isAbsolute ? '/' : ''];
  const segments = pattern.split('/').filter((segment) => segment !== '');
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    const next: string[] = [];
    for (const base of found) {
      for (const name of matching(files, absolutePath(cwd, base === '' ? '.' : base), segment)) {
        const path = base === '' || base === '/' ? base + name : `${base}/${name}`;
        if (isLast || isDirectory(files, absolutePath(cwd, path))) next.push(path);
        if (next.length >= WORDS) break;
      }
    }
    found = next;
  }
  if (segments.length === 0) return [];
  return pattern.endsWith('/')
    ? found.filter((path) => isDirectory(files, absolutePath(cwd, path))).map((path) => `${path}/`)
    : found;
}

function matching(files: FileSystem, directory: string, segment: string): string[] {
  if (!isPattern(segment)) {
    const name = unquotePattern(segment);
    return files.exists(absolutePath(directory, name)) ? [name] : [];
  }
  if (!isDirectory(files, directory)) return [];
  const expression = compile(`^${patternSource(segment, { segment: true })}$`);
  const wantsHidden = segment.startsWith('.') || segment.startsWith('\\.');
  return files
    .list(directory)
    .filter((name) => (wantsHidden || !name.startsWith('.')) && expression.test(name));
}

function isDirectory(files: FileSystem, path: string): boolean {
  return files.exists(path) && files.stat(path).type === 'directory';
}
