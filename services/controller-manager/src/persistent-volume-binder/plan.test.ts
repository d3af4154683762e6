import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '@orrery/api/gen/types.ts';
import { matchingVolume, mismatch } from '@orrery/api/volume-matching.ts';
import { describe, expect, it, test } from 'vitest';
import fc from 'fast-check';
import { claim, storageClass, volume } from '../test-support/objects.ts';
import { boundClaim, boundVolume } from './binding.ts';
import { planClaim, planVolume } from './plan.ts';

type ClaimSpec = PersistentVolumeClaim['spec'];
type VolumeSpec = PersistentVolume['spec'];

const sized = (storage: string): Pick<VolumeSpec, 'capacity'> => ({ capacity: { storage } });
const reserved = (name: string, uid?: string): Pick<VolumeSpec, 'claimRef'> => ({
  claimRef: { namespace: 'default', name, ...(uid === undefined ? {} : { uid }) },
});

function planOf(
  one: PersistentVolumeClaim,
  volumes: PersistentVolume[] = [],
  classes: StorageClass[] = [],
  podsWithoutNode: string[] = [],
): string {
  const plan = planClaim(one, {
    volume: (name) => volumes.find(({ metadata }) => metadata.name === name),
    volumes: () => volumes,
    storageClass: (name) => classes.find(({ metadata }) => metadata.name === name),
    node: (name) => ({ name, labels: { zone: name } }),
    podsWithoutNode: () => podsWithoutNode,
  });
  if ('volume' in plan) return `${plan.action} ${plan.volume.metadata.name}`;
  if ('storageClass' in plan) return `${plan.action} ${plan.storageClass.metadata.name}`;
  const { note } = plan;
  return note === undefined ? plan.action : `${plan.action}: ${note.type} ${note.reason} ${note.message}`;
}

