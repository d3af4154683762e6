/** The files of a container as its programs see them. */

import type { FileSystem } from './file-system.ts';
import { type ImageFile, type ImageFiles, ImageLayer } from './image-layer.ts';
import { MountedFiles, type MountedTree } from './mounted-files.ts';
import { OverlayFiles } from './overlay-files.ts';
import { type Credentials, PosixFiles, ROOT } from './posix-files.ts';
import type { RawFiles } from './raw-files.ts';
import type { Trees } from './trees.ts';

export interface Mount {
  /** Name of a file tree (volumes/tree-names.ts). */
  tree: string;
  /** Of the tree, what is mounted: a physical path of a directory or a file, without a leading slash; the whole when empty. */
  subPath: string;
  containerPath: string;
  readOnly: boolean;
  /** Its files are in memory (tmpfs): they count as memory of the containers that write them. */
  inMemory?: boolean;
}

export interface ContainerFilesOptions {
  trees: Trees;
  /** Names the tree that the container writes to. */
  layer: string;
  image: ImageLayer;
  /** Files that are this container's from its start, each mounted over the image's by the runtime. */
  own?: ImageFiles;
  mounts: readonly Mount[];
  /** `readOnlyRootFilesystem` of the security context. */
  readOnlyRoot?: boolean;
  user: Credentials;
  /** Told what is held by files in memory each time that one of them changes. */
  onMemoryUse?: (bytes: number) => void;
}

/** Costs little until it is used: the container's own tree is made at its first write. */
export function containerFiles(options: ContainerFilesOptions): FileSystem {
  const { trees, layer, image, own = {}, mounts, readOnlyRoot = false, user, onMemoryUse } = options;
  const mounted = mounts.map((mount) => mountedTree(trees, mount, image));
  // What is mounted needs something to be mounted on; the runtime makes it.
  const places = mounted.map((each): [string, ImageFile] => [each.at, placeFor(each)]);
  const lower = new ImageLayer({ ...Object.fromEntries(places), ...own }, image);
  const writable = {
    find: () => trees.find(layer)?.raw,
    open: () => trees.open(layer).raw,
    limitBytes: trees.limitBytes,
  };
  const root = new OverlayFiles(lower, writable, {
    readOnly: readOnlyRoot,
    bound: new Set(Object.keys(own)),
  });
  return new PosixFiles(mounted.length === 0 ? root : new MountedFiles(root, mounted, onMemoryUse), user);
}

function mountedTree(trees: Trees, mount: Mount, image: ImageLayer): MountedTree {
  const { tree, subPath, containerPath, readOnly, inMemory = false } = mount;
  return {
    at: physicalPath(image, containerPath),
    // Opened when somebody looks: a tree may take work to be made.
    get files() {
      return trees.open(tree).raw;
    },
    root: subPath === '' ? '/' : `/${subPath}`,
    readOnly,
    inMemory,
  };
}

/** Only a part of a tree can be a file; for the whole, the tree need not even be opened. */
function placeFor(mount: MountedTree): ImageFile {
  const isFile = mount.root !== '/' && mount.files.find(mount.root)?.type === 'file';
  return isFile ? '' : { directory: true };
}

/** Where a path leads through the symlinks of the image: `/var/run` is `/run` in many. What is not there stays as it is. */
function physicalPath(image: ImageLayer, path: string): string {
  const raw = { find: (each: string) => image.find(each) } as RawFiles;
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  for (let count = names.length; count > 0; count -= 1) {
    const ancestor = `/${names.slice(0, count).join('/')}`;
    const files = new PosixFiles(raw, ROOT);
    if (!files.exists(ancestor)) continue;
    const real = files.realPath(ancestor);
    const rest = names.slice(count).join('/');
    return rest === '' ? real : `${real === '/' ? '' : real}/${rest}`;
  }
  return `/${names.join('/')}`;
}
