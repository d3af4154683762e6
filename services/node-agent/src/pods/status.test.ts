import type { ContainerStatus, Pod, PodCondition, PodStatus } from '@orrery/api/gen/types.ts';
import { describe, expect, test } from 'vitest';
import type { Container, PodSandbox } from '../runtime/runtime.ts';
import { boundPod, container } from '../test-support/objects.ts';
import { containerConfigFor, NO_PROBES, sandboxConfigFor } from '../test-support/runtime-parts.ts';
import { mustStop, podStatus, type StatusInput } from './status.ts';

const ACCEPTED_MS = Date.UTC(2026, 0, 1);
const NOW_MS = ACCEPTED_MS + 60_000;

const SANDBOX: PodSandbox = {
  ...sandboxConfigFor('uid', { name: 'web' }),
  id: 'sandbox',
  state: 'SANDBOX_READY',
  ip: '10.244.0.7',
  createdAtMs: ACCEPTED_MS,
};

type Life = 'created' | 'running' | number;

/** A container that is created, runs, or has ended with an exit code. */
function instance(name: string, life: Life): Container {
  const common = {
    ...containerConfigFor(name, { image: 'web:1.27' }),
    id: `id-${name}`,
    podSandboxId: 'sandbox',
    imageRef: 'sha256:abc',
    createdAtMs: ACCEPTED_MS,
  };
  if (life === 'created') return { ...common, state: 'CONTAINER_CREATED' };
  const startedAtMs = ACCEPTED_MS + 1_000;
  if (life === 'running') return { ...common, state: 'CONTAINER_RUNNING', startedAtMs };
  const reason = life === 0 ? 'Completed' : 'Error';
  const ended = { finishedAtMs: ACCEPTED_MS + 5_000, exitCode: life, reason };
  return { ...common, state: 'CONTAINER_EXITED', startedAtMs, ...ended };
}

const SETUP = container('setup');
const SIDECAR = container('sidecar', { restartPolicy: 'Always' });

function statusOf(
  spec: Partial<Pod['spec']>,
  lives: Record<string, Life>,
  changes: Partial<StatusInput> = {},
): PodStatus {
  const containers = Object.entries(lives).map(([name, life]) => instance(name, life));
  return podStatus({
    pod: boundPod('web', { containers: [container('a'), container('b')], ...spec }) as Pod,
    record: { sandbox: SANDBOX, containers },
    hostIp: '10.0.0.10',
    acceptedAtMs: ACCEPTED_MS,
    before: [],
    nowMs: NOW_MS,
    ended: undefined,
    waiting: new Map(),
    probes: NO_PROBES,
    resize: { pending: undefined, inProgress: false },
    ...changes,
  });
}

function brief({ conditions = [] }: PodStatus): string[] {
  return conditions.map(
    ({ type, status, reason }) => `${type}=${status}${reason === undefined ? '' : ` ${reason}`}`,
  );
}

