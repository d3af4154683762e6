/** What the file trees of an agent are called. */

/** Where a container writes that mounts nothing there. */
export function containerTree(id: string): string {
  return `containers/${id}`;
}

/** A volume that ends with its pod. */
export function podVolumeTree(podUid: string, volume: string): string {
  return `pods/${podUid}/volumes/${volume}`;
}

/** A volume whose content comes from the API: it is made again after a restart. */
export function projectedTree(podUid: string, volume: string): string {
  return `projected/${podUid}/${volume}`;
}

/** Whether a tree needs not outlive the process. */
export function isVolatile(tree: string): boolean {
  return tree.startsWith('projected/');
}

/** The disk of a node, for hostPath. */
export function nodeTree(node: string): string {
  return `nodes/${node}`;
}

/** The data of a persistent volume: it outlives pods, and goes with the volume. */
export function persistentVolumeTree(persistentVolumeUid: string): string {
  return `persistent-volumes/${persistentVolumeUid}`;
}
