/** Paths: what they are made of, and how long they may be (limits.h, path_resolution(7)). Pure. */

import { FileError } from './file-system.ts';

const MAX_PATH_BYTES = 4_096;
const MAX_NAME_BYTES = 255;
/** Four bytes of UTF-8 a character are the most there can be: shorter names need no counting. */
const SURELY_SHORT = 63;

/** `/a` and `b` make `/a/b`. */
export function joinPath(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

/** The directory of a physical path; that of `/` is `/`. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

/** The last name of a physical path; empty for `/`. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Whether `path` is `directory` or lies in it; both are physical. */
export function isWithin(path: string, directory: string): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`);
}

/** `path`, which lies within `directory`, as a path of a tree whose root `directory` is. */
export function pathWithin(path: string, directory: string): string {
  if (directory === '/') return path;
  return path === directory ? '/' : path.slice(directory.length);
}

/**
 * The names along a path. A path that ends with a slash names a directory, so it ends with `.` here.
 * @throws FileError ENAMETOOLONG, ENOENT for no path at all, EINVAL for one that holds a NUL
 */
export function namesAlong(path: string): string[] {
  if (path === '') throw new FileError('ENOENT', path);
  if (path.includes('\0')) throw new FileError('EINVAL', path);
  if (isLonger(path, MAX_PATH_BYTES)) throw new FileError('ENAMETOOLONG', path);
  const names = path.split('/').filter((name) => name !== '');
  if (names.some((name) => isLonger(name, MAX_NAME_BYTES))) throw new FileError('ENAMETOOLONG', path);
  if (path.endsWith('/')) names.push('.');
  return names;
}

function isLonger(text: string, maxBytes: number): boolean {
  return text.length > SURELY_SHORT && Buffer.byteLength(text) > maxBytes;
}
