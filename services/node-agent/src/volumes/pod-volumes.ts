/** The volumes of the pods of this agent, as trees. */

import type {
  Container as ContainerSpec,
  PersistentVolumeClaim,
  Pod,
  Volume,
  VolumeMount,
} from '@orrery/api/gen/types.ts';
import { keyOf } from '@orrery/api/meta.ts';
import { wholeValue } from '@orrery/api/quantity.ts';
import type { Clock, Timer } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { PodConfigObjects } from '../environment/config-objects.ts';
import type { Allocatable } from '../environment/downward.ts';
import type { Variable } from '../environment/environment.ts';
import type { FileTree } from '../files/file-system.ts';
import type { MemoryTree } from '../files/memory-tree.ts';
import type { Trees } from '../files/trees.ts';
import type { Mount } from '../runtime/runtime.ts';
import { writePayload } from './atomic-writer.ts';
import { claimOf, type ClaimSources, placeOfClaim, type VolumePlace } from './claims.ts';
import { prepareHostPath } from './host-path.ts';
import { isProjected, payloadOf, type PayloadSources, tokensOf } from './payload.ts';
import { copyOf, provideSubPath, subPathOf } from './sub-path.ts';
import type { ServiceAccountTokens } from './tokens.ts';
import {
  isPersistentVolumeTree,
  nodeTree,
  ofProjectedTree,
  podTrees,
  podVolumeTree,
  prepareTree,
  projectedTree,
  subPathTree,
} from './tree-names.ts';
import { MountError, type VolumeManager } from './volume-manager.ts';

export interface PodVolumesOptions {
  /** The cluster's clock. */
  clock: Clock;
  logger: Logger;
  trees: Trees;
  objects: PodConfigObjects;
  tokens: ServiceAccountTokens;
  claims: ClaimSources;
  hostIp: (node: string) => string;
  /** What pods may use of a node. */
  allocatable: (node: string) => Allocatable;
  /** A pod as it is now; undefined when it is gone. */
  podNow: (key: string) => Pod | undefined;
  /** Told of a pod whose volumes have been mounted. */
  onMounted?: (pod: Pod) => void;
}

/** How often what is mounted follows what it came from (the kubelet's syncFrequency). */
const SYNC_PERIOD_MS = 60_000;

/**
 * Nothing of a volume costs memory until a program looks at it: a volume from the API is checked
 * when the pod starts, and its files are made when its tree is first opened.
 */
export class PodVolumes implements VolumeManager {
  readonly #options: PodVolumesOptions;
  /** Pods with volumes, by uid. */
  readonly #pods = new Map<string, Pod>();
  /** Names of the trees from the API that somebody has looked at: these are kept up to date. */
  readonly #lookedAt = new Set<string>();
  #timer: Timer | undefined;

  constructor(options: PodVolumesOptions) {
    this.#options = options;
  }

