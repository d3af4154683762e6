import type { PersistentVolume, PersistentVolumeClaim, Pod } from '@orrery/api/gen/types.ts';
import { PersistentVolumeClaims, PersistentVolumes, Pods, StorageClasses } from '@orrery/api/resources.ts';
import { serviceUnavailable } from '@orrery/api/status-error.ts';
import { beforeEach, describe, expect, it, test } from 'vitest';
import { ephemeralVolumeController } from '../ephemeral-volume/index.ts';
import { persistentVolumeClaimProtection } from '../persistent-volume-claim-protection/index.ts';
import { persistentVolumeProtection } from '../persistent-volume-protection/index.ts';
import { ControllerUnderTest, settle } from '../test-support/controller-under-test.ts';
import { FakeCluster } from '../test-support/fake-cluster.ts';
import { claim, pod, storageClass, volume } from '../test-support/objects.ts';
import { persistentVolumeBinder } from './index.ts';

let cluster: FakeCluster;
let controllers: ControllerUnderTest[];

/** Controllers as a new leader has them. */
function lead(): void {
  controllers = [
    persistentVolumeBinder,
    persistentVolumeProtection,
    persistentVolumeClaimProtection,
    ephemeralVolumeController,
  ].map((each) => new ControllerUnderTest(cluster, each));
}

beforeEach(() => {
  cluster = new FakeCluster();
  lead();
});

const claimOf = (name = 'c'): PersistentVolumeClaim => cluster.get(PersistentVolumeClaims, `default/${name}`);
const volumeOf = (name = 'v'): PersistentVolume => cluster.get(PersistentVolumes, name);
const removeClaim = (name = 'c'): Promise<unknown> =>
  cluster.client.delete(PersistentVolumeClaims, { namespace: 'default', name });

const pvcProtection = { finalizers: ['kubernetes.io/pvc-protection'] };

describe('claims and volumes', () => {
  it('are bound to each other, whichever comes first', async () => {
    cluster.seed(PersistentVolumeClaims, claim('c'));
    await settle(controllers);
    expect(claimOf().status?.phase).toBe('Pending');
    cluster.seed(PersistentVolumes, volume('v', { status: { phase: 'Pending' } }));
    await settle(controllers);
    expect(claimOf()).toMatchObject({
      metadata: {
        annotations: {
          'pv.kubernetes.io/bind-completed': 'yes',
          'pv.kubernetes.io/bound-by-controller': 'yes',
        },
      },
      spec: { volumeName: 'v' },
      status: { phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } },
    });
    expect(volumeOf()).toMatchObject({
      spec: {
        claimRef: {
          kind: 'PersistentVolumeClaim',
          namespace: 'default',
          name: 'c',
          uid: claimOf().metadata.uid,
        },
      },
      status: { phase: 'Bound' },
    });
  });

  it('are one to one, however many there are', async () => {
    for (const name of ['a', 'b', 'c']) cluster.seed(PersistentVolumeClaims, claim(name));
    for (const name of ['v', 'w']) cluster.seed(PersistentVolumes, volume(name));
    await settle(controllers);
    const bound = ['a', 'b', 'c'].map((name) => claimOf(name).spec.volumeName);
    expect(bound.filter((each) => each !== undefined).toSorted()).toEqual(['v', 'w']);
  });

  const losses = [0, 1, 2, 3].flatMap((index) => [[index, 'before'] as const, [index, 'after'] as const]);

  test.each(losses)('end up the same when the leader is lost at write %i, %s it', async (fatal, when) => {
    cluster.seed(PersistentVolumeClaims, claim('c'));
    cluster.seed(PersistentVolumes, volume('v'));
    cluster.seed(PersistentVolumes, volume('w'));
    cluster.fault = (_write, index) =>
      index === fatal ? { error: serviceUnavailable('gone'), when } : undefined;
    while (controllers[0]!.errors.length === 0) await controllers[0]!.step();
    cluster.fault = undefined;
    lead();
    await settle(controllers);
    expect([claimOf().spec.volumeName, claimOf().status?.phase]).toEqual(['v', 'Bound']);
    expect([volumeOf('v').status?.phase, volumeOf('w').status?.phase]).toEqual(['Bound', 'Available']);
  });

  it('that lost each other: the claim says so', async () => {
    cluster.seed(PersistentVolumeClaims, claim('c'));
    cluster.seed(PersistentVolumes, volume('v'));
    await settle(controllers);
    cluster.remove(PersistentVolumes, 'v');
    await settle(controllers);
    expect(claimOf().status).toEqual({ phase: 'Lost' });
    expect(cluster.events.at(-1)).toBe(
      'Warning c ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!',
    );
  });
});

