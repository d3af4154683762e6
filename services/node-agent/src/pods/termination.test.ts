import type { ContainerStatus, LifecycleHandler } from '@orrery/api/gen/types.ts';
import { describe, expect, test } from 'vitest';
import { AgentUnderTest } from '../test-support/agent-under-test.ts';
import { container } from '../test-support/objects.ts';
import type { HookRunner } from './hooks.ts';

function statusesOf(agent: AgentUnderTest, name = 'web'): ContainerStatus[] {
  const { initContainerStatuses = [], containerStatuses = [] } = agent.stored(name)?.status ?? {};
  return [...initContainerStatuses, ...containerStatuses];
}

/** Hooks that sleep on the cluster's clock: `preStop: {sleep: {seconds}}`. */
class SleepingHooks implements HookRunner {
  readonly runs: string[] = [];
  agent: AgentUnderTest | undefined;

  async run(
    _pod: unknown,
    { name }: { name: string },
    hook: LifecycleHandler,
    signal: AbortSignal,
  ): Promise<void> {
    this.runs.push(name);
    if (hook.sleep === undefined) throw new Error('not a sleep');
    await this.agent!.clock.sleep((hook.sleep.seconds ?? 0) * 1_000, signal);
  }
}

/** Process 1 of every container takes TERM, and goes on. */
function deafen(agent: AgentUnderTest): string[] {
  const told: string[] = [];
  const stop = agent.runtime.stopContainer.bind(agent.runtime);
  agent.runtime.stopContainer = async (id, seconds) => {
    told.push(`${agent.runtime.containerStatus(id)?.name} ${seconds}`);
    await agent.clock.sleep(seconds * 1_000);
    await stop(id, 0);
  };
  return told;
}

function withHooks(): { agent: AgentUnderTest; hooks: SleepingHooks } {
  const hooks = new SleepingHooks();
  const agent = new AgentUnderTest({}, { hooks });
  hooks.agent = agent;
  return { agent, hooks };
}

const preStop = (seconds: number) => ({ lifecycle: { preStop: { sleep: { seconds } } } });

describe('the grace of a pod that is deleted', () => {
  test('lies between TERM and KILL', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    const told = deafen(agent);
    agent.erase('web', 30);
    await agent.advance(29_999);
    expect(told).toEqual(['web 30']);
    expect(agent.stored('web')).toBeDefined();
    await agent.advance(1);
    expect(agent.stored('web')).toBeUndefined();
  });

  test('is shared by the preStop hook and TERM', async () => {
    const { agent, hooks } = withHooks();
    agent.create('web', { containers: [container('web', preStop(10))] });
    await agent.settle();
    const told = deafen(agent);
    agent.erase('web', 30);
    await agent.advance(10_000);
    expect([hooks.runs, told]).toEqual([['web'], ['web 20']]);
    await agent.advance(20_000);
    expect(agent.stored('web')).toBeUndefined();
  });

  test('leaves two seconds after a hook that takes it all', async () => {
    const { agent } = withHooks();
    agent.create('web', { containers: [container('web', preStop(100))] });
    await agent.settle();
    const told = deafen(agent);
    agent.erase('web', 5);
    await agent.advance(5_000);
    expect(told).toEqual(['web 2']);
    await agent.advance(2_000);
    expect(agent.stored('web')).toBeUndefined();
    expect(agent.clock.pendingTimers).toBe(0);
  });

  test('does not wait for a hook that fails', async () => {
    const { agent } = withHooks();
    agent.create('web', { containers: [container('web', { lifecycle: { preStop: { exec: {} } } })] });
    await agent.settle();
    agent.erase('web', 30);
    await agent.settle();
    expect(agent.stored('web')).toBeUndefined();
    expect(agent.events.slice(-2)).toMatchObject([
      { reason: 'Killing', message: 'Stopping container web' },
      { type: 'Warning', reason: 'FailedPreStopHook', message: 'PreStopHook failed' },
    ]);
  });

  test('can be shortened while it lasts; the hook is not run again', async () => {
    const { agent, hooks } = withHooks();
    agent.create('web', { containers: [container('web', preStop(60))] });
    await agent.settle();
    agent.erase('web', 600);
    await agent.advance(10_000);
    agent.erase('web', 1);
    await agent.settle();
    expect(agent.stored('web')).toBeUndefined();
    expect(hooks.runs).toEqual(['web']);
    expect(agent.clock.pendingTimers).toBe(0);
  });

  test('of nothing, by force, skips the hook', async () => {
    const { agent, hooks } = withHooks();
    agent.create('web', { containers: [container('web', preStop(60))] });
    await agent.settle();
    agent.erase('web', 0);
    await agent.settle();
    expect([hooks.runs, agent.containers(), agent.manager.size]).toEqual([[], [], 0]);
  });
});

