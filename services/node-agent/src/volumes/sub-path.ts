/** subPath of volume mounts (kubelet_pods.go, makeMounts; pkg/volume/util/subpath). */

import type { VolumeMount } from '@orrery/api/gen/types.ts';
import type { Variable } from '../environment/environment.ts';
import { expandVariables } from '../environment/expansion.ts';
import { FileError, type FileTree } from '../files/file-system.ts';
import { joinPath, nameOf } from '../files/paths.ts';

/** The path below the volume that a mount names; empty for the whole. @throws Error in the kubelet's words */
export function subPathOf(
  { subPath = '', subPathExpr = '' }: VolumeMount,
  variables: readonly Variable[],
): string {
  let path = subPath;
  if (subPathExpr !== '') {
    const values = new Map(variables);
    const missing = new Set<string>();
    path = expandVariables(
      subPathExpr,
      (name) => {
        const value = values.get(name);
        return value === '' ? undefined : value;
      },
      (name) => missing.add(name),
    );
    if (missing.size > 0) throw new Error(`missing value for ${[...missing].toSorted().join(', ')}`);
  }
  if (path.startsWith('/')) throw new Error(`error SubPath \`${path}\` must not be an absolute path`);
  if (path.split('/').includes('..')) {
    throw new Error(`unable to provision SubPath \`${path}\`: must not contain '..'`);
  }
  return path;
}

/**
 * The physical path in the tree, which stays within the tree whatever symlinks it holds. What is
 * not there becomes a directory that is like the volume's.
 * @throws Error in the kubelet's words
 */
export function provideSubPath(
  tree: FileTree,
  volumePath: string,
  subPath: string,
  mount: string,
  container: string,
): string {
  const path = `${volumePath === '/' ? '' : volumePath}/${subPath}`;
  try {
    if (!tree.exists(path)) {
      const { mode, uid, gid } = tree.stat(volumePath);
      tree.makeDirectory(path, { recursive: true, mode });
      tree.setOwner(path, uid, gid);
    }
    return tree.realPath(path);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const text = `failed to create subPath directory for volumeMount "${mount}" of container "${container}"`;
    throw new Error(text, { cause: error });
  }
}

/**
 * Copies what is at a path of one tree into another that is empty: what was mounted from a
 * projected volume stays as it was, since the mount holds on to the files of that time.
 * Returns what to mount of the copy.
 */
export function copyOf(from: FileTree, path: string, to: FileTree): string {
  // A name that is not there is a directory, as the kubelet makes it.
  if (!from.exists(path)) return '';
  if (from.stat(path).type === 'directory') {
    for (const name of from.list(path)) copyInto(from, joinPath(path, name), to, `/${name}`);
    return '';
  }
  const name = nameOf(path);
  copyInto(from, path, to, `/${name}`);
  return name;
}

function copyInto(from: FileTree, path: string, to: FileTree, target: string): void {
  const { type, mode, uid, gid } = from.stat(path);
  if (type === 'directory') {
    to.makeDirectory(target, { mode });
    for (const name of from.list(path)) copyInto(from, joinPath(path, name), to, joinPath(target, name));
  } else {
    to.write(target, from.read(path), { mode });
  }
  to.setOwner(target, uid, gid);
}