describe('a claim of the simulated class', () => {
  beforeEach(() => {
    cluster.seed(StorageClasses, storageClass('standard', { allowVolumeExpansion: true }));
    const spec = { storageClassName: 'standard', resources: { requests: { storage: '5Gi' } } };
    cluster.seed(PersistentVolumeClaims, claim('c', { metadata: pvcProtection, spec }));
  });

  const made = (): string => `pvc-${claimOf().metadata.uid}`;

  it('gets a volume of its own, as large as it asks for', async () => {
    await settle(controllers);
    expect(claimOf()).toMatchObject({
      metadata: {
        annotations: { 'volume.kubernetes.io/storage-provisioner': 'orrery.dev/simulated' },
      },
      spec: { volumeName: made() },
      status: { phase: 'Bound', capacity: { storage: '5Gi' } },
    });
    expect(volumeOf(made())).toMatchObject({
      metadata: { annotations: { 'pv.kubernetes.io/provisioned-by': 'orrery.dev/simulated' } },
      spec: {
        capacity: { storage: '5Gi' },
        csi: { driver: 'simulated.orrery.dev', volumeHandle: made() },
        persistentVolumeReclaimPolicy: 'Delete',
        storageClassName: 'standard',
      },
    });
    expect(cluster.events).toEqual([
      'Normal c Provisioning: External provisioner is provisioning volume for claim "default/c"',
      `Normal c ProvisioningSucceeded: Successfully provisioned volume ${made()}`,
    ]);
  });

  it('takes it along when it goes, not before its last pod', async () => {
    await settle(controllers);
    const name = made();
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'c' } }];
    cluster.seed(Pods, pod('p', { spec: { nodeName: 'n', volumes } }));
    await removeClaim();
    await settle(controllers);
    expect(claimOf().metadata.deletionTimestamp).toBeDefined();
    cluster.remove(Pods, 'default/p');
    await settle(controllers);
    expect(cluster.find(PersistentVolumeClaims, 'default/c')).toBeUndefined();
    expect(cluster.find(PersistentVolumes, name)).toBeUndefined();
  });

  it('has one that stays until what is behind it is deleted, whichever of the two goes first', async () => {
    await settle(controllers);
    const volume = made();
    cluster.change(PersistentVolumes, volume, ({ metadata }) => {
      metadata.finalizers = ['kubernetes.io/pv-protection', ...(metadata.finalizers ?? [])];
    });
    expect(volumeOf(volume).metadata.finalizers).toContain(
      'external-provisioner.volume.kubernetes.io/finalizer',
    );
    await cluster.client.delete(PersistentVolumes, { namespace: '', name: volume });
    await settle(controllers);
    expect(volumeOf(volume).metadata.finalizers).toHaveLength(2);
    expect(claimOf().status?.phase).toBe('Bound');
    await removeClaim();
    await settle(controllers);
    expect(cluster.find(PersistentVolumes, volume)).toBeUndefined();
  });

  it.each([0, 1, 2])(
    'leaves no volume behind when the leader is lost at write %i of the deletion',
    async (at) => {
      await settle(controllers);
      const [volume, begun] = [made(), cluster.writes.length];
      await removeClaim();
      let count = 0;
      cluster.fault = (_write, index) => {
        count += index >= begun ? 1 : 0;
        return count === at + 1 ? { error: serviceUnavailable('lost'), when: 'after' } : undefined;
      };
      await settle(controllers);
      expect(cluster.find(PersistentVolumes, volume)).toBeUndefined();
    },
  );

  it('leaves its volume to people when they say so', async () => {
    await settle(controllers);
    const volume = made();
    cluster.change(PersistentVolumes, volume, ({ spec }) => {
      spec.persistentVolumeReclaimPolicy = 'Retain';
    });
    await settle(controllers);
    expect(volumeOf(volume).metadata.finalizers ?? []).toEqual([]);
    await removeClaim();
    await settle(controllers);
    expect(volumeOf(volume).status?.phase).toBe('Released');
  });
});

