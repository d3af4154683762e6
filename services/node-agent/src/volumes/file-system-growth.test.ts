import type { PersistentVolumeClaim, Pod } from '@orrery/api/gen/types.ts';
import { PersistentVolumeClaims } from '@orrery/api/resources.ts';
import { conflict, serviceUnavailable } from '@orrery/api/status-error.ts';
import { createLogger } from '@orrery/kit/logger.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { describe, expect, test } from 'vitest';
import { boundPod, container } from '../test-support/objects.ts';
import { FileSystemGrowth } from './file-system-growth.ts';

const pod = boundPod('web', {
  containers: [container('web')],
  volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
});

const claim = (state: string | undefined): PersistentVolumeClaim =>
  ({
    metadata: { namespace: pod.metadata.namespace, name: 'data', uid: 'u', resourceVersion: '1' },
    spec: { volumeName: 'pvc-u' },
    status: {
      phase: 'Bound',
      capacity: { storage: '1Gi' },
      allocatedResources: { storage: '2Gi' },
      ...(state === undefined ? {} : { allocatedResourceStatuses: { storage: state } }),
      conditions: [{ type: 'FileSystemResizePending', status: 'True' }],
    },
  }) as unknown as PersistentVolumeClaim;

class World {
  readonly clock = new ManualClock();
  readonly written: PersistentVolumeClaim['status'][] = [];
  readonly events: string[] = [];
  readonly failures: Error[] = [];
  readonly grown: string[] = [];
  cached = claim('NodeResizePending');
  user: Pod | undefined = pod as Pod;
  readonly growth = new FileSystemGrowth({
    client: {
      updateStatus: async (_resource, object) => {
        const failure = this.failures.shift();
        if (failure !== undefined) throw failure;
        this.cached = object as unknown as PersistentVolumeClaim;
        this.written.push(this.cached.status);
        return object;
      },
    },
    realClock: this.clock,
    logger: createLogger({ service: 'node-agent', instance: 'test', level: 'silent' }),
    claims: { get: () => this.cached },
    userOf: () => this.user,
    onGrown: ({ status }) => void this.grown.push(status?.capacity?.['storage'] ?? ''),
    events: (node) => ({
      normal: ({ object }, reason, message) =>
        void this.events.push(`${node} ${object.metadata.name} ${reason} ${message}`),
      warning: () => expect.unreachable(),
    }),
  });
}

describe('the file system of a claim', () => {
  const GROWN = { phase: 'Bound', capacity: { storage: '2Gi' }, allocatedResources: { storage: '2Gi' } };

  test('grows while a pod has it mounted', async () => {
    const world = new World();
    world.growth.look(world.cached);
    await world.clock.advance(0);
    expect(world.written).toEqual([GROWN]);
    expect(world.grown).toEqual(['2Gi']);
    const said = `FileSystemResizeSuccessful MountVolume.NodeExpandVolume succeeded for volume "pvc-u" ${pod.spec?.nodeName}`;
    expect(world.events).toEqual([`${pod.spec?.nodeName} web ${said}`, `${pod.spec?.nodeName} data ${said}`]);
  });

  test('waits for a pod, and grows when that has mounted it', async () => {
    const world = new World();
    world.user = undefined;
    world.growth.look(world.cached);
    await world.clock.advance(60_000);
    expect(world.written).toEqual([]);
    world.user = pod as Pod;
    world.growth.mounted(pod as Pod);
    await world.clock.advance(0);
    expect(world.written).toEqual([GROWN]);
  });

  test.each([undefined, 'ControllerResizeInProgress'])(
    'is left alone while the state is %s',
    async (state) => {
      const world = new World();
      world.growth.look(claim(state));
      await world.clock.advance(0);
      expect(world.written).toEqual([]);
    },
  );

  test.each([
    ['the apiserver is away', serviceUnavailable('away')],
    ['somebody has changed the claim', conflict(PersistentVolumeClaims, 'data', 'changed')],
  ])('is tried again when %s', async (_what, failure) => {
    const world = new World();
    world.failures.push(failure);
    world.growth.look(world.cached);
    await world.clock.advance(0);
    expect(world.written).toEqual([]);
    await world.clock.advance(1_000);
    expect(world.written).toEqual([GROWN]);
  });
});
