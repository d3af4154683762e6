/**
 * A claim that only one pod may use is free, or the pod waits
 * (pkg/scheduler/framework/plugins/volumerestrictions; what it knows of the disks of old clouds is not served).
 */

import { type FilterPlugin, resolvable } from './plugin.ts';
import type { StorageView } from './volume-binding.ts';

const IN_USE = resolvable(
  'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode',
);

export function volumeRestrictions(storage: StorageView): FilterPlugin {
  return {
    name: 'VolumeRestrictions',
    wokenBy: ['AssignedPodDelete', 'ClaimChange', 'NodeAdd'],
    preFilter({ claims }, snapshot) {
      const exclusive = claims.filter(
        (key) => storage.claim(key)?.spec.accessModes?.includes('ReadWriteOncePod') === true,
      );
      if (exclusive.length === 0) return undefined;
      let users = 0;
      for (const key of exclusive) users += snapshot.podsUsingClaim(key);
      return {
        // Whoever uses the claim, on whatever node, keeps it.
        spansNodes: true,
        filter: () => (users > 0 ? IN_USE : undefined),
        count(other, _node, sign) {
          for (const key of exclusive) if (other.claims.includes(key)) users += sign;
        },
      };
    },
  };
}
