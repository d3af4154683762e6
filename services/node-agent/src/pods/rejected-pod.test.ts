import { beforeEach, describe, expect, it } from 'vitest';
import type { Node } from '@orrery/api/gen/types.ts';
import { AgentUnderTest } from '../test-support/agent-under-test.ts';
import { container } from '../test-support/objects.ts';
import { admission } from './admission.ts';

const NODE = {
  metadata: { name: 'node-1' },
  spec: {},
  status: { allocatable: { cpu: '4', memory: '8Gi', pods: '3' } },
} as unknown as Node;

let agent: AgentUnderTest;

beforeEach(() => {
  agent = new AgentUnderTest({}, { admission: (pod, others) => admission(pod, others, NODE) });
});

function asking(cpu: string) {
  return { containers: [container('web', { resources: { requests: { cpu } } })] };
}

function phases(): Record<string, string | undefined> {
  return Object.fromEntries(
    agent.api.pods.lister.list().map(({ metadata, status }) => [metadata.name, status?.phase]),
  );
}

describe('a pod that the node does not take', () => {
  it('has failed, says why, and has nothing started', async () => {
    agent.create('large', asking('5'));
    await agent.settle();
    const { status } = agent.stored('large')!;
    expect(status).toMatchObject({
      phase: 'Failed',
      reason: 'OutOfcpu',
      message:
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 5000, used: 0, capacity: 4000",
    });
    expect(status).not.toHaveProperty('containerStatuses');
    expect(agent.containers()).toEqual([]);
    expect(agent.events.map(({ type, reason, message }) => [type, reason, message])).toEqual([
      [
        'Warning',
        'OutOfcpu',
        "Node didn't have enough resource: cpu, requested: 5000, used: 0, capacity: 4000",
      ],
    ]);
  });

  it('takes no room from those that come after it', async () => {
    agent.create('a', asking('3'));
    agent.create('b', asking('2'));
    agent.create('c', asking('1'));
    await agent.settle();
    expect(phases()).toEqual({ a: 'Running', b: 'Failed', c: 'Running' });
  });

  it('gets a place when another has given it up, but never the same pod', async () => {
    for (const name of ['a', 'b', 'c', 'd']) agent.create(name);
    await agent.settle();
    expect(phases()['d']).toBe('Failed');
    expect(agent.stored('d')?.status?.reason).toBe('OutOfpods');
    // The scheduler may be that quick: it counts on what it sees in the API.
    agent.erase('a', 0);
    agent.create('e');
    await agent.settle();
    expect(phases()).toEqual({ b: 'Running', c: 'Running', d: 'Failed', e: 'Running' });
  });
});

describe('an agent that starts again', () => {
  it('takes what it had taken, before others are asked', async () => {
    agent.create('late', { ...asking('1'), node: 'node-of-others' });
    agent.create('a', asking('3'));
    agent.create('b', asking('1'));
    await agent.settle();
    agent.crash();
    agent.change('late', ({ spec }) => (spec.nodeName = 'node-1'));
    agent.start();
    await agent.settle();
    expect(phases()).toEqual({ late: 'Failed', a: 'Running', b: 'Running' });
  });
});
