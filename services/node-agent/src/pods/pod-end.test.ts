import { conflict, OBJECT_MODIFIED, serviceUnavailable } from '@orrery/api/status-error.ts';
import { Pods } from '@orrery/api/resources.ts';
import { describe, expect, test } from 'vitest';
import { AgentUnderTest, REALISTIC } from '../test-support/agent-under-test.ts';
import { isStatusWrite } from '../test-support/fake-api.ts';
import { container } from '../test-support/objects.ts';

test('an end that somebody declares stays, also when a status under way overwrites it', async () => {
  const agent = new AgentUnderTest(REALISTIC);
  agent.create('web');
  await agent.advance(10_000);
  // The store takes the first status of the start, and the answer is lost.
  agent.api.losesAnswer = isStatusWrite;
  agent.create('late');
  agent.change('late', ({ status }) => void (status!.phase = 'Failed'));
  await agent.settle();
  expect(agent.stored('late')?.status?.phase).toBe('Pending');
  agent.api.losesAnswer = undefined;
  await agent.advance(10_000);
  expect(agent.stored('late')?.status?.phase).toBe('Failed');
  expect(agent.sandboxes().map(({ name }) => name)).toEqual(['web']);
  const writes = agent.statusWrites();
  await agent.advance(60_000);
  expect(agent.statusWrites()).toBe(writes);
});

describe('a pod that is deleted', () => {
  test('stops, says how it ended, and goes', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    agent.erase('web', 30);
    await agent.settle();
    expect(agent.stored('web')).toBeUndefined();
    const last = agent.api.callsOf('patch', Pods).at(-1)?.body;
    expect(last).toMatchObject({
      patch: {
        status: {
          phase: 'Succeeded',
          containerStatuses: [
            { ready: false, started: false, state: { terminated: { exitCode: 0, reason: 'Completed' } } },
          ],
        },
      },
    });
    expect(agent.api.callsOf('delete', Pods)).toEqual([
      {
        verb: 'delete',
        resource: 'pods',
        name: 'web',
        body: { gracePeriodSeconds: 0, preconditions: { uid: expect.any(String) as string } },
      },
    ]);
    expect(agent.events.at(-1)).toMatchObject({
      fieldPath: 'spec.containers{web}',
      reason: 'Killing',
      message: 'Stopping container web',
    });
    expect(agent.statusWrites()).toBe(2);
    expect([agent.sandboxes(), agent.addressesInUse(), agent.manager.size]).toEqual([[], 0, 0]);
  });

  test('with finalizers stays, ended, without another word', async () => {
    const agent = new AgentUnderTest();
    agent.create('web', {}, { finalizers: ['example.com/wait'] });
    await agent.settle();
    agent.erase('web', 30);
    await agent.settle();
    expect(agent.stored('web')?.status?.phase).toBe('Succeeded');
    expect([agent.sandboxes(), agent.addressesInUse()]).toEqual([[], 0]);
    const calls = agent.api.calls.length;
    agent.change('web', (pod) => void (pod.metadata.labels = { seen: 'yes' }));
    await agent.settle();
    expect(agent.api.calls).toHaveLength(calls);
    agent.change('web', (pod) => void delete pod.metadata.finalizers);
    await agent.settle();
    expect(agent.stored('web')).toBeUndefined();
    expect(agent.manager.size).toBe(0);
  });

  test('by force is killed here as soon as that is known', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    const writes = agent.statusWrites();
    agent.erase('web', 0);
    await agent.settle();
    expect([agent.sandboxes(), agent.containers(), agent.addressesInUse(), agent.manager.size]).toEqual([
      [],
      [],
      0,
      0,
    ]);
    expect(agent.reasons().at(-1)).toBe('Killing');
    expect(agent.statusWrites()).toBe(writes);
  });

  for (const [moment, afterMs] of [
    ['the sandbox image is pulled', 600],
    ['its sandbox is set up', 1_350],
    ['its image is pulled', 2_000],
    ['its container starts', 2_800],
  ] as const) {
    for (const graceSeconds of [30, 0]) {
      test(`while ${moment} leaves nothing behind (grace ${graceSeconds} s)`, async () => {
        const agent = new AgentUnderTest(REALISTIC);
        agent.create('web');
        await agent.advance(afterMs);
        expect(agent.stored('web')?.status?.phase).toBe('Pending');
        agent.erase('web', graceSeconds);
        await agent.settle();
        expect(agent.stored('web')).toBeUndefined();
        expect([agent.sandboxes(), agent.containers(), agent.addressesInUse()]).toEqual([[], [], 0]);
        await agent.advance(10_000);
        expect([agent.sandboxes(), agent.containers(), agent.addressesInUse(), agent.manager.size]).toEqual([
          [],
          [],
          0,
          0,
        ]);
        expect(agent.clock.pendingTimers).toBe(0);
        expect(agent.reasons()).not.toContain('Started');
        expect(agent.reasons()).not.toContain('FailedCreatePodSandBox');
      });
    }
  }

  test('before it ran ends as failed', async () => {
    const agent = new AgentUnderTest(REALISTIC);
    agent.create('web');
    await agent.advance(100);
    agent.erase('web', 30);
    await agent.settle();
    expect(agent.api.callsOf('patch', Pods).at(-1)?.body).toMatchObject({
      patch: {
        status: {
          phase: 'Failed',
          containerStatuses: [{ state: { terminated: { exitCode: 137, reason: 'ContainerStatusUnknown' } } }],
        },
      },
    });
  });

  test('and made again under the same name is another pod', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    const first = agent.containers()[0]!.id;
    agent.api.pods.held = true;
    agent.erase('web', 0);
    const { uid } = agent.create('web').metadata;
    agent.api.pods.release();
    await agent.settle();
    expect(agent.sandboxes().map((each) => each.uid)).toEqual([uid]);
    expect(agent.containers().map(({ id }) => id)).not.toContain(first);
    expect(agent.addressesInUse()).toBe(1);
  });

  test('while its status is on the way cannot spoil the status of its successor', async () => {
    const agent = new AgentUnderTest();
    agent.api.fault = (call) => (isStatusWrite(call) ? serviceUnavailable('away') : undefined);
    agent.create('web');
    await agent.settle();
    agent.api.pods.held = true;
    agent.erase('web', 0);
    agent.put({
      metadata: { name: 'web', namespace: 'default' },
      spec: { containers: [container('web')], nodeName: 'node-9' },
    });
    agent.api.fault = undefined;
    await agent.advance(1_000);
    expect(agent.stored('web')?.status).toBeUndefined();
    agent.api.pods.release();
    await agent.settle();
    expect([agent.sandboxes(), agent.manager.size, agent.realClock.pendingTimers]).toEqual([[], 0, 0]);
  });
});

