import type { Container } from '../runtime/runtime.ts';
import { describe, expect, test } from 'vitest';
import { AgentUnderTest } from '../test-support/agent-under-test.ts';
import { container } from '../test-support/objects.ts';
import { NO_PROBES } from '../test-support/runtime-parts.ts';

/** Probes whose verdicts a test sets, by container. */
function probesUnderTest() {
  const verdicts = {
    ready: new Set<string>(),
    started: new Set<string>(),
    failed: new Map<string, 'startup' | 'liveness'>(),
    followed: [] as string[][],
    forgotten: [] as string[],
  };
  const probes = {
    ...NO_PROBES,
    follow: (_: unknown, containers: readonly Container[]) =>
      void verdicts.followed.push(containers.map(({ name, state }) => `${name} ${state}`)),
    forget: (podUid: string) => void verdicts.forgotten.push(podUid),
    isReady: ({ name }: Container) => verdicts.ready.has(name),
    hasStarted: ({ name }: Container) => verdicts.started.has(name),
    // A probe begins anew with each container: what failed was the one before.
    failure: ({ name, attempt }: Container) => (attempt === 0 ? verdicts.failed.get(name) : undefined),
  };
  const agent = new AgentUnderTest({}, { probes });
  const { uid } = agent.create('web', {
    initContainers: [container('sidecar', { restartPolicy: 'Always' })],
  }).metadata;
  const look = async (): Promise<void> => {
    agent.manager.wake(uid);
    await agent.settle();
  };
  const summary = (): unknown => {
    const { initContainerStatuses = [], containerStatuses = [] } = agent.stored('web')!.status!;
    return [...initContainerStatuses, ...containerStatuses].map(
      ({ name, started, ready, restartCount }) => `${name} ${started} ${ready} ${restartCount}`,
    );
  };
  return { agent, uid, verdicts, look, summary };
}

describe('probes', () => {
  test('hold back the containers until the sidecar has started, and readiness until they are ready', async () => {
    const { agent, verdicts, look, summary } = probesUnderTest();
    await agent.settle();
    expect(summary()).toEqual(['sidecar false false 0', 'web false false 0']);
    verdicts.started.add('sidecar');
    await look();
    expect(summary()).toEqual(['sidecar true false 0', 'web false false 0']);
    expect(agent.condition('web', 'Ready')?.status).toBe('False');
    for (const name of ['sidecar', 'web']) {
      verdicts.started.add(name);
      verdicts.ready.add(name);
    }
    await look();
    expect(summary()).toEqual(['sidecar true true 0', 'web true true 0']);
    expect(agent.condition('web', 'Ready')?.status).toBe('True');
    verdicts.ready.delete('web');
    await look();
    expect(agent.condition('web', 'Ready')).toMatchObject({
      status: 'False',
      message: 'containers with unready status: [web]',
    });
  });

  test('that fail restart their container, with the grace of the probe', async () => {
    const { agent, verdicts, look, summary } = probesUnderTest();
    for (const name of ['sidecar', 'web']) verdicts.started.add(name);
    await agent.settle();
    verdicts.failed.set('web', 'liveness');
    await look();
    expect(summary()).toEqual(['sidecar true false 0', 'web true false 1']);
    expect(agent.events.map(({ message }) => message)).toContain(
      'Container web failed liveness probe, will be restarted',
    );
  });

  test('follow what runs, and end with the pod', async () => {
    const { agent, uid, verdicts } = probesUnderTest();
    verdicts.started.add('sidecar');
    await agent.settle();
    expect(verdicts.followed.at(-1)).toEqual(['sidecar CONTAINER_RUNNING', 'web CONTAINER_RUNNING']);
    agent.erase('web', 30);
    await agent.settle();
    expect(verdicts.forgotten).toEqual([uid]);
  });
});

test('a container whose liveness probe failed has the grace that the probe gives it', async () => {
  const probes = {
    ...NO_PROBES,
    failure: ({ attempt }: Container) => (attempt === 0 ? ('liveness' as const) : undefined),
  };
  const agent = new AgentUnderTest({}, { probes });
  const graces: number[] = [];
  const stop = agent.runtime.stopContainer.bind(agent.runtime);
  agent.runtime.stopContainer = (id, seconds) => {
    graces.push(seconds);
    return stop(id, seconds);
  };
  const livenessProbe = { terminationGracePeriodSeconds: 7 };
  agent.create('web', {
    terminationGracePeriodSeconds: 30,
    containers: [container('web', { livenessProbe })],
  });
  await agent.settle();
  expect(graces).toEqual([7]);
});
