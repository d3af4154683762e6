import type { ContainerStatus, ResourceRequirements } from '@orrery/api/gen/types.ts';
import type { Amounts } from '@orrery/api/pod-requests.ts';
import { describe, expect, test } from 'vitest';
import { AgentUnderTest } from '../test-support/agent-under-test.ts';
import { container } from '../test-support/objects.ts';
import { resizeVerdict } from './resize.ts';

const SMALL = { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '1', memory: '1Gi' } };
const LARGE = { requests: { cpu: '2', memory: '2Gi' }, limits: { cpu: '2', memory: '2Gi' } };
const HUGE = { requests: { cpu: '8', memory: '1Gi' }, limits: { cpu: '8', memory: '1Gi' } };

function statusOf(agent: AgentUnderTest): ContainerStatus {
  return agent.stored('web')!.status!.containerStatuses![0]!;
}

/** The conditions of a resize, with their reasons. */
function conditions(agent: AgentUnderTest): string[] {
  return (agent.stored('web')?.status?.conditions ?? [])
    .filter(({ type }) => type.startsWith('PodResize'))
    .map(({ type, reason = '', message = '' }) => `${type} ${reason} ${message}`);
}

function resizeEvents(agent: AgentUnderTest): string[] {
  return agent.events
    .filter(({ reason }) => reason.startsWith('Resize'))
    .map(({ type, reason, message }) => `${type} ${reason} ${message}`);
}

function resize(agent: AgentUnderTest, resources: ResourceRequirements, name = 'web'): void {
  agent.change(name, (pod) => {
    pod.spec.containers[0]!.resources = resources;
    pod.metadata.generation = (pod.metadata.generation ?? 1) + 1;
  });
}

async function runningPod(fields: Parameters<typeof container>[1] = {}): Promise<AgentUnderTest> {
  const agent = new AgentUnderTest();
  agent.create('web', { containers: [container('web', { resources: SMALL, ...fields })] });
  await agent.settle();
  return agent;
}