describe('a pod that others say has ended', () => {
  test('is torn down, and keeps the phase it was given', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    agent.change('web', (pod) => void Object.assign(pod.status!, { phase: 'Failed', reason: 'Evicted' }));
    await agent.settle();
    expect(agent.stored('web')?.status).toMatchObject({ phase: 'Failed', reason: 'Evicted' });
    expect(agent.condition('web', 'Ready')).toMatchObject({ status: 'False', reason: 'PodFailed' });
    expect([agent.sandboxes(), agent.addressesInUse()]).toEqual([[], 0]);
    expect(agent.api.callsOf('delete', Pods)).toEqual([]);
  });
});

describe('the end of a pod while the apiserver is away', () => {
  test('is told until it is heard, and the address stays taken until then', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    agent.erase('web', 30);
    agent.api.fault = ({ verb }) => (verb === 'patch' ? serviceUnavailable('away') : undefined);
    await agent.advance(60_000);
    expect(agent.containers()).toMatchObject([{ state: 'CONTAINER_EXITED' }]);
    expect(agent.addressesInUse()).toBe(1);
    agent.api.fault = ({ verb }) => (verb === 'delete' ? serviceUnavailable('away') : undefined);
    await agent.advance(60_000);
    expect(agent.stored('web')?.status?.phase).toBe('Succeeded');
    expect(agent.addressesInUse()).toBe(0);
    agent.api.fault = undefined;
    await agent.advance(5_000);
    expect(agent.stored('web')).toBeUndefined();
    expect([agent.manager.size, agent.realClock.pendingTimers]).toEqual([0, 0]);
    expect(agent.reasons().filter((reason) => reason === 'Killing')).toHaveLength(1);
  });

  test('is not given up for a conflict with another writer', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    agent.api.fault = ({ verb }) => (verb === 'delete' ? conflict(Pods, 'web', OBJECT_MODIFIED) : undefined);
    agent.erase('web', 30);
    await agent.settle();
    agent.api.fault = undefined;
    await agent.advance(1_000);
    expect(agent.stored('web')).toBeUndefined();
  });

  test('is settled when somebody removes it by force meanwhile', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    agent.api.fault = () => serviceUnavailable('away');
    agent.erase('web', 30);
    await agent.advance(1_000);
    agent.erase('web', 0);
    await agent.settle();
    expect([agent.sandboxes(), agent.addressesInUse(), agent.manager.size]).toEqual([[], 0, 0]);
    expect(agent.realClock.pendingTimers).toBe(0);
  });
});