describe('a claim', () => {
  test.each<[string, ClaimSpec, [string, VolumeSpec][], string | undefined]>([
    [
      'the smallest that is large enough',
      {},
      [
        ['big', sized('9Gi')],
        ['fit', sized('2Gi')],
        ['small', sized('1Mi')],
      ],
      'fit',
    ],
    [
      'the first by name of two alike',
      {},
      [
        ['b', {}],
        ['a', {}],
      ],
      'a',
    ],
    [
      'one that is reserved for it',
      {},
      [
        ['a', {}],
        ['mine', { ...sized('9Gi'), ...reserved('c') }],
      ],
      'mine',
    ],
    [
      'none that is reserved for another',
      {},
      [
        ['a', reserved('d')],
        ['b', reserved('c', 'another uid')],
      ],
      undefined,
    ],
    [
      'one of its class',
      { storageClassName: 'x' },
      [
        ['a', {}],
        ['b', { storageClassName: 'x' }],
      ],
      'b',
    ],
    ['none with fewer access modes', { accessModes: ['ReadWriteMany'] }, [['a', {}]], undefined],
    [
      'one of its volume mode',
      { volumeMode: 'Block' },
      [
        ['a', {}],
        ['b', { volumeMode: 'Block' }],
      ],
      'b',
    ],
  ])('takes %s', (_case, spec, volumes, expected) => {
    const all = volumes.map(([name, each]) => volume(name, { spec: each }));
    expect(matchingVolume(claim('c', { spec }), all)?.metadata.name).toBe(expected);
  });

  it('takes only volumes that its selector selects, and none that is going or not free', () => {
    const selected = volume('b', { metadata: { labels: { tier: 'fast' } }, spec: sized('9Gi') });
    const spec = { selector: { matchLabels: { tier: 'fast' } } };
    const going = volume('c', {
      metadata: { ...selected.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
    });
    const released = volume('d', { metadata: selected.metadata, status: { phase: 'Released' } });
    expect(matchingVolume(claim('c', { spec }), [volume('a'), going, released, selected])).toBe(selected);
  });

  it('always takes a volume that satisfies it', () => {
    const mode = fc.constantFrom('ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany');
    const modes = fc.uniqueArray(mode, { minLength: 1 });
    const size = fc.integer({ min: 1, max: 9 }).map((gi) => `${gi}Gi`);
    const className = fc.constantFrom('', 'x');
    const anyVolume = fc.record({ modes, size, className });
    const property = fc.property(anyVolume, fc.array(anyVolume), (wanted, offers) => {
      const one = claim('c', {
        spec: {
          accessModes: wanted.modes,
          storageClassName: wanted.className,
          resources: { requests: { storage: wanted.size } },
        },
      });
      const all = offers.map((each, index) =>
        volume(`v${index}`, {
          spec: { accessModes: each.modes, storageClassName: each.className, ...sized(each.size) },
        }),
      );
      const found = matchingVolume(one, all);
      if (found === undefined) expect(all.filter((each) => mismatch(each, one) === undefined)).toEqual([]);
      else expect(mismatch(found, one)).toBeUndefined();
    });
    fc.assert(property);
  });

  const named = { spec: { volumeName: 'v' } };
  const lost = boundClaim(claim('c'), volume('v'));

  test.each<[string, PersistentVolumeClaim, PersistentVolume[], StorageClass[], string]>([
    ['binds to what is there', claim('c'), [volume('v')], [], 'bind v'],
    [
      'without a class and a volume waits',
      claim('c'),
      [],
      [],
      'wait: Normal FailedBinding no persistent volumes available for this claim and no storage class is set',
    ],
    [
      'of a class gets a volume made',
      claim('c', { spec: { storageClassName: 'x' } }),
      [volume('v')],
      [storageClass('x')],
      'provision x',
    ],
    [
      'of a class that is not there waits',
      claim('c', { spec: { storageClassName: 'x' } }),
      [],
      [],
      'wait: Warning ProvisioningFailed storageclass.storage.k8s.io "x" not found',
    ],
    [
      'of a class without a provisioner waits',
      claim('c', { spec: { storageClassName: 'x' } }),
      [],
      [storageClass('x', { provisioner: 'kubernetes.io/no-provisioner' })],
      'wait: Warning ProvisioningFailed no volume plugin matched name: kubernetes.io/no-provisioner',
    ],
    [
      'of a class that waits for a pod does so, volume or not',
      claim('c', { spec: { storageClassName: 'x' } }),
      [volume('v', { spec: { storageClassName: 'x' } })],
      [storageClass('x', { volumeBindingMode: 'WaitForFirstConsumer' })],
      'wait: Normal WaitForFirstConsumer waiting for first consumer to be created before binding',
    ],
    [
      'of such a class goes on once a node is chosen',
      claim('c', {
        metadata: { annotations: { 'volume.kubernetes.io/selected-node': 'n' } },
        spec: { storageClassName: 'x' },
      }),
      [],
      [storageClass('x', { volumeBindingMode: 'WaitForFirstConsumer' })],
      'provision x',
    ],
    [
      'of such a class takes a volume that can be had on that node',
      claim('c', {
        metadata: { annotations: { 'volume.kubernetes.io/selected-node': 'b' } },
        spec: { storageClassName: 'x' },
      }),
      ['a', 'b'].map((zone) =>
        volume(`in-${zone}`, {
          spec: {
            storageClassName: 'x',
            nodeAffinity: {
              required: {
                nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: [zone] }] }],
              },
            },
          },
        }),
      ),
      [storageClass('x', { volumeBindingMode: 'WaitForFirstConsumer' })],
      'bind in-b',
    ],
    ['that names its volume binds to it', claim('c', named), [volume('v')], [], 'bind v'],
    ['that names a volume to come waits', claim('c', named), [], [], 'wait'],
    [
      'that names a volume that is too small waits',
      claim('c', named),
      [volume('v', { spec: sized('1Mi') })],
      [],
      'wait: Warning VolumeMismatch Cannot bind to requested volume "v": requested PV is too small',
    ],
    [
      'that names a volume of somebody else waits',
      claim('c', named),
      [volume('v', { spec: reserved('d', 'u') })],
      [],
      'wait: Warning FailedBinding volume "v" already bound to a different claim.',
    ],
    [
      'that was bound has lost its volume',
      lost,
      [],
      [],
      'lose: Warning ClaimLost Bound claim has lost its PersistentVolume. Data on the volume is lost!',
    ],
    [
      'that was bound has lost its volume to another',
      lost,
      [volume('v', { spec: reserved('d', 'u') })],
      [],
      'lose: Warning ClaimMisbound Two claims are bound to the same volume, this one is bound incorrectly',
    ],
  ])('%s', (_case, one, volumes, classes, expected) => {
    expect(planOf(one, volumes, classes)).toBe(expected);
  });
});

