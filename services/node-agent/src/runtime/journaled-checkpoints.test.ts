import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@orrery/kit/logger.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Journals } from '../files/journals.ts';
import { containerConfigFor, sandboxConfigFor } from '../test-support/runtime-parts.ts';
import { JournaledCheckpoints } from './journaled-checkpoints.ts';
import type { Container, PodSandbox } from './runtime.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'orrery-checkpoints-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function begin(): { journals: Journals; checkpoints: JournaledCheckpoints } {
  const logger = createLogger({ service: 'node-agent', instance: 'test', level: 'silent' });
  const journals = new Journals({ directory, realClock: new ManualClock(), logger });
  return { journals, checkpoints: new JournaledCheckpoints(journals) };
}

function sandbox(id: string): PodSandbox {
  return { ...sandboxConfigFor(`uid-${id}`), id, state: 'SANDBOX_READY', ip: '10.244.0.2', createdAtMs: 1.5 };
}

function container(id: string, podSandboxId: string): Container {
  const env = [['KUBERNETES_SERVICE_HOST', '10.96.0.1']] as const;
  const common = {
    id,
    podSandboxId,
    imageRef: 'sha256:1',
    state: 'CONTAINER_CREATED',
    createdAtMs: 2,
  } as const;
  return { ...containerConfigFor('web', { env }), ...common };
}

test('what was kept is there for the process that comes after; what was removed is not', () => {
  const { journals, checkpoints } = begin();
  checkpoints.putSandbox(sandbox('s1'));
  checkpoints.putSandbox(sandbox('s2'));
  const web = container('c1', 's1');
  checkpoints.putContainer(web);
  checkpoints.putContainer(container('c2', 's1'));
  checkpoints.putProgress('c1', { line: 1 });
  checkpoints.putProgress('c2', { line: 1 });
  journals.flush();
  web.state = 'CONTAINER_RUNNING';
  checkpoints.putContainer(web);
  checkpoints.putProgress('c1', { line: 2 });
  checkpoints.removeContainer('c2');
  checkpoints.removeSandbox('s2');
  journals.flush();
  expect(begin().checkpoints.load()).toEqual({
    sandboxes: [sandbox('s1')],
    containers: [{ ...container('c1', 's1'), state: 'CONTAINER_RUNNING' }],
    progress: new Map([['c1', { line: 2 }]]),
  });
});

test('a turn costs one record for each thing that it changed', () => {
  const { journals, checkpoints } = begin();
  const web = container('c1', 's1');
  for (let step = 0; step < 100; step += 1) {
    web.attempt = step;
    checkpoints.putContainer(web);
    checkpoints.putProgress('c1', step);
  }
  checkpoints.putContainer(container('c2', 's1'));
  checkpoints.removeContainer('c2');
  checkpoints.putContainer(container('c2', 's1'));
  journals.flush();
  expect(statSync(join(directory, 'checkpoints.journal')).size).toBeLessThan(2_500);
  const { containers, progress } = begin().checkpoints.load();
  expect([containers.map(({ id, attempt }) => [id, attempt]), progress.get('c1')]).toEqual([
    [
      ['c1', 99],
      ['c2', 0],
    ],
    99,
  ]);
});

test('containers with the same variables share them when they are read', () => {
  const { journals, checkpoints } = begin();
  for (const id of ['c1', 'c2']) checkpoints.putContainer(container(id, 's1'));
  journals.flush();
  const [first, second] = begin().checkpoints.load().containers;
  expect(first!.env).toBe(second!.env);
});

test('the journal stays in proportion to what lives, over restarts too', () => {
  for (let process = 0; process < 20; process += 1) {
    const { journals, checkpoints } = begin();
    for (let step = 0; step < 5; step += 1) {
      for (let id = 0; id < 200; id += 1) checkpoints.putContainer(container(`c${id}`, 's1'));
      journals.flush();
    }
  }
  const file = join(directory, 'checkpoints.journal');
  expect(statSync(file).size).toBeLessThan(2 * 200 * 600 + 1.1 * 1024 * 1024);
  expect(begin().checkpoints.load().containers).toHaveLength(200);
  // A torn end costs what was in it.
  writeFileSync(file, readFileSync(file).subarray(0, -1));
  expect(begin().checkpoints.load().containers).toHaveLength(200);
});
