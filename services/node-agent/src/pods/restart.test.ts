import { describe, expect, test } from 'vitest';
import type { ContainerStatus } from '@orrery/api/gen/types.ts';
import { AgentUnderTest } from '../test-support/agent-under-test.ts';
import { container } from '../test-support/objects.ts';

function statusOf(agent: AgentUnderTest, name: string): ContainerStatus {
  const { initContainerStatuses = [], containerStatuses = [] } = agent.stored('web')!.status!;
  return [...initContainerStatuses, ...containerStatuses].find((each) => each.name === name)!;
}

function running(agent: AgentUnderTest, name: string): string | undefined {
  return agent.containers().find((each) => each.name === name && each.state === 'CONTAINER_RUNNING')?.id;
}

/** Process 1 of a running container is killed. */
async function crash(agent: AgentUnderTest, name = 'web'): Promise<void> {
  await agent.runtime.stopContainer(running(agent, name)!, 0);
  await agent.settle();
}

/** Process 1 of a running container ends with success. */
async function complete(agent: AgentUnderTest, name = 'web'): Promise<void> {
  await agent.runtime.stopContainer(running(agent, name)!, 1);
  await agent.settle();
}

describe('a container that crashes', () => {
  test('is restarted at once the first time, and says how it ended', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    const first = running(agent, 'web');
    await crash(agent);
    expect(statusOf(agent, 'web')).toMatchObject({
      state: { running: {} },
      lastState: { terminated: { exitCode: 137, reason: 'Error', containerID: `orrery://${first}` } },
      restartCount: 1,
      ready: true,
    });
    expect(running(agent, 'web')).not.toBe(first);
    expect(agent.reasons()).not.toContain('BackOff');
    expect(agent.clock.pendingTimers).toBe(0);
  });

  test('again is restarted after 1, 2, 4 seconds and so on up to five minutes, and from the start after ten good minutes', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    await crash(agent);
    const delays = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300];
    for (const seconds of delays) {
      await crash(agent);
      expect(statusOf(agent, 'web').state?.waiting?.reason).toBe('CrashLoopBackOff');
      expect(agent.clock.pendingTimers).toBe(1);
      await agent.advance(seconds * 1_000 - 1);
      expect(running(agent, 'web')).toBeUndefined();
      await agent.advance(1);
      expect(running(agent, 'web')).toBeDefined();
      expect(statusOf(agent, 'web').state?.running).toBeDefined();
    }
    expect(statusOf(agent, 'web').restartCount).toBe(1 + delays.length);
    // Not yet good enough.
    await agent.advance(600_000);
    await crash(agent);
    expect(statusOf(agent, 'web').state?.waiting?.message).toContain('back-off 5m0s');
    await agent.advance(300_000);
    await agent.advance(600_001);
    await crash(agent);
    expect(running(agent, 'web')).toBeDefined();
    await crash(agent);
    expect(statusOf(agent, 'web').state?.waiting?.message).toContain('back-off 1s');
    // The one that ended, and the one before it.
    expect(agent.containers()).toHaveLength(2);
  });

  test('waits in the words that people know', async () => {
    const agent = new AgentUnderTest({}, { crashLoopInitialMs: 10_000 });
    await agent.run('web');
    const { uid } = agent.stored('web')!.metadata;
    await crash(agent);
    await crash(agent);
    expect(statusOf(agent, 'web')).toMatchObject({
      state: {
        waiting: {
          reason: 'CrashLoopBackOff',
          message: `back-off 10s restarting failed container=web pod=web_default(${uid})`,
        },
      },
      lastState: { terminated: { exitCode: 137 } },
      restartCount: 1,
      ready: false,
      started: false,
    });
    expect(agent.stored('web')?.status?.phase).toBe('Running');
    expect(agent.condition('web', 'Ready')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotReady',
      message: 'containers with unready status: [web]',
    });
    await agent.advance(5_000);
    expect(agent.events.filter(({ reason }) => reason === 'BackOff')).toEqual([
      {
        node: 'node-1',
        pod: 'web',
        fieldPath: 'spec.containers{web}',
        type: 'Warning',
        reason: 'BackOff',
        message: `Back-off restarting failed container web in pod web_default(${uid})`,
      },
    ]);
  });

  test('costs three status writes: its end, its wait, its start', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    await crash(agent);
    const writes = agent.statusWrites();
    await crash(agent);
    await agent.advance(10_000);
    expect(agent.statusWrites() - writes).toBe(3);
  });

  test('does not hold up the others of its pod, nor they it', async () => {
    const agent = new AgentUnderTest();
    agent.create('web', { containers: [container('a'), container('b')] });
    await agent.settle();
    const b = running(agent, 'b');
    for (let turn = 0; turn < 3; turn += 1) {
      if (running(agent, 'a') !== undefined) await crash(agent, 'a');
    }
    expect([statusOf(agent, 'a').state?.waiting?.reason, running(agent, 'b')]).toEqual([
      'CrashLoopBackOff',
      b,
    ]);
    await crash(agent, 'b');
    expect(statusOf(agent, 'b').restartCount).toBe(1);
    expect(statusOf(agent, 'a').state?.waiting?.reason).toBe('CrashLoopBackOff');
  });

  test('and was given another image starts at once, from the first delay', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    for (let turn = 0; turn < 2; turn += 1) await crash(agent);
    agent.change('web', (pod) => {
      pod.spec.containers[0]!.image = 'web:1.28';
      pod.metadata.generation = 2;
    });
    await agent.settle();
    expect(running(agent, 'web')).toBeDefined();
    expect(statusOf(agent, 'web')).toMatchObject({ image: 'docker.io/library/web:1.28', restartCount: 2 });
  });

  test('keeps its count over restarts of the agent', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    for (let turn = 0; turn < 3; turn += 1) {
      await crash(agent);
      await agent.advance(10_000);
    }
    const before = statusOf(agent, 'web');
    expect(before.restartCount).toBe(3);
    agent.restart();
    await agent.settle();
    expect(statusOf(agent, 'web')).toEqual(before);
    await crash(agent);
    await agent.advance(10_000);
    expect(statusOf(agent, 'web').restartCount).toBe(4);
  });

  test('and waited while the agent was restarted is started again, counted once', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    await crash(agent);
    await crash(agent);
    expect(statusOf(agent, 'web').state?.waiting?.reason).toBe('CrashLoopBackOff');
    agent.restart();
    await agent.advance(10_000);
    expect(statusOf(agent, 'web')).toMatchObject({ state: { running: {} }, restartCount: 2 });
    expect(statusOf(agent, 'web').lastState?.terminated?.exitCode).toBe(137);
  });
});

