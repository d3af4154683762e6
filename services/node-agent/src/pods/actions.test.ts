import type { Container as ContainerSpec, Pod } from '@orrery/api/gen/types.ts';
import { describe, expect, test } from 'vitest';
import type { Container, ContainerState, PodSandbox } from '../runtime/runtime.ts';
import { boundPod, container } from '../test-support/objects.ts';
import { containerConfigFor, NO_PROBES, sandboxConfigFor } from '../test-support/runtime-parts.ts';
import { computePodActions } from './actions.ts';
import type { PodActions, ProbeVerdicts } from './pod-actions.ts';

const SETUP = container('setup');
const MIGRATE = container('migrate');
const SIDECAR = container('sidecar', { restartPolicy: 'Always' });
const PROXY = container('proxy', { restartPolicy: 'Always' });
const A = container('a');
const B = container('b');

type Spec = Partial<Pod['spec']>;

function pod(spec: Spec = {}): Pod {
  return boundPod('web', { containers: [A, B], ...spec }) as Pod;
}

function init(...initContainers: ContainerSpec[]): Spec {
  return { initContainers };
}

const READY: PodSandbox = {
  ...sandboxConfigFor('uid', { attempt: 3 }),
  id: 'sandbox',
  state: 'SANDBOX_READY',
  ip: '10.244.0.2',
  createdAtMs: 0,
};
const DEAD: PodSandbox = { ...READY, state: 'SANDBOX_NOTREADY' };

function instance(name: string, state: ContainerState, exitCode = 0, podSandboxId = 'sandbox'): Container {
  const ran = state === 'CONTAINER_CREATED' ? {} : { startedAtMs: 1 };
  const ended = state === 'CONTAINER_EXITED' ? { finishedAtMs: 2, exitCode } : {};
  const config = containerConfigFor(name, { image: 'web:1.27' });
  const identity = { ...config, id: `${podSandboxId}/${name}`, podSandboxId, imageRef: '' };
  return { ...identity, createdAtMs: 0, state, ...ran, ...ended };
}

const done = (name: string): Container => instance(name, 'CONTAINER_EXITED');
const failed = (name: string, exitCode = 1): Container => instance(name, 'CONTAINER_EXITED', exitCode);
const running = (name: string): Container => instance(name, 'CONTAINER_RUNNING');
const created = (name: string): Container => instance(name, 'CONTAINER_CREATED');
/** Ended with an earlier sandbox. */
const former = (name: string, exitCode = 137): Container =>
  instance(name, 'CONTAINER_EXITED', exitCode, 'former');

/** The actions in words: only what is to be done, by names. */
function brief(actions: PodActions): Record<string, unknown> {
  const names = (specs: readonly { name: string }[]): string[] => specs.map(({ name }) => name);
  const entries: [string, unknown][] = [
    ['killPod', actions.killPod || undefined],
    ['createSandbox', actions.createSandbox ? actions.attempt : undefined],
    ['kill', actions.containersToKill.map(({ message }) => message)],
    ['ephemeral', names(actions.ephemeralToStart)],
    ['init', names(actions.initToStart)],
    ['start', names(actions.containersToStart)],
    ['resize', names(actions.containersToResize.map(({ spec }) => spec))],
  ];
  const isSaid = (value: unknown): boolean =>
    value !== undefined && (!Array.isArray(value) || value.length > 0);
  return Object.fromEntries(entries.filter(([, value]) => isSaid(value)));
}

function actionsOf(
  spec: Spec,
  containers: Container[],
  sandbox: PodSandbox | undefined = READY,
  probes: Partial<ProbeVerdicts> = {},
): Record<string, unknown> {
  return brief(computePodActions(pod(spec), { sandbox, containers }, { ...NO_PROBES, ...probes }));
}

type Case = [what: string, spec: Spec, containers: Container[], actions: Record<string, unknown>];

const NEVER = { restartPolicy: 'Never' };
const ON_FAILURE = { restartPolicy: 'OnFailure' };

test('a pod without a sandbox gets its first one', () => {
  expect(brief(computePodActions(pod(), { sandbox: undefined, containers: [] }, NO_PROBES))).toEqual({
    createSandbox: 0,
  });
});

describe('a pod whose sandbox is dead', () => {
  test.each<Case>([
    ['begins again in the next one', {}, [failed('a', 137)], { killPod: true, createSandbox: 4 }],
    ['is over when it had run and never restarts', NEVER, [failed('a', 137)], { killPod: true }],
    ['begins again when it had not come to run', NEVER, [], { killPod: true, createSandbox: 4 }],
    [
      'is over when all had succeeded and only failures restart',
      ON_FAILURE,
      [done('a'), done('b')],
      { killPod: true },
    ],
    [
      'begins again when one had failed and failures restart',
      ON_FAILURE,
      [done('a'), failed('b')],
      { killPod: true, createSandbox: 4 },
    ],
  ])('%s', (_, spec, containers, expected) => {
    expect(actionsOf(spec, containers, DEAD)).toEqual(expected);
  });
});

