/**
 * Writes files so that who reads sees all of the old or all of the new (pkg/volume/util,
 * AtomicWriter): they lie in a directory named by the time, `..data` leads there, and every name
 * that is seen leads through `..data`.
 */

import type { FileTree } from '../files/file-system.ts';
import { parentOf } from '../files/paths.ts';

export interface ProjectedFile {
  data: Uint8Array;
  mode: number;
  /** Root's when absent. */
  gid?: number;
}

/** By path, relative to the volume. */
export type Payload = ReadonlyMap<string, ProjectedFile>;

const DATA = '/..data';
const NEW_DATA = '/..data_tmp';

/** Makes the tree hold these files. Returns whether that changed anything. */
export function writePayload(tree: FileTree, payload: Payload, nowMs: number): boolean {
  const before = tree.exists(DATA) ? tree.stat(DATA, { followSymlinks: false }).target : undefined;
  if (before !== undefined && holds(tree, before, payload)) return false;
  const directory = freeName(tree, nowMs);
  tree.makeDirectory(`/${directory}`);
  for (const [path, file] of payload) writeFile(tree, `/${directory}/${path}`, file);
  tree.symlink(directory, NEW_DATA);
  tree.rename(NEW_DATA, DATA);
  const names = new Set(Array.from(payload.keys(), (path) => path.split('/', 1)[0]!));
  for (const name of names) if (!tree.exists(`/${name}`)) tree.symlink(`..data/${name}`, `/${name}`);
  for (const name of tree.list('/')) {
    if (name.startsWith('..') ? name === before : !names.has(name))
      tree.remove(`/${name}`, { recursive: true });
  }
  return true;
}

function writeFile(tree: FileTree, path: string, { data, mode, gid }: ProjectedFile): void {
  tree.makeDirectory(parentOf(path), { recursive: true });
  tree.write(path, data, { mode });
  if (gid !== undefined) tree.setOwner(path, 0, gid);
}

function holds(tree: FileTree, directory: string, payload: Payload): boolean {
  let count = 0;
  const waiting = [`/${directory}`];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (tree.stat(next).type === 'directory') {
      for (const name of tree.list(next)) waiting.push(`${next}/${name}`);
    } else {
      count += 1;
      const file = payload.get(next.slice(directory.length + 2));
      if (file === undefined || Buffer.compare(file.data, tree.read(next)) !== 0) return false;
      if (file.mode !== tree.stat(next).mode) return false;
    }
  }
  return count === payload.size;
}

/** `..2026_01_01_00_00_00.` and a number, as Go's MkdirTemp names it. */
function freeName(tree: FileTree, nowMs: number): string {
  const time = new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-T:]/g, '_');
  for (let number = Math.floor(nowMs * 1_000) % 4_294_967_296; ; number += 1) {
    const name = `..${time}.${String(number)}`;
    if (!tree.exists(`/${name}`)) return name;
  }
}
