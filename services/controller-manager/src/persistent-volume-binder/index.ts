/** Binds claims to volumes, makes volumes for them, and takes care of what is left when claims go. */

import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '@orrery/api/gen/types.ts';
import { keyOf, objectKey } from '@orrery/api/meta.ts';
import {
  Nodes,
  PersistentVolumeClaims,
  PersistentVolumes,
  Pods,
  StorageClasses,
} from '@orrery/api/resources.ts';
import { claimClassName, claimNameOf, isClaimBound, volumeClassName } from '@orrery/api/storage.ts';
import type { Controller, ControllerContext, KeyQueue } from '@orrery/controller/controller.ts';
import { type Index, indexed } from '../indexes.ts';
import { isPodTerminal } from '../pods.ts';
import { Binder } from './reconcile.ts';
import { recycledBy } from './recycling.ts';

/** Keys of claims and of volumes share the queue. */
const CLAIM = 'claim/';
const VOLUME = 'volume/';

/** Claims without a volume by class: what a new volume, or a new class, may help. */
const WAITING_BY_CLASS: Index<PersistentVolumeClaim> = {
  name: 'waitingByClass',
  values: (claim) => (isClaimBound(claim) ? [] : [claimClassName(claim)]),
};

/** Pods that are to be scheduled, by the claims that they use. */
const WITHOUT_NODE_BY_CLAIM: Index<Pod> = {
  name: 'withoutNodeByClaim',
  values: (pod) => {
    const { metadata, spec } = pod;
    if ((spec.nodeName ?? '') !== '' || spec.volumes === undefined || isPodTerminal(pod)) return [];
    return spec.volumes.flatMap((volume) => {
      const name = claimNameOf(pod, volume);
      return name === undefined ? [] : [objectKey(metadata.namespace, name)];
    });
  },
};

export function persistentVolumeBinder({ informers, events, clock }: ControllerContext): Controller {
  const claims = informers.of(PersistentVolumeClaims);
  const volumes = informers.of(PersistentVolumes);
  const classes = informers.of(StorageClasses);
  const nodes = informers.of(Nodes);
  const waitingFor = indexed(claims, WAITING_BY_CLASS);
  const pods = informers.of(Pods);
  const withoutNode = indexed(pods, WITHOUT_NODE_BY_CLAIM);
  const binder = new Binder({
    claims: claims.lister,
    volumes: volumes.lister,
    pods: pods.lister,
    storageClass: (name) => classes.lister.get(name),
    node: (name) => {
      const node = nodes.lister.get(name);
      return node && { name, labels: node.metadata.labels ?? {} };
    },
    podsWithoutNode: (claim) => withoutNode(keyOf(claim)).map(({ metadata }) => metadata.name),
    events,
    clock,
  });
  return {
    name: 'persistentvolume-binder-controller',
    workers: 4,
    setup: (queue) => {
      watchClaims(queue);
      watchVolumes(queue);
      const lookAtRecycled = (pod: Pod): void => {
        const volume = recycledBy(pod);
        if (volume !== undefined) queue.add(`${VOLUME}${volume}`);
      };
      pods.addHandler({ add: lookAtRecycled, update: lookAtRecycled, delete: lookAtRecycled });
      // Its claims may have been told that they wait for nobody in particular.
      pods.addHandler({
        add: (pod) => {
          for (const key of WITHOUT_NODE_BY_CLAIM.values(pod)) {
            const claim = claims.lister.get(key);
            if (claim !== undefined && !isClaimBound(claim)) queue.add(`${CLAIM}${key}`);
          }
        },
      });
      const help = ({ metadata }: StorageClass): void => wakeWaiting(queue, metadata.name);
      classes.addHandler({ add: help, update: help });
    },
    reconcile: async (key, { client }) => {
      if (key.startsWith(CLAIM)) await binder.reconcileClaim(key.slice(CLAIM.length), client);
      else await binder.reconcileVolume(key.slice(VOLUME.length), client);
    },
  };

  function wakeWaiting(queue: KeyQueue, className: string): void {
    for (const claim of waitingFor(className)) queue.add(`${CLAIM}${keyOf(claim)}`);
  }

  function watchClaims(queue: KeyQueue): void {
    const look = (claim: PersistentVolumeClaim): void => {
      queue.add(`${CLAIM}${keyOf(claim)}`);
      const volume = claim.spec.volumeName ?? '';
      if (volume !== '') queue.add(`${VOLUME}${volume}`);
    };
    claims.addHandler({
      add: look,
      update: look,
      delete: look,
    });
  }

  function watchVolumes(queue: KeyQueue): void {
    const look = (volume: PersistentVolume): void => {
      const { claimRef } = volume.spec;
      queue.add(`${VOLUME}${volume.metadata.name}`);
      if (claimRef !== undefined) {
        queue.add(`${CLAIM}${objectKey(claimRef.namespace, claimRef.name ?? '')}`);
      } else if (volume.status?.phase === 'Available') wakeWaiting(queue, volumeClassName(volume));
    };
    volumes.addHandler({ add: look, update: look, delete: look });
  }
}