describe('in a new sandbox', () => {
  test.each<Case>([
    ['all containers start again', {}, [former('a'), former('b')], { start: ['a', 'b'] }],
    ['init containers run again first', init(SETUP), [former('setup', 0), former('a')], { init: ['setup'] }],
    [
      'what had succeeded stays so when only failures restart',
      ON_FAILURE,
      [former('a', 0), former('b', 1)],
      { start: ['b'] },
    ],
  ])('%s', (_, spec, containers, expected) => {
    expect(actionsOf(spec, containers)).toEqual(expected);
  });
});

describe('init containers', () => {
  test.each<Case>([
    ['begin with the first alone', init(SETUP, MIGRATE), [], { init: ['setup'] }],
    ['wait for the one that runs', init(SETUP, MIGRATE), [running('setup')], {}],
    ['go on after a success', init(SETUP, MIGRATE), [done('setup')], { init: ['migrate'] }],
    ['try a failed one again', init(SETUP, MIGRATE), [failed('setup')], { init: ['setup'] }],
    [
      'end the pod with the first failure when it never restarts',
      { ...init(SETUP), ...NEVER },
      [failed('setup')],
      { killPod: true },
    ],
    [
      'restart by their own policy',
      { ...init(container('setup', { restartPolicy: 'OnFailure' })), ...NEVER },
      [failed('setup')],
      { init: ['setup'] },
    ],
    [
      'make way for the containers',
      init(SETUP, MIGRATE),
      [done('setup'), done('migrate')],
      { start: ['a', 'b'] },
    ],
    [
      'start again one whose start did not come through',
      init(SETUP),
      [created('setup')],
      { init: ['setup'] },
    ],
    ['do not run again when a container has run', init(SETUP), [running('a')], { start: ['b'] }],
    [
      'do not run again when a container has ended',
      init(SETUP),
      [done('setup'), failed('a'), running('b')],
      { start: ['a'] },
    ],
    [
      'are known to be over by the last of them',
      init(SETUP, MIGRATE),
      [done('migrate')],
      { start: ['a', 'b'] },
    ],
  ])('%s', (_, spec, containers, expected) => {
    expect(actionsOf(spec, containers)).toEqual(expected);
  });
});

describe('sidecars', () => {
  test.each<Case>([
    ['let the next init container begin', init(SIDECAR, SETUP), [running('sidecar')], { init: ['setup'] }],
    [
      'let the containers begin',
      init(SETUP, SIDECAR),
      [done('setup'), running('sidecar')],
      { start: ['a', 'b'] },
    ],
    [
      'are restarted whatever their exit code',
      { ...init(SIDECAR), ...NEVER },
      [done('sidecar'), running('a'), running('b')],
      { init: ['sidecar'] },
    ],
    [
      'are restarted in their order, beside the next init container',
      init(SIDECAR, PROXY, SETUP, MIGRATE),
      [failed('sidecar'), failed('proxy'), done('setup')],
      { init: ['sidecar', 'proxy', 'migrate'] },
    ],
    [
      'that crash do not hold back what is initialized',
      init(SIDECAR, SETUP),
      [failed('sidecar'), done('setup')],
      { init: ['sidecar'], start: ['a', 'b'] },
    ],
    [
      'do not keep a pod alive',
      { ...init(SIDECAR), ...NEVER },
      [running('sidecar'), done('a'), failed('b')],
      { killPod: true },
    ],
    [
      'are not restarted for a pod that is over',
      { ...init(SIDECAR), ...NEVER },
      [failed('sidecar'), done('a'), done('b')],
      { killPod: true },
    ],
  ])('%s', (_, spec, containers, expected) => {
    expect(actionsOf(spec, containers)).toEqual(expected);
  });

  test('hold back the next init container until their startup probe succeeded', () => {
    const hasStarted = (): boolean => false;
    expect(actionsOf(init(SIDECAR, SETUP), [running('sidecar')], READY, { hasStarted })).toEqual({});
    expect(
      actionsOf(init(SETUP, SIDECAR), [done('setup'), running('sidecar')], READY, { hasStarted }),
    ).toEqual({});
  });

  test.each(['startup', 'liveness'] as const)(
    'are killed and restarted when their %s probe fails',
    (failure) => {
      const probes: Partial<ProbeVerdicts> = {
        failure: ({ name }) => (name === 'sidecar' ? failure : undefined),
        hasStarted: () => failure === 'liveness',
      };
      expect(
        actionsOf(init(SIDECAR), [running('sidecar'), running('a'), running('b')], READY, probes),
      ).toEqual({
        kill: [`Init container sidecar failed ${failure} probe`],
        init: ['sidecar'],
      });
    },
  );
});

