import type { ContainerStatus } from '@orrery/api/gen/types.ts';
import { describe, expect, test } from 'vitest';
import { ContainerConfigError } from '../environment/environment.ts';
import { AgentUnderTest } from '../test-support/agent-under-test.ts';
import { container } from '../test-support/objects.ts';
import { NO_VOLUMES } from '../test-support/runtime-parts.ts';
import { MountError } from '../volumes/volume-manager.ts';

function statusOf(agent: AgentUnderTest, name = 'web'): ContainerStatus {
  return agent.stored('web')!.status!.containerStatuses!.find((each) => each.name === name)!;
}

function waiting(agent: AgentUnderTest): unknown {
  return statusOf(agent).state?.waiting;
}

function events(agent: AgentUnderTest): string[] {
  return agent.events.map(({ type, reason, message }) => `${type} ${reason} ${message}`);
}

/** The registry does not give an image out; returns how to end that. */
function breakPulls(agent: AgentUnderTest, broken: string, message: string): () => void {
  const pull = agent.images.pullImage.bind(agent.images);
  agent.images.pullImage = (node, image, context) =>
    image === broken ? Promise.reject(new Error(message)) : pull(node, image, context);
  return () => void (agent.images.pullImage = pull);
}

describe('an image that cannot be pulled', () => {
  test('is tried again after 10, 20, 40 seconds and so on up to five minutes', async () => {
    const agent = new AgentUnderTest();
    const heal = breakPulls(agent, 'web:1.27', 'not found');
    agent.create('web');
    await agent.settle();
    expect(waiting(agent)).toEqual({ reason: 'ErrImagePull', message: 'not found' });
    let pulls = 1;
    for (const seconds of [10, 20, 40, 80, 160, 300, 300]) {
      await agent.advance(1_000);
      expect(waiting(agent)).toEqual({
        reason: 'ImagePullBackOff',
        message: 'Back-off pulling image "web:1.27": ErrImagePull: not found',
      });
      await agent.advance(seconds * 1_000 - 1_001);
      expect(agent.reasons().filter((reason) => reason === 'Pulling')).toHaveLength(pulls);
      await agent.advance(1);
      pulls += 1;
      expect(agent.reasons().filter((reason) => reason === 'Pulling')).toHaveLength(pulls);
      expect(waiting(agent)).toMatchObject({ reason: 'ErrImagePull' });
    }
    heal();
    await agent.advance(300_000);
    expect(agent.stored('web')?.status?.phase).toBe('Running');
    expect(agent.clock.pendingTimers).toBe(0);
  });

  test('tells the story that people know', async () => {
    const agent = new AgentUnderTest();
    breakPulls(agent, 'web:1.27', 'not found');
    agent.create('web');
    await agent.advance(5_000);
    expect(events(agent)).toEqual([
      'Normal Pulling Pulling image "web:1.27"',
      'Warning Failed Failed to pull image "web:1.27": not found',
      'Warning Failed Error: ErrImagePull',
      'Normal BackOff Back-off pulling image "web:1.27"',
      'Warning Failed Error: ImagePullBackOff',
    ]);
    expect(agent.stored('web')?.status?.phase).toBe('Pending');
  });

  test('does not keep another container of the pod from running, nor another image from being tried', async () => {
    const agent = new AgentUnderTest();
    breakPulls(agent, 'missing/web', 'not found');
    agent.create('web', { containers: [container('web', { image: 'missing/web' }), container('other')] });
    await agent.settle();
    expect(statusOf(agent, 'other').state?.running).toBeDefined();
    agent.change('web', (pod) => {
      pod.spec.containers[0]!.image = 'web:1.28';
      pod.metadata.generation = 2;
    });
    await agent.settle();
    expect(statusOf(agent).state?.running).toBeDefined();
  });

  test('whose name makes no sense is told apart', async () => {
    const agent = new AgentUnderTest();
    agent.create('web', { containers: [container('web', { image: 'NO SUCH' })] });
    await agent.settle();
    const message =
      'Failed to apply default image tag "NO SUCH": couldn\'t parse image name "NO SUCH": invalid reference format';
    expect(waiting(agent)).toEqual({ reason: 'InvalidImageName', message });
    expect(events(agent)).toEqual([
      `Warning InspectFailed ${message}`,
      'Warning Failed Error: InvalidImageName',
    ]);
  });

  test('is not pulled when it never may be', async () => {
    const agent = new AgentUnderTest();
    agent.create('web', { containers: [container('web', { imagePullPolicy: 'Never' })] });
    await agent.advance(5_000);
    const message = 'Container image "web:1.27" is not present with pull policy of Never';
    expect(waiting(agent)).toEqual({ reason: 'ErrImageNeverPull', message });
    expect(events(agent)).toEqual([
      `Warning ErrImageNeverPull ${message}`,
      'Warning Failed Error: ErrImageNeverPull',
    ]);
    agent.images.adopt('node-1', 'web:1.27');
    await agent.advance(5_000);
    expect(agent.stored('web')?.status?.phase).toBe('Running');
  });
});

