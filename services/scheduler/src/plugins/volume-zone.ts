/** A volume that is in a zone or region can be had there only (pkg/scheduler/framework/plugins/volumezone). */

import type { PersistentVolume } from '@orrery/api/gen/types.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import { type FilterPlugin, unresolvable } from './plugin.ts';
import type { StorageView } from './volume-binding.ts';

const ELSEWHERE = unresolvable('node(s) had no available volume zone');

/** Labels of volumes, and the older or newer name under which a node may have the same. */
const TOPOLOGY_LABELS: readonly (readonly [label: string, otherName: string])[] = [
  ['failure-domain.beta.kubernetes.io/zone', 'topology.kubernetes.io/zone'],
  ['failure-domain.beta.kubernetes.io/region', 'topology.kubernetes.io/region'],
  ['topology.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/zone'],
  ['topology.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/region'],
];

/** Several zones stand in one label of a volume. */
const SEPARATOR = '__';

interface Place {
  readonly labels: readonly [label: string, otherName: string];
  readonly values: readonly string[];
}

/** Where a volume is, by its labels. */
function placesOf({ metadata }: PersistentVolume): Place[] {
  return TOPOLOGY_LABELS.flatMap((labels) => {
    const value = metadata.labels?.[labels[0]];
    return value === undefined ? [] : { labels, values: value.split(SEPARATOR) };
  });
}

function isAt({ labels }: NodeInfo, { labels: [label, otherName], values }: Place): boolean {
  const value = labels[label] ?? labels[otherName];
  return value !== undefined && values.includes(value);
}

/** A node without any of the labels is in a cluster without zones. */
function hasPlace({ labels }: NodeInfo): boolean {
  return TOPOLOGY_LABELS.some(([label]) => labels[label] !== undefined);
}

export function volumeZone(storage: StorageView): FilterPlugin {
  return {
    name: 'VolumeZone',
    wokenBy: ['ClaimChange', 'VolumeChange', 'StorageClassChange', 'NodeAdd', 'NodeLabels'],
    preFilter({ claims }) {
      // What is not bound yet, VolumeBinding looks after.
      const places = claims.flatMap((key) => {
        const volume = storage.volume(storage.claim(key)?.spec.volumeName ?? '');
        return volume === undefined ? [] : placesOf(volume);
      });
      if (places.length === 0) return undefined;
      return {
        filter: (node) =>
          hasPlace(node) && !places.every((place) => isAt(node, place)) ? ELSEWHERE : undefined,
      };
    },
  };
}
