import { describe, expect, test } from 'vitest';
import { AgentUnderTest } from '../test-support/agent-under-test.ts';

function debug(agent: AgentUnderTest): void {
  agent.change('web', ({ spec, metadata }) => {
    spec.ephemeralContainers = [{ name: 'debugger', image: 'tools:1', targetContainerName: 'web' }];
    metadata.generation = 2;
  });
}

describe('an ephemeral container', () => {
  test('is started in a running pod, which stays as ready as it was', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    debug(agent);
    await agent.settle();
    expect(agent.stored('web')?.status).toMatchObject({
      phase: 'Running',
      ephemeralContainerStatuses: [
        { name: 'debugger', state: { running: {} }, ready: false, restartCount: 0, lastState: {} },
      ],
    });
    expect(agent.stored('web')?.status?.ephemeralContainerStatuses?.[0]).not.toHaveProperty('started');
    expect(agent.condition('web', 'Ready')?.status).toBe('True');
    expect(agent.events.at(-1)).toMatchObject({
      fieldPath: 'spec.ephemeralContainers{debugger}',
      message: 'Started container debugger',
    });
  });

  test('is not started again, also by an agent that comes after', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    debug(agent);
    await agent.settle();
    const { id } = agent.containers().find(({ name }) => name === 'debugger')!;
    await agent.runtime.stopContainer(id, 0);
    await agent.advance(60_000);
    agent.restart();
    await agent.advance(60_000);
    expect(agent.stored('web')?.status?.ephemeralContainerStatuses).toMatchObject([
      { state: { terminated: { exitCode: 137 } }, restartCount: 0 },
    ]);
    expect(agent.containers().filter(({ name }) => name === 'debugger')).toHaveLength(1);
  });
});