describe('a resize', () => {
  test('that fits changes the running container', async () => {
    const agent = await runningPod();
    const [before] = agent.containers();
    resize(agent, LARGE);
    await agent.settle();
    expect(agent.containers()).toEqual([before]);
    expect(before?.limits).toEqual({ cpuLimitMilli: 2_000, memoryLimitBytes: 2 * 2 ** 30 });
    expect(statusOf(agent)).toMatchObject({
      resources: LARGE,
      allocatedResources: LARGE.requests,
      restartCount: 0,
    });
    expect(conditions(agent)).toEqual([]);
    expect(agent.stored('web')?.status?.observedGeneration).toBe(2);
    const details =
      '{"containers":[{"name":"web","resources":{"limits":{"cpu":"2","memory":"2Gi"},"requests":{"cpu":"2","memory":"2Gi"}}}],"generation":2}';
    expect(resizeEvents(agent)).toEqual([
      `Normal ResizeStarted Pod resize started: ${details}`,
      `Normal ResizeCompleted Pod resize completed: ${details}`,
    ]);
  });

  test('is over in the store too when its progress was on the way there', async () => {
    const agent = await runningPod();
    const patch = agent.api.patch.bind(agent.api);
    const arrived = Promise.withResolvers<void>();
    agent.api.patch = async (resource, name, type, body, subresource) => {
      await arrived.promise;
      return patch(resource, name, type, body, subresource);
    };
    resize(agent, LARGE);
    await agent.settle();
    arrived.resolve();
    await agent.settle();
    expect([conditions(agent), statusOf(agent).resources]).toEqual([[], LARGE]);
  });

  test('restarts the container where its policy asks for that', async () => {
    const agent = await runningPod({
      resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
    });
    resize(agent, { ...SMALL, limits: { cpu: '2', memory: '1Gi' } });
    await agent.settle();
    expect(statusOf(agent).restartCount).toBe(0);
    resize(agent, LARGE);
    await agent.settle();
    expect(statusOf(agent)).toMatchObject({ restartCount: 1, resources: LARGE });
    expect(agent.events).toContainEqual(
      expect.objectContaining({
        reason: 'Killing',
        message: 'Container web resize requires restart, will be restarted',
      }),
    );
    expect(agent.containers().at(-1)?.limits).toEqual({
      cpuLimitMilli: 2_000,
      memoryLimitBytes: 2 * 2 ** 30,
    });
  });

  test('beyond the node is infeasible: what was allocated stays', async () => {
    const agent = await runningPod();
    resize(agent, HUGE);
    await agent.settle();
    const message = "Node didn't have enough capacity: cpu, requested: 8000, capacity: 4000";
    expect(conditions(agent)).toEqual([`PodResizePending Infeasible ${message}`]);
    expect(statusOf(agent)).toMatchObject({ resources: SMALL, allocatedResources: SMALL.requests });
    expect(agent.containers()[0]?.limits.cpuLimitMilli).toBe(1_000);
    const details =
      '{"containers":[{"name":"web","resources":{"limits":{"cpu":"8","memory":"1Gi"},"requests":{"cpu":"8","memory":"1Gi"}}}],"generation":2';
    expect(resizeEvents(agent)).toEqual([
      `Warning ResizeInfeasible Pod resize Infeasible: ${details},"error":"${message}"}`,
    ]);
    agent.restart();
    await agent.settle();
    expect(conditions(agent)).toEqual([`PodResizePending Infeasible ${message}`]);
    expect(statusOf(agent).resources).toEqual(SMALL);
    resize(agent, LARGE);
    await agent.settle();
    expect([conditions(agent), statusOf(agent).resources]).toEqual([[], LARGE]);
  });

  test('that does not fit beside the others is deferred until it does', async () => {
    const agent = await runningPod();
    agent.create('other', { containers: [container('other', { resources: LARGE })] });
    await agent.settle();
    resize(agent, { requests: { cpu: '3', memory: '1Gi' }, limits: { cpu: '3', memory: '1Gi' } });
    await agent.settle();
    expect(conditions(agent)).toEqual([
      "PodResizePending Deferred Node didn't have enough resource: cpu, requested: 3000, used: 2000, capacity: 4000",
    ]);
    expect(agent.clock.pendingTimers).toBe(1);
    agent.erase('other', 0);
    await agent.settle();
    expect([conditions(agent), statusOf(agent).allocatedResources?.['cpu']]).toEqual([[], '3']);
    expect(agent.clock.pendingTimers).toBe(0);
  });

  test('back to what is allocated needs no decision', async () => {
    const agent = await runningPod();
    resize(agent, HUGE);
    await agent.settle();
    resize(agent, SMALL);
    await agent.settle();
    expect([conditions(agent), statusOf(agent).resources]).toEqual([[], SMALL]);
    expect(agent.clock.pendingTimers).toBe(0);
  });
});

describe('whether a resize fits', () => {
  const GI = 2 ** 30;
  const amounts = (cpu: number, memory: number): Amounts =>
    new Map([
      ['cpu', cpu],
      ['memory', memory],
    ]);
  test.each([
    [1, 1, 0, 0, undefined],
    [4, 4, 0, 0, undefined],
    [4, 1, 1, 0, 'Deferred'],
    [1, 4, 0, 1, 'Deferred'],
    [5, 1, 0, 0, 'Infeasible'],
    [1, 5, 9, 9, 'Infeasible'],
  ])('%i cpu and %i memory beside %i and %i: %s', (cpu, memory, usedCpu, usedMemory, reason) => {
    const verdict = resizeVerdict(
      amounts(cpu, memory * GI),
      amounts(usedCpu, usedMemory * GI),
      amounts(4, 4 * GI),
    );
    expect(verdict?.reason).toBe(reason);
  });
});