describe('containers', () => {
  const rules = (operator: string): Spec => ({
    ...NEVER,
    containers: [
      container('a', {
        restartPolicy: 'Never',
        restartPolicyRules: [{ action: 'Restart', exitCodes: { operator, values: [42] } }],
      }),
      B,
    ],
  });
  test.each<Case>([
    ['start all at once', {}, [], { start: ['a', 'b'] }],
    ['start when they are missing', {}, [running('a')], { start: ['b'] }],
    [
      'start again after a start that did not come through',
      NEVER,
      [running('a'), created('b')],
      { start: ['b'] },
    ],
    ['are left alone while they run', init(SETUP), [done('setup'), running('a'), running('b')], {}],
    ['always restart by default', {}, [done('a'), failed('b')], { start: ['a', 'b'] }],
    ['restart on failure only', ON_FAILURE, [done('a'), failed('b')], { start: ['b'] }],
    ['never restart', NEVER, [running('a'), failed('b')], {}],
    ['are over when none restarts', NEVER, [done('a'), failed('b')], { killPod: true }],
    [
      'are over when all succeeded and only failures restart',
      ON_FAILURE,
      [done('a'), done('b')],
      { killPod: true },
    ],
    [
      'restart by their own policy',
      { ...NEVER, containers: [container('a', { restartPolicy: 'Always' }), B] },
      [done('a'), done('b')],
      { start: ['a'] },
    ],
    ['restart by a rule on their exit code', rules('In'), [failed('a', 42), running('b')], { start: ['a'] }],
    ['do not restart when no rule matches', rules('In'), [failed('a', 1), running('b')], {}],
    [
      'restart by a rule on all other exit codes',
      rules('NotIn'),
      [failed('a', 1), running('b')],
      { start: ['a'] },
    ],
    ['do not restart by a rule that leaves theirs out', rules('NotIn'), [failed('a', 42), running('b')], {}],
    [
      'restart with another image, whatever their policy',
      { ...NEVER, containers: [container('a', { image: 'web:1.28' }), B] },
      [running('a'), running('b')],
      { kill: ['Container a definition changed, will be restarted'], start: ['a'] },
    ],
    [
      'keep an image that is only spelled otherwise',
      { containers: [container('a', { image: 'docker.io/library/web:1.27' }), B] },
      [running('a'), running('b')],
      {},
    ],
  ])('%s', (_, spec, containers, expected) => {
    expect(actionsOf(spec, containers)).toEqual(expected);
  });

  test.each([
    [{}, 'startup', 'Container a failed startup probe, will be restarted', ['a']],
    [ON_FAILURE, 'liveness', 'Container a failed liveness probe, will be restarted', ['a']],
    [NEVER, 'liveness', 'Container a failed liveness probe', undefined],
  ] as const)('%o, when their %s probe fails: %s', (spec, failure, message, start) => {
    const probes: Partial<ProbeVerdicts> = { failure: ({ name }) => (name === 'a' ? failure : undefined) };
    const expected = { kill: [message], ...(start === undefined ? {} : { start }) };
    expect(actionsOf(spec, [running('a'), running('b')], READY, probes)).toEqual(expected);
  });

  test('change their limits while they run, or restart for it', () => {
    const limits = { cpu: '500m', memory: '1Gi' };
    const resized = (resourceName: string): Spec => ({
      containers: [
        container('a', {
          resources: { limits },
          resizePolicy: [{ resourceName, restartPolicy: 'RestartContainer' }],
        }),
        B,
      ],
    });
    const had = { ...running('a'), limits: { cpuLimitMilli: 500, memoryLimitBytes: 2 ** 29 } };
    expect(actionsOf(resized('cpu'), [had, running('b')])).toEqual({ resize: ['a'] });
    expect(actionsOf(resized('memory'), [had, running('b')])).toEqual({
      kill: ['Container a resize requires restart, will be restarted'],
      start: ['a'],
    });
  });
});

describe('ephemeral containers', () => {
  const ephemeralContainers = [{ name: 'debugger', image: 'busybox' }];
  test.each<Case>([
    ['start beside running containers', {}, [running('a'), running('b')], { ephemeral: ['debugger'] }],
    ['start while init containers run', init(SETUP), [running('setup')], { ephemeral: ['debugger'] }],
    ['are never restarted', {}, [running('a'), running('b'), failed('debugger')], {}],
    ['do not keep a pod alive', NEVER, [done('a'), done('b'), running('debugger')], { killPod: true }],
  ])('%s', (_, spec, containers, expected) => {
    expect(actionsOf({ ...spec, ephemeralContainers }, containers)).toEqual(expected);
  });
});
