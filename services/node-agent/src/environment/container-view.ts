/** What a container sees of the file system: its image's files, those that it is given, what it mounts and writes. */

import { containerFiles } from '../files/container-files.ts';
import type { FileSystem } from '../files/file-system.ts';
import type { ImageLayer } from '../files/image-layer.ts';
import type { Trees } from '../files/trees.ts';
import type { Container, PodSandbox } from '../runtime/runtime.ts';
import { hostnameFile, hostsFile, resolvFile } from './pod-files.ts';

/** `layer` names the tree that the container writes to. Files of /etc are made when they are read. */
export function containerView(
  trees: Trees,
  image: ImageLayer,
  layer: string,
  { mounts, uid, gid, groups = [], readonlyRootfs = false, terminationMessagePath, workingDir }: Container,
  sandbox: PodSandbox,
  onMemoryUse?: (bytes: number) => void,
): FileSystem {
  return containerFiles({
    trees,
    layer,
    image,
    own: {
      '/etc/hostname': () => hostnameFile(sandbox),
      '/etc/hosts': () => hostsFile(sandbox),
      '/etc/resolv.conf': () => resolvFile(sandbox),
      // Whoever runs in the container may leave his last words.
      [terminationMessagePath]: { content: '', mode: 0o666 },
      // runc makes the working directory that a pod names.
      ...(workingDir === '' ? {} : { [workingDir]: { directory: true } }),
    },
    mounts,
    readOnlyRoot: readonlyRootfs,
    user: { uid, gid, groups },
    ...(onMemoryUse === undefined ? {} : { onMemoryUse }),
  });
}
