import { serviceUnavailable, StatusError } from '@orrery/api/status-error.ts';
import { describe, expect, test } from 'vitest';
import { AgentUnderTest, REALISTIC } from '../test-support/agent-under-test.ts';
import { isStatusWrite } from '../test-support/fake-api.ts';

describe('the status', () => {
  test('is put right when somebody else wrote into it', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    await agent.advance(60_000);
    agent.change('web', (pod) => {
      const ready = pod.status!.conditions!.find(({ type }) => type === 'Ready')!;
      Object.assign(ready, { status: 'False', lastTransitionTime: '2026-01-01T00:00:59Z' });
    });
    await agent.settle();
    expect(agent.condition('web', 'Ready')).toMatchObject({
      status: 'True',
      lastTransitionTime: '2026-01-01T00:01:00Z',
    });
    expect(agent.statusWrites()).toBe(2);
  });

  test('leaves the conditions of others alone', async () => {
    const agent = new AgentUnderTest();
    agent.create('web', { readinessGates: [{ conditionType: 'example.com/gate' }] });
    await agent.settle();
    expect(agent.condition('web', 'Ready')).toMatchObject({
      status: 'False',
      reason: 'ReadinessGatesNotReady',
    });
    agent.change(
      'web',
      (pod) => void pod.status!.conditions!.push({ type: 'example.com/gate', status: 'True' }),
    );
    await agent.settle();
    expect(agent.condition('web', 'Ready')).toMatchObject({ status: 'True' });
    expect(agent.condition('web', 'example.com/gate')).toEqual({ type: 'example.com/gate', status: 'True' });
  });

  test('follows the generation', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    agent.change('web', (pod) => void (pod.metadata.generation = 2));
    await agent.settle();
    expect(agent.stored('web')?.status?.observedGeneration).toBe(2);
    expect(agent.statusWrites()).toBe(2);
  });

  test('is tried again while the apiserver is away, and then the newest is written once', async () => {
    const agent = new AgentUnderTest(REALISTIC);
    agent.api.fault = (call) => (isStatusWrite(call) ? serviceUnavailable('away') : undefined);
    agent.create('web');
    await agent.advance(120_000);
    expect(agent.containers()).toMatchObject([{ state: 'CONTAINER_RUNNING' }]);
    const tries = agent.statusWrites();
    expect(tries).toBeGreaterThan(10);
    agent.api.fault = undefined;
    await agent.advance(5_000);
    expect(agent.stored('web')?.status?.phase).toBe('Running');
    expect(agent.statusWrites()).toBe(tries + 1);
    expect(agent.realClock.pendingTimers).toBe(0);
  });

  test('whose answer was lost is written again, to no harm', async () => {
    const agent = new AgentUnderTest();
    agent.api.losesAnswer = isStatusWrite;
    agent.create('web');
    await agent.settle();
    agent.api.losesAnswer = undefined;
    await agent.advance(1_000);
    expect(agent.stored('web')?.status?.phase).toBe('Running');
    expect(agent.statusWrites()).toBe(2);
    expect(agent.containers()).toMatchObject([{ attempt: 0 }]);
  });

  test('that the apiserver refuses is not repeated without end', async () => {
    const agent = new AgentUnderTest();
    agent.api.fault = (call) => (isStatusWrite(call) ? new StatusError(422, 'Invalid', 'no') : undefined);
    agent.create('web');
    await agent.advance(600_000);
    expect(agent.statusWrites()).toBe(1);
    agent.erase('web', 30);
    await agent.settle();
    expect(agent.stored('web')).toBeUndefined();
    expect([agent.sandboxes(), agent.addressesInUse()]).toEqual([[], 0]);
  });

  test('is not repeated when the store shows something else than it took', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    // A field that the fake, unlike the real store, never changes.
    const patch = agent.api.patch.bind(agent.api);
    agent.api.patch = async (resource, name, type, body, subresource) => {
      const { status, ...rest } = body as { status: Record<string, unknown> };
      const { startTime: _, ...kept } = status;
      return patch(resource, name, type, { ...rest, status: kept }, subresource);
    };
    agent.change('web', (pod) => void (pod.status!.startTime = '2020-01-01T00:00:00Z'));
    await agent.advance(60_000);
    expect(agent.statusWrites()).toBe(2);
  });

  test('does not fall back to what a late event says', async () => {
    const agent = new AgentUnderTest(REALISTIC);
    agent.api.pods.held = true;
    agent.create('web');
    agent.api.pods.release();
    await agent.advance(5_000);
    // The events of its own three writes come one by one, long after.
    const writes = agent.statusWrites();
    for (let index = 0; index < 3; index += 1) {
      agent.api.pods.release(1);
      await agent.settle();
    }
    expect(agent.statusWrites()).toBe(writes);
  });
});