describe('a container that cannot be made', () => {
  test('for want of its configuration waits for it', async () => {
    let missing = true;
    const environment = {
      variables: () => {
        if (missing) throw new ContainerConfigError('configmap "settings" not found');
        return [];
      },
    };
    const agent = new AgentUnderTest({}, { environment });
    agent.create('web');
    await agent.settle();
    expect(waiting(agent)).toEqual({
      reason: 'CreateContainerConfigError',
      message: 'configmap "settings" not found',
    });
    expect(events(agent).at(-1)).toBe('Warning Failed Error: configmap "settings" not found');
    missing = false;
    await agent.advance(10_000);
    expect(agent.stored('web')?.status?.phase).toBe('Running');
    expect(statusOf(agent).restartCount).toBe(0);
  });

  test('says so', async () => {
    const agent = new AgentUnderTest();
    agent.runtime.createContainer = () => Promise.reject(new Error('no room'));
    agent.create('web');
    await agent.settle();
    expect(waiting(agent)).toEqual({ reason: 'CreateContainerError', message: 'no room' });
    expect(events(agent).at(-1)).toBe('Warning Failed Error: no room');
    expect(agent.clock.pendingTimers).toBe(1);
  });
});

describe('a volume that cannot be mounted', () => {
  test('keeps the pod without sandbox until it can', async () => {
    let missing = true;
    const volumes = {
      ...NO_VOLUMES,
      mount: () => {
        if (missing)
          throw new MountError('MountVolume.SetUp failed for volume "key" : secret "key" not found');
      },
    };
    const agent = new AgentUnderTest({}, { volumes });
    agent.create('web');
    await agent.advance(3_500);
    expect(agent.sandboxes()).toEqual([]);
    expect(waiting(agent)).toEqual({ reason: 'ContainerCreating' });
    expect(new Set(events(agent))).toEqual(
      new Set(['Warning FailedMount MountVolume.SetUp failed for volume "key" : secret "key" not found']),
    );
    missing = false;
    await agent.advance(10_000);
    expect(agent.stored('web')?.status?.phase).toBe('Running');
  });
});

describe('runAsNonRoot', () => {
  test.each([
    [
      'an image that runs as root',
      { runAsNonRoot: true },
      'container has runAsNonRoot and image will run as root',
    ],
    ['the user root', { runAsNonRoot: true, runAsUser: 0 }, "container's runAsUser breaks non-root policy"],
  ])('refuses %s', async (_what, securityContext, why) => {
    const agent = new AgentUnderTest();
    const web = { ...container('web', { securityContext }), image: 'nginx' };
    const { uid } = agent.create('web', { containers: [web] }).metadata;
    await agent.settle();
    const message = `${why} (pod: "web_default(${uid})", container: web)`;
    expect(waiting(agent)).toEqual({ reason: 'CreateContainerConfigError', message });
    expect(events(agent)).toContain(`Warning Failed Error: ${message}`);
    expect(agent.containers()).toEqual([]);
  });

  test.each([
    ['a user with a number', 'nginx', { runAsNonRoot: true, runAsUser: 1_000 }, 1_000],
    ['an image of which nothing is known', 'example.com/shop', { runAsNonRoot: true }, 65_532],
    ['anybody when it is not set', 'nginx', {}, 0],
  ])('allows %s', async (_what, image, securityContext, uid) => {
    const agent = new AgentUnderTest();
    agent.create('web', { containers: [{ ...container('web', { securityContext }), image }] });
    await agent.settle();
    expect(agent.containers()[0]).toMatchObject({ uid });
  });
});

describe('a postStart hook', () => {
  test('holds back the status Running until it is over', async () => {
    const over = Promise.withResolvers<void>();
    const agent = new AgentUnderTest({}, { hooks: { run: () => over.promise } });
    agent.create('web', { containers: [container('web', { lifecycle: { postStart: { exec: {} } } })] });
    await agent.settle();
    expect(agent.reasons().at(-1)).toBe('Started');
    over.resolve();
    await agent.settle();
    expect(agent.stored('web')?.status?.phase).toBe('Running');
  });

  test('that fails kills its container, which is restarted with back-off', async () => {
    let fails = true;
    const hooks = { run: () => (fails ? Promise.reject(new Error('hook failed')) : Promise.resolve()) };
    const agent = new AgentUnderTest({}, { hooks });
    agent.create('web', { containers: [container('web', { lifecycle: { postStart: { exec: {} } } })] });
    await agent.settle();
    expect(events(agent).slice(3, 6)).toEqual([
      'Normal Started Started container web',
      'Warning FailedPostStartHook PostStartHook failed',
      'Normal Killing FailedPostStartHook',
    ]);
    expect(agent.reasons()).not.toContain('Failed');
    expect(statusOf(agent).state?.waiting?.reason).toBe('CrashLoopBackOff');
    fails = false;
    await agent.advance(2_000);
    expect(statusOf(agent)).toMatchObject({ state: { running: {} }, restartCount: 2 });
  });
});
