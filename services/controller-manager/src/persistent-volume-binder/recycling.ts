/** How a volume of a node's own is emptied for the next claim: by a pod (pkg/volume/plugins.go, volume/util/recyclerclient). Pure. */

import type { Draft, PersistentVolume, Pod } from '@orrery/api/gen/types.ts';

export const RECYCLER_NAMESPACE = 'default';
const PREFIX = 'recycler-for-';

const TIMEOUT_SECONDS = 60;
const SCRIPT = 'test -e /scrub && find /scrub -mindepth 1 -delete && test -z "$(ls -A /scrub)" || exit 1';

export function recyclerName({ metadata }: PersistentVolume): string {
  return `${PREFIX}${metadata.name}`;
}

/** The volume that a pod recycles; undefined for other pods. */
export function recycledBy({ metadata }: Pod): string | undefined {
  const isRecycler = metadata.namespace === RECYCLER_NAMESPACE && metadata.name.startsWith(PREFIX);
  return isRecycler ? metadata.name.slice(PREFIX.length) : undefined;
}

/** Runs where the scheduler puts it: as upstream, this is for clusters of one node. */
export function recyclerPod(volume: PersistentVolume): Draft<Pod> {
  const name = 'vol';
  return {
    metadata: { namespace: RECYCLER_NAMESPACE, name: recyclerName(volume) },
    spec: {
      activeDeadlineSeconds: TIMEOUT_SECONDS,
      restartPolicy: 'Never',
      volumes: [{ name, hostPath: { path: volume.spec.hostPath?.path ?? '' } }],
      containers: [
        {
          name: 'pv-recycler',
          image: 'registry.k8s.io/build-image/debian-base:bookworm-v1.0.4',
          command: ['/bin/sh'],
          args: ['-c', SCRIPT],
          volumeMounts: [{ name, mountPath: '/scrub' }],
        },
      ],
    },
  };
}

/** How far the recycler is; `failed` says why. */
export function recyclerOutcome({ status }: Pod): 'running' | 'succeeded' | { failed: string } {
  if (status?.phase === 'Succeeded') return 'succeeded';
  if (status?.phase !== 'Failed') return 'running';
  return { failed: status.message || 'pod failed, pod.Status.Message unknown' };
}
