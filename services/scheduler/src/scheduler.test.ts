import type { PersistentVolumeClaim, Pod, StorageClass } from '@orrery/api/gen/types.ts';
import { PersistentVolumeClaims, PersistentVolumes, StorageClasses } from '@orrery/api/resources.ts';
import { StatusError } from '@orrery/api/status-error.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeNode, makePod } from './test-support/fake-cluster.ts';
import { quiet, TestRun } from './test-support/test-run.ts';

let run: TestRun;
let cluster: TestRun['cluster'];
let clock: TestRun['clock'];

beforeEach(() => {
  run = new TestRun();
  ({ cluster, clock } = run);
});

afterEach(() => run.end());

const wholeNode = { cpu: '4' };

describe('Scheduler', () => {
  it('binds a pod once and tells of it', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    await run.lead();
    cluster.setPod(makePod({ name: 'a' }));
    await quiet();
    expect(cluster.binds).toEqual(['uid-a -> n1']);
    expect(cluster.events).toEqual([
      { type: 'Normal', reason: 'Scheduled', message: 'Successfully assigned default/a to n1', name: 'a' },
    ]);
  });

  it.each([
    { what: 'pods of other schedulers', pod: makePod({ name: 'a', spec: { schedulerName: 'other' } }) },
    { what: 'gated pods', pod: makePod({ name: 'a', spec: { schedulingGates: [{ name: 'g' }] } }) },
    { what: 'finished pods', pod: { ...makePod({ name: 'a' }), status: { phase: 'Failed' } } },
    { what: 'pods on their way out', pod: terminating(makePod({ name: 'a' })) },
    { what: 'pods that have a node', pod: makePod({ name: 'a', spec: { nodeName: 'n2' } }) },
  ])('leaves alone $what', async ({ pod }) => {
    cluster.setNode(makeNode({ name: 'n1' }));
    cluster.setPod(pod);
    await run.lead();
    expect(cluster.binds).toEqual([]);
    expect(cluster.events).toEqual([]);
  });

  it('says why a pod waits, in an event and in a condition, and binds it when there is room', async () => {
    for (const name of ['n1', 'n2', 'n3']) cluster.setNode(makeNode({ name }));
    await run.lead();
    cluster.setPod(makePod({ name: 'big', requests: { cpu: '6' } }));
    await quiet();
    const message =
      '0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.';
    expect(cluster.events).toEqual([{ type: 'Warning', reason: 'FailedScheduling', message, name: 'big' }]);
    expect(run.conditionOf('big')).toMatchObject({ status: 'False', reason: 'Unschedulable', message });
    cluster.setNode(makeNode({ name: 'n4', allocatable: { cpu: '8' } }));
    await clock.advance(1_000);
    await quiet();
    expect(run.nodeOf('big')).toBe('n4');
  });

  it('writes the condition only when its text changes', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    await run.lead();
    cluster.setPod(makePod({ name: 'big', requests: { cpu: '6' } }));
    await quiet();
    await clock.advance(10 * 60_000);
    await quiet();
    expect(cluster.events.length).toBeGreaterThan(1);
    expect(cluster.patches).toHaveLength(1);
    cluster.setNode(makeNode({ name: 'n2', allocatable: { cpu: '1' } }));
    await clock.advance(10 * 60_000);
    await quiet();
    expect(cluster.patches).toHaveLength(2);
    expect(run.conditionOf('big')).toMatchObject({
      message:
        '0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
    });
  });

  it('does not write the condition again while it waits to see what it wrote', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    await run.lead();
    cluster.setPod(makePod({ name: 'big', requests: { cpu: '6' } }));
    cluster.hold();
    await clock.advance(10 * 60_000);
    await quiet();
    expect(cluster.events.length).toBeGreaterThan(1);
    expect(cluster.patchesSent).toBe(1);
  });

  it('does not write a condition that the leader before has written', async () => {
    const message =
      '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.';
    const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message };
    cluster.setNode(makeNode({ name: 'n1' }));
    cluster.setPod({
      ...makePod({ name: 'big', requests: { cpu: '6' } }),
      status: { conditions: [condition] },
    });
    await run.lead();
    expect(cluster.events).toHaveLength(1);
    expect(cluster.patchesSent).toBe(0);
  });

  it('writes the condition at a later attempt when it could not be written', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    cluster.beforePatch = () => Promise.reject(new StatusError(403, 'Forbidden', 'no'));
    await run.lead();
    cluster.setPod(makePod({ name: 'big', requests: { cpu: '6' } }));
    await quiet();
    expect(run.conditionOf('big')).toBeUndefined();
    cluster.beforePatch = () => Promise.resolve();
    await clock.advance(10 * 60_000);
    await quiet();
    expect(run.conditionOf('big')).toMatchObject({ reason: 'Unschedulable' });
  });

  it('writes many conditions at once, with a limit', async () => {
    const gate = Promise.withResolvers<void>();
    cluster.beforePatch = () => gate.promise;
    await run.lead();
    for (let index = 0; index < 100; index += 1) cluster.setPod(makePod({ name: `p${index}` }));
    await quiet();
    expect(cluster.patchesSent).toBe(32);
    gate.resolve();
    await quiet();
    expect(cluster.patches).toHaveLength(100);
    expect(run.conditionOf('p99')).toMatchObject({ message: 'no nodes available to schedule pods' });
  });

  it('reports on the latest version of a pod when it changed meanwhile', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    await run.lead();
    const pod = makePod({ name: 'big', requests: { cpu: '6' } });
    cluster.setPod(pod);
    cluster.hold();
    cluster.setPod({ ...pod, metadata: { ...pod.metadata, annotations: { note: 'new' } } });
    await quiet();
    expect(cluster.patches).toEqual([]);
    cluster.release();
    await clock.advance(1_000);
    await quiet();
    expect(cluster.patches).toHaveLength(1);
  });

  it.each([
    { what: 'a pod is deleted', help: () => cluster.deletePod('there') },
    {
      what: 'a pod finishes',
      help: () => cluster.setPod({ ...cluster.pod('there')!, status: { phase: 'Succeeded' } }),
    },
    {
      what: 'a node grows',
      help: () => cluster.setNode(makeNode({ name: 'n1', allocatable: { cpu: '8' } })),
    },
    { what: 'a node joins', help: () => cluster.setNode(makeNode({ name: 'n2' })) },
  ])('tries a waiting pod again when $what', async ({ help }) => {
    cluster.setNode(makeNode({ name: 'n1' }));
    cluster.setPod(makePod({ name: 'there', requests: wholeNode, spec: { nodeName: 'n1' } }));
    await run.lead();
    cluster.setPod(makePod({ name: 'a', requests: wholeNode }));
    await quiet();
    expect(run.nodeOf('a')).toBeUndefined();
    help();
    await clock.advance(1_000);
    await quiet();
    expect(run.nodeOf('a')).toMatch(/^n[12]$/);
  });

  it.each([
    { what: 'is uncordoned', before: { spec: { unschedulable: true } }, pod: {} },
    { what: 'loses a taint', before: { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } }, pod: {} },
    {
      what: 'gets a label',
      before: {},
      after: { labels: { disk: 'ssd' } },
      pod: { nodeSelector: { disk: 'ssd' } },
    },
  ])('tries a waiting pod again when a node $what', async ({ before, after = {}, pod }) => {
    cluster.setNode(makeNode({ name: 'n1', ...before }));
    await run.lead();
    cluster.setPod(makePod({ name: 'a', spec: pod }));
    await quiet();
    expect(run.nodeOf('a')).toBeUndefined();
    cluster.setNode(makeNode({ name: 'n1', ...after }));
    await clock.advance(1_000);
    await quiet();
    expect(run.nodeOf('a')).toBe('n1');
  });

  it('does not try a waiting pod again for an event that cannot help it', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    cluster.setPod(makePod({ name: 'there', spec: { nodeName: 'n1' } }));
    cluster.setPod(makePod({ name: 'nowhere', spec: { nodeName: 'never-seen' } }));
    await run.lead();
    cluster.setPod(makePod({ name: 'big', requests: { cpu: '6' } }));
    await quiet();
    cluster.deletePod('there');
    cluster.deletePod('nowhere');
    cluster.setNode(makeNode({ name: 'n2', labels: { disk: 'ssd' } }));
    await clock.advance(60_000);
    await quiet();
    expect(cluster.events).toHaveLength(1);
  });

  it('takes no event from before a binding for a pod that waits', async () => {
    for (const name of ['n1', 'n2']) cluster.setNode(makeNode({ name }));
    await run.lead();
    cluster.setPod(makePod({ name: 'a' }));
    cluster.hold();
    cluster.setPod(makePod({ name: 'a', labels: { tier: 'web' } }));
    await quiet();
    expect(cluster.binds).toHaveLength(1);
    cluster.showNext();
    await clock.advance(10_000);
    await quiet();
    cluster.release();
    expect(cluster.binds).toHaveLength(1);
    expect(cluster.events.map(({ reason }) => reason)).toEqual(['Scheduled']);
  });

  it('gives away the room of a pod when informers show only its successor of the same name', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    cluster.setPod(makePod({ name: 'a', uid: 'old', requests: wholeNode, spec: { nodeName: 'n1' } }));
    await run.lead();
    cluster.setPod(makePod({ name: 'a', uid: 'new', requests: wholeNode }));
    await quiet();
    expect(cluster.binds).toEqual(['new -> n1']);
  });

  it('counts pods that others have placed', async () => {
    cluster.setPod(
      makePod({ name: 'there', requests: { cpu: '3' }, spec: { nodeName: 'n1', schedulerName: 'other' } }),
    );
    cluster.setNode(makeNode({ name: 'n1' }));
    await run.lead();
    cluster.setPod(makePod({ name: 'a', requests: { cpu: '2' } }));
    await quiet();
    expect(run.nodeOf('a')).toBeUndefined();
  });

  it('keeps many bindings under way at once, with a limit', async () => {
    cluster.setNode(makeNode({ name: 'n1', allocatable: { pods: '1000' } }));
    const gate = Promise.withResolvers<'answered'>();
    let underWay = 0;
    cluster.fate = () => {
      underWay += 1;
      return gate.promise;
    };
    await run.lead();
    for (let index = 0; index < 600; index += 1) cluster.setPod(makePod({ name: `p${index}` }));
    await quiet();
    expect(underWay).toBe(512);
    gate.resolve('answered');
    await quiet();
    expect(cluster.binds).toHaveLength(600);
  });

  it('counts attempts and waiting pods', async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    await run.lead();
    cluster.setPod(makePod({ name: 'a' }));
    cluster.setPod(makePod({ name: 'big', requests: { cpu: '6' } }));
    cluster.setPod(makePod({ name: 'gated', spec: { schedulingGates: [{ name: 'g' }] } }));
    await quiet();
    const text = await run.metrics.registry.metrics();
    expect(text).toContain(
      'scheduler_schedule_attempts_total{result="scheduled",profile="default-scheduler"} 1',
    );
    expect(text).toContain(
      'scheduler_schedule_attempts_total{result="unschedulable",profile="default-scheduler"} 1',
    );
    expect(text).toContain(
      'scheduler_scheduling_attempt_duration_seconds_count{result="scheduled",profile="default-scheduler"} 1',
    );
    for (const [queue, size] of [
      ['active', 0],
      ['backoff', 0],
      ['unschedulable', 1],
      ['gated', 1],
    ] as const) {
      expect(text).toContain(`scheduler_pending_pods{queue="${queue}"} ${size}`);
    }
  });
});