test.each<[string[], string]>([
  [['web-0'], 'pod web-0'],
  [['web-1', 'web-0'], 'pods web-0,web-1'],
])('a claim that waits for %j to be scheduled says so', (pods, which) => {
  const one = claim('c', { spec: { storageClassName: 'x' } });
  const waiting = storageClass('x', { volumeBindingMode: 'WaitForFirstConsumer' });
  expect(planOf(one, [], [waiting], pods)).toBe(
    `wait: Normal WaitForPodScheduled waiting for ${which} to be scheduled`,
  );
});

describe('a volume', () => {
  const mine = claim('c');
  const taken = (spec: VolumeSpec = {}): PersistentVolume => boundVolume(volume('v', { spec }), mine);
  const made = { csi: { driver: 'simulated.orrery.dev', volumeHandle: 'v' } };

  test.each<[string, PersistentVolume, PersistentVolumeClaim | undefined, unknown]>([
    ['of nobody is available', volume('v'), undefined, { action: 'phase', phase: 'Available' }],
    [
      'that is reserved by name is available',
      volume('v', { spec: reserved('c') }),
      undefined,
      { action: 'phase', phase: 'Available' },
    ],
    ['waits for the claim to take it', taken(), mine, { action: 'offer' }],
    ['of its claim is bound', taken(), boundClaim(mine, volume('v')), { action: 'phase', phase: 'Bound' }],
    [
      'that the claim did not take is free again',
      taken(),
      boundClaim(mine, volume('w')),
      { action: 'unbind' },
    ],
    [
      'is kept after its claim',
      taken({ persistentVolumeReclaimPolicy: 'Retain' }),
      undefined,
      { action: 'release', reclaim: { action: 'retain' } },
    ],
    [
      'that was made goes with its claim',
      taken({ ...made, persistentVolumeReclaimPolicy: 'Delete' }),
      undefined,
      { action: 'release', reclaim: { action: 'delete' } },
    ],
    [
      'of a temporary directory goes with its claim',
      taken({ hostPath: { path: '/tmp/x' }, persistentVolumeReclaimPolicy: 'Delete' }),
      undefined,
      { action: 'release', reclaim: { action: 'delete' } },
    ],
  ])('%s', (_case, one, its, expected) => {
    expect(planVolume(one, its)).toEqual(expected);
  });

  test.each<[string, VolumeSpec, string, string]>([
    [
      'Delete',
      {},
      'VolumeFailedDelete',
      'host_path deleter only supports /tmp/.+ but received provided /data',
    ],
    [
      'Recycle',
      { hostPath: undefined, nfs: { server: 'files', path: '/' } } as object,
      'VolumeFailedRecycle',
      'No recycler plugin found for the volume!',
    ],
  ])(
    'with the policy %s that cannot be carried out fails',
    (persistentVolumeReclaimPolicy, source, reason, message) => {
      expect(planVolume(taken({ persistentVolumeReclaimPolicy, ...source }), undefined)).toEqual({
        action: 'release',
        reclaim: { action: 'fail', note: { type: 'Warning', reason, message } },
      });
    },
  );
});