describe('a pod that does not restart', () => {
  test.each([
    ['Never', complete, 'Succeeded', 'Completed', 0],
    ['OnFailure', complete, 'Succeeded', 'Completed', 0],
    ['Never', crash, 'Failed', 'Error', 137],
  ] as const)('%s: ends by itself, once', async (restartPolicy, end, phase, reason, exitCode) => {
    const agent = new AgentUnderTest();
    agent.create('web', { restartPolicy });
    await agent.settle();
    const writes = agent.statusWrites();
    await end(agent);
    expect(agent.stored('web')?.status).toMatchObject({
      phase,
      containerStatuses: [{ state: { terminated: { exitCode, reason } }, restartCount: 0 }],
    });
    expect(agent.statusWrites() - writes).toBe(1);
    expect([agent.sandboxes(), agent.addressesInUse()]).toEqual([[], 0]);
    // For logs and exit codes.
    expect(agent.containers()).toMatchObject([{ state: 'CONTAINER_EXITED' }]);
    agent.restart();
    await agent.advance(60_000);
    expect(agent.stored('web')?.status?.phase).toBe(phase);
    agent.erase('web', 30);
    await agent.settle();
    expect([agent.stored('web'), agent.containers(), agent.runtime.listPodSandbox({})]).toEqual([
      undefined,
      [],
      [],
    ]);
  });

  test('goes on while one container runs, and stops its sidecars when none does', async () => {
    const agent = new AgentUnderTest();
    agent.create('web', {
      restartPolicy: 'Never',
      initContainers: [container('sidecar', { restartPolicy: 'Always' })],
      containers: [container('a'), container('b')],
    });
    await agent.settle();
    await complete(agent, 'a');
    expect(agent.stored('web')?.status?.phase).toBe('Running');
    await crash(agent, 'sidecar');
    expect(statusOf(agent, 'sidecar')).toMatchObject({ state: { running: {} }, restartCount: 1 });
    await complete(agent, 'b');
    expect(agent.stored('web')?.status?.phase).toBe('Succeeded');
    expect(statusOf(agent, 'sidecar').state?.terminated?.exitCode).toBe(0);
    expect(agent.events.at(-1)).toMatchObject({ reason: 'Killing', message: 'Stopping container sidecar' });
  });
});

describe('a sandbox that dies', () => {
  test('takes all containers into the next one, with their counts', async () => {
    const agent = new AgentUnderTest();
    agent.create('web', { initContainers: [container('setup')] });
    await agent.settle();
    await agent.runtime.stopPodSandbox(agent.sandboxes()[0]!.id);
    await agent.settle();
    expect(statusOf(agent, 'web')).toMatchObject({
      state: { running: {} },
      lastState: { terminated: { exitCode: 137 } },
      restartCount: 1,
    });
    expect(statusOf(agent, 'setup')).toMatchObject({
      state: { terminated: { exitCode: 0 } },
      restartCount: 1,
    });
    expect(agent.events.filter(({ reason }) => reason === 'SandboxChanged')).toMatchObject([
      { message: 'Pod sandbox changed, it will be killed and re-created.' },
    ]);
    expect(agent.stored('web')?.status?.phase).toBe('Running');
  });

  test('ends a pod that does not restart', async () => {
    const agent = new AgentUnderTest();
    agent.create('web', { restartPolicy: 'Never' });
    await agent.settle();
    await agent.runtime.stopPodSandbox(agent.sandboxes()[0]!.id);
    await agent.settle();
    expect(agent.stored('web')?.status?.phase).toBe('Failed');
    expect(agent.sandboxes()).toEqual([]);
  });
});
