import { serviceUnavailable } from '@orrery/api/status-error.ts';
import { describe, expect, test } from 'vitest';
import type { Checkpoints, RuntimeState } from '../runtime/checkpoints.ts';
import { AgentUnderTest } from '../test-support/agent-under-test.ts';
import { isStatusWrite } from '../test-support/fake-api.ts';

/** Checkpoints that outlive the processes of a test, as copies. */
class KeptCheckpoints implements Checkpoints {
  readonly #sandboxes = new Map<string, string>();
  readonly #containers = new Map<string, string>();

  load(): RuntimeState {
    const parsed = <T>(kept: Map<string, string>): T[] =>
      Array.from(kept.values(), (text) => JSON.parse(text) as T);
    return {
      sandboxes: parsed(this.#sandboxes),
      containers: parsed(this.#containers),
      progress: new Map(),
    };
  }

  putSandbox(sandbox: { id: string }): void {
    this.#sandboxes.set(sandbox.id, JSON.stringify(sandbox));
  }

  removeSandbox(id: string): void {
    this.#sandboxes.delete(id);
  }

  putContainer(container: { id: string }): void {
    this.#containers.set(container.id, JSON.stringify(container));
  }

  removeContainer(id: string): void {
    this.#containers.delete(id);
  }

  putProgress(): void {}

  get size(): number {
    return this.#sandboxes.size + this.#containers.size;
  }
}

function agentWithCheckpoints() {
  const checkpoints = new KeptCheckpoints();
  return { agent: new AgentUnderTest({}, { checkpoints: () => checkpoints }), checkpoints };
}

describe('an agent that was killed and finds checkpoints', () => {
  test('goes on with what runs, though the store never heard of it', async () => {
    const { agent } = agentWithCheckpoints();
    agent.api.fault = (call) => (isStatusWrite(call) ? serviceUnavailable('away') : undefined);
    agent.create('web');
    await agent.settle();
    const [before] = agent.containers();
    agent.events.length = 0;
    agent.api.fault = undefined;
    await agent.advance(60_000);
    agent.restart();
    await agent.settle();
    expect(agent.containers()).toEqual([before]);
    expect(agent.stored('web')?.status?.phase).toBe('Running');
    expect(agent.events).toEqual([]);
  });

  test('removes what ran of pods that are gone, and gives their addresses back', async () => {
    const { agent, checkpoints } = agentWithCheckpoints();
    await agent.run('web');
    await agent.run('gone');
    agent.crash();
    agent.erase('gone', 0);
    agent.start();
    await agent.settle();
    expect(agent.sandboxes().map(({ name }) => name)).toEqual(['web']);
    expect(agent.containers()).toHaveLength(1);
    expect([agent.addressesInUse(), checkpoints.size]).toEqual([1, 2]);
  });

  test('believes the status of a pod whose node another agent had in between', async () => {
    const { agent } = agentWithCheckpoints();
    await agent.run('web');
    agent.crash();
    // There it was restarted.
    agent.change('web', ({ status }) => {
      const [web] = status!.containerStatuses!;
      web!.restartCount = 5;
      web!.containerID = 'containerd://elsewhere';
    });
    agent.foreign.add('node-1');
    agent.start();
    await agent.settle();
    expect(agent.containers().map(({ id, attempt }) => [id, attempt])).toEqual([['elsewhere', 5]]);
  });

  test('has checkpoints too of what it found by statuses alone', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    agent.crash();
    const kept = new KeptCheckpoints();
    const next = new AgentUnderTest({}, { checkpoints: () => kept });
    next.put(agent.stored('web')!);
    await next.settle();
    expect(kept.load().containers.map(({ state }) => state)).toEqual(['CONTAINER_RUNNING']);
  });
});
