import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PodSpec,
  StorageClass,
} from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { verdict } from '../test-support/verdicts.ts';
import { type StorageView, volumeBinding } from './volume-binding.ts';

const meta = { uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };

function claim(
  name: string,
  fields: Partial<PersistentVolumeClaim> = {},
  metadata = {},
): PersistentVolumeClaim {
  return { metadata: { ...meta, name, namespace: 'default', ...metadata }, spec: {}, ...fields };
}

const bound = (volumeName = 'v'): PersistentVolumeClaim =>
  claim('c', { spec: { volumeName } }, { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } });

const late: StorageClass = {
  metadata: { ...meta, name: 'late' },
  provisioner: 'p',
  volumeBindingMode: 'WaitForFirstConsumer',
};

const CLASSES = [
  late,
  { ...late, metadata: { ...meta, name: 'local' }, provisioner: 'kubernetes.io/no-provisioner' },
  ...['a', 'b'].map((zone): StorageClass => ({
    ...late,
    metadata: { ...meta, name: `only-${zone}` },
    allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: [zone] }] }],
  })),
];

const local = claim('c', { spec: { storageClassName: 'local' } });

const free = (zone: string): PersistentVolume => {
  const volume = onZone(zone);
  volume.spec.storageClassName = 'local';
  volume.spec.capacity = { storage: '1Gi' };
  volume.status = { phase: 'Available' };
  return volume;
};

const onZone = (zone: string): PersistentVolume => ({
  metadata: { ...meta, name: 'v' },
  spec: {
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: [zone] }] }],
      },
    },
  },
});

function view(claims: PersistentVolumeClaim[], volumes: PersistentVolume[] = []): StorageView {
  return {
    claim: (key) => claims.find(({ metadata }) => `${metadata.namespace}/${metadata.name}` === key),
    volume: (name) => volumes.find(({ metadata }) => metadata.name === name),
    volumes: () => volumes,
    storageClass: (name) => CLASSES.find(({ metadata }) => metadata.name === name),
  };
}

const withClaim: Partial<PodSpec> = {
  volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'c' } }],
};
const withEphemeral: Partial<PodSpec> = {
  volumes: [{ name: 'data', ephemeral: { volumeClaimTemplate: { spec: {} } } }],
};

describe('a pod', () => {
  it.each<[string, Partial<PodSpec>, StorageView, string | readonly string[]]>([
    ['without claims', { volumes: [{ name: 'x', emptyDir: {} }] }, view([]), []],
    ['whose claim is not there', withClaim, view([]), 'persistentvolumeclaim "c" not found'],
    [
      'whose ephemeral claim is yet to be made',
      withEphemeral,
      view([]),
      'waiting for ephemeral volume controller to create the persistentvolumeclaim "p-data"',
    ],
    [
      'whose ephemeral claim is somebody else’s',
      withEphemeral,
      view([claim('p-data')]),
      'PVC default/p-data was not created for pod default/p (pod is not owner)',
    ],
    [
      'whose claim has no volume',
      withClaim,
      view([claim('c')]),
      'pod has unbound immediate PersistentVolumeClaims',
    ],
    ['whose claim waits for it', withClaim, view([claim('c', { spec: { storageClassName: 'late' } })]), []],
    ['whose claim is for a disk that is here', withClaim, view([local], [free('a')]), []],
    [
      'whose claim is for a disk that is elsewhere',
      withClaim,
      view([local], [free('b')]),
      ["node(s) didn't find available persistent volumes to bind"],
    ],
    [
      'whose claim can be filled here',
      withClaim,
      view([claim('c', { spec: { storageClassName: 'only-a' } })]),
      [],
    ],
    [
      'whose claim can be filled elsewhere only',
      withClaim,
      view([claim('c', { spec: { storageClassName: 'only-b' } })]),
      ["node(s) didn't find available persistent volumes to bind"],
    ],
    [
      'whose claim is going',
      withClaim,
      view([claim('c', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' })]),
      'persistentvolumeclaim "c" is being deleted',
    ],
    [
      'whose claim has lost its volume',
      withClaim,
      view([claim('c', { spec: { volumeName: 'v' }, status: { phase: 'Lost' } })]),
      'persistentvolumeclaim "c" bound to non-existent persistentvolume "v"',
    ],
    ['whose volume can be had here', withClaim, view([bound()], [onZone('a')]), []],
    [
      'whose volume is elsewhere',
      withClaim,
      view([bound()], [onZone('b')]),
      ['node(s) had volume node affinity conflict'],
    ],
    [
      'whose volume is nowhere',
      withClaim,
      view([bound()]),
      ['node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'],
    ],
  ])('%s', (_case, spec, storage, expected) => {
    const node = { name: 'n', labels: { zone: 'a' } };
    expect(verdict(volumeBinding(storage), { name: 'p', spec }, node)).toEqual(expected);
  });
});