it('a claim of somebody’s own provisioner is given its name, and binds to the volume that it makes', async () => {
  cluster.seed(StorageClasses, storageClass('theirs', { provisioner: 'example.com/theirs' }));
  cluster.seed(PersistentVolumeClaims, claim('c', { spec: { storageClassName: 'theirs' } }));
  await settle(controllers);
  expect(claimOf().metadata.annotations).toEqual({
    'volume.beta.kubernetes.io/storage-provisioner': 'example.com/theirs',
    'volume.kubernetes.io/storage-provisioner': 'example.com/theirs',
  });
  expect(cluster.events.at(-1)).toContain(
    "Normal c ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'example.com/theirs'",
  );
  const { uid } = claimOf().metadata;
  const claimRef = { namespace: 'default', name: 'c', uid };
  cluster.seed(PersistentVolumes, volume('v', { spec: { storageClassName: 'theirs', claimRef } }));
  await settle(controllers);
  expect(claimOf()).toMatchObject({ spec: { volumeName: 'v' }, status: { phase: 'Bound' } });
});

it('a claim is told which pods it waits for, also when they come later', async () => {
  cluster.seed(StorageClasses, storageClass('late', { volumeBindingMode: 'WaitForFirstConsumer' }));
  cluster.seed(PersistentVolumeClaims, claim('c', { spec: { storageClassName: 'late' } }));
  await settle(controllers);
  const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }];
  cluster.seed(Pods, pod('p', { spec: { volumes } }));
  await settle(controllers);
  expect(cluster.events).toEqual([
    'Normal c WaitForFirstConsumer: waiting for first consumer to be created before binding',
    'Normal c WaitForPodScheduled: waiting for pod p to be scheduled',
  ]);
});