describe('the phase', () => {
  const never = { restartPolicy: 'Never' };
  const onFailure = { restartPolicy: 'OnFailure' };
  const init = { initContainers: [SETUP] };
  test.each<[string, string, Partial<Pod['spec']>, Record<string, Life>]>([
    ['before anything has started', 'Pending', {}, {}],
    ['while one container has not started', 'Pending', {}, { a: 'running' }],
    ['while a container is only created', 'Pending', {}, { a: 'running', b: 'created' }],
    ['when all run', 'Running', {}, { a: 'running', b: 'running' }],
    ['when one runs and one has ended', 'Running', never, { a: 'running', b: 1 }],
    ['when all have succeeded and none restarts', 'Succeeded', never, { a: 0, b: 0 }],
    ['when one has failed and none restarts', 'Failed', never, { a: 0, b: 1 }],
    ['when all have ended and all restart', 'Running', {}, { a: 0, b: 0 }],
    ['when all have succeeded and only failures restart', 'Succeeded', onFailure, { a: 0, b: 0 }],
    ['when one has failed and failures restart', 'Running', onFailure, { a: 0, b: 1 }],
    ['while an init container runs', 'Pending', init, { setup: 'running' }],
    ['after an init container that failed and restarts', 'Pending', init, { setup: 1 }],
    ['after an init container that failed for good', 'Failed', { ...init, ...never }, { setup: 1 }],
    ['while only the sidecar runs', 'Pending', { initContainers: [SIDECAR] }, { sidecar: 'running' }],
    [
      'when the sidecar outlives the containers',
      'Running',
      { initContainers: [SIDECAR], ...never },
      { sidecar: 'running', a: 0, b: 0 },
    ],
  ])('%s is %s', (_, phase, spec, lives) => {
    expect(statusOf(spec, lives).phase).toBe(phase);
  });

  test.each<[string, Record<string, Life>, string]>([
    ['all succeeded', { a: 0, b: 0 }, 'Succeeded'],
    ['one failed', { a: 0, b: 137 }, 'Failed'],
    ['one never ran', { a: 0 }, 'Failed'],
    ['none ever ran', {}, 'Failed'],
  ])('of a pod that was stopped, whatever its restart policy: %s', (_, lives, phase) => {
    expect(statusOf({}, lives, { ended: {} }).phase).toBe(phase);
  });

  test('that was declared stays', () => {
    const pod = { ...boundPod('web'), status: { phase: 'Failed' } } as Pod;
    const record = { sandbox: SANDBOX, containers: [instance('web', 0)] };
    expect(statusOf({}, {}, { pod, record, ended: {} }).phase).toBe('Failed');
  });
});

describe('the conditions, in upstream order', () => {
  const init = { initContainers: [SETUP] };
  test.each<[string, Partial<Pod['spec']>, Record<string, Life>, Partial<StatusInput>, string[]]>([
    [
      'without a sandbox',
      init,
      {},
      { record: { sandbox: undefined, containers: [] } },
      [
        'PodReadyToStartContainers=False',
        'Initialized=False ContainersNotInitialized',
        'Ready=False ContainersNotReady',
        'ContainersReady=False ContainersNotReady',
        'PodScheduled=True',
      ],
    ],
    [
      'while init containers run',
      init,
      { setup: 'running' },
      {},
      [
        'PodReadyToStartContainers=True',
        'Initialized=False ContainersNotInitialized',
        'Ready=False ContainersNotReady',
        'ContainersReady=False ContainersNotReady',
        'PodScheduled=True',
      ],
    ],
    [
      'after the init containers',
      init,
      { setup: 0, a: 'running' },
      {},
      [
        'PodReadyToStartContainers=True',
        'Initialized=True',
        'Ready=False ContainersNotReady',
        'ContainersReady=False ContainersNotReady',
        'PodScheduled=True',
      ],
    ],
    [
      'when all run',
      { initContainers: [SETUP, SIDECAR] },
      { setup: 0, sidecar: 'running', a: 'running', b: 'running' },
      {},
      [
        'PodReadyToStartContainers=True',
        'Initialized=True',
        'Ready=True',
        'ContainersReady=True',
        'PodScheduled=True',
      ],
    ],
    [
      'of a pod that succeeded',
      init,
      { setup: 0, a: 0, b: 0 },
      { ended: {} },
      [
        'PodReadyToStartContainers=False',
        'Initialized=True PodCompleted',
        'Ready=False PodCompleted',
        'ContainersReady=False PodCompleted',
        'PodScheduled=True',
      ],
    ],
    [
      'of a pod that failed',
      {},
      { a: 0, b: 1 },
      { ended: {} },
      [
        'PodReadyToStartContainers=False',
        'Initialized=True',
        'Ready=False PodFailed',
        'ContainersReady=False PodFailed',
        'PodScheduled=True',
      ],
    ],
  ])('%s', (_, spec, lives, changes, expected) => {
    expect(brief(statusOf(spec, lives, changes))).toEqual(expected);
  });

  test('name the containers that are not ready, sidecars first', () => {
    const { conditions = [] } = statusOf({ initContainers: [SETUP, SIDECAR] }, { setup: 0 });
    expect(conditions.map(({ message }) => message)).toEqual([
      undefined,
      'containers with incomplete status: [sidecar]',
      'containers with unready status: [sidecar a b]',
      'containers with unready status: [sidecar a b]',
      undefined,
    ]);
  });

  test.each<[string, PodCondition[], string, string | undefined]>([
    ['absent', [], 'False', 'corresponding condition of pod readiness gate "x/gate" does not exist.'],
    [
      'closed',
      [{ type: 'x/gate', status: 'False' }],
      'False',
      'the status of pod readiness gate "x/gate" is not "True", but False',
    ],
    ['open', [{ type: 'x/gate', status: 'True' }], 'True', undefined],
  ])('take in readiness gates: %s', (_, conditions, status, message) => {
    const gated = boundPod('web', { readinessGates: [{ conditionType: 'x/gate' }] });
    const pod = { ...gated, status: { conditions } } as Pod;
    const record = { sandbox: SANDBOX, containers: [instance('web', 'running')] };
    const ready = statusOf({}, {}, { pod, record }).conditions?.find(({ type }) => type === 'Ready');
    expect([ready?.status, ready?.message]).toEqual([status, message]);
  });

  test('keep their transition time while their status stays', () => {
    const early = '2026-01-01T00:00:05Z';
    const before = [
      { type: 'Initialized', status: 'True', lastTransitionTime: early },
      { type: 'Ready', status: 'False', lastTransitionTime: early },
    ];
    const { conditions } = statusOf({}, { a: 'running', b: 'running' }, { before });
    const times = Object.fromEntries(conditions!.map((each) => [each.type, each.lastTransitionTime]));
    expect(times).toMatchObject({ Initialized: early, Ready: '2026-01-01T00:01:00Z' });
  });
});

