import type { PersistentVolume, PersistentVolumeClaim } from '@orrery/api/gen/types.ts';
import { PersistentVolumeClaims, PersistentVolumes } from '@orrery/api/resources.ts';
import { SIMULATED_DRIVER } from '@orrery/api/storage.ts';
import { resizedStatus } from '@orrery/api/volume-expansion.ts';
import { serviceUnavailable } from '@orrery/api/status-error.ts';
import { beforeEach, describe, expect, it, test } from 'vitest';
import { ControllerUnderTest, settle } from '../test-support/controller-under-test.ts';
import { FakeCluster } from '../test-support/fake-cluster.ts';
import { claim, volume } from '../test-support/objects.ts';
import { persistentVolumeExpander } from './index.ts';

let cluster: FakeCluster;
let controllers: ControllerUnderTest[];

beforeEach(() => {
  cluster = new FakeCluster();
  controllers = [new ControllerUnderTest(cluster, persistentVolumeExpander)];
});

const claimOf = (): PersistentVolumeClaim => cluster.get(PersistentVolumeClaims, 'default/c');
const volumeOf = (): PersistentVolume => cluster.get(PersistentVolumes, 'v');
const ours = { csi: { driver: SIMULATED_DRIVER, volumeHandle: 'v' } };

/** A claim of a gibibyte and its volume. */
function bound(spec: PersistentVolume['spec'] = ours): void {
  const { hostPath: _hostPath, ...plain } = volume('v').spec;
  cluster.seed(PersistentVolumes, {
    ...volume('v'),
    spec: { ...plain, claimRef: { namespace: 'default', name: 'c' }, ...spec },
  });
  const annotations = { 'pv.kubernetes.io/bind-completed': 'yes' };
  const status = { phase: 'Bound', capacity: { storage: '1Gi' } };
  cluster.seed(
    PersistentVolumeClaims,
    claim('c', { metadata: { annotations }, spec: { volumeName: 'v' }, status }),
  );
}

async function ask(storage: string): Promise<void> {
  cluster.change(PersistentVolumeClaims, 'default/c', ({ spec }) => {
    spec.resources = { requests: { storage } };
  });
  await settle(controllers);
}

const WAITING = {
  capacity: { storage: '1Gi' },
  allocatedResources: { storage: '2Gi' },
  allocatedResourceStatuses: { storage: 'NodeResizePending' },
  conditions: [
    {
      type: 'FileSystemResizePending',
      status: 'True',
      message: 'Waiting for user to (re-)start a pod to finish file system resize of volume on node.',
    },
  ],
};

describe('a claim that asks for more', () => {
  it('has its volume grown, and then waits for a node', async () => {
    bound();
    await ask('2Gi');
    expect(volumeOf().spec.capacity).toEqual({ storage: '2Gi' });
    expect(claimOf().status).toMatchObject(WAITING);
    expect(claimOf().status?.conditions).toHaveLength(1);
    expect(cluster.events).toEqual([
      'Normal c ExternalExpanding: waiting for an external controller to expand this PVC',
      'Normal c Resizing: External resizer is resizing volume v',
      'Normal c FileSystemResizeRequired: Require file system resize of volume on node',
    ]);
    const writes = cluster.writes.length;
    await controllers[0]!.reconcile('default/c');
    expect(cluster.writes).toHaveLength(writes);
  });

  it('is done at once when it has no file system', async () => {
    bound({ ...ours, volumeMode: 'Block' });
    await ask('2Gi');
    expect(claimOf().status).toEqual({
      phase: 'Bound',
      capacity: { storage: '2Gi' },
      allocatedResources: { storage: '2Gi' },
    });
    expect(cluster.events.at(-1)).toBe('Normal c VolumeResizeSuccessful: Resize volume succeeded');
  });

  it('may ask for still more before a node has done its part', async () => {
    bound();
    await ask('2Gi');
    await ask('3Gi');
    expect(volumeOf().spec.capacity).toEqual({ storage: '3Gi' });
    expect(claimOf().status).toMatchObject({
      ...WAITING,
      allocatedResources: { storage: '3Gi' },
    });
  });

  it('gets what its volume has when it asks for less meanwhile', async () => {
    bound();
    await ask('3Gi');
    await ask('2Gi');
    expect(volumeOf().spec.capacity).toEqual({ storage: '3Gi' });
    expect(claimOf().status).toMatchObject({ ...WAITING, allocatedResources: { storage: '3Gi' } });
  });

  it('of a volume of somebody else is left to him', async () => {
    bound({ csi: { driver: 'example.com', volumeHandle: 'v' } });
    await ask('2Gi');
    expect(cluster.writes).toEqual([]);
    expect(cluster.events).toEqual([
      'Normal c ExternalExpanding: waiting for an external controller to expand this PVC',
    ]);
  });

  const losses = [0, 1, 2].flatMap((index) => [[index, 'before'] as const, [index, 'after'] as const]);

  test.each(losses)('ends up the same when the leader is lost at write %i, %s it', async (fatal, when) => {
    bound();
    cluster.fault = (_write, index) =>
      index === fatal ? { error: serviceUnavailable('lost'), when } : undefined;
    await ask('2Gi');
    controllers = [new ControllerUnderTest(cluster, persistentVolumeExpander)];
    await settle(controllers);
    expect(volumeOf().spec.capacity).toEqual({ storage: '2Gi' });
    expect(claimOf().status).toMatchObject(WAITING);
  });
});

test('a claim that has grown says nothing of it any more, but what else there was to say', () => {
  const conditions = [
    { type: 'Resizing', status: 'True' },
    { type: 'FileSystemResizePending', status: 'True' },
    { type: 'ModifyingVolume', status: 'True' },
  ];
  expect(resizedStatus({ ...WAITING, phase: 'Bound', conditions }, '2Gi')).toEqual({
    phase: 'Bound',
    capacity: { storage: '2Gi' },
    allocatedResources: { storage: '2Gi' },
    conditions: [{ type: 'ModifyingVolume', status: 'True' }],
  });
});