describe('a volume that a claim leaves', () => {
  it('is kept as Released, for nobody else', async () => {
    cluster.seed(PersistentVolumeClaims, claim('c'));
    cluster.seed(PersistentVolumes, volume('v'));
    await settle(controllers);
    await removeClaim();
    cluster.seed(PersistentVolumeClaims, claim('d'));
    await settle(controllers);
    expect(volumeOf().status?.phase).toBe('Released');
    expect(claimOf('d').status?.phase).toBe('Pending');
    cluster.change(PersistentVolumes, 'v', ({ spec }) => void delete spec.claimRef);
    await settle(controllers);
    expect(claimOf('d').spec.volumeName).toBe('v');
  });

  it('fails when its policy cannot be carried out', async () => {
    cluster.seed(PersistentVolumeClaims, claim('c'));
    cluster.seed(PersistentVolumes, volume('v', { spec: { persistentVolumeReclaimPolicy: 'Delete' } }));
    await settle(controllers);
    await removeClaim();
    await settle(controllers);
    const message = 'host_path deleter only supports /tmp/.+ but received provided /data';
    expect(volumeOf().status).toMatchObject({ phase: 'Failed', message });
    expect(cluster.events.at(-1)).toBe(`Warning v VolumeFailedDelete: ${message}`);
  });

  describe('with the policy Recycle', () => {
    const RECYCLER = 'default/recycler-for-v';
    const endRecycler = (status: Pod['status']): unknown =>
      cluster.change(Pods, RECYCLER, (copy) => Object.assign(copy, { status }));

    beforeEach(async () => {
      cluster.seed(PersistentVolumeClaims, claim('c'));
      const spec = { persistentVolumeReclaimPolicy: 'Recycle' };
      cluster.seed(PersistentVolumes, volume('v', { spec }));
      await settle(controllers);
      await removeClaim();
      await settle(controllers);
    });

    it('is emptied by a pod, and then anybody’s', async () => {
      expect(volumeOf().status?.phase).toBe('Released');
      expect(cluster.get(Pods, RECYCLER).spec).toMatchObject({
        restartPolicy: 'Never',
        volumes: [{ name: 'vol', hostPath: { path: '/data' } }],
      });
      endRecycler({ phase: 'Running' });
      await settle(controllers);
      expect(volumeOf().status?.phase).toBe('Released');
      endRecycler({ phase: 'Succeeded' });
      await settle(controllers);
      expect(cluster.all(Pods)).toEqual([]);
      expect(volumeOf().spec.claimRef).toBeUndefined();
      expect(volumeOf().status?.phase).toBe('Available');
      expect(cluster.events.at(-1)).toBe('Normal v VolumeRecycled: Volume recycled');
    });

    it('fails with its pod', async () => {
      endRecycler({ phase: 'Failed', message: 'too slow' });
      await settle(controllers);
      expect(volumeOf().status).toMatchObject({ phase: 'Failed', message: 'Recycle failed: too slow' });
      expect(cluster.events.at(-1)).toBe('Warning v VolumeFailedRecycle: Recycle failed: too slow');
      expect(cluster.all(Pods)).toEqual([]);
    });

    it.each([0, 1, 2])(
      'is never free with a recycler left, when the leader is lost at write %i',
      async (at) => {
        const begun = cluster.writes.length;
        cluster.fault = (_write, index) =>
          index === begun + at ? { error: serviceUnavailable('lost'), when: 'after' } : undefined;
        endRecycler({ phase: 'Succeeded' });
        await settle(controllers);
        if (cluster.find(Pods, RECYCLER) !== undefined) endRecycler({ phase: 'Succeeded' });
        await settle(controllers);
        expect(volumeOf().status?.phase).toBe('Available');
        expect(cluster.all(Pods)).toEqual([]);
      },
    );
  });

  it('goes only when no claim is bound to it any more', async () => {
    cluster.seed(PersistentVolumeClaims, claim('c'));
    const finalizers = ['kubernetes.io/pv-protection'];
    cluster.seed(PersistentVolumes, volume('v', { metadata: { finalizers } }));
    await settle(controllers);
    await cluster.client.delete(PersistentVolumes, { namespace: '', name: 'v' });
    await settle(controllers);
    expect(volumeOf().status?.phase).toBe('Bound');
    await removeClaim();
    await settle(controllers);
    expect(cluster.find(PersistentVolumes, 'v')).toBeUndefined();
  });
});

describe('an ephemeral volume', () => {
  const scratch = (): Pod =>
    pod('p', {
      spec: {
        volumes: [
          {
            name: 'scratch',
            ephemeral: {
              volumeClaimTemplate: {
                metadata: { labels: { app: 'x' } },
                spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
              },
            },
          },
        ],
      },
    });

  it('gets a claim that its pod owns', async () => {
    cluster.seed(Pods, scratch());
    await settle(controllers);
    expect(claimOf('p-scratch').metadata).toMatchObject({
      labels: { app: 'x' },
      ownerReferences: [{ kind: 'Pod', name: 'p', uid: 'uid-of-p', controller: true }],
    });
  });

  it('does not take the claim of somebody else', async () => {
    cluster.seed(PersistentVolumeClaims, claim('p-scratch'));
    cluster.seed(Pods, scratch());
    await settle(controllers);
    expect(cluster.events).toContain(
      'Warning p FailedBinding: ephemeral volume scratch: PVC default/p-scratch was not created for pod default/p (pod is not owner)',
    );
  });
});
