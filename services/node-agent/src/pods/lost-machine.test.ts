import { Pods } from '@orrery/api/resources.ts';
import { expect, test } from 'vitest';
import { AgentUnderTest } from '../test-support/agent-under-test.ts';

async function withoutMachine() {
  const agent = new AgentUnderTest();
  await agent.run('web');
  agent.create('other', { node: 'node-2' });
  await agent.settle();
  const writes = agent.statusWrites();
  agent.lost.add('node-1');
  await agent.manager.leave('node-1');
  await agent.settle();
  return { agent, writes };
}

test('of a machine that is lost nothing is left, nobody is told, and others run on', async () => {
  const { agent, writes } = await withoutMachine();
  expect(agent.sandboxes().map(({ name }) => name)).toEqual(['other']);
  expect(agent.containers()).toHaveLength(1);
  expect([agent.addressesInUse(), agent.manager.size]).toEqual([1, 1]);
  // What the API says of it since then is nobody's business here.
  agent.erase('web', 30);
  agent.create('late', { node: 'node-1' });
  await agent.advance(60_000);
  expect(agent.statusWrites()).toBe(writes);
  expect(agent.stored('web')?.status?.phase).toBe('Running');
});

test('on a machine that is there again pods start anew, each container with a restart', async () => {
  const { agent } = await withoutMachine();
  await agent.advance(60_000);
  agent.lost.delete('node-1');
  agent.manager.join(agent.api.all(Pods).filter(({ spec }) => spec.nodeName === 'node-1'));
  await agent.advance(10_000);
  const { status } = agent.stored('web')!;
  expect(status?.phase).toBe('Running');
  expect(status?.containerStatuses?.[0]).toMatchObject({
    ready: true,
    restartCount: 1,
    lastState: { terminated: { exitCode: 137 } },
  });
  expect(agent.addressesInUse()).toBe(2);
});

test('on a machine that is there again pods end that were deleted meanwhile, and new ones begin', async () => {
  const { agent } = await withoutMachine();
  agent.erase('web', 30);
  agent.create('late', { node: 'node-1' });
  agent.lost.delete('node-1');
  agent.manager.join(agent.api.all(Pods).filter(({ spec }) => spec.nodeName === 'node-1'));
  await agent.advance(10_000);
  expect(agent.stored('web')).toBeUndefined();
  expect(agent.stored('late')?.status?.phase).toBe('Running');
});