  mount(pod: Pod): void | Promise<void> {
    const missing = this.#options.objects.fetchMissing(pod);
    if (missing !== undefined) return missing.then(() => this.#mountAll(pod));
    this.#mountAll(pod);
  }

  mountsOf(pod: Pod, container: ContainerSpec, variables: readonly Variable[] = []): Mount[] {
    const mounts = (container.volumeMounts ?? []).map((mount, index) => {
      const volume = pod.spec.volumes?.find(({ name }) => name === mount.name);
      if (volume === undefined)
        throw new Error(`cannot find volume "${mount.name}" to mount into container "${container.name}"`);
      return this.#mountOf(pod, volume, mount, container.name, index, subPathOf(mount, variables));
    });
    return mounts.toSorted((a, b) => a.containerPath.length - b.containerPath.length);
  }

  ready(podUid: string): void | Promise<void> {
    const pod = this.#pods.get(podUid);
    return pod === undefined ? undefined : this.#fetchTokens(pod);
  }

  unmount(podUid: string): void {
    const { trees, tokens } = this.#options;
    const pod = this.#pods.get(podUid);
    this.#pods.delete(podUid);
    tokens.forget(podUid);
    // Of a pod that was never mounted here nothing is known but its uid.
    if (pod === undefined) for (const prefix of podTrees(podUid)) trees.removeAll(prefix);
    else for (const tree of treesOf(pod)) trees.remove(tree);
    for (const { name } of pod?.spec.volumes ?? []) this.#lookedAt.delete(projectedTree(podUid, name));
  }

  overLimit({ metadata, spec }: Pod): string | undefined {
    for (const { name, emptyDir } of spec.volumes ?? []) {
      const { sizeLimit } = emptyDir ?? {};
      if (sizeLimit === undefined || wholeValue(sizeLimit) === 0) continue;
      const usedBytes =
        this.#options.trees.find(podVolumeTree(metadata.uid, name))?.space('/').usedBytes ?? 0;
      // Upstream's words end with a space.
      if (usedBytes > wholeValue(sizeLimit))
        return `Usage of EmptyDir volume "${name}" exceeds the limit "${sizeLimit}". `;
    }
    return undefined;
  }

  /** A pod that has the claim mounted. */
  userOf({ metadata: { namespace, name } }: PersistentVolumeClaim): Pod | undefined {
    for (const pod of this.#pods.values()) {
      if (pod.metadata.namespace !== namespace) continue;
      if (pod.spec.volumes?.some((volume) => claimOf(pod, volume)?.name === name) === true) return pod;
    }
    return undefined;
  }

  /** The file system of a claim has grown: whoever looks at it sees that. */
  grown(claim: PersistentVolumeClaim, pod: Pod): void {
    const { trees, claims } = this.#options;
    for (const volume of pod.spec.volumes ?? []) {
      const named = claimOf(pod, volume);
      if (named?.name !== claim.metadata.name) continue;
      const { tree } = placeOfClaim(pod, volume, named, claims);
      const size = claim.status?.capacity?.['storage'];
      if (size !== undefined && trees.isOpen(tree)) trees.open(tree).raw.setLimit(wholeValue(size));
    }
  }

  /** What is in the volumes of a pod that are on the disk of its node. */
  localBytes({ metadata, spec }: Pod): number {
    let sum = 0;
    for (const { name, emptyDir } of spec.volumes ?? []) {
      if (emptyDir === undefined || emptyDir.medium === 'Memory') continue;
      sum += this.#options.trees.find(podVolumeTree(metadata.uid, name))?.space('/').usedBytes ?? 0;
    }
    return sum;
  }

  /** What a tree holds when it is first opened. */
  prepare(tree: MemoryTree): void {
    prepareTree(tree);
    const sizeBytes = isPersistentVolumeTree(tree.name) ? this.#sizeOf(tree.name) : undefined;
    if (sizeBytes !== undefined) tree.raw.setLimit(sizeBytes);
    const { podUid = '', volume = '' } = ofProjectedTree(tree.name) ?? {};
    const pod = this.#pods.get(podUid);
    const source = pod?.spec.volumes?.find(({ name }) => name === volume);
    if (pod === undefined || source === undefined) return;
    this.#lookedAt.add(tree.name);
    this.#timer ??= this.#options.clock.setInterval(() => this.#sync(), SYNC_PERIOD_MS);
    this.#update(pod, source, tree);
    void this.#fetchTokens(pod);
  }

  /** Removes the trees of what went while no agent ran (cleanupOrphanedPodDirs). */
  removeOrphans(isThere: Readonly<Record<'pods' | 'containers' | 'nodes', (id: string) => boolean>>): void {
    const { trees } = this.#options;
    for (const name of trees.names()) {
      const [kind = '', id = ''] = name.split('/');
      if (Object.hasOwn(isThere, kind) && !isThere[kind as keyof typeof isThere](id)) trees.remove(name);
    }
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Of a claim's file system, by its tree, which a pod has mounted. */
  #sizeOf(tree: string): number | undefined {
    for (const pod of this.#pods.values()) {
      for (const volume of pod.spec.volumes ?? []) {
        const place = claimOf(pod, volume) === undefined ? undefined : this.#placeIfAny(pod, volume);
        if (place?.tree === tree) return place.sizeBytes;
      }
    }
    return undefined;
  }

  #placeIfAny(pod: Pod, volume: Volume): VolumePlace | undefined {
    try {
      return this.#placeOf(pod, volume);
    } catch {
      // It waits for its claim.
      return undefined;
    }
  }

