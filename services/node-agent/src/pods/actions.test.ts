import type { Pod } from '@orrery/api/gen/types.ts';
import { describe, expect, test } from 'vitest';
import type { Container, ContainerState, PodSandbox } from '../runtime/runtime.ts';
import { boundPod, container } from '../test-support/objects.ts';
import { containerConfigFor, sandboxConfigFor } from '../test-support/runtime-parts.ts';
import { computePodActions, type PodActions } from './actions.ts';

const NOTHING: PodActions = {
  killPod: false,
  createSandbox: false,
  attempt: 0,
  initContainerToStart: undefined,
  containersToStart: [],
};

const SETUP = container('setup');
const MIGRATE = container('migrate');
const SIDECAR = container('sidecar', { restartPolicy: 'Always' });
const A = container('a');
const B = container('b');

function pod(...initContainers: Pod['spec']['containers']): Pod {
  return boundPod('web', { initContainers, containers: [A, B] }) as Pod;
}

const READY: PodSandbox = {
  ...sandboxConfigFor('uid', { attempt: 3 }),
  id: 'sandbox',
  state: 'SANDBOX_READY',
  ip: '10.244.0.2',
  createdAtMs: 0,
};

function instance(name: string, state: ContainerState, exitCode = 0): Container {
  const ran = state === 'CONTAINER_CREATED' ? {} : { startedAtMs: 1 };
  const ended = state === 'CONTAINER_EXITED' ? { finishedAtMs: 2, exitCode } : {};
  const identity = { ...containerConfigFor(name), id: name, podSandboxId: 'sandbox', imageRef: '' };
  return { ...identity, createdAtMs: 0, state, ...ran, ...ended };
}

const done = (name: string): Container => instance(name, 'CONTAINER_EXITED');
const failed = (name: string): Container => instance(name, 'CONTAINER_EXITED', 1);
const running = (name: string): Container => instance(name, 'CONTAINER_RUNNING');
const created = (name: string): Container => instance(name, 'CONTAINER_CREATED');

describe('what a pod needs next', () => {
  test.each<[string, Pod, PodSandbox | undefined, Container[], Partial<PodActions>]>([
    ['a sandbox when it has none', pod(), undefined, [], { createSandbox: true }],
    [
      'its dead sandbox removed and the next one',
      pod(),
      { ...READY, state: 'SANDBOX_NOTREADY' },
      [running('a')],
      { killPod: true, createSandbox: true, attempt: 4 },
    ],
    ['all containers at once without init containers', pod(), READY, [], { containersToStart: [A, B] }],
    ['the first init container alone', pod(SETUP, MIGRATE), READY, [], { initContainerToStart: SETUP }],
    ['nothing while an init container runs', pod(SETUP, MIGRATE), READY, [running('setup')], {}],
    [
      'the next init container after a success',
      pod(SETUP, MIGRATE),
      READY,
      [done('setup')],
      { initContainerToStart: MIGRATE },
    ],
    ['nothing after a failed init container', pod(SETUP, MIGRATE), READY, [failed('setup')], {}],
    [
      'the containers after the last init container',
      pod(SETUP, MIGRATE),
      READY,
      [done('setup'), done('migrate')],
      { containersToStart: [A, B] },
    ],
    [
      'the next init container beside a running sidecar',
      pod(SIDECAR, SETUP),
      READY,
      [running('sidecar')],
      { initContainerToStart: SETUP },
    ],
    [
      'the containers beside a running sidecar',
      pod(SETUP, SIDECAR),
      READY,
      [done('setup'), running('sidecar')],
      { containersToStart: [A, B] },
    ],
    ['only the container that is missing', pod(), READY, [running('a')], { containersToStart: [B] }],
    [
      'again a container whose start did not come through',
      pod(),
      READY,
      [running('a'), created('b')],
      { containersToStart: [B] },
    ],
    [
      'again an init container whose start did not come through',
      pod(SETUP),
      READY,
      [created('setup')],
      { initContainerToStart: SETUP },
    ],
    ['nothing when all run', pod(SETUP), READY, [done('setup'), running('a'), running('b')], {}],
    [
      'no init container any more once a container has run',
      pod(SETUP),
      READY,
      [running('a')],
      { containersToStart: [B] },
    ],
    ['nothing for a container that has ended', pod(), READY, [running('a'), failed('b')], {}],
  ])('%s', (_, wanted, sandbox, containers, expected) => {
    expect(computePodActions(wanted, { sandbox, containers })).toEqual({ ...NOTHING, ...expected });
  });
});
