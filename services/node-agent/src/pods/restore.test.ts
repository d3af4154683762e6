import type { Pod } from '@orrery/api/gen/types.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AgentUnderTest } from '../test-support/agent-under-test.ts';
import { boundPod, container } from '../test-support/objects.ts';
import { restorePod } from './restore.ts';

async function storedAfter(ms: number, spec: Parameters<typeof boundPod>[1]): Promise<Pod> {
  const agent = new AgentUnderTest({ pullMs: 500, sandboxStartMs: 300, containerStartMs: 200 });
  agent.create('web', spec);
  await agent.advance(ms);
  agent.crash();
  return agent.stored('web')!;
}

describe('after a crash', () => {
  test('there is nothing to find of a pod without a sandbox', async () => {
    expect(restorePod(await storedAfter(100, {}))).toBeUndefined();
    expect(restorePod(await storedAfter(100, { hostNetwork: true }))).toBeUndefined();
    expect(restorePod(boundPod('web') as Pod)).toBeUndefined();
  });

  test('there is nothing to find of a pod that was over', async () => {
    const pod = await storedAfter(5_000, {});
    expect(restorePod(pod)).toBeDefined();
    expect(restorePod({ ...pod, status: { ...pod.status, phase: 'Succeeded' } })).toBeUndefined();
  });

  test('an init container that ran goes on to its end, a sidecar on and on', async () => {
    const pod = await storedAfter(5_000, {
      initContainers: [container('setup'), container('sidecar', { restartPolicy: 'Always' })],
    });
    const [setup, ...others] = pod.status!.initContainerStatuses!;
    const running = { ...setup!, state: { running: { startedAt: '2026-01-01T00:00:01Z' } } };
    const restored = restorePod({
      ...pod,
      status: { ...pod.status, initContainerStatuses: [running, ...others] },
    });
    expect(restored?.containers.map((each) => [each.name, each.state, each.runsToCompletion])).toEqual([
      ['setup', 'CONTAINER_RUNNING', true],
      ['sidecar', 'CONTAINER_RUNNING', false],
      ['web', 'CONTAINER_RUNNING', false],
    ]);
  });

  test('the runtime has again what it had, as far as the store knew', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 6_000 }), fc.boolean(), async (ms, hostNetwork) => {
        const agent = new AgentUnderTest({ pullMs: 500, sandboxStartMs: 300, containerStartMs: 200 });
        agent.create('web', {
          hostNetwork,
          initContainers: [container('setup')],
          containers: [container('a'), container('b')],
        });
        await agent.advance(ms);
        const restored = restorePod(agent.stored('web')!);
        const [sandbox] = agent.sandboxes();
        expect(restored?.sandbox.id).toBe(sandbox?.id);
        expect(restored?.sandbox.ip).toBe(sandbox?.ip);
        const known = agent.containers().filter(({ state }) => state !== 'CONTAINER_CREATED');
        const facts = (all: typeof known) =>
          all.map(({ id, name, state, attempt, imageRef, exitCode }) => ({
            id,
            name,
            state,
            attempt,
            imageRef,
            exitCode,
          }));
        expect(facts(restored?.containers ?? [])).toEqual(facts(known));
        agent.crash();
      }),
    );
  });
});
