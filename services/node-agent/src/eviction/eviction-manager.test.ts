import { beforeEach, describe, expect, it } from 'vitest';
import type { Node, Pod, PodSpec } from '@orrery/api/gen/types.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import type { Container, PodSandbox } from '../runtime/runtime.ts';
import { boundPod, container, type RecordedEvent, recordersInto } from '../test-support/objects.ts';
import { EVICTION_PERIOD_MS, EvictionManager, type NodeEviction } from './eviction-manager.ts';

const MI = 1024 * 1024;
const NODE = {
  metadata: { name: 'node-1' },
  spec: {},
  status: { capacity: { memory: '1Gi', 'ephemeral-storage': '100Mi' } },
} as unknown as Node;

let clock: ManualClock;
let manager: EvictionManager;
let pods: Pod[];
/** By uid of the pod, while its container runs. */
let usedMi: Map<string, number>;
let overLimit: Map<string, string>;
let conditions: string[];
let evicted: [uid: string, eviction: NodeEviction][];
let pressure: boolean[];
let disk: { containers: Map<string, number>; volumes: Map<string, number>; node: number };
let events: RecordedEvent[];

beforeEach(() => {
  clock = new ManualClock();
  pods = [];
  usedMi = new Map();
  overLimit = new Map();
  conditions = [];
  evicted = [];
  pressure = [];
  disk = { containers: new Map(), volumes: new Map(), node: 0 };
  events = [];
  manager = new EvictionManager({
    clock,
    runtime: {
      listPodSandbox: ({ podUid }) => (usedMi.has(podUid!) ? [{ id: podUid } as PodSandbox] : []),
      listContainers: ({ podSandboxId }) => [
        { id: podSandboxId, name: 'c', state: 'CONTAINER_RUNNING' } as Container,
      ],
      containerStats: (id) => ({
        memoryBytes: usedMi.get(id)! * MI,
        cpuMilli: 0,
        cpuTotalMs: 0,
        throttledMs: 0,
        periods: 0,
        throttledPeriods: 0,
      }),
    },
    volumes: { overLimit: ({ metadata }) => overLimit.get(metadata.uid) },
    podsOf: () => pods,
    nodeOf: (name) => (name === 'node-1' ? NODE : undefined),
    events: recordersInto(events),
    evict: (uid, eviction) => void evicted.push([uid, eviction]),
    disk: {
      containerBytes: (id) => (disk.containers.get(id) ?? 0) * MI,
      logBytes: () => 0,
      volumeBytes: ({ metadata }) => (disk.volumes.get(metadata.uid) ?? 0) * MI,
      nodeBytes: () => disk.node * MI,
    },
    onPressure: (_node, condition, isShort) => {
      pressure.push(isShort);
      conditions.push(condition);
    },
  });
});

function run(uid: string, mi: number, spec: Partial<PodSpec> = {}): Pod {
  const pod = boundPod(uid, { containers: [container('c')], ...spec }, { uid }) as Pod;
  pods.push(pod);
  usedMi.set(uid, mi);
  return pod;
}

async function nextVisit(): Promise<void> {
  await clock.advance(EVICTION_PERIOD_MS);
  manager.visit('node-1');
}

function victims(): string[] {
  return evicted.map(([uid]) => uid);
}

describe('a node with enough memory', () => {
  it('evicts nobody, down to the threshold', () => {
    run('a', 924);
    manager.visit('node-1');
    expect(evicted).toEqual([]);
    expect(pressure).toEqual([]);
  });

  it('does not look at a node that the API does not have', () => {
    manager.visit('node-2');
    expect(evicted).toEqual([]);
  });
});

describe('a node that is short of memory', () => {
  it('evicts one pod and says why, to the pod and about the node', () => {
    run('small', 200);
    run('large', 725);
    manager.visit('node-1');
    const message =
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 99Mi. Container c was using 725Mi, request is 0, has larger consumption of memory. ';
    expect(evicted).toEqual([['large', { reason: 'Evicted', message, disruption: true, graceSeconds: 1 }]]);
    expect(events.map(({ type, pod, reason, message: said }) => [type, pod, reason, said])).toEqual([
      ['Warning', 'node-1', 'EvictionThresholdMet', 'Attempting to reclaim memory'],
      ['Warning', 'large', 'Evicted', message],
    ]);
    expect(pressure).toEqual([true]);
  });

  it('evicts the next only when the first is gone, or does not go for half a minute', async () => {
    run('a', 700);
    run('b', 690);
    run('c', 680);
    manager.visit('node-1');
    await nextVisit();
    expect(victims()).toEqual(['a']);
    usedMi.delete('a');
    await nextVisit();
    expect(victims()).toEqual(['a', 'b']);
    await nextVisit();
    await nextVisit();
    expect(victims()).toEqual(['a', 'b']);
    await nextVisit();
    expect(victims()).toEqual(['a', 'b', 'b']);
  });

  it('spares critical pods and those that end already', () => {
    run('critical', 900, { priority: 2_000_000_000 });
    run('ending', 50).metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    run('failed', 50).status = { phase: 'Failed' };
    manager.visit('node-1');
    expect(victims()).toEqual([]);
    run('plain', 1);
    manager.visit('node-1');
    expect(victims()).toEqual(['plain']);
  });

  it('is said to be short until five minutes after it last was', async () => {
    run('a', 1_000);
    manager.visit('node-1');
    usedMi.delete('a');
    for (let passedMs = 0; passedMs < 290_000; passedMs += EVICTION_PERIOD_MS) await nextVisit();
    expect(manager.pressures('node-1')).toEqual(['MemoryPressure']);
    await nextVisit();
    expect(manager.pressures('node-1')).toEqual([]);
    expect(pressure).toEqual([true, false]);
  });
});

