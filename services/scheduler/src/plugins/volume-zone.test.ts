import type { PersistentVolume, PersistentVolumeClaim } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { NO_STORAGE, verdict } from '../test-support/verdicts.ts';
import { volumeZone } from './volume-zone.ts';

const [ZONE, BETA_ZONE, REGION] = [
  'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/zone',
  'topology.kubernetes.io/region',
];
const NO_ZONE = ['node(s) had no available volume zone'];

const meta = { uid: 'u', resourceVersion: '1', creationTimestamp: '' };

function on(
  volumeLabels: Record<string, string>,
  nodeLabels: Record<string, string>,
): readonly string[] | string {
  const claim: PersistentVolumeClaim = {
    metadata: { ...meta, name: 'c', namespace: 'default' },
    spec: { volumeName: 'v' },
  };
  const volume: PersistentVolume = { metadata: { ...meta, name: 'v', labels: volumeLabels }, spec: {} };
  const plugin = volumeZone({
    ...NO_STORAGE,
    claim: () => claim,
    volume: (name) => (name === 'v' ? volume : undefined),
  });
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'c' } }];
  return verdict(plugin, { name: 'p', spec: { volumes } }, { name: 'n', labels: nodeLabels });
}

describe('VolumeZone', () => {
  it.each<[string, Record<string, string>, Record<string, string>, readonly string[]]>([
    ['a volume that is in no zone', {}, { [ZONE]: 'a' }, []],
    ['a volume of the zone', { [ZONE]: 'a' }, { [ZONE]: 'a' }, []],
    ['a volume of another zone', { [ZONE]: 'a' }, { [ZONE]: 'b' }, NO_ZONE],
    ['a volume of several zones', { [ZONE]: 'a__b' }, { [ZONE]: 'b' }, []],
    ['a volume of the zone by its old name', { [BETA_ZONE]: 'a' }, { [ZONE]: 'a' }, []],
    ['a node with the old name', { [ZONE]: 'a' }, { [BETA_ZONE]: 'a' }, []],
    ['a node with a region only', { [ZONE]: 'a' }, { [REGION]: 'r' }, NO_ZONE],
    [
      'a volume of the zone in another region',
      { [ZONE]: 'a', [REGION]: 'r' },
      { [ZONE]: 'a', [REGION]: 's' },
      NO_ZONE,
    ],
    ['a node outside of all zones', { [ZONE]: 'a' }, {}, []],
  ])('%s', (_case, volume, node, expected) => {
    expect(on(volume, node)).toEqual(expected);
  });
});