describe('the status of containers', () => {
  function of(status: PodStatus, name: string): ContainerStatus | undefined {
    return [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].find(
      (each) => each.name === name,
    );
  }

  test('says what runs, from which image', () => {
    const mounted = container('a', {
      resources: { requests: { cpu: '100m' } },
      volumeMounts: [
        { name: 'data', mountPath: '/data' },
        { name: 'token', mountPath: '/token', readOnly: true },
      ],
    });
    expect(of(statusOf({ containers: [mounted] }, { a: 'running' }), 'a')).toEqual({
      name: 'a',
      state: { running: { startedAt: '2026-01-01T00:00:01Z' } },
      lastState: {},
      ready: true,
      restartCount: 0,
      started: true,
      image: 'docker.io/library/web:1.27',
      imageID: 'docker.io/library/web@sha256:abc',
      containerID: 'orrery://id-a',
      allocatedResources: { cpu: '100m' },
      resources: { requests: { cpu: '100m' } },
      user: { linux: { uid: 0, gid: 0, supplementalGroups: [0] } },
      volumeMounts: [
        { name: 'data', mountPath: '/data' },
        { name: 'token', mountPath: '/token', readOnly: true, recursiveReadOnly: 'Disabled' },
      ],
    });
  });

  test.each<[string, Partial<Pod['spec']>, string]>([
    ['without init containers', {}, 'ContainerCreating'],
    ['with init containers', { initContainers: [SETUP] }, 'PodInitializing'],
  ])('that wait %s', (_, spec, reason) => {
    expect(of(statusOf(spec, { setup: 0, a: 'created' }), 'a')).toEqual({
      name: 'a',
      state: { waiting: { reason } },
      lastState: {},
      ready: false,
      restartCount: 0,
      started: false,
      image: 'web:1.27',
      imageID: '',
    });
  });

  test('that ended says how', () => {
    expect(of(statusOf({}, { a: 3 }), 'a')).toMatchObject({
      ready: false,
      started: false,
      state: {
        terminated: {
          exitCode: 3,
          reason: 'Error',
          startedAt: '2026-01-01T00:00:01Z',
          finishedAt: '2026-01-01T00:00:05Z',
          containerID: 'orrery://id-a',
        },
      },
    });
  });

  test('an init container is ready when it has succeeded, a sidecar while it runs', () => {
    const ready = (life: Life): unknown[] => {
      const status = statusOf({ initContainers: [SETUP, SIDECAR] }, { setup: life, sidecar: life });
      return [of(status, 'setup')?.ready, of(status, 'sidecar')?.ready];
    };
    expect([ready('running'), ready(0), ready(1)]).toEqual([
      [false, true],
      [true, false],
      [false, false],
    ]);
  });

  test('init containers stand in their order, the others by name', () => {
    const status = statusOf(
      {
        initContainers: [container('z'), container('y')],
        containers: [container('c'), container('a'), container('b')],
      },
      {},
    );
    expect(status.initContainerStatuses?.map(({ name }) => name)).toEqual(['z', 'y']);
    expect(status.containerStatuses?.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });

  test('of a stopped pod that never ran count as failed', () => {
    const lost = {
      terminated: {
        exitCode: 137,
        reason: 'ContainerStatusUnknown',
        message: 'The container could not be located when the pod was terminated',
      },
    };
    const status = statusOf({}, { a: 0 }, { ended: {} });
    expect([of(status, 'a')?.state?.terminated?.exitCode, of(status, 'b')?.state]).toEqual([0, lost]);
  });

  test('of a pod stopped when the last init container had just succeeded count as failed', () => {
    const status = statusOf({ initContainers: [SETUP] }, { setup: 0 }, { ended: {} });
    expect(of(status, 'a')?.state?.terminated?.reason).toBe('ContainerStatusUnknown');
  });

  test('of a pod stopped in its initialization go on waiting, but for those up to the last that ran', () => {
    const status = statusOf(
      { initContainers: [SETUP, container('migrate'), container('last')] },
      { migrate: 1 },
      { ended: {} },
    );
    const reasons = ['setup', 'migrate', 'last', 'a'].map((name) => {
      const { waiting, terminated } = of(status, name)!.state!;
      return waiting?.reason ?? terminated?.reason;
    });
    expect(reasons).toEqual(['ContainerStatusUnknown', 'Error', 'PodInitializing', 'PodInitializing']);
    expect(status.phase).toBe('Failed');
  });
});

describe('the addresses', () => {
  test('are those of the node and of the sandbox', () => {
    expect(statusOf({}, {})).toMatchObject({
      hostIP: '10.0.0.10',
      hostIPs: [{ ip: '10.0.0.10' }],
      podIP: '10.244.0.7',
      podIPs: [{ ip: '10.244.0.7' }],
      startTime: '2026-01-01T00:00:00Z',
    });
  });

  test('of a pod without a sandbox are those of the node alone', () => {
    const record = { sandbox: undefined, containers: [] };
    expect(statusOf({}, {}, { record }).podIP).toBeUndefined();
    expect(statusOf({ hostNetwork: true }, {}, { record }).podIP).toBe('10.0.0.10');
  });
});

test.each([
  ['runs', {}, { phase: 'Running' }, false],
  ['is deleted', { deletionTimestamp: '2026-01-01T00:00:00Z' }, { phase: 'Running' }, true],
  ['has succeeded', {}, { phase: 'Succeeded' }, true],
  ['has failed', {}, { phase: 'Failed' }, true],
])('a pod that %s must stop: %o %o %s', (_, metadata, status, expected) => {
  const pod = boundPod('web', {}, metadata);
  expect(mustStop({ ...pod, status } as Pod)).toBe(expected);
});
