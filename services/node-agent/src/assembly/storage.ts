/** What the simulated machines keep: files, volumes and logs, on disk when there is a state directory. */

import { join } from 'node:path';
import type { PersistentVolumeClaim } from '@orrery/api/gen/types.ts';
import { PersistentVolumes } from '@orrery/api/resources.ts';
import type { Client } from '@orrery/client/client.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { ServiceContext } from '@orrery/kit/service.ts';
import type { NodeAgentConfig } from '../config.ts';
import { Journals } from '../files/journals.ts';
import { SharedLogs } from '../files/shared-logs.ts';
import { Trees } from '../files/trees.ts';
import { ContainerLogs } from '../logs/container-logs.ts';
import { logStorage } from '../logs/log-storage.ts';
import { NO_CHECKPOINTS } from '../runtime/checkpoints.ts';
import { JournaledCheckpoints } from '../runtime/journaled-checkpoints.ts';
import { FileSystemGrowth } from '../volumes/file-system-growth.ts';
import { PodVolumes } from '../volumes/pod-volumes.ts';
import { ServiceAccountTokens } from '../volumes/tokens.ts';
import { isPersistentVolumeTree, isVolatile, persistentVolumeTree } from '../volumes/tree-names.ts';
import type { Cluster } from './cluster.ts';

export type Storage = ReturnType<typeof openStorage>;

export function openStorage(
  {
    ORRERY_STATE_DIR: stateDir,
    ORRERY_CLAIMS_DIR: claimsDir = stateDir && join(stateDir, 'claims'),
    ORRERY_LOG_MAX_BYTES: logMaxBytes,
  }: NodeAgentConfig,
  { clock, logger }: ServiceContext,
  { client, objects, claims, persistentVolumes, pods, hostIp, allocatable, events }: Cluster,
) {
  const realClock = systemClock;
  const journals =
    stateDir === undefined
      ? undefined
      : new Journals({ directory: join(stateDir, 'journals'), realClock, logger });
  const trees: Trees = new Trees({
    clock,
    isVolatile,
    prepare: (tree) => volumes.prepare(tree),
    ...(journals === undefined ? {} : { journals }),
    ...(claimsDir === undefined
      ? {}
      : { shared: { logs: new SharedLogs(claimsDir), has: isPersistentVolumeTree } }),
  });
  const volumes = new PodVolumes({
    clock,
    logger,
    trees,
    objects,
    tokens: new ServiceAccountTokens(client, clock),
    claims: { claims: claims.lister, persistentVolumes: persistentVolumes.lister },
    hostIp,
    allocatable,
    podNow: (key) => pods.lister.get(key),
    onMounted: (pod) => growth.mounted(pod),
  });
  const growth = new FileSystemGrowth({
    client,
    realClock,
    logger,
    claims: claims.lister,
    userOf: (claim) => volumes.userOf(claim),
    onGrown: (claim, pod) => volumes.grown(claim, pod),
    events,
  });
  const look = (claim: PersistentVolumeClaim): void => growth.look(claim);
  claims.addHandler({ add: look, update: look });
  persistentVolumes.addHandler({
    delete: ({ metadata }) => trees.remove(persistentVolumeTree(metadata.uid)),
  });
  const logs = new ContainerLogs({
    clock,
    realClock,
    logger,
    ...logStorage(stateDir, logMaxBytes),
    ...(journals === undefined ? {} : { atEndOfTurn: (callback) => journals.collect(callback) }),
  });
  return {
    trees,
    volumes,
    logs,
    checkpoints: journals === undefined ? NO_CHECKPOINTS : new JournaledCheckpoints(journals),
    /** Deletes what is left of pods, containers, volumes and nodes that went while no agent ran. */
    removeOrphans: (known: {
      pod: (uid: string) => boolean;
      container: (id: string) => boolean;
      node: (name: string) => boolean;
    }): void => {
      volumes.removeOrphans({ pods: known.pod, containers: known.container, nodes: known.node });
      void removeOrphanedClaims(client, trees, logger);
      logs.removeOrphans(known.pod);
    },
    close: async (): Promise<void> => {
      volumes.stop();
      journals?.flush();
      await logs.close();
    },
  };
}

/**
 * Other agents write data of volumes that this one has not heard of yet, so only what the apiserver does not know after
 * the data was there is an orphan.
 */
async function removeOrphanedClaims(client: Client, trees: Trees, logger: Logger): Promise<void> {
  const found = [...trees.names()].filter(isPersistentVolumeTree);
  if (found.length === 0) return;
  try {
    const { items } = await client.list(PersistentVolumes);
    const known = new Set(items.map(({ metadata }) => persistentVolumeTree(metadata.uid)));
    for (const name of found) if (!known.has(name)) trees.remove(name);
  } catch (error) {
    logger.warn({ err: error }, 'data of volumes that are gone is left for the next start');
  }
}
