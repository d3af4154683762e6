/** What the file trees of an agent are called, and what a new one holds. */

import type { FileTree } from '../files/file-system.ts';
import { OS_IMAGE } from '../files/machine.ts';

/** Where a container writes that mounts nothing there. */
export function containerTree(id: string): string {
  return `containers/${id}`;
}

/** The trees that end with a pod begin so: of what it writes, and of what it is given. */
export function podTrees(podUid: string): readonly [written: string, projected: string] {
  return [`pods/${podUid}/`, `projected/${podUid}/`];
}

/** A volume that ends with its pod. */
export function podVolumeTree(podUid: string, volume: string): string {
  return `pods/${podUid}/volumes/${volume}`;
}

/** A path of a projected volume as it was when a container mounted it. */
export function subPathTree(podUid: string, volume: string, container: string, index: number): string {
  return `pods/${podUid}/subpaths/${volume}/${container}/${index}`;
}

/** A volume whose content comes from the API: it is made again after a restart. */
export function projectedTree(podUid: string, volume: string): string {
  return `projected/${podUid}/${volume}`;
}

/** The pod and volume of such a tree; undefined for other trees. */
export function ofProjectedTree(tree: string): { podUid: string; volume: string } | undefined {
  const [kind, podUid = '', volume = ''] = tree.split('/');
  return kind === 'projected' ? { podUid, volume } : undefined;
}

/** Whether a tree needs not outlive the process. */
export function isVolatile(tree: string): boolean {
  return tree.startsWith('projected/');
}

/** The disk of a node, for hostPath. */
export function nodeTree(node: string): string {
  return `nodes/${node}`;
}

const PERSISTENT_VOLUMES = 'persistent-volumes/';

/** The data of a persistent volume: it outlives pods, goes with the volume, and is had on every node. */
export function persistentVolumeTree(persistentVolumeUid: string): string {
  return `${PERSISTENT_VOLUMES}${persistentVolumeUid}`;
}

export function isPersistentVolumeTree(tree: string): boolean {
  return tree.startsWith(PERSISTENT_VOLUMES);
}

/** What is on the disk of a node before any pod writes to it. */
const NODE_DIRECTORIES = [
  '/etc/kubernetes/manifests',
  '/home',
  '/mnt',
  '/opt',
  '/root',
  '/run',
  '/srv',
  '/usr',
  '/var/lib/kubelet',
  '/var/log',
];

function writeNodeFiles(tree: FileTree): void {
  const node = tree.name.slice('nodes/'.length);
  const release = `NAME="Orrery"\nID=orrery\nPRETTY_NAME="${OS_IMAGE}"\n`;
  for (const [path, text] of [
    ['/etc/hostname', `${node}\n`],
    ['/etc/os-release', release],
  ] as const)
    tree.write(path, Buffer.from(text));
}

/** A new tree: a node's disk has what a machine has; a volume may be written by everybody, as the kubelet makes it. */
export function prepareTree(tree: FileTree): void {
  if (tree.name.startsWith('nodes/')) {
    for (const path of NODE_DIRECTORIES) tree.makeDirectory(path, { recursive: true });
    tree.makeDirectory('/tmp', { mode: 0o1777 });
    writeNodeFiles(tree);
  } else if (!tree.name.startsWith('containers/')) {
    tree.setMode('/', isVolatile(tree.name) ? 0o1777 : 0o777);
  }
}