  #mountAll(pod: Pod): void {
    const { volumes = [] } = pod.spec;
    if (volumes.length === 0) return;
    this.#pods.set(pod.metadata.uid, pod);
    for (const volume of volumes) {
      const isClaim = claimOf(pod, volume) !== undefined;
      try {
        this.#setUp(pod, volume);
      } catch (error) {
        const { name } = volume;
        const { message } = error as Error;
        throw new MountError(
          isClaim
            ? `Unable to attach or mount volumes: unmounted volumes=[${name}], unattached volumes=[], failed to process volumes=[${name}]: ${message}`
            : `MountVolume.SetUp failed for volume "${name}" : ${message}`,
        );
      }
    }
    this.#options.onMounted?.(pod);
  }

  #setUp(pod: Pod, volume: Volume): void {
    const { trees } = this.#options;
    if (isProjected(volume)) {
      const tree = projectedTree(pod.metadata.uid, volume.name);
      const payload = payloadOf(pod, volume, this.#sourcesFor(pod));
      if (trees.isOpen(tree)) writePayload(trees.open(tree), payload, this.#options.clock.now());
      return;
    }
    const { tree, path } = this.#placeOf(pod, volume);
    if (volume.hostPath !== undefined) prepareHostPath(trees.open(tree), volume.hostPath);
    else if (path !== '') prepareHostPath(trees.open(tree), { path, type: 'DirectoryOrCreate' });
    const { fsGroup } = pod.spec.securityContext ?? {};
    if (fsGroup !== undefined && path === '') giveTo(fsGroup, trees.open(tree));
    const { medium, sizeLimit } = volume.emptyDir ?? {};
    if (medium === 'Memory' && sizeLimit !== undefined)
      trees.open(tree).raw.setLimit(Math.min(wholeValue(sizeLimit), trees.limitBytes));
  }

  #placeOf(pod: Pod, volume: Volume): VolumePlace {
    const { uid } = pod.metadata;
    const claim = claimOf(pod, volume);
    if (claim !== undefined) return placeOfClaim(pod, volume, claim, this.#options.claims);
    if (isProjected(volume)) return { tree: projectedTree(uid, volume.name), path: '', readOnly: true };
    if (volume.hostPath !== undefined)
      return { tree: nodeTree(pod.spec.nodeName ?? ''), path: volume.hostPath.path, readOnly: false };
    return { tree: podVolumeTree(uid, volume.name), path: '', readOnly: false };
  }

  #mountOf(
    pod: Pod,
    volume: Volume,
    { mountPath, name, readOnly }: VolumeMount,
    container: string,
    index: number,
    subPath: string,
  ): Mount {
    const { trees } = this.#options;
    const place = this.#placeOf(pod, volume);
    const mount: Mount = {
      tree: place.tree,
      subPath: '',
      containerPath: mountPath.startsWith('/') ? mountPath : `/${mountPath}`,
      readOnly: readOnly === true || place.readOnly,
      ...(volume.emptyDir?.medium === 'Memory' ? { inMemory: true } : {}),
    };
    if (subPath !== '' && isProjected(volume)) {
      const copy = subPathTree(pod.metadata.uid, name, container, index);
      trees.remove(copy);
      return {
        ...mount,
        tree: copy,
        subPath: copyOf(trees.open(place.tree), `/${subPath}`, trees.open(copy)),
      };
    }
    if (subPath === '' && place.path === '') return mount;
    const tree = trees.open(place.tree);
    const root = place.path === '' ? '/' : tree.realPath(place.path);
    const path = subPath === '' ? root : provideSubPath(tree, root, subPath, name, container);
    return { ...mount, subPath: path.slice(1) };
  }

  #sourcesFor(pod: Pod): PayloadSources {
    const { objects, tokens, hostIp, allocatable } = this.#options;
    const node = pod.spec.nodeName ?? '';
    return {
      configMaps: objects.configMaps,
      secrets: objects.secrets,
      addresses: { podIp: pod.status?.podIP ?? '', hostIp: hostIp(node) },
      allocatable: allocatable(node),
      token: (projection) => tokens.get(pod, projection),
    };
  }

  #update(pod: Pod, volume: Volume, tree: FileTree): void {
    try {
      writePayload(tree, payloadOf(pod, volume, this.#sourcesFor(pod)), this.#options.clock.now());
    } catch (error) {
      // What it came from is gone, or there is no room: what was there stays, as with the kubelet.
      this.#options.logger.warn({ err: error, pod: keyOf(pod), volume: volume.name }, 'volume not updated');
    }
  }

  #sync(): void {
    const { trees, podNow } = this.#options;
    for (const name of this.#lookedAt) {
      const { podUid, volume } = ofProjectedTree(name)!;
      const mounted = this.#pods.get(podUid);
      const now = mounted === undefined ? undefined : podNow(keyOf(mounted));
      const pod = now?.metadata.uid === podUid ? now : mounted;
      const source = pod?.spec.volumes?.find((each) => each.name === volume);
      if (pod === undefined || source === undefined) continue;
      this.#update(pod, source, trees.open(name));
      void this.#fetchTokens(pod);
    }
    if (this.#lookedAt.size === 0) this.stop();
  }

  /** Fetches the tokens that are due, and writes them where somebody has looked. */
  #fetchTokens(pod: Pod): void | Promise<void> {
    const { tokens, trees, logger } = this.#options;
    const volumes = (pod.spec.volumes ?? []).filter((volume) =>
      tokensOf(volume).some((projection) => tokens.isDue(pod, projection)),
    );
    if (volumes.length === 0) return;
    const due = volumes.flatMap(tokensOf).filter((projection) => tokens.isDue(pod, projection));
    return Promise.all(due.map((projection) => tokens.fetch(pod, projection))).then(
      () => {
        // The pod may be gone meanwhile.
        if (!this.#pods.has(pod.metadata.uid)) tokens.forget(pod.metadata.uid);
        else
          for (const volume of volumes) {
            const tree = projectedTree(pod.metadata.uid, volume.name);
            if (trees.isOpen(tree)) this.#update(pod, volume, trees.open(tree));
          }
      },
      (error: unknown) =>
        logger.warn({ err: error, pod: keyOf(pod) }, 'failed to fetch the token of a service account'),
    );
  }
}

/** What a group owns: it may write, and so may it what is put there later (SetVolumeOwnership). */
function giveTo(fsGroup: number, tree: FileTree): void {
  const { uid, gid } = tree.stat('/');
  if (gid === fsGroup) return;
  tree.setOwner('/', uid, fsGroup);
  tree.setMode('/', 0o2777);
}

/** All trees that a pod may have of its own. */
function treesOf({ metadata: { uid }, spec }: Pod): string[] {
  const volumes = (spec.volumes ?? []).flatMap(({ name }) => [
    projectedTree(uid, name),
    podVolumeTree(uid, name),
  ]);
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const copies = containers.flatMap(({ name: container, volumeMounts = [] }) =>
    volumeMounts.flatMap(({ name, subPath, subPathExpr }, index) =>
      (subPath ?? subPathExpr) === undefined ? [] : [subPathTree(uid, name, container, index)],
    ),
  );
  return [...volumes, ...copies];
}