describe('what a node that is short of memory does not take', () => {
  const bestEffort = (spec: Partial<PodSpec> = {}): Pod =>
    ({ ...boundPod('new', spec), status: { qosClass: 'BestEffort' } }) as Pod;
  const burstable = { ...boundPod('new'), status: { qosClass: 'Burstable' } } as Pod;
  const rejection = { reason: 'Evicted', message: 'The node had condition: [MemoryPressure]. ' };
  const tolerations = [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' }];

  it.each([
    ['a pod that has requested nothing', bestEffort(), rejection],
    ['one that has', burstable, undefined],
    ['one that tolerates the pressure', bestEffort({ tolerations }), undefined],
    ['a critical one', bestEffort({ priority: 2_000_000_000 }), undefined],
  ])('%s', (_what, pod, expected) => {
    expect(manager.admission(pod, 'node-1')).toBeUndefined();
    run('a', 1_000);
    manager.visit('node-1');
    expect(manager.admission(pod, 'node-1')).toEqual(expected);
  });
});

describe('a pod that fills a volume beyond its limit', () => {
  const volumes = [{ name: 'cache', emptyDir: { sizeLimit: '1Mi' } }];
  const message = 'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ';

  it('is evicted, and is to blame for it itself', () => {
    run('a', 10, { volumes });
    run('b', 10, { volumes });
    overLimit.set('b', message);
    manager.visit('node-1');
    expect(evicted).toEqual([['b', { reason: 'Evicted', message, graceSeconds: 1 }]]);
    expect(pressure).toEqual([]);
  });

  it('goes before anybody goes for the sake of memory', () => {
    run('full', 10, { volumes });
    run('hog', 1_000);
    overLimit.set('full', message);
    manager.visit('node-1');
    expect(victims()).toEqual(['full']);
  });

  it('is not evicted again when nothing of it runs any more', () => {
    run('a', 10, { volumes });
    overLimit.set('a', message);
    usedMi.delete('a');
    manager.visit('node-1');
    expect(evicted).toEqual([]);
  });
});

describe('a node that is short of disk', () => {
  it('evicts who is furthest above its request, volumes counted', () => {
    run('small', 10);
    run('large', 10);
    run('filler', 10);
    disk.containers.set('small', 5).set('large', 30);
    disk.volumes.set('filler', 40);
    disk.node = 15;
    manager.visit('node-1');
    expect(evicted).toEqual([]);
    disk.node = 16;
    manager.visit('node-1');
    const message =
      'The node was low on resource: ephemeral-storage. Threshold quantity: 10Mi, available: 9Mi. ';
    expect(evicted).toEqual([['filler', { reason: 'Evicted', message, disruption: true, graceSeconds: 1 }]]);
    expect([conditions, pressure]).toEqual([['DiskPressure'], [true]]);
    expect(events[0]).toMatchObject({
      reason: 'EvictionThresholdMet',
      message: 'Attempting to reclaim ephemeral-storage',
    });
  });

  it('takes no pod but critical ones, and says what it is short of', () => {
    run('a', 1_000);
    disk.node = 95;
    manager.visit('node-1');
    const burstable = { ...boundPod('new'), status: { qosClass: 'Burstable' } } as Pod;
    const critical = boundPod('new', { priority: 2_000_000_000 }) as Pod;
    expect(manager.admission(burstable, 'node-1')?.message).toBe(
      'The node had condition: [MemoryPressure DiskPressure]. ',
    );
    expect(manager.admission(critical, 'node-1')).toBeUndefined();
  });
});

describe('a pod that writes more than its limit', () => {
  const limited = (...limits: (string | undefined)[]): Partial<PodSpec> => ({
    containers: limits.map((limit, at) =>
      container(
        at === 0 ? 'c' : `c${at}`,
        limit === undefined ? {} : { resources: { limits: { 'ephemeral-storage': limit } } },
      ),
    ),
  });

  it.each<[string, Partial<PodSpec>, number, number, string | undefined]>([
    ['is within it', limited('10Mi'), 10, 0, undefined],
    [
      'in one container',
      limited('10Mi'),
      11,
      0,
      'Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. ',
    ],
    [
      'with its volumes',
      limited('10Mi'),
      5,
      6,
      'Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. ',
    ],
    [
      'in a container, of which the pod as a whole has not reached its own',
      limited('10Mi', '20Mi'),
      11,
      0,
      'Container c exceeded its local ephemeral storage limit "10Mi". ',
    ],
    ['has none', {}, 50, 0, undefined],
  ])('%s', (_what, spec, containerMi, volumeMi, message) => {
    run('a', 10, spec);
    disk.containers.set('a', containerMi);
    disk.volumes.set('a', volumeMi);
    manager.visit('node-1');
    expect(evicted.map(([, eviction]) => eviction)).toEqual(
      message === undefined ? [] : [{ reason: 'Evicted', message, graceSeconds: 1 }],
    );
  });
});
