import { serviceUnavailable } from '@orrery/api/status-error.ts';
import { Pods } from '@orrery/api/resources.ts';
import { describe, expect, test } from 'vitest';
import { AgentUnderTest, REALISTIC } from '../test-support/agent-under-test.ts';
import { isStatusWrite } from '../test-support/fake-api.ts';
import { container } from '../test-support/objects.ts';

describe('an agent that was killed', () => {
  test('finds again what ran: nothing restarts, nothing is written', async () => {
    const agent = new AgentUnderTest();
    agent.create('web', {
      initContainers: [container('setup'), container('sidecar', { restartPolicy: 'Always' })],
      containers: [container('b'), container('a')],
    });
    agent.create('proxy', { hostNetwork: true });
    await agent.settle();
    const ran = {
      containers: new Set(agent.containers().map(({ id, state }) => `${id} ${state}`)),
      sandboxes: new Set(agent.sandboxes().map(({ id, ip }) => `${id} ${ip}`)),
    };
    expect([ran.containers.size, ran.sandboxes.size]).toEqual([5, 2]);
    const writes = agent.statusWrites();
    agent.events.length = 0;
    await agent.advance(60_000);
    agent.restart();
    await agent.settle();
    expect({
      containers: new Set(agent.containers().map(({ id, state }) => `${id} ${state}`)),
      sandboxes: new Set(agent.sandboxes().map(({ id, ip }) => `${id} ${ip}`)),
    }).toEqual(ran);
    expect(agent.statusWrites()).toBe(writes);
    expect(agent.events).toEqual([]);
  });

  test('goes on with a pod whose status was not written yet', async () => {
    const agent = new AgentUnderTest();
    agent.api.fault = (call) => (isStatusWrite(call) ? serviceUnavailable('away') : undefined);
    agent.create('web');
    await agent.settle();
    agent.api.fault = undefined;
    agent.restart();
    await agent.settle();
    expect(agent.stored('web')?.status).toMatchObject({
      phase: 'Running',
      containerStatuses: [{ restartCount: 0 }],
    });
    expect(agent.sandboxes()).toHaveLength(1);
  });

  test('goes on with a pod that was half started', async () => {
    const agent = new AgentUnderTest(REALISTIC);
    agent.create('web', { initContainers: [container('setup')] });
    await agent.advance(2_950);
    expect(agent.stored('web')?.status?.initContainerStatuses?.[0]?.state?.terminated?.exitCode).toBe(0);
    const { podIP } = agent.stored('web')!.status!;
    agent.restart();
    await agent.advance(5_000);
    expect(agent.stored('web')?.status).toMatchObject({ phase: 'Running', podIP });
    const starts = agent.events
      .filter(({ reason }) => reason === 'Started')
      .map(({ fieldPath }) => fieldPath);
    expect(starts).toEqual(['spec.initContainers{setup}', 'spec.containers{web}']);
  });

  test('gives no address away that a pod had before, whatever comes first in the list', async () => {
    const agent = new AgentUnderTest();
    agent.create('old');
    await agent.settle();
    agent.crash();
    // Listed before the pod that runs, and not started yet.
    const { uid } = agent.create('another').metadata;
    agent.api.erase(Pods, { namespace: 'default', name: 'another' }, 0);
    const old = agent.stored('old')!;
    agent.api.erase(Pods, { namespace: 'default', name: 'old' }, 0);
    agent.create('another', {}, { uid });
    agent.put(old);
    agent.start();
    await agent.settle();
    expect(agent.stored('old')?.status?.podIP).toBe('10.244.0.2');
    expect(agent.stored('another')?.status?.podIP).toBe('10.244.0.3');
  });

  test('ends pods that were being deleted', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    agent.crash();
    agent.erase('web', 30);
    agent.start();
    await agent.settle();
    expect(agent.stored('web')).toBeUndefined();
    expect([agent.sandboxes(), agent.addressesInUse()]).toEqual([[], 0]);
  });

  test('lets go of a pod that had ended but was not released', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    agent.api.fault = ({ verb }) => (verb === 'delete' ? serviceUnavailable('away') : undefined);
    agent.erase('web', 30);
    await agent.settle();
    const writes = agent.statusWrites();
    agent.api.fault = undefined;
    agent.restart();
    await agent.settle();
    expect(agent.stored('web')).toBeUndefined();
    expect(agent.statusWrites()).toBe(writes);
  });

  test('leaves alone what had ended', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    agent.change('web', (pod) => void (pod.status!.phase = 'Succeeded'));
    await agent.settle();
    const { length } = agent.api.calls;
    agent.restart();
    await agent.settle();
    expect(agent.api.calls).toHaveLength(length);
    expect(agent.sandboxes()).toEqual([]);
  });

  test('does not know pods that went while it was away', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    agent.crash();
    agent.erase('web', 0);
    agent.start();
    await agent.settle();
    expect([agent.sandboxes(), agent.addressesInUse(), agent.manager.size]).toEqual([[], 0, 0]);
  });

  test('does not pull again what is on the node', async () => {
    const agent = new AgentUnderTest(REALISTIC);
    agent.create('web');
    await agent.advance(5_000);
    agent.restart();
    agent.events.length = 0;
    agent.create('second');
    await agent.advance(5_000);
    expect(agent.reasons()).toEqual(['Pulled', 'Created', 'Started']);
  });

  test('starts a pod anew whose address two claim', async () => {
    const agent = new AgentUnderTest();
    await agent.run('first');
    agent.crash();
    const { metadata, ...twin } = agent.stored('first')!;
    agent.put({ ...twin, metadata: { ...metadata, name: 'twin', uid: 'twin' } });
    agent.start();
    await agent.settle();
    expect(agent.stored('first')?.status?.podIP).toBe('10.244.0.2');
    expect(agent.stored('twin')?.status).toMatchObject({
      podIP: '10.244.0.3',
      podIPs: [{ ip: '10.244.0.3' }],
    });
  });
});

test('a pod that is there again while its end is under way, since the store went back, runs on', async () => {
  const agent = new AgentUnderTest();
  await agent.run('web');
  const pod = agent.stored('web')!;
  agent.erase('web', 0);
  agent.put(pod);
  await agent.settle();
  expect(agent.sandboxes().map(({ uid }) => uid)).toEqual([pod.metadata.uid]);
  expect(agent.containers().map(({ state }) => state)).toEqual(['CONTAINER_RUNNING']);
  expect(agent.stored('web')?.status?.phase).toBe('Running');
  expect(agent.addressesInUse()).toBe(1);
});

describe('an agent that stops', () => {
  test('can wait until the store knows everything', async () => {
    const agent = new AgentUnderTest();
    agent.api.fault = (call) => (isStatusWrite(call) ? serviceUnavailable('away') : undefined);
    agent.create('web');
    await agent.settle();
    let written = false;
    void agent.manager.written().then(() => (written = true));
    await agent.settle();
    expect(written).toBe(false);
    agent.api.fault = undefined;
    await agent.advance(1_000);
    expect(written).toBe(true);
  });

  test('writes and starts nothing more', async () => {
    const agent = new AgentUnderTest(REALISTIC);
    agent.create('web');
    await agent.advance(500);
    agent.crash();
    const { length } = agent.api.calls;
    await agent.advance(60_000);
    expect(agent.api.calls).toHaveLength(length);
    expect(agent.containers()).toEqual([]);
    expect(agent.clock.pendingTimers + agent.realClock.pendingTimers).toBe(0);
  });
});