function terminating(pod: Pod): Pod {
  return { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
}

describe('A pod with a claim', () => {
  const meta = { uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'c' } }];
  const claim = (storageClassName?: string): PersistentVolumeClaim => ({
    metadata: { ...meta, name: 'c', namespace: 'default' },
    spec: storageClassName === undefined ? {} : { storageClassName },
    status: { phase: 'Pending' },
  });
  const bindClaim = (): void =>
    cluster.setClaim('default/c', (claim) => {
      const { metadata, spec } = claim;
      metadata.annotations = { ...metadata.annotations, 'pv.kubernetes.io/bind-completed': 'yes' };
      spec.volumeName = 'v';
      claim.status = { phase: 'Bound' };
      cluster.setStorage(PersistentVolumes, { metadata: { ...meta, name: 'v' }, spec: {} });
    });

  beforeEach(async () => {
    cluster.setNode(makeNode({ name: 'n1' }));
    await run.lead();
  });

  it('waits for the claim to be there and bound, and is told why', async () => {
    cluster.setPod(makePod({ name: 'a', spec: { volumes } }));
    await quiet();
    const message = (): string | undefined => run.conditionOf('a')?.message;
    expect(message()).toBe(
      '0/1 nodes are available: persistentvolumeclaim "c" not found. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
    );
    cluster.setStorage(PersistentVolumeClaims, claim());
    await clock.advance(10 * 60_000);
    await quiet();
    expect(message()).toBe(
      '0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
    );
    bindClaim();
    await clock.advance(10_000);
    await quiet();
    expect(run.nodeOf('a')).toBe('n1');
  });

  describe('of a class that waits for it', () => {
    const late: StorageClass = {
      metadata: { ...meta, name: 'late' },
      provisioner: 'p',
      volumeBindingMode: 'WaitForFirstConsumer',
    };
    const selected = (): string | undefined =>
      cluster.informers.of(PersistentVolumeClaims).lister.get('default/c')?.metadata.annotations?.[
        'volume.kubernetes.io/selected-node'
      ];

    beforeEach(async () => {
      cluster.setStorage(StorageClasses, late);
      cluster.setStorage(PersistentVolumeClaims, claim('late'));
      cluster.setPod(makePod({ name: 'a', spec: { volumes } }));
      await quiet();
    });

    it('says where it goes, and goes there when the claim is bound', async () => {
      expect([selected(), run.nodeOf('a')]).toEqual(['n1', undefined]);
      bindClaim();
      await quiet();
      expect(run.nodeOf('a')).toBe('n1');
    });

    it('is tried again when nobody makes the volume', async () => {
      await clock.advance(600_000);
      await quiet();
      expect(cluster.events.map(({ message }) => message)).toContain(
        'binding rejected: running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded',
      );
      await clock.advance(10_000);
      bindClaim();
      await clock.advance(10_000);
      await quiet();
      expect(run.nodeOf('a')).toBe('n1');
    });

    it('gives its room back when it goes', async () => {
      cluster.deletePod('a');
      await quiet();
      cluster.setPod(makePod({ name: 'b', requests: { cpu: '4' } }));
      await quiet();
      expect(run.nodeOf('b')).toBe('n1');
    });
  });
});
