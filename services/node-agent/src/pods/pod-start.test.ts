import { Pods } from '@orrery/api/resources.ts';
import { describe, expect, test } from 'vitest';
import { AgentUnderTest, REALISTIC } from '../test-support/agent-under-test.ts';
import { container } from '../test-support/objects.ts';

describe('a pod that starts', () => {
  test('costs one status write without delays, and none when nothing changes', async () => {
    const agent = new AgentUnderTest();
    agent.create('web', {
      initContainers: [container('setup')],
      containers: [container('a'), container('b')],
    });
    await agent.settle();
    expect(agent.stored('web')?.status).toMatchObject({
      phase: 'Running',
      podIP: '10.244.0.2',
      hostIP: '10.0.0.10',
    });
    expect(agent.condition('web', 'Ready')?.status).toBe('True');
    await agent.advance(3_600_000);
    expect(agent.statusWrites()).toBe(1);
  });

  test('takes no timers while it runs', async () => {
    const agent = new AgentUnderTest(REALISTIC);
    agent.create('web');
    await agent.advance(5_000);
    expect(agent.stored('web')?.status?.phase).toBe('Running');
    expect(agent.clock.pendingTimers + agent.realClock.pendingTimers).toBe(0);
  });

  test('is reported while it waits: sandbox, image, container', async () => {
    const agent = new AgentUnderTest(REALISTIC);
    agent.create('web');
    await agent.settle();
    // The sandbox's image is pulled first.
    expect(agent.stored('web')?.status).toMatchObject({
      phase: 'Pending',
      containerStatuses: [
        { state: { waiting: { reason: 'ContainerCreating' } }, ready: false, started: false },
      ],
    });
    expect(agent.condition('web', 'PodReadyToStartContainers')?.status).toBe('False');
    await agent.advance(1_500);
    expect(agent.stored('web')?.status).toMatchObject({ phase: 'Pending', podIP: '10.244.0.2' });
    expect(agent.condition('web', 'PodReadyToStartContainers')?.status).toBe('True');
    expect(agent.condition('web', 'Ready')).toMatchObject({ status: 'False', reason: 'ContainersNotReady' });
    await agent.advance(1_400);
    expect(agent.stored('web')?.status?.phase).toBe('Running');
    expect(agent.condition('web', 'Ready')).toEqual({
      type: 'Ready',
      observedGeneration: 1,
      status: 'True',
      lastTransitionTime: '2026-01-01T00:00:02Z',
    });
    expect(agent.statusWrites()).toBe(3);
  });

  test('tells its story in upstream words', async () => {
    const agent = new AgentUnderTest(REALISTIC);
    agent.create('web', { initContainers: [container('setup', { image: 'migrate' })] });
    await agent.advance(5_000);
    expect(agent.events.map(({ fieldPath, reason, message }) => [fieldPath, reason, message])).toEqual([
      ['spec.initContainers{setup}', 'Pulling', 'Pulling image "migrate"'],
      [
        'spec.initContainers{setup}',
        'Pulled',
        expect.stringMatching(
          /^Successfully pulled image "migrate" in 1\.2s \(1\.2s including waiting\)\. Image size: \d+ bytes\.$/,
        ),
      ],
      ['spec.initContainers{setup}', 'Created', 'Created container: setup'],
      ['spec.initContainers{setup}', 'Started', 'Started container setup'],
      ['spec.containers{web}', 'Pulling', 'Pulling image "web:1.27"'],
      [
        'spec.containers{web}',
        'Pulled',
        expect.stringContaining('Successfully pulled image "web:1.27" in 1.2s'),
      ],
      ['spec.containers{web}', 'Created', 'Created container: web'],
      ['spec.containers{web}', 'Started', 'Started container web'],
    ]);
    expect(new Set(agent.events.map(({ node }) => node))).toEqual(new Set(['node-1']));
    agent.events.length = 0;
    agent.create('second');
    await agent.advance(1_000);
    expect(agent.events[0]).toMatchObject({
      reason: 'Pulled',
      message: 'Container image "web:1.27" already present on machine',
    });
  });

  test('on the network of its node takes no address', async () => {
    const agent = new AgentUnderTest();
    agent.create('proxy', { hostNetwork: true });
    await agent.settle();
    expect(agent.stored('proxy')?.status).toMatchObject({
      phase: 'Running',
      podIP: '10.0.0.10',
      hostIP: '10.0.0.10',
    });
    expect(agent.addressesInUse()).toBe(0);
  });

  test('is nobody’s business here when its node is another agent’s', async () => {
    const agent = new AgentUnderTest();
    agent.create('elsewhere', { node: 'node-3' });
    agent.put({
      metadata: { name: 'unbound', namespace: 'default' },
      spec: { containers: [container('web')] },
    });
    await agent.settle();
    expect(agent.manager.size).toBe(0);
    expect(agent.api.calls).toEqual([]);
  });

  test('is taken up when it is bound later', async () => {
    const agent = new AgentUnderTest();
    agent.put({ metadata: { name: 'web', namespace: 'default' }, spec: { containers: [container('web')] } });
    agent.change('web', (pod) => void (pod.spec.nodeName = 'node-2'));
    await agent.settle();
    expect(agent.stored('web')?.status).toMatchObject({ phase: 'Running', podIP: '10.244.1.2' });
  });

  test('starts again in a new sandbox, with a new address, when its sandbox dies', async () => {
    const agent = new AgentUnderTest();
    await agent.run('web');
    await agent.runtime.stopPodSandbox(agent.sandboxes()[0]!.id);
    await agent.settle();
    expect(agent.sandboxes()).toMatchObject([{ attempt: 1, ip: '10.244.0.3', state: 'SANDBOX_READY' }]);
    expect(agent.stored('web')?.status).toMatchObject({
      phase: 'Running',
      podIP: '10.244.0.3',
      podIPs: [{ ip: '10.244.0.3' }],
    });
    expect(agent.addressesInUse()).toBe(1);
  });

  test('waits for an address when the range is exhausted, and says so', async () => {
    const agent = new AgentUnderTest();
    for (let index = 0; index < 253; index += 1) agent.create(`web-${index}`);
    await agent.settle();
    agent.create('late');
    await agent.settle();
    expect(agent.events.filter(({ pod }) => pod === 'late')).toEqual([
      {
        node: 'node-1',
        pod: 'late',
        fieldPath: undefined,
        type: 'Warning',
        reason: 'FailedCreatePodSandBox',
        message: expect.stringMatching(
          /^Failed to create pod sandbox: failed to setup network for sandbox "[0-9a-f]{64}": failed to allocate for range 0: no IP addresses available in range set: 10\.244\.0\.2-10\.244\.0\.254$/,
        ) as string,
      },
    ]);
    expect(agent.stored('late')?.status?.phase).toBe('Pending');
    await agent.advance(8_000);
    // After 1, 2 and 4 seconds.
    expect(agent.events.filter(({ pod }) => pod === 'late')).toHaveLength(4);
    expect(agent.api.calls.filter(({ name, verb }) => name === 'late' && verb === 'patch')).toHaveLength(1);
    const freed = agent.stored('web-7')?.status?.podIP;
    agent.erase('web-7', 0);
    await agent.advance(10_000);
    expect(agent.stored('late')?.status).toMatchObject({ phase: 'Running', podIP: freed });
    expect(agent.addressesInUse()).toBe(253);
  });

  test('does not try an exhausted range again for every change of the pod', async () => {
    const agent = new AgentUnderTest();
    for (let index = 0; index < 253; index += 1) agent.create(`web-${index}`);
    await agent.settle();
    agent.create('late');
    await agent.settle();
    for (let index = 0; index < 5; index += 1) {
      agent.change('late', (pod) => void (pod.metadata.labels = { index: String(index) }));
      await agent.settle();
    }
    expect(agent.reasons().filter((reason) => reason === 'FailedCreatePodSandBox')).toHaveLength(1);
    agent.erase('late', 30);
    await agent.settle();
    expect(agent.stored('late')).toBeUndefined();
    expect(agent.clock.pendingTimers).toBe(0);
  });
});

test('many pods start with one status write each', async () => {
  const agent = new AgentUnderTest();
  for (let index = 0; index < 400; index += 1)
    agent.create(`web-${index}`, { node: `node-${(index % 2) + 1}` });
  await agent.settle();
  expect(agent.api.all(Pods).every(({ status }) => status?.phase === 'Running')).toBe(true);
  expect(agent.statusWrites()).toBe(400);
  expect(agent.api.calls).toHaveLength(400);
  expect(new Set(agent.sandboxes().map(({ ip }) => ip)).size).toBe(400);
});
