import type { Container, PodSandbox } from '@orrery/proto/orrery/runtime.ts';
import { expect, it } from 'vitest';
import { podLines } from './pods.ts';

const CREATED_MS = Date.UTC(2026, 0, 1);

function sandbox(node: string, name: string, changes: Partial<PodSandbox> = {}): PodSandbox {
  return {
    id: `${name}-0123456789abcdef`,
    node,
    namespace: 'default',
    name,
    uid: name,
    attempt: 0,
    state: 'SANDBOX_READY',
    ip: '10.244.0.2',
    createdAtMs: CREATED_MS,
    ...changes,
  };
}

function container(podSandboxId: string, name: string, changes: Partial<Container> = {}): Container {
  return {
    id: `${name}-0123456789abcdef`,
    podSandboxId,
    name,
    attempt: 0,
    image: 'nginx',
    state: 'CONTAINER_RUNNING',
    createdAtMs: CREATED_MS + 1_500,
    startedAtMs: CREATED_MS + 1_700,
    finishedAtMs: undefined,
    exitCode: undefined,
    reason: undefined,
    ...changes,
  };
}

it('lists each sandbox with its containers, by node and pod', () => {
  const web = sandbox('node-2', 'web');
  const dead = sandbox('node-2', 'web', { id: 'dead', attempt: 0, state: 'SANDBOX_NOTREADY', ip: '' });
  const lines = podLines({
    sandboxes: [sandbox('node-10', 'job'), { ...web, attempt: 1 }, dead],
    containers: [
      container(web.id, 'setup', { state: 'CONTAINER_EXITED', exitCode: 0, reason: 'Completed' }),
      container(web.id, 'web', { attempt: 2 }),
      container('dead', 'web', { state: 'CONTAINER_EXITED', exitCode: 137, reason: 'OOMKilled', attempt: 1 }),
      container(web.id, 'next', { state: 'CONTAINER_CREATED' }),
    ],
  });
  expect(lines).toEqual([
    'NODE     POD          CONTAINER  ID             STATE                    ATTEMPT  CREATED                   IP',
    'node-2   default/web  -          dead           NotReady                       0  2026-01-01T00:00:00Z',
    'node-2   default/web  web        web-012345678  Exited (137, OOMKilled)        1  2026-01-01T00:00:01.500Z',
    'node-2   default/web  -          web-012345678  Ready                          1  2026-01-01T00:00:00Z      10.244.0.2',
    'node-2   default/web  setup      setup-0123456  Exited (0, Completed)          0  2026-01-01T00:00:01.500Z',
    'node-2   default/web  web        web-012345678  Running                        2  2026-01-01T00:00:01.500Z',
    'node-2   default/web  next       next-01234567  Created                        0  2026-01-01T00:00:01.500Z',
    'node-10  default/job  -          job-012345678  Ready                          0  2026-01-01T00:00:00Z      10.244.0.2',
  ]);
});

it('shows the header alone when nothing runs', () => {
  expect(podLines({ sandboxes: [], containers: [] })).toHaveLength(1);
});