test('sidecars are stopped after the containers, the last that was started first', async () => {
  const agent = new AgentUnderTest();
  const sidecar = (name: string) => container(name, { restartPolicy: 'Always' });
  agent.create('web', {
    initContainers: [sidecar('first'), container('setup'), sidecar('second')],
    containers: [container('a'), container('b')],
  });
  await agent.settle();
  const stops: string[] = [];
  const stop = agent.runtime.stopContainer.bind(agent.runtime);
  agent.runtime.stopContainer = async (id, seconds) => {
    const { name, state } = agent.runtime.containerStatus(id)!;
    if (state === 'CONTAINER_EXITED') return;
    await agent.clock.sleep(name === 'b' ? 3_000 : 1_000);
    stops.push(`${name} ${seconds}`);
    await stop(id, 0);
  };
  agent.erase('web', 30);
  await agent.advance(10_000);
  expect(stops).toEqual(['a 30', 'b 30', 'second 27', 'first 26']);
  expect(agent.stored('web')).toBeUndefined();
});

describe('a pod that its node ends', () => {
  test('is evicted with a reason, and a condition that says that it is not to blame', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    const message = 'The node was low on resource: memory.';
    const { uid } = agent.stored('web')!.metadata;
    expect(agent.manager.evict(uid, { reason: 'Evicted', message, graceSeconds: 0, disruption: true })).toBe(
      true,
    );
    await agent.settle();
    expect(agent.stored('web')?.status).toMatchObject({ phase: 'Failed', reason: 'Evicted', message });
    expect(agent.condition('web', 'DisruptionTarget')).toMatchObject({
      status: 'True',
      reason: 'TerminationByKubelet',
      message,
    });
    expect([agent.sandboxes(), agent.addressesInUse()]).toEqual([[], 0]);
    agent.restart();
    await agent.advance(60_000);
    expect(agent.stored('web')?.status).toMatchObject({ phase: 'Failed', reason: 'Evicted', message });
    expect(agent.manager.evict('nobody', { reason: 'Evicted', message })).toBe(false);
  });

  test('while it starts comes to nothing', async () => {
    const agent = new AgentUnderTest({ pullMs: 1_000 });
    const { uid } = agent.create('web').metadata;
    await agent.settle();
    agent.manager.evict(uid, { reason: 'Evicted', message: 'no room' });
    await agent.settle();
    expect(agent.stored('web')?.status).toMatchObject({ phase: 'Failed', reason: 'Evicted' });
    await agent.advance(10_000);
    expect(agent.containers()).toEqual([]);
    expect(agent.clock.pendingTimers).toBe(0);
  });

  test('after its active deadline says so', async () => {
    const agent = new AgentUnderTest();
    agent.create('web', { activeDeadlineSeconds: 60 });
    await agent.advance(59_999);
    expect(agent.stored('web')?.status?.phase).toBe('Running');
    expect(agent.clock.pendingTimers).toBe(1);
    await agent.advance(1);
    const message = 'Pod was active on the node longer than the specified deadline';
    expect(agent.stored('web')?.status).toMatchObject({
      phase: 'Failed',
      reason: 'DeadlineExceeded',
      message,
    });
    expect(agent.events).toContainEqual(
      expect.objectContaining({ type: 'Normal', reason: 'DeadlineExceeded', message }),
    );
    expect(statusesOf(agent)[0]?.state?.terminated?.exitCode).toBe(0);
    expect(agent.clock.pendingTimers).toBe(0);
  });

  test('after its active deadline also when the agent was away', async () => {
    const agent = new AgentUnderTest();
    agent.create('web', { activeDeadlineSeconds: 60 });
    await agent.settle();
    agent.crash();
    await agent.clock.advance(100_000);
    agent.start();
    await agent.settle();
    expect(agent.stored('web')?.status?.reason).toBe('DeadlineExceeded');
  });
});

test('a container that was killed ends with 137, one that ended on TERM with success', async () => {
  const agent = new AgentUnderTest();
  agent.create('web', { containers: [container('deaf'), container('good')] }, { finalizers: ['x/y'] });
  await agent.settle();
  const stop = agent.runtime.stopContainer.bind(agent.runtime);
  agent.runtime.stopContainer = (id, seconds) =>
    stop(id, agent.runtime.containerStatus(id)?.name === 'deaf' ? 0 : seconds);
  agent.erase('web', 30);
  await agent.settle();
  expect(statusesOf(agent).map(({ state }) => state?.terminated)).toMatchObject([
    { exitCode: 137, reason: 'Error' },
    { exitCode: 0, reason: 'Completed' },
  ]);
  expect(agent.stored('web')?.status?.phase).toBe('Failed');
});
